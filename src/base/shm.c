/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"

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

oriel_status oriel_shm_create(uint64_t bytes, oriel_shm *shm)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t whole = bytes == 0 ? page : (bytes - 1) / page * page + page;
    if (whole < bytes)
        return oriel_fail(ORIEL_NO_MEMORY, "cannot map %" PRIu64 " B of shared memory: no address space is that large",
                          bytes);
    int fd = memfd_create("oriel", MFD_CLOEXEC);
    if (fd < 0)
        return oriel_fail_errno(ORIEL_SYSTEM, "cannot create shared memory");
    oriel_status status;
    if (set_length(fd, whole) < 0) {
        status = oriel_fail_errno(ORIEL_NO_MEMORY, "cannot create %" PRIu64 " B of shared memory", whole);
        goto close_fd;
    }
    void *base = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED) {
        status = oriel_fail_errno(ORIEL_NO_MEMORY, "cannot map %" PRIu64 " B of shared memory", whole);
        goto close_fd;
    }
    *shm = (oriel_shm){.base = base, .bytes = whole, .fd = fd};
    return ORIEL_OK;

close_fd:
    close(fd);
    return status;
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
