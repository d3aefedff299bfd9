/* SPDX-License-Identifier: Apache-2.0 */
#include "isa/vector.h"

#include <stdlib.h>
#include <string.h>

#include "isa/isa.h"

extern const oriel_vector_table oriel_vector_scalar;

static bool always(void)
{
    return true;
}

#ifdef __x86_64__
#include <cpuid.h>

extern const oriel_vector_table oriel_vector_avx2, oriel_vector_avx512;

/* clang 14 does not know F16C by name. That the system saves the wide registers was asked with AVX2. */
static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && has_f16c();
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

/* From the narrowest to the widest. */
static const struct {
    const char *limit; /* its name in ORIEL_VECTOR */
    const oriel_vector_table *table;
    bool (*runs_here)(void);
} candidates[] = {
    {"scalar", &oriel_vector_scalar, always},
#ifdef __x86_64__
    {"avx2", &oriel_vector_avx2, has_avx2},
    {"avx512", &oriel_vector_avx512, has_avx512},
#endif
};

const oriel_vector_table *oriel_vector = &oriel_vector_scalar;

const oriel_vector_table *oriel_vector_choose(const char *limit)
{
    const oriel_vector_table *chosen = &oriel_vector_scalar;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        if (candidates[i].runs_here())
            chosen = candidates[i].table;
        if (limit && strcmp(limit, candidates[i].limit) == 0)
            break;
    }
    return chosen;
}

__attribute__((constructor)) static void choose_at_start(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
#endif
    oriel_vector = oriel_vector_choose(getenv("ORIEL_VECTOR"));
}

const char *oriel_vector_name(void)
{
    return oriel_vector->name;
}

static oriel_arithmetic arithmetic_of(pto_reduce op)
{
    static const oriel_arithmetic by[PTO_REDUCE_COUNT] = {
        [PTO_SUM] = ORIEL_ADD, [PTO_MAX] = ORIEL_MAX, [PTO_MIN] = ORIEL_MIN, [PTO_PROD] = ORIEL_MUL,
        [PTO_AND] = ORIEL_AND, [PTO_OR] = ORIEL_OR,   [PTO_XOR] = ORIEL_XOR};
    return by[op];
}

void oriel_reduce_into(pto_dtype dtype, pto_reduce op, void *dst, const void *a, const void *b, uint64_t count)
{
    oriel_vector->binary[dtype][arithmetic_of(op)](dst, a, b, count);
}

void oriel_reduce_into_both(pto_dtype dtype, pto_reduce op, void *dst, void *other, const void *a, const void *b,
                            uint64_t count)
{
    oriel_vector->both[dtype][arithmetic_of(op)](dst, other, a, b, count);
}
