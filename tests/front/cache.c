/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: an object is taken again if, and only if, all that went into it is as it was. */
#include "front/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "test.h"

static char place[] = "/tmp/oriel-test-XXXXXX";

static char *path_of(const char *folder, const char *name)
{
    static char paths[4][PATH_MAX];
    static int next;
    char *path = paths[next++ % 4];
    assert_true(snprintf(path, PATH_MAX, "%s/%s", folder, name) < PATH_MAX);
    return path;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int64_t later(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return ((int64_t)now.tv_sec + 1) * 1000000000;
}

/* An object from the inputs `a b` (a blank in its name) and `c$d`, of which the rule is as a compiler writes it. */
static void keep(const oriel_cache *cache, oriel_hash key, const char *contents, int64_t began, char *object)
{
    char folder[PATH_MAX], rule[3 * PATH_MAX];
    assert_int_equal(oriel_cache_begin(cache, folder), ORIEL_OK);
    write_file(path_of(folder, "object.so"), contents);
    snprintf(rule, sizeof rule, "object: %s/a\\ b \\\n  %s/c$$d\n", place, place);
    write_file(path_of(folder, "0.d"), rule);
    assert_int_equal(oriel_cache_keep(cache, key, folder, "object.so", began, object), ORIEL_OK);
    oriel_cache_end(folder);
    assert_int_not_equal(access(folder, F_OK), 0);
}

static void read_back(const char *object, const char *contents)
{
    char text[64] = "";
    FILE *file = fopen(object, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_string_equal(text, contents);
    fclose(file);
}

static void test_found_again(void **state)
{
    (void)state;
    oriel_cache cache;
    char object[PATH_MAX], found[PATH_MAX];
    const oriel_hash key = {1, 2}, other = {1, 3};
    oriel_cache_open(&cache);
    write_file(path_of(place, "a b"), "one");
    write_file(path_of(place, "c$d"), "two");
    assert_false(oriel_cache_find(&cache, key, found));
    keep(&cache, key, "the object", later(), object);
    assert_true(oriel_cache_find(&cache, key, found));
    assert_string_equal(found, object);
    read_back(found, "the object");
    assert_false(oriel_cache_find(&cache, other, found));

    write_file(path_of(place, "c$d"), "twp");
    assert_false(oriel_cache_find(&cache, key, found));
    write_file(path_of(place, "c$d"), "two");
    assert_true(oriel_cache_find(&cache, key, found));
    assert_int_equal(unlink(path_of(place, "a b")), 0);
    assert_false(oriel_cache_find(&cache, key, found));
    write_file(path_of(place, "a b"), "one");
    assert_int_equal(unlink(object), 0);
    assert_false(oriel_cache_find(&cache, key, found));
}

static void test_changed_meanwhile(void **state)
{
    (void)state;
    oriel_cache cache;
    char object[PATH_MAX], found[PATH_MAX];
    const oriel_hash key = {5, 6};
    oriel_cache_open(&cache);
    keep(&cache, key, "of nobody knows what", 0, object);
    read_back(object, "of nobody knows what");
    assert_false(oriel_cache_find(&cache, key, found));
}

static void test_spoiled(void **state)
{
    (void)state;
    oriel_cache cache;
    char object[PATH_MAX], found[PATH_MAX], list[64];
    const oriel_hash key = {7, 8};
    oriel_cache_open(&cache);
    keep(&cache, key, "good", later(), object);
    snprintf(list, sizeof list, "%016x%016x", 7, 8);
    for (const char *const *text = (const char *const[]){"", "oriel object 1\n", "oriel object 1\nobject ../../x\n",
                                                         "oriel object 1\nobject nowhere.so\n", "another\n", NULL};
         *text; text++) {
        write_file(path_of(cache.folder, list), *text);
        assert_false(oriel_cache_find(&cache, key, found));
    }
}

static void test_hashes(void **state)
{
    (void)state;
    /* One bit more or less, one byte more or less: another hash, in each half. */
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    char bytes[200];
    for (int i = 0; i < 2000; i++) {
        oriel_hash one = ORIEL_HASH_INIT, two = ORIEL_HASH_INIT;
        const size_t count = 1 + oriel_random_below(&random, sizeof bytes - 1);
        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = i % 2 ? (char)oriel_random_next(&random) : 0;
        oriel_hash_bytes(&one, bytes, count);
        if (i % 4 < 2) {
            bytes[oriel_random_below(&random, count)] ^= (char)(1 << oriel_random_below(&random, 8));
            oriel_hash_bytes(&two, bytes, count);
        } else {
            oriel_hash_bytes(&two, bytes, count - 1);
        }
        assert_true(one.a != two.a && one.b != two.b);
    }
}

static int begin(void **state)
{
    (void)state;
    return mkdtemp(place) && setenv("XDG_CACHE_HOME", place, 1) == 0 ? unsetenv("ORIEL_CACHE") : -1;
}

static int end(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", place);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_again),
        cmocka_unit_test(test_changed_meanwhile),
        cmocka_unit_test(test_spoiled),
        cmocka_unit_test(test_hashes),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
