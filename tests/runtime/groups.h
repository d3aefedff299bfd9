/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups whose ranks wait for one another, some of which go wrong; and what is to be said about it. What deaths.c and
 * failure.c share.
 */
#ifndef ORIEL_TESTS_RUNTIME_GROUPS_H
#define ORIEL_TESTS_RUNTIME_GROUPS_H

#include "fixture.h"

/* ---- Kernels ---------------------------------------------------------------------------------------------------- */

/* Scalar arguments. */
enum { ROUNDS, WHO };

#define ENDLESS INT32_MAX

static inline void sign_in(pto_core *core)
{
    atomic_store(&stage->pid[pto_arg_comm(core, 0)->rank], getpid());
    atomic_fetch_add(&stage->arrived, 1);
}

static inline void notify_all(pto_core *core, const pto_comm *comm)
{
    pto_addr mine = pto_window_buffer(core, comm, 0).addr + comm->rank * PTO_LINE_BYTES;
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        pto_tnotify(core, pto_peer_addr(comm, mine, rank), 1, PTO_NOTIFY_ADD);
}

static inline pto_cells all_cells(pto_core *core, const pto_comm *comm)
{
    return pto_cell_block(pto_window_buffer(core, comm, 0).addr, comm->ranks, PTO_LINE_CELLS);
}

/* All ranks wait for one another, `rounds` times. On a fresh domain. */
enum { MEET_FROM = __LINE__ };
static inline void meet_rounds(pto_core *core, int64_t rounds)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    sign_in(core);
    for (int32_t round = 1; round <= rounds; round++) {
        notify_all(core, comm);
        pto_twait(core, all_cells(core, comm), round, PTO_GE);
    }
}
enum { MEET_TO = __LINE__ };

static inline void meet(pto_core *core)
{
    meet_rounds(core, pto_arg_i64(core, ROUNDS));
}

static inline bool is_it_me(pto_core *core)
{
    return pto_arg_comm(core, 0)->rank == pto_arg_i64(core, WHO);
}

/*
 * Whether this rank is to go wrong: true on that one, after a first round and when the others have had time to wait for it in
 * the second; false on the others after all of them.
 */
static inline bool meet_and_go_wrong(pto_core *core)
{
    const pto_comm *comm = pto_arg_comm(core, 0);
    meet_rounds(core, is_it_me(core) ? 1 : pto_arg_i64(core, ROUNDS));
    if (!is_it_me(core))
        return false;
    for (uint32_t rank = 0; rank < comm->ranks; rank++)
        if (rank != comm->rank)
            pto_twait(core, pto_cell(pto_window_buffer(core, comm, 0).addr + rank * PTO_LINE_BYTES), 2, PTO_GE);
    sleep_s(0.03);
    return true;
}

/* The first callables of both files. */
enum { MEET, COUNT, OWN_CALLABLES };

/* ---- Running groups --------------------------------------------------------------------------------------------- */

/* One group on a domain of its own over all devices. */
typedef struct group_run {
    fixture *f;
    int callable;
    int64_t rounds, who;
    void (*meanwhile)(fixture *f); /* NULL, or called once it is submitted */
} group_run;

static inline oriel_status run_group_function(oriel_orch *orch, void *user)
{
    const group_run *run = user;
    oriel_domain *domain = allocate_signals(orch, "all", NULL, oriel_orch_devices(orch));
    oriel_status status = submit_to_domain(orch, run->f->id[run->callable], domain, run->rounds, run->who, NULL);
    if (status == ORIEL_OK && run->meanwhile)
        run->meanwhile(run->f);
    return status;
}

static inline oriel_status run_group(fixture *f, int callable, int64_t rounds, int64_t who)
{
    group_run run = {f, callable, rounds, who, NULL};
    return oriel_worker_run(f->worker, run_group_function, &run, 0);
}

static inline oriel_status run_group_meanwhile(fixture *f, int callable, void (*meanwhile)(fixture *f))
{
    group_run run = {f, callable, ENDLESS, 0, meanwhile};
    return oriel_worker_run(f->worker, run_group_function, &run, 0);
}

/* ---- Messages --------------------------------------------------------------------------------------------------- */

static inline void assert_message_has(const char *text)
{
    if (!strstr(oriel_last_error(), text))
        fail_msg("message is \"%s\", expected it to contain \"%s\"", oriel_last_error(), text);
}

/* "rank 1 (device 12, pid 4711)" */
static inline void assert_message_names(fixture *f, uint32_t rank)
{
    char who[80];
    if (f->form == ORIEL_DEVICE_PROCESSES)
        snprintf(who, sizeof who, "rank %u (device %d, pid %d)", rank, device_number(rank), stage->pid[rank]);
    else
        snprintf(who, sizeof who, "rank %u (device %d)", rank, device_number(rank));
    assert_message_has(who);
}

/* Whether the message tells of one who waited in `meet`: where, for what, and what it saw. */
static inline bool message_tells_of_a_wait(void)
{
    const char *at = oriel_last_error();
    int line, cell, wanted, saw;
    uint32_t rank;
    while ((at = strstr(at, "groups.h:"))) {
        at += strlen("groups.h:");
        if (sscanf(at, "%d: rank %u waited for cell %d of window \"signals\" >= %d, and saw %d", &line, &rank, &cell,
                   &wanted, &saw) == 5)
            return line > MEET_FROM && line < MEET_TO && cell / PTO_LINE_CELLS < MAX_RANKS && saw < wanted;
    }
    return false;
}

static inline void assert_message_tells_of_a_wait(void)
{
    if (!message_tells_of_a_wait())
        fail_msg("message is \"%s\", expected it to tell of a wait", oriel_last_error());
}

/* ---- The living ------------------------------------------------------------------------------------------------- */

/* The worker still does a task on device `index`. */
static uint32_t healthy_device;
static oriel_tensor healthy_tensor;

static inline oriel_status count_function(oriel_orch *orch, void *user)
{
    fixture *f = user;
    oriel_args args = ORIEL_ARGS_INIT;
    assert_ok(oriel_args_tensor(&args, healthy_tensor, ORIEL_INOUT));
    return oriel_submit(orch, f->id[COUNT], &args, healthy_device, NULL);
}

static inline void assert_device_works(fixture *f, uint32_t index)
{
    healthy_device = index;
    healthy_tensor = shared_i32(f, 1);
    assert_ok(oriel_worker_run(f->worker, count_function, f, 0));
    assert_int_equal(*cells_of(&healthy_tensor), 1);
    assert_ok(oriel_worker_free(f->worker, &healthy_tensor));
}

#endif
