/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: the collectives are right on a5sim (matrix.h). */
#include "matrix.h"

/* The test's state is the number of ranks. */
static void on_ranks(void **state)
{
    run_matrix("a5sim", *(const uint32_t *)*state);
}

int main(void)
{
    static uint32_t two = 2, three = 3, four = 4, seven = 7, eight = 8, sixteen = 16;
    const struct CMUnitTest tests[] = {
        {"2 ranks", on_ranks, NULL, NULL, &two},   {"3 ranks", on_ranks, NULL, NULL, &three},
        {"4 ranks", on_ranks, NULL, NULL, &four},  {"7 ranks", on_ranks, NULL, NULL, &seven},
        {"8 ranks", on_ranks, NULL, NULL, &eight}, {"16 ranks", on_ranks, NULL, NULL, &sixteen},
    };
    return cmocka_run_group_tests_name("collectives/matrix_a5sim", tests, NULL, NULL);
}
