/* SPDX-License-Identifier: Apache-2.0 */
/* Which algorithm the calls of a communicator take: worked out once for its ranks, looked up in each call. */
#include <stdlib.h>

#include "comm/team.h"

const oriel_algorithm *oriel_choice_for(const oriel_comm *comm, const oriel_move *move, const oriel_choice *steps)
{
    if (!oriel_kernel_can(comm, move))
        return NULL;
    return steps->algorithm;
}

/* What was asked for by name: one step. Direct, where it is not for so many ranks. */
static const oriel_choice *asked_for(uint32_t ranks, oriel_operation operation, uint32_t number, oriel_choice **next)
{
    const oriel_algorithm *its = oriel_algorithm_at(operation, number);
    if (!its || !its->launch || !oriel_algorithm_takes(its, ranks))
        return NULL;
    *(*next) = (oriel_choice){.most = UINT64_MAX, .algorithm = its};
    return (*next)++;
}

oriel_status oriel_choose(oriel_comm *comm, oriel_asked asked)
{
    oriel_choice *choices = calloc(ORIEL_MOVES, sizeof *choices), *next = choices;
    if (!choices)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the choice of algorithms");
    for (uint32_t i = 0; i < ORIEL_MOVES; i++) {
        const oriel_operation operation = (oriel_operation)i;
        comm->choice[i] = asked_for(comm->ranks, operation, oriel_asked_of(asked, operation), &next);
    }
    free(comm->choices);
    comm->choices = choices;
    comm->asked = asked;
    return ORIEL_OK;
}
