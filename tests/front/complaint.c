/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: of what a compiler prints, people see what is wrong and where in their own source, and little else. */
#include "front/complaint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static char text[1024];

static const char *complaint(const char *output, size_t bytes)
{
    char *copy = strdup(output);
    assert_non_null(copy);
    oriel_complaint("k.cpp", copy, text, bytes);
    free(copy);
    return text;
}

static void test_what_is_not_supported(void **state)
{
    (void)state;
    assert_string_equal(
        complaint("pto.hpp: In instantiation of 'void TSORT32(T&) [with T = int]':\n"
                  "k.cpp:18:5:   required from here\n"
                  "pto.hpp:4:5: error: static assertion failed: oriel: TSORT32 is not there (see a.md)\n"
                  "    4 |     static_assert(...\n",
                  sizeof text),
        "k.cpp:18:5: TSORT32 is not there (see a.md)");
    assert_string_equal(complaint("pto.hpp:4:5: error: static_assert failed due to requirement 'no<int>' "
                                  "\"oriel: TSORT32 is not there (see a.md)\"\n"
                                  "    static_assert(\n"
                                  "inner.hpp:9:1: note: in instantiation of function template specialization "
                                  "'TSORT32<int>' requested here\n"
                                  "k.cpp:18:5: note: in instantiation of function template specialization "
                                  "'sort<int>' requested here\n"
                                  "k.cpp:30:5: error: another\n",
                                  sizeof text),
                        "k.cpp:18:5: TSORT32 is not there (see a.md)");
    assert_string_equal(complaint("k.cpp:2:2: error: #error oriel: no tiles here\n", sizeof text),
                        "k.cpp:2:2: no tiles here");
}

static void test_errors(void **state)
{
    (void)state;
    assert_string_equal(complaint("k.cpp: In function 'int main()':\n"
                                  "k.cpp:1:1: warning: so what\n"
                                  "k.cpp:3:3: error: 'x' was not declared\n"
                                  "    3 |   x = 1;\n"
                                  "      |   ^\n"
                                  "k.cpp:4:9: fatal error: y.h: No such file or directory\n"
                                  "compilation terminated.\n",
                                  sizeof text),
                        "k.cpp does not compile:\n"
                        "k.cpp:3:3: error: 'x' was not declared\n"
                        "k.cpp:4:9: fatal error: y.h: No such file or directory");
    assert_string_equal(complaint("c++: something else\n", sizeof text),
                        "k.cpp does not compile:\nc++: something else");
    assert_string_equal(complaint("", sizeof text), "k.cpp does not compile:");
}

static void test_many_and_long(void **state)
{
    (void)state;
    char output[8192] = "";
    for (int i = 0; i < 50; i++)
        sprintf(output + strlen(output), "k.cpp:%d:1: error: wrong\n", i);
    complaint(output, sizeof text);
    int lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 10);
    assert_non_null(strstr(text, "k.cpp:0:1"));
    /* No room for all: whole lines only, and never more than there is. */
    for (size_t bytes = 1; bytes < 120; bytes++) {
        memset(text, 'x', sizeof text);
        complaint(output, bytes);
        assert_true(strlen(text) < bytes);
        if (bytes > 60)
            assert_string_equal(text + strlen(text) - strlen("wrong"), "wrong");
    }
    memset(output, 'y', 4000);
    memcpy(output, "k.cpp:1:1: error: ", strlen("k.cpp:1:1: error: "));
    output[4000] = '\0';
    assert_true(strlen(complaint(output, sizeof text)) < 300);
    assert_non_null(strstr(text, "yyy..."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_supported),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_many_and_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
