/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/pages.h"

/* A file longer than RLIMIT_FSIZE is answered with a signal that kills: ask before. */
static int set_length(int fd, uint64_t bytes)
{
    struct rlimit limit;
    if (bytes > INT64_MAX || (getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes > limit.rlim_cur)) {
        errno = EFBIG;
        return -1;
    }
    return ftruncate(fd, (off_t)bytes);
}

/* Takes `fd` over, in any case. */
static oriel_status map(int fd, uint64_t bytes, oriel_shm *shm)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        oriel_status status = oriel_fail_errno(ORIEL_NO_MEMORY, "cannot map %" PRIu64 " B of shared memory", bytes);
        close(fd);
        return status;
    }
    *shm = (oriel_shm){.base = base, .bytes = bytes, .fd = fd};
    return ORIEL_OK;
}

oriel_status oriel_shm_create(uint64_t bytes, oriel_shm *shm)
{
    uint64_t whole = oriel_pages_up(bytes == 0 ? 1 : bytes);
    if (whole < bytes)
        return oriel_fail(ORIEL_NO_MEMORY, "cannot map %" PRIu64 " B of shared memory: no address space is that large",
                          bytes);
    int fd = memfd_create("oriel", MFD_CLOEXEC);
    if (fd < 0)
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot create shared memory");
    if (set_length(fd, whole) < 0) {
        oriel_status status = oriel_fail_errno(ORIEL_NO_MEMORY, "cannot create %" PRIu64 " B of shared memory", whole);
        close(fd);
        return status;
    }
    return map(fd, whole, shm);
}

/* Only a memfd has seals. */
oriel_status oriel_shm_open(int fd, oriel_shm *shm)
{
    struct stat about;
    if (fcntl(fd, F_GET_SEALS) >= 0 && fstat(fd, &about) == 0 && about.st_size > 0)
        return map(fd, (uint64_t)about.st_size, shm);
    if (fd >= 0)
        close(fd);
    return oriel_fail(ORIEL_INVALID, "descriptor %d is not one of shared memory", fd);
}

oriel_status oriel_shm_release(oriel_shm *shm, uint64_t offset, uint64_t bytes)
{
    if (bytes == 0)
        return ORIEL_OK;
    if (fallocate(shm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) < 0)
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot give back %" PRIu64 " B of shared memory at offset %" PRIu64,
                                bytes, offset);
    return ORIEL_OK;
}

void oriel_shm_destroy(oriel_shm *shm)
{
    munmap(shm->base, shm->bytes);
    close(shm->fd);
}
