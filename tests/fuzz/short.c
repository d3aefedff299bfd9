/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: what must hold of any program (trial.h), on a few hundred random ones; that the fuzzer has not lost its edge (every
 * instruction is run, and of the tame programs enough are clean); and, by name, what it once found.
 */
#include "base/random.h"
#include "isa/isa.h"
#include "test.h"
#include "trial.h"

#define PROGRAMS 250

static void expect_no_fault(const uint8_t *bytes, size_t size, const char *name, fuzz_program *program,
                            fuzz_result *result)
{
    fuzz_make(bytes, size, program);
    fuzz_try(program, result);
    if (!result->fault[0])
        return;
    fuzz_print(stderr, program);
    fail_msg("%s: %s", name, result->fault);
}

static void test_random_programs(void **state)
{
    (void)state;
    static fuzz_program program;
    uint64_t seed = test_seed();
    uint32_t tame = 0, clean = 0;
    for (uint32_t i = 0; i < PROGRAMS; i++) {
        uint8_t bytes[FUZZ_MOST_BYTES];
        char name[64];
        fuzz_result result;
        size_t size = fuzz_random_string(seed + i, bytes);
        snprintf(name, sizeof name, "the string of seed %llu", (unsigned long long)(seed + i));
        expect_no_fault(bytes, size, name, &program, &result);
        tame += program.tame;
        clean += program.tame && result.clean;
    }
    printf("# %u of %u tame programs are clean\n", clean, tame);
    assert_true(3 * clean > tame);
    for (uint32_t op = 0; op < PTO_OP_COUNT; op++)
        if (!fuzz_ops[op])
            fail_msg("%s was never run", oriel_op_name((pto_op)op));
}

/* What was found and mended, as short as it could be made: the bytes of a string that are not 0, and the last (fuzz --shrink). */
static const struct {
    const char *name, *bytes;
} found[] = {
    {"a core that had no turn went on in the next schedule", "0:d3 2:1f 3:cc 4:c4 7:72 48:ca 55:b6 169:00"},
    {"operations of one pipe on one tile overtook each other, documented profile",
     "1:0e 2:e7 22:8d 23:72 25:f1 28:2f 30:bc 31:0c 37:94 44:7e 45:85 50:ee"},
    {"the mode of a TGET became an addition of a type that has none", "0:fa 8:f0 9:fd 16:1a 18:3b"},
    {"a staging tile kept what went through it",
     "0:a4 1:ae 6:a7 7:0d 31:7f 32:69 33:62 43:c7 47:fb 48:01 57:0f 66:4c 89:eb 95:cd 102:ca 103:f7 "
     "104:7e 106:ad 109:f8 115:e7 120:4f 125:ba 127:55 132:a9 140:e2 143:ec 146:87 153:38 163:ba "
     "164:fe 166:82 171:29 173:63 174:15 177:ee 178:2f 187:69 188:d2 189:0d 196:c4 207:5e 219:85 "
     "223:45 224:f8 225:06 227:b6 229:b2 241:76 242:9f 255:e7 272:c5 275:c3 277:e7 287:85 290:b1 "
     "301:4b 303:76 306:71 319:25"},
    {"of two independent tests, never both said no",
     "1:9f 2:a3 7:8e 16:d9 20:22 21:05 23:8b 27:2f 28:41 36:a9 103:ef 104:0a 106:69 120:97 122:df"},
    {"a read hidden by an operation in place behind it",
     "0:b6 31:d7 48:b5 52:08 53:f0 54:1a 56:32 57:15 73:b2 74:0c 78:82 80:f8 81:3f 90:74 97:15 98:3f "
     "107:fe"},
};

static void test_what_was_once_found(void **state)
{
    (void)state;
    static fuzz_program program;
    fuzz_result result;
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        uint8_t bytes[FUZZ_MOST_BYTES] = {0};
        size_t size = 0;
        unsigned value;
        int length;
        for (const char *at = found[i].bytes; sscanf(at, "%zu:%x %n", &size, &value, &length) == 2; at += length)
            bytes[size] = (uint8_t)value;
        expect_no_fault(bytes, size + 1, found[i].name, &program, &result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_programs),
                                       cmocka_unit_test(test_what_was_once_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
