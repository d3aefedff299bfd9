/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: which algorithm a call takes. A file's rules to their last byte; what comes over what (the program, the
 * environment, the file); where a file is looked for; that one which is not good is refused, with its entry; and that
 * `deterministic` has the same bits whatever the file says.
 */
#include "ranks.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm/table.h"
#include "comm/team.h"
#include "oriel/tuning.h"

/* ---- A folder with files ---------------------------------------------------------------------------------------- */

static char folder[64];
#define PATH 256

static void path_of(const char *name, char path[PATH])
{
    snprintf(path, PATH, "%s/%s", folder, name);
}

/* Writes `name` in the folder, with the folders on the way. */
static void write_file(const char *name, const char *text)
{
    char path[PATH];
    path_of(name, path);
    for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/oriel-table-XXXXXX");
    static const char *const unset[] = {"ORIEL_TUNING", "ORIEL_ALGORITHM", "ORIEL_DETERMINISTIC", "XDG_CONFIG_HOME"};
    for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++)
        unsetenv(unset[i]);
    if (!mkdtemp(folder))
        return -1;
    return setenv("HOME", folder, 1) || setenv("XDG_CONFIG_DIRS", folder, 1);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[PATH];
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    return system(command);
}

/* The file in $ORIEL_TUNING. Skips the test in a build that cannot read one. */
static void use_file(const char *text)
{
    char path[PATH];
    write_file("table.json", text);
    path_of("table.json", path);
    setenv("ORIEL_TUNING", path, 1);
    if (oriel_tuning_check(path, NULL) == ORIEL_UNAVAILABLE)
        skip();
}

/* ---- Lookup ----------------------------------------------------------------------------------------------------- */

/* The name of what a call of `count` elements would take. */
static const char *taken(const oriel_comm *comm, oriel_operation operation, pto_dtype dtype, uint64_t count)
{
    const oriel_move move = {
        .operation = operation, .dtype = dtype, .count = count, .bytes = count * pto_dtype_bytes(dtype)};
    const oriel_algorithm *its = oriel_chosen(comm, &move);
    return its ? its->name : "direct";
}

#define must_take(operation, dtype, count, name)                                                                       \
    do {                                                                                                               \
        const char *taken_ = taken(comm, operation, dtype, count);                                                     \
        if (strcmp(taken_, name) != 0)                                                                                 \
            return oriel_fail(ORIEL_WRONG, "%s:%d: %s, not %s", __FILE__, __LINE__, taken_, name);                     \
    } while (0)

static const char ranges[] =
    "{\"version\": 1, \"about\": {\"anything\": [1, null]}, \"rules\": [\n"
    "{\"operation\": \"allreduce\", \"algorithm\": \"ring\", \"ranks\": [3, 4], \"bytes\": [4096, 65535]},\n"
    "{\"operation\": \"allreduce\", \"algorithm\": \"two-phase\", \"ranks\": [3, null], \"bytes\": [65536, null]},\n"
    "{\"operation\": \"allreduce\", \"algorithm\": \"one-phase\", \"ranks\": [3, 4], \"bytes\": 8},\n"
    "{\"operation\": \"allreduce\", \"algorithm\": \"interleaved-ring\", \"ranks\": [1, 2]},\n"
    "{\"operation\": \"allgather\", \"algorithm\": \"bruck\", \"bytes\": [1200, null]},\n"
    "{\"operation\": \"gather\", \"algorithm\": \"one-phase\", \"processors\": 4000000000},\n"
    "{\"operation\": \"barrier\", \"algorithm\": \"one-phase\", \"processors\": [1, null]}]}";

static oriel_status of_three(oriel_comm *comm, void *context)
{
    (void)context;
    must_take(ORIEL_OP_ALLREDUCE, PTO_F32, 1, "direct");
    must_take(ORIEL_OP_ALLREDUCE, PTO_F32, 2, "one-phase");
    must_take(ORIEL_OP_ALLREDUCE, PTO_F32, 3, "direct");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, 4095, "direct");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, 4096, "ring");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, 65535, "ring");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, 65536, "two-phase");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, UINT64_C(1) << 36, "two-phase");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, UINT64_C(1) << 40, "direct"); /* beyond a kernel's addresses */
    must_take(ORIEL_OP_ALLREDUCE, PTO_F16, 5000, "direct");             /* a kernel would round more than once */
    must_take(ORIEL_OP_ALLREDUCE, PTO_I16, 5000, "ring");
    must_take(ORIEL_OP_ALLREDUCE, PTO_F32, 0, "direct");
    must_take(ORIEL_OP_ALLGATHER, PTO_F32, 99, "direct"); /* the larger side counts: three blocks */
    must_take(ORIEL_OP_ALLGATHER, PTO_F32, 100, "bruck");
    must_take(ORIEL_OP_GATHER, PTO_F32, 100, "direct"); /* for other processors */
    must_take(ORIEL_OP_BARRIER, PTO_F32, 0, "one-phase");
    must_hold(comm->choice[ORIEL_OP_SCATTER] == NULL); /* no rule: nothing to look up */
    must_hold(comm->choice[ORIEL_OP_GATHER] == NULL);
    oriel_comm *part;
    must(oriel_comm_split(comm, (int32_t)(oriel_comm_rank(comm) > 0), 0, &part)); /* of one rank, and of two */
    const bool pair = oriel_comm_size(part) == 2;
    const char *const its = pair ? "interleaved-ring" : "direct";
    comm = part;
    must_take(ORIEL_OP_ALLREDUCE, PTO_F32, 2, its);
    must_take(ORIEL_OP_ALLREDUCE, PTO_F16, 5000, its); /* two are added once */
    must_take(ORIEL_OP_ALLREDUCE, PTO_F32, 1000000, its);
    return ORIEL_OK;
}

static oriel_status of_five(oriel_comm *comm, void *context)
{
    (void)context;
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, 8, "direct");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, 5000, "direct");
    must_take(ORIEL_OP_ALLREDUCE, PTO_I8, 65536, "two-phase");
    return ORIEL_OK;
}

static void rules_hold_to_their_last_byte(void **state)
{
    (void)state;
    use_file(ranges);
    assert_ok(oriel_comm_launch(3, of_three, NULL, &(oriel_comm_options){.threads = true}));
    assert_ok(oriel_comm_launch(5, of_five, NULL, &(oriel_comm_options){.threads = true}));
    if (!UNDER_TSAN)
        assert_ok(oriel_comm_launch(3, of_three, NULL, NULL));
}

/* ---- What comes over what --------------------------------------------------------------------------------------- */

typedef struct expected {
    const char *allreduce, *allgather, *broadcast;
} expected;

static oriel_status look(oriel_comm *comm, void *context)
{
    const expected *what = context;
    must_take(ORIEL_OP_ALLREDUCE, PTO_F32, 100, what->allreduce);
    must_take(ORIEL_OP_ALLGATHER, PTO_F32, 100, what->allgather);
    must_take(ORIEL_OP_BROADCAST, PTO_F32, 100, what->broadcast);
    return ORIEL_OK;
}

static const char two_rules[] = "{\"version\": 1, \"rules\": [{\"operation\": \"allreduce\", \"algorithm\": \"ring\"},"
                                "{\"operation\": \"allgather\", \"algorithm\": \"ring\"}]}";

static void later_ones_come_over_earlier_ones(void **state)
{
    (void)state;
    static const struct {
        const char *option, *environment, *deterministic;
        bool file, flag;
        expected what;
    } row[] = {
        {NULL, NULL, NULL, false, false, {"direct", "direct", "direct"}},
        {NULL, NULL, NULL, true, false, {"ring", "ring", "direct"}},
        {NULL, "", "", true, false, {"ring", "ring", "direct"}},
        {NULL, "allgather=bruck", NULL, true, false, {"ring", "bruck", "direct"}},
        {NULL, "allgather=direct", NULL, true, false, {"ring", "direct", "direct"}},
        {"one-phase", "allgather=bruck", NULL, true, false, {"one-phase", "one-phase", "one-phase"}},
        {"broadcast=binomial", "allgather=bruck", NULL, true, false, {"ring", "bruck", "binomial"}},
        {"allgather=ring", "allgather=bruck", NULL, false, false, {"direct", "ring", "direct"}},
        {NULL, "allgather=bruck", NULL, true, true, {"direct", "direct", "direct"}},
        {NULL, "allgather=bruck", "1", true, false, {"direct", "direct", "direct"}},
        {NULL, "allgather=bruck", "0", true, false, {"ring", "bruck", "direct"}},
        {"broadcast=binomial", "allgather=bruck", NULL, true, true, {"direct", "direct", "binomial"}},
    };
    use_file(two_rules);
    char path[PATH];
    path_of("table.json", path);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        setenv("ORIEL_TUNING", row[i].file ? path : "none", 1);
        unsetenv("ORIEL_ALGORITHM");
        unsetenv("ORIEL_DETERMINISTIC");
        if (row[i].environment)
            setenv("ORIEL_ALGORITHM", row[i].environment, 1);
        if (row[i].deterministic)
            setenv("ORIEL_DETERMINISTIC", row[i].deterministic, 1);
        expected what = row[i].what;
        const oriel_comm_options options = {.threads = true, .algorithm = row[i].option, .deterministic = row[i].flag};
        oriel_status status = oriel_comm_launch(4, look, &what, &options);
        if (status != ORIEL_OK)
            fail_msg("row %zu: %s", i, oriel_last_error());
    }
}

static void what_the_environment_says_is_looked_at(void **state)
{
    (void)state;
    const oriel_comm_options threads = {.threads = true};
    expected what = {"direct", "direct", "direct"};
    setenv("ORIEL_ALGORITHM", "allreduce=best", 1);
    assert_fails(oriel_comm_launch(2, look, &what, &threads), ORIEL_INVALID,
                 "ORIEL_ALGORITHM: allreduce has no algorithm \"best\": it must be one of direct, one-phase");
    unsetenv("ORIEL_ALGORITHM");
    setenv("ORIEL_DETERMINISTIC", "yes", 1);
    assert_fails(oriel_comm_launch(2, look, &what, &threads), ORIEL_INVALID,
                 "ORIEL_DETERMINISTIC is \"yes\": it must be 0 or 1");
    unsetenv("ORIEL_DETERMINISTIC");
    setenv("ORIEL_TUNING", "/nowhere/table.json", 1);
    assert_fails(oriel_comm_launch(2, look, &what, &threads), oriel_tuning_check("/nowhere/table.json", NULL),
                 "/nowhere/table.json");
    assert_ok(oriel_comm_launch(2, look, &what, &(oriel_comm_options){.threads = true, .deterministic = true}));
}

/* ---- Where the file is ------------------------------------------------------------------------------------------ */

static void assert_found(const char *name)
{
    char found[PATH], path[PATH] = "";
    if (name)
        path_of(name, path);
    assert_ok(oriel_tuning_find(found, sizeof found));
    assert_string_equal(found, path);
}

static void assert_home(const char *name)
{
    char found[PATH], path[PATH] = "";
    if (name)
        path_of(name, path);
    assert_ok(oriel_tuning_home(found, sizeof found));
    assert_string_equal(found, path);
}

static void set_folders(const char *name, const char *first, const char *second)
{
    char folders[2 * PATH];
    snprintf(folders, sizeof folders, second ? "relative:%s/%s:%s/%s:" : "%s/%s", folder, first, folder, second);
    setenv(name, folders, 1);
}

static void files_are_where_xdg_has_them(void **state)
{
    (void)state;
    assert_found(NULL);
    assert_home(".config/oriel/tuning.json");
    set_folders("XDG_CONFIG_DIRS", "etc/one", "etc/two");
    write_file("etc/two/oriel/tuning.json", "");
    assert_found("etc/two/oriel/tuning.json");
    write_file("etc/one/oriel/tuning.json", "");
    assert_found("etc/one/oriel/tuning.json");
    write_file(".config/oriel/tuning.json", "");
    assert_found(".config/oriel/tuning.json");
    setenv("XDG_CONFIG_HOME", "relative", 1); /* is as none */
    assert_found(".config/oriel/tuning.json");
    set_folders("XDG_CONFIG_HOME", "mine", NULL);
    assert_home("mine/oriel/tuning.json");
    assert_found("etc/one/oriel/tuning.json"); /* ~/.config is not looked at then */
    write_file("mine/oriel/tuning.json", "");
    assert_found("mine/oriel/tuning.json");
    set_folders("ORIEL_TUNING", "of/my/own", NULL);
    assert_found("of/my/own");
    assert_home("of/my/own");
    setenv("ORIEL_TUNING", "none", 1);
    assert_found(NULL);
    assert_home("mine/oriel/tuning.json");
    unsetenv("ORIEL_TUNING");
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    assert_home(NULL);
    char small[8];
    assert_fails(oriel_tuning_find(small, sizeof small), ORIEL_INVALID, "a path of more than 7 B: /tmp/");
}

/* ---- Files that are not good ------------------------------------------------------------------------------------ */

#define RULES(text) "{\"version\": 1, \"rules\": [" text "]}"
#define RULE(more)  "{\"operation\": \"allreduce\", \"algorithm\": \"two-phase\"" more "}"

static void bad_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "table.json: line 1: "},
        {"{\"version\": 1,\n\"rules\": [}", "table.json: line 2: "},
        {"{\"version\": 1, \"version\": 1, \"rules\": []}", "duplicate object key"},
        {"[]", "it is no object"},
        {"{\"rules\": []}", "it has no \"version\""},
        {"{\"version\": 2, \"rules\": 7}", "it has version 2, and this oriel reads version 1"},
        {"{\"version\": 1}", "\"rules\" must be an array"},
        {"{\"version\": 1, \"rule\": []}", "it has a key \"rule\", which is not known"},
        {RULES("7"), "rules[0] is no object"},
        {RULES("{\"algorithm\": \"ring\"}"), "rules[0] has no \"operation\""},
        {RULES(RULE("") ", {\"operation\": \"allreduce\"}"), "rules[1] has no \"algorithm\""},
        {RULES("{\"operation\": \"sum\", \"algorithm\": \"ring\"}"),
         "rules[0]: there is no operation \"sum\": it must be one of barrier, broadcast"},
        {RULES("{\"operation\": \"allreduce\", \"algorithm\": \"bruck\"}"),
         "rules[0]: allreduce has no algorithm \"bruck\": it must be one of direct, one-phase"},
        {RULES(RULE(", \"rank\": 2")), "rules[0] has a key \"rank\", which is not known"},
        {RULES(RULE(", \"ranks\": 0")), "rules[0]: \"ranks\" must be a whole number from 1 to 4294967295"},
        {RULES(RULE(", \"ranks\": [2, 4294967296]")), "rules[0]: \"ranks\" must be"},
        {RULES(RULE(", \"ranks\": [2]")), "rules[0]: \"ranks\" must be"},
        {RULES(RULE(", \"ranks\": null")), "rules[0]: \"ranks\" must be"},
        {RULES(RULE(", \"ranks\": [null, 2]")), "rules[0]: \"ranks\" must be"},
        {RULES(RULE(", \"bytes\": -1")), "rules[0]: \"bytes\" must be a whole number from 0 to"},
        {RULES(RULE(", \"bytes\": 1.5")), "rules[0]: \"bytes\" must be"},
        {RULES(RULE(", \"bytes\": \"8\"")), "rules[0]: \"bytes\" must be"},
        {RULES(RULE(", \"bytes\": [9, 8]")), "rules[0]: \"bytes\" from 9 to 8 is empty"},
        {RULES(RULE(", \"processors\": 0")), "rules[0]: \"processors\" must be"},
        {RULES(RULE(", \"bytes\": [0, 8]") "," RULE(", \"bytes\": [9, 10]") "," RULE(", \"bytes\": [8, 8]")),
         "rules[2]: it overlaps rules[0], of the same operation"},
        {RULES(RULE("") "," RULE(", \"ranks\": 7")), "rules[1]: it overlaps rules[0]"},
        {RULES("{\"operation\": \"reduce\", \"algorithm\": \"binomial\", \"processors\": [2, null]}"),
         "rules[0]: binomial has an order of its own: its rule cannot say for which processors"},
    };
    char path[PATH];
    use_file(two_rules);
    path_of("table.json", path);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        use_file(bad[i].text);
        assert_fails(oriel_tuning_check(path, NULL), ORIEL_INVALID, bad[i].message);
        assert_non_null(strstr(oriel_last_error(), path));
        assert_non_null(strstr(oriel_last_error(), "ORIEL_TUNING=none"));
    }
    assert_fails(oriel_comm_launch(2, look, NULL, &(oriel_comm_options){.threads = true}), ORIEL_INVALID,
                 "its rule cannot say"); /* no rank was started */
    path_of("not there", path);
    assert_fails(oriel_tuning_check(path, NULL), ORIEL_SYSTEM, "No such file");
}

static void good_files_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t rules;
    } good[] = {
        {RULES(""), 0},
        {RULES(RULE("")), 1},
        {RULES(RULE(", \"bytes\": [0, 8]") "," RULE(", \"bytes\": 9") "," RULE(", \"bytes\": [10, null]")), 3},
        {RULES(RULE(", \"ranks\": 2") "," RULE(", \"ranks\": [3, null]")), 2},
        {RULES(RULE(", \"processors\": 2") "," RULE(", \"processors\": [3, 9]")), 2},
        {RULES("{\"operation\": \"reduce\", \"algorithm\": \"binomial\", \"processors\": 4, \"ranks\": [1, 2]}"), 1},
    };
    char path[PATH];
    path_of("table.json", path);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint32_t rules = 77;
        use_file(good[i].text);
        assert_ok(oriel_tuning_check(path, &rules));
        assert_int_equal(rules, good[i].rules);
    }
}

/* ---- Bits ------------------------------------------------------------------------------------------------------- */

/* A sum whose bits are another in each order of the ranks. */
static oriel_status sum(oriel_comm *comm, void *context)
{
    float *result = context, send[64], recv[64];
    for (int i = 0; i < 64; i++)
        send[i] = (float)(1 + i) * (const float[]){0x1p24f, 1, -0x1p24f, 3}[oriel_comm_rank(comm)];
    must(oriel_allreduce(send, recv, 64, PTO_F32, PTO_SUM, comm));
    if (oriel_comm_rank(comm) == 0)
        memcpy(result, recv, sizeof recv);
    return ORIEL_OK;
}

static void deterministic_has_the_same_bits_with_any_file(void **state)
{
    (void)state;
    float without[64], with[64], pinned[64];
    const oriel_comm_options plain = {.threads = true}, deterministic = {.threads = true, .deterministic = true};
    setenv("ORIEL_TUNING", "none", 1);
    assert_ok(oriel_comm_launch(4, sum, without, &plain));
    use_file(two_rules);
    assert_ok(oriel_comm_launch(4, sum, with, &plain));
    assert_memory_not_equal(with, without, sizeof with); /* the file has been heeded */
    assert_ok(oriel_comm_launch(4, sum, pinned, &deterministic));
    assert_memory_equal(pinned, without, sizeof pinned);
    assert_ok(oriel_comm_launch(4, sum, pinned, &plain)); /* and the same file has the same bits */
    assert_memory_equal(pinned, with, sizeof pinned);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rules_hold_to_their_last_byte),
        TEST(later_ones_come_over_earlier_ones),
        TEST(what_the_environment_says_is_looked_at),
        TEST(files_are_where_xdg_has_them),
        TEST(bad_files_are_refused),
        TEST(good_files_are_taken),
        TEST(deterministic_has_the_same_bits_with_any_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
