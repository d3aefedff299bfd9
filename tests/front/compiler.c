/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: compilers are found as a shell would find them, run side by side, and are ended with all that they started. */
#include "front/compiler.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"

static const char *const shells[] = {"no-such-compiler", "sh", NULL};

/* A command that a shell runs. */
static oriel_command shell(const char *script)
{
    oriel_command command = {0};
    oriel_command_split(&command, "  sh\t-c ");
    oriel_command_add(&command, "%s", script);
    assert_int_equal(command.count, 3);
    return command;
}

static void test_words(void **state)
{
    (void)state;
    oriel_command command = {0};
    for (int i = 0; i < 100; i++)
        oriel_command_add(&command, "-D%d= two words", i);
    assert_int_equal(command.count, 100);
    assert_string_equal(command.word[99], "-D99= two words");
    assert_null(command.word[100]);
    oriel_command_free(&command);
    assert_int_equal(command.count, 0);
}

static void test_finding(void **state)
{
    (void)state;
    oriel_command command = {0};
    setenv("ORIEL_TEST_COMPILER", " sh -e ", 1);
    assert_int_equal(oriel_compiler_find("ORIEL_TEST_COMPILER", shells, "C", &command), ORIEL_OK);
    assert_int_equal(command.count, 2);
    oriel_command_free(&command);

    setenv("ORIEL_TEST_COMPILER", "no-such-compiler -e", 1);
    assert_int_equal(oriel_compiler_find("ORIEL_TEST_COMPILER", shells, "C", &command), ORIEL_UNAVAILABLE);
    oriel_command_free(&command);

    unsetenv("ORIEL_TEST_COMPILER");
    assert_int_equal(oriel_compiler_find("ORIEL_TEST_COMPILER", shells, "C", &command), ORIEL_OK);
    assert_string_equal(command.word[0], "sh");
    oriel_command_free(&command);
}

static void test_side_by_side(void **state)
{
    (void)state;
    /* Each waits for the other: one after the other, neither would end. */
    char folder[] = "/tmp/oriel-test-XXXXXX", script[256], path[64];
    assert_non_null(mkdtemp(folder));
    oriel_command command[2];
    for (int i = 0; i < 2; i++) {
        snprintf(script, sizeof script, "touch %s/%d; until [ -e %s/%d ]; do sleep 0.01; done; echo here; exit %d",
                 folder, i, folder, 1 - i, 3 * i);
        command[i] = shell(script);
        snprintf(path, sizeof path, "%s/said-%d", folder, i);
        assert_int_equal(oriel_command_start(&command[i], path), ORIEL_OK);
    }
    assert_int_equal(oriel_commands_wait(command, 2, oriel_deadline(60)), ORIEL_OK);
    assert_true(oriel_command_succeeded(&command[0]));
    assert_false(oriel_command_succeeded(&command[1]));
    char said[16] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(said, sizeof said, file));
    assert_string_equal(said, "here\n");
    fclose(file);
    for (int i = 0; i < 2; i++)
        oriel_command_free(&command[i]);
    snprintf(script, sizeof script, "rm -r %s", folder);
    assert_int_equal(system(script), 0);
}

static void test_deadline(void **state)
{
    (void)state;
    /* What a compiler starts has its output, and is ended as well: the pipe is closed by all who hold it. */
    int life[2];
    char byte;
    assert_int_equal(pipe(life), 0);
    oriel_command command = shell("sleep 1000 & sleep 1000");
    assert_int_equal(oriel_command_start(&command, "/dev/null"), ORIEL_OK);
    close(life[1]);
    assert_int_equal(oriel_commands_wait(&command, 1, oriel_deadline(0.05)), ORIEL_TIMEOUT);
    assert_int_equal(read(life[0], &byte, 1), 0);
    close(life[0]);
    oriel_command_free(&command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_deadline),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
