/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One copy by the system, or two by the ranks themselves? That is a matter of this host's caches and of its kernel, of the size, and of where
 * the program's data is just now: between two machines the quicker one has been seen to be the other one at half of the sizes. So
 * calls tell: the first ones of each operation and size go one way, the next ones the other, then all ranks compare, once.
 *
 *      call    0 .. T - 1      T .. 2 T - 1      2 T                        2 T + 1 ..
 *              one copy        two copies        all tell their best        as chosen
 *                                                times, and compare
 *
 * Not in turn: what a call leaves in the caches is half of the matter, and would be of the other way.
 *
 * A way's time is that of the slowest rank before the call's first meeting (it stages) and that of the slowest one after it (it
 * takes), each the best of its tries: so nobody's coming late counts.
 */
#include "base/clock.h"
#include "comm/team.h"

#define TRIES 6 /* of each way */

_Static_assert(sizeof((oriel_trial *)NULL)->best <= ORIEL_PAYLOAD, "fits into a line");

/* Sizes from one power of two to the next are one. */
oriel_trial *oriel_trial_of(oriel_comm *comm, oriel_operation operation, uint64_t bytes)
{
    const int size = 63 - __builtin_clzll(bytes | 1) - ORIEL_TRIAL_LEAST;
    const int last = ORIEL_TRIAL_SIZES - 1;
    return &comm->trials[operation][size < 0 ? 0 : size > last ? last : size];
}

static oriel_status compare(oriel_comm *comm, oriel_call call, oriel_trial *trial)
{
    memcpy(oriel_next_line(comm)->payload, trial->best, sizeof trial->best);
    oriel_status status = oriel_meet(comm, call);
    if (status != ORIEL_OK)
        return status;
    int64_t slowest[2][2] = {{0}}, its[2][2];
    for (uint32_t rank = 0; rank < comm->ranks; rank++) {
        memcpy(its, oriel_peer_line(comm, rank)->payload, sizeof its);
        for (int i = 0; i < 4; i++)
            if (its[i / 2][i % 2] > slowest[i / 2][i % 2])
                slowest[i / 2][i % 2] = its[i / 2][i % 2];
    }
    trial->single = slowest[1][0] + slowest[1][1] < slowest[0][0] + slowest[0][1];
    trial->calls++;
    return ORIEL_OK;
}

oriel_status oriel_trial_choose(oriel_comm *comm, oriel_call call, oriel_trial *trial, bool *single)
{
    if (trial->calls == 2 * TRIES) {
        oriel_status status = compare(comm, call, trial);
        if (status != ORIEL_OK)
            return status;
    }
    *single = oriel_trial_runs(trial) ? trial->calls < TRIES : trial->single;
    return ORIEL_OK;
}

bool oriel_trial_runs(const oriel_trial *trial)
{
    return trial->calls < 2 * TRIES;
}

void oriel_trial_tell(oriel_trial *trial, const int64_t when[4])
{
    int64_t *best = trial->best[trial->calls < TRIES];
    for (int i = 0; i < 2; i++) {
        const int64_t took = when[2 * i + 1] - when[2 * i];
        best[i] = trial->calls % TRIES == 0 || took < best[i] ? took : best[i];
    }
    trial->calls++;
}
