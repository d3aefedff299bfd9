/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: shared memory is zero, sparse, shared with forked processes, gives pages back, and leaves nothing behind. */
#include "base/shm.h"
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t pages_taken(const oriel_shm *shm)
{
    struct stat stat;
    assert_int_equal(fstat(shm->fd, &stat), 0);
    return (uint64_t)stat.st_blocks * 512 / (uint64_t)sysconf(_SC_PAGESIZE);
}

static void memory_is_zero_and_sparse(void **state)
{
    (void)state;
    oriel_shm shm;
    assert_ok(oriel_shm_create((1ull << 36) + 1, &shm)); /* more than the machine may have */
    assert_int_equal(shm.bytes % (uint64_t)sysconf(_SC_PAGESIZE), 0);
    assert_true(shm.bytes > 1ull << 36);
    char *bytes = shm.base;
    assert_int_equal(pages_taken(&shm), 0);
    bytes[0] = 1;
    bytes[shm.bytes - 1] = 2;
    assert_int_equal(bytes[shm.bytes / 2], 0);
    assert_in_range(pages_taken(&shm), 2, 3);
    oriel_shm_destroy(&shm);
}

static void a_child_shares_it(void **state)
{
    (void)state;
    oriel_shm shm;
    assert_ok(oriel_shm_create(100, &shm));
    volatile int *word = shm.base;
    pid_t pid = fork();
    if (pid == 0) {
        *word = 42;
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(*word, 42);
    oriel_shm_destroy(&shm);
}

/* At another address, and apart from the first: each is destroyed by itself. */
static void another_handle_maps_the_same(void **state)
{
    (void)state;
    oriel_shm shm, other;
    assert_ok(oriel_shm_create(10000, &shm));
    assert_ok(oriel_shm_open(fcntl(shm.fd, F_DUPFD_CLOEXEC, 0), &other));
    assert_int_equal(other.bytes, shm.bytes);
    assert_ptr_not_equal(other.base, shm.base);
    memcpy(shm.base, "same", 5);
    oriel_shm_destroy(&shm);
    assert_string_equal(other.base, "same");
    oriel_shm_destroy(&other);
}

static void what_is_no_memory_is_not_mapped(void **state)
{
    (void)state;
    oriel_shm shm;
    assert_fails(oriel_shm_open(-1, &shm), ORIEL_INVALID, "descriptor -1 is not one of shared memory");
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_fails(oriel_shm_open(fd, &shm), ORIEL_INVALID, "is not one of shared memory");
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* it was taken over */
    fd = memfd_create("empty", MFD_CLOEXEC);
    assert_fails(oriel_shm_open(fd, &shm), ORIEL_INVALID, "is not one of shared memory");
}

static void released_pages_are_zero_and_gone(void **state)
{
    (void)state;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    oriel_shm shm;
    assert_ok(oriel_shm_create(8 * page, &shm));
    char *bytes = shm.base;
    memset(bytes, 7, 8 * page);
    assert_int_equal(pages_taken(&shm), 8);
    assert_ok(oriel_shm_release(&shm, 2 * page, 3 * page));
    assert_int_equal(pages_taken(&shm), 5);
    assert_int_equal(bytes[2 * page - 1], 7);
    for (uint64_t i = 2 * page; i < 5 * page; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(bytes[5 * page], 7);
    assert_ok(oriel_shm_release(&shm, 0, 0));
    assert_int_equal(bytes[0], 7);
    oriel_shm_destroy(&shm);
}

static void it_is_not_handed_to_other_programs(void **state)
{
    (void)state;
    oriel_shm shm;
    assert_ok(oriel_shm_create(1, &shm));
    assert_true(fcntl(shm.fd, F_GETFD) & FD_CLOEXEC);
    int fd = shm.fd;
    oriel_shm_destroy(&shm);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    oriel_shm shm = {.fd = -7};
    assert_fails(oriel_shm_create(UINT64_MAX, &shm), ORIEL_NO_MEMORY, "18446744073709551615 B");
    assert_fails(oriel_shm_create(1ull << 63, &shm), ORIEL_NO_MEMORY, "9223372036854775808 B");
    assert_fails(oriel_shm_create(1ull << 60, &shm), ORIEL_NO_MEMORY, "1152921504606846976 B");
    assert_int_equal(shm.fd, -7);
}

/* Without the check the kernel would end the test with SIGXFSZ. */
static void the_limit_on_files_is_an_error_not_a_signal(void **state)
{
    (void)state;
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    oriel_shm shm;
    oriel_status status = oriel_shm_create(1 << 21, &shm);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, ORIEL_NO_MEMORY);
    assert_non_null(strstr(oriel_last_error(), "2097152 B of shared memory: File too large"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zero_and_sparse),
        cmocka_unit_test(a_child_shares_it),
        cmocka_unit_test(another_handle_maps_the_same),
        cmocka_unit_test(what_is_no_memory_is_not_mapped),
        cmocka_unit_test(released_pages_are_zero_and_gone),
        cmocka_unit_test(it_is_not_handed_to_other_programs),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(the_limit_on_files_is_an_error_not_a_signal),
    };
    return cmocka_run_group_tests_name("shm", tests, NULL, NULL);
}
