/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which algorithm the calls of a communicator take: worked out once for its ranks, as steps of bytes, looked up in each
 * call.
 *
 * A step without an algorithm is direct, and so is an operation without steps. Steps with one are those that were asked
 * for, by name or else by a rule, if the algorithm is for so many ranks.
 */
#include <stdlib.h>

#include "comm/table.h"
#include "comm/team.h"

/* What a rank sends or what it receives, whichever is more. */
static uint64_t larger_side(const oriel_comm *comm, const oriel_move *move)
{
    switch (move->operation) {
    case ORIEL_OP_REDUCE_SCATTER:
    case ORIEL_OP_ALLGATHER:
    case ORIEL_OP_ALLTOALL:
    case ORIEL_OP_GATHER:
    case ORIEL_OP_SCATTER: return comm->ranks * move->bytes;
    default: return move->bytes;
    }
}

const oriel_algorithm *oriel_choice_for(const oriel_comm *comm, const oriel_move *move, const oriel_choice *steps)
{
    const uint64_t bytes = larger_side(comm, move);
    while (steps->most < bytes)
        steps++;
    return steps->algorithm && oriel_kernel_can(comm, move) ? steps->algorithm : NULL;
}

/* ---- Making ----------------------------------------------------------------------------------------------------- */

/* NULL: direct. */
static const oriel_algorithm *kernel_for(uint32_t ranks, oriel_operation operation, uint32_t number)
{
    const oriel_algorithm *its = oriel_algorithm_at(operation, number);
    return its && its->launch && oriel_algorithm_takes(its, ranks) ? its : NULL;
}

/*
 * The rule of an operation for `ranks` ranks with the fewest bytes from `from` on; NULL: there is none. They do not
 * overlap.
 */
static const oriel_rule *next_rule(const oriel_world *world, uint32_t ranks, oriel_operation operation, uint64_t from)
{
    const oriel_rule *rule = oriel_world_at((oriel_world *)world, world->rule_table), *next = NULL;
    for (uint32_t i = 0; i < world->rules; i++)
        if (rule[i].operation == operation && ranks >= rule[i].ranks[0] && ranks <= rule[i].ranks[1] &&
            rule[i].bytes[0] >= from && (!next || rule[i].bytes[0] < next->bytes[0]))
            next = &rule[i];
    return next;
}

/* The steps of one operation from `first` on; returns the one behind the last. */
static oriel_choice *make_steps(const oriel_comm *comm, oriel_operation operation, uint32_t number, oriel_choice *first)
{
    const oriel_rule *rule;
    oriel_choice *step = first;
    uint64_t from = 0;
    if (number) {
        *step++ = (oriel_choice){UINT64_MAX, kernel_for(comm->ranks, operation, number)};
        return step;
    }
    while ((rule = next_rule(comm->world, comm->ranks, operation, from))) {
        if (rule->bytes[0] > from) /* between rules */
            *step++ = (oriel_choice){rule->bytes[0] - 1, NULL};
        *step++ = (oriel_choice){rule->bytes[1], kernel_for(comm->ranks, operation, rule->number)};
        if (rule->bytes[1] == UINT64_MAX)
            return step;
        from = rule->bytes[1] + 1;
    }
    *step++ = (oriel_choice){UINT64_MAX, NULL};
    return step;
}

/* So that what is direct costs nothing to find out. */
static bool all_direct(const oriel_choice *first, const oriel_choice *end)
{
    while (first < end && !first->algorithm)
        first++;
    return first == end;
}

oriel_status oriel_choose(oriel_comm *comm, oriel_asked asked)
{
    /* A rule has two steps at most, and each operation a last one. */
    oriel_choice *choices = calloc(ORIEL_MOVES + 2 * (size_t)comm->world->rules, sizeof *choices), *next = choices;
    if (!choices)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the choice of algorithms");
    for (uint32_t i = 0; i < ORIEL_MOVES; i++) {
        const oriel_operation operation = (oriel_operation)i;
        oriel_choice *end = make_steps(comm, operation, oriel_asked_of(asked, operation), next);
        comm->choice[i] = all_direct(next, end) ? NULL : next;
        next = end;
    }
    free(comm->choices);
    comm->choices = choices;
    comm->asked = asked;
    return ORIEL_OK;
}
