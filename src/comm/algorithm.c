/* SPDX-License-Identifier: Apache-2.0 */
#include "comm/algorithm.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "launch/builtin.h"
#include "oriel/tuning.h"

/* As the functions of comm.h have them. */
static const char *const operation_names[ORIEL_MOVES] = {
    [ORIEL_OP_BARRIER] = "barrier",     [ORIEL_OP_BROADCAST] = "broadcast",
    [ORIEL_OP_REDUCE] = "reduce",       [ORIEL_OP_ALLREDUCE] = "allreduce",
    [ORIEL_OP_ALLGATHER] = "allgather", [ORIEL_OP_REDUCE_SCATTER] = "reduce_scatter",
    [ORIEL_OP_ALLTOALL] = "alltoall",   [ORIEL_OP_GATHER] = "gather",
    [ORIEL_OP_SCATTER] = "scatter",
};

#define DIRECT(operation_)                                                                                             \
    {                                                                                                                  \
        operation_, "direct", "each takes what it needs from where its peers have it", NULL, true                      \
    }

/* Operation by operation, direct first. */
static const oriel_algorithm algorithms[] = {
    {ORIEL_OP_BARRIER, "direct", "the meeting with which all calls begin", NULL, true},
    {ORIEL_OP_BARRIER, "one-phase", "each tells all", &oriel_launch_barrier, true},

    DIRECT(ORIEL_OP_BROADCAST),
    {ORIEL_OP_BROADCAST, "one-phase", "all read from the root", &oriel_launch_broadcast, true},
    {ORIEL_OP_BROADCAST, "binomial", "down a tree", &oriel_launch_broadcast_binomial, true},

    DIRECT(ORIEL_OP_REDUCE),
    {ORIEL_OP_REDUCE, "one-phase", "the root reads from all", &oriel_launch_reduce, true},
    {ORIEL_OP_REDUCE, "binomial", "up a tree", &oriel_launch_reduce_binomial, false},

    DIRECT(ORIEL_OP_ALLREDUCE),
    {ORIEL_OP_ALLREDUCE, "one-phase", "all read from all", &oriel_launch_allreduce, true},
    {ORIEL_OP_ALLREDUCE, "two-phase", "a reduce-scatter, then an all-gather", &oriel_launch_allreduce_two_phase, true},
    {ORIEL_OP_ALLREDUCE, "ring", "from neighbour to neighbour", &oriel_launch_allreduce_ring, false},
    {ORIEL_OP_ALLREDUCE, "bidirectional-ring", "half of the data each way round",
     &oriel_launch_allreduce_bidirectional_ring, false},
    {ORIEL_OP_ALLREDUCE, "interleaved-ring", "a tile each way at a time", &oriel_launch_allreduce_interleaved_ring,
     true},
    {ORIEL_OP_ALLREDUCE, "recursive-doubling", "log2(n) meetings of pairs, with all the data",
     &oriel_launch_allreduce_recursive_doubling, false},
    {ORIEL_OP_ALLREDUCE, "halving-doubling", "2 log2(n) meetings of pairs, with less and less, then more and more",
     &oriel_launch_allreduce_halving_doubling, false},

    DIRECT(ORIEL_OP_REDUCE_SCATTER),
    {ORIEL_OP_REDUCE_SCATTER, "one-phase", "each reads its chunk from all", &oriel_launch_reduce_scatter, true},
    {ORIEL_OP_REDUCE_SCATTER, "ring", "from neighbour to neighbour", &oriel_launch_reduce_scatter_ring, false},
    {ORIEL_OP_REDUCE_SCATTER, "recursive-halving", "log2(n) meetings of pairs, with less and less",
     &oriel_launch_reduce_scatter_halving, false},

    DIRECT(ORIEL_OP_ALLGATHER),
    {ORIEL_OP_ALLGATHER, "one-phase", "all read from all", &oriel_launch_allgather, true},
    {ORIEL_OP_ALLGATHER, "ring", "from neighbour to neighbour", &oriel_launch_allgather_ring, true},
    {ORIEL_OP_ALLGATHER, "bidirectional-ring", "both ways round at once", &oriel_launch_allgather_bidirectional_ring,
     true},
    {ORIEL_OP_ALLGATHER, "recursive-doubling", "log2(n) meetings of pairs", &oriel_launch_allgather_recursive_doubling,
     true},
    {ORIEL_OP_ALLGATHER, "bruck", "log2(n) steps, for any number of ranks", &oriel_launch_allgather_bruck, true},

    DIRECT(ORIEL_OP_ALLTOALL),
    {ORIEL_OP_ALLTOALL, "one-phase", "each reads its chunk from all", &oriel_launch_alltoall, true},

    DIRECT(ORIEL_OP_GATHER),
    {ORIEL_OP_GATHER, "one-phase", "the root reads from all", &oriel_launch_gather, true},

    DIRECT(ORIEL_OP_SCATTER),
    {ORIEL_OP_SCATTER, "one-phase", "the root writes to all", &oriel_launch_scatter, true},
};

#define ALGORITHMS ((uint32_t)(sizeof algorithms / sizeof algorithms[0]))

/* ---- Names ------------------------------------------------------------------------------------------------------ */

bool oriel_operation_find(const char *name, oriel_operation *operation)
{
    for (uint32_t i = 0; i < ORIEL_MOVES; i++)
        if (strcmp(operation_names[i], name) == 0) {
            *operation = (oriel_operation)i;
            return true;
        }
    return false;
}

const oriel_algorithm *oriel_algorithm_at(oriel_operation operation, uint32_t number)
{
    for (uint32_t i = 0; i < ALGORITHMS; i++)
        if (algorithms[i].operation == operation && --number == 0)
            return &algorithms[i];
    return NULL;
}

uint32_t oriel_algorithm_find(oriel_operation operation, const char *name)
{
    const oriel_algorithm *its;
    for (uint32_t number = 1; (its = oriel_algorithm_at(operation, number)); number++)
        if (strcmp(its->name, name) == 0)
            return number;
    return 0;
}

static void append(char text[ORIEL_NAMES_TEXT], const char *name)
{
    size_t end = strlen(text);
    snprintf(text + end, ORIEL_NAMES_TEXT - end, "%s%s", end ? ", " : "", name);
}

static bool is_first_of_its_name(uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (strcmp(algorithms[i].name, algorithms[index].name) == 0)
            return false;
    return true;
}

const char *oriel_algorithm_names(oriel_operation operation, char text[ORIEL_NAMES_TEXT])
{
    text[0] = '\0';
    for (uint32_t i = 0; i < ALGORITHMS; i++)
        if (operation == ORIEL_OP_COUNT ? is_first_of_its_name(i) : algorithms[i].operation == operation)
            append(text, algorithms[i].name);
    return text;
}

const char *oriel_operation_names(char text[ORIEL_NAMES_TEXT])
{
    text[0] = '\0';
    for (uint32_t i = 0; i < ORIEL_MOVES; i++)
        append(text, operation_names[i]);
    return text;
}

bool oriel_algorithm_takes(const oriel_algorithm *algorithm, uint32_t ranks)
{
    return !algorithm->launch || (ranks >= algorithm->launch->min_ranks && ranks <= algorithm->launch->max_ranks);
}

bool oriel_algorithm_info_at(uint32_t index, oriel_algorithm_info *info)
{
    if (index >= ALGORITHMS)
        return false;
    const oriel_algorithm *its = &algorithms[index];
    const oriel_operation operation = its->operation;
    *info = (oriel_algorithm_info){.operation = operation_names[operation],
                                   .name = its->name,
                                   .summary = its->summary,
                                   .launch = its->launch ? its->launch->name : NULL,
                                   .min_ranks = its->launch ? its->launch->min_ranks : 1,
                                   .max_ranks = its->launch ? its->launch->max_ranks : UINT32_MAX,
                                   .reduces = oriel_operation_reduces(operation),
                                   .in_rank_order = its->in_rank_order};
    return true;
}

/* ---- Asking by name --------------------------------------------------------------------------------------------- */

static void ask(oriel_asked *asked, oriel_operation operation, uint32_t number)
{
    const uint32_t shift = 6 * (uint32_t)operation;
    *asked = (*asked & ~(UINT64_C(63) << shift)) | (uint64_t)number << shift;
}

/* Whether any operation has one of this name. */
static bool is_known(const char *name)
{
    for (uint32_t i = 0; i < ALGORITHMS; i++)
        if (strcmp(algorithms[i].name, name) == 0)
            return true;
    return false;
}

/* One word, which is written to. */
static oriel_status take_word(char *word, const char *whence, oriel_asked *asked)
{
    char known[ORIEL_NAMES_TEXT], *name = strchr(word, '=');
    oriel_operation operation;
    if (!name) {
        if (!is_known(word))
            return oriel_fail(ORIEL_INVALID, "%sthere is no algorithm \"%s\": it must be one of %s", whence, word,
                              oriel_algorithm_names(ORIEL_OP_COUNT, known));
        for (uint32_t i = 0; i < ORIEL_MOVES; i++) {
            uint32_t number = oriel_algorithm_find((oriel_operation)i, word);
            if (number)
                ask(asked, (oriel_operation)i, number);
        }
        return ORIEL_OK;
    }
    *name++ = '\0';
    if (!oriel_operation_find(word, &operation))
        return oriel_fail(ORIEL_INVALID, "%sthere is no operation \"%s\": it must be one of %s", whence, word,
                          oriel_operation_names(known));
    uint32_t number = oriel_algorithm_find(operation, name);
    if (!number)
        return oriel_fail(ORIEL_INVALID, "%s%s has no algorithm \"%s\": it must be one of %s", whence, word, name,
                          oriel_algorithm_names(operation, known));
    ask(asked, operation, number);
    return ORIEL_OK;
}

oriel_status oriel_asked_take(const char *words, const char *whence, oriel_asked *asked)
{
    char list[1024];
    if (!words)
        return ORIEL_OK;
    if ((size_t)snprintf(list, sizeof list, "%s", words) >= sizeof list)
        return oriel_fail(ORIEL_INVALID, "%sa list of algorithms of %zu characters is too long", whence, strlen(words));
    oriel_asked taken = *asked;
    char *rest = list;
    for (char *word; (word = strsep(&rest, ","));) {
        oriel_status status = take_word(word, whence, &taken);
        if (status != ORIEL_OK)
            return status;
    }
    *asked = taken;
    return ORIEL_OK;
}

const char *oriel_asked_text(oriel_asked asked, char *text, size_t bytes)
{
    size_t end = 0;
    snprintf(text, bytes, "none");
    for (uint32_t i = 0; i < ORIEL_MOVES; i++) {
        const oriel_algorithm *its = oriel_algorithm_at((oriel_operation)i, oriel_asked_of(asked, (oriel_operation)i));
        if (its && end < bytes)
            end += (size_t)snprintf(text + end, bytes - end, "%s%s=%s", end ? "," : "", operation_names[i], its->name);
    }
    return text;
}
