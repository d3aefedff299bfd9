/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table that chooses: what was asked for by name, and the rules of a file (docs/tuning.md).
 *
 *      who launches the ranks, or rank 0     each rank, each communicator
 *      oriel_table_load ─► share ─► world ─► oriel_choose (choose.c): the steps of each operation, for its ranks
 *
 * It is read once, before any rank has its communicator, and lies in the world: two ranks cannot have different ones.
 */
#ifndef ORIEL_COMM_TABLE_H
#define ORIEL_COMM_TABLE_H

#include "comm/algorithm.h"
#include "comm/world.h"

/* Where an algorithm is taken. All bounds are inclusive. */
typedef struct oriel_rule {
    uint32_t operation, number; /* of the algorithm: oriel_algorithm_at */
    uint32_t ranks[2], processors[2];
    uint64_t bytes[2]; /* of the larger side of the call: what a rank sends, or what it receives */
} oriel_rule;

#define ORIEL_RULE_ANYWHERE                                                                                            \
    {                                                                                                                  \
        .ranks = {1, UINT32_MAX}, .processors = {1, UINT32_MAX}, .bytes = { 0, UINT64_MAX }                            \
    }

#define ORIEL_MOST_RULES 4096

typedef struct oriel_table {
    oriel_asked asked;
    oriel_rule *rule; /* owned */
    uint32_t rules;
} oriel_table;

/* ---- table.c ---- */

/*
 * What a launch with these options goes by, of the options, the environment and the file. Freed by oriel_table_free.
 * ORIEL_INVALID, ORIEL_SYSTEM, ORIEL_UNAVAILABLE: a name or a file that is not good.
 */
oriel_status oriel_table_load(const oriel_comm_options *options, oriel_table *table);
void oriel_table_free(oriel_table *table);

/* Puts it where the ranks will find it: what is for as many processors as they have. */
oriel_status oriel_table_share(oriel_world *world, const oriel_table *table, uint32_t processors);

/*
 * Whether the last of `rules` rules may follow those before it. False: `why` says what is wrong with it: it overlaps
 * one, or its bits would depend on the processors.
 */
bool oriel_rule_fits(const oriel_rule *rule, uint32_t rules, char *why, size_t bytes);

/* ---- table_json.c, or table_no_json.c ---- */

/* Reads a file. `table` gets its rules, and nothing of it on an error, which is as oriel_tuning_check has it. */
oriel_status oriel_table_read(const char *path, oriel_table *table);

#endif
