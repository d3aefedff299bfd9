/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch: the description of one job, from which it is run, checked and measured.
 *
 * It says which kernel runs, on which buffers of each rank, in which windows, with which scalars, and which result is
 * right. `oriel run`, the tests, the benchmarks and a user's own shared object all start from it. A new collective is a
 * kernel file and its launch.
 *
 *      const oriel_launch *oriel_launch_entry(void);   // what `oriel run ./mine.so` looks for
 *
 * Instead of one kernel a launch may have an orchestration, which submits several to each device:
 *
 *      static oriel_status orchestrate(oriel_orch *orch, const oriel_args *given)      // on each rank, for each call
 *      {
 *          oriel_args args = ORIEL_ARGS_INIT;
 *          oriel_args_tensor(&args, given->tensor[0], ORIEL_INPUT);                    // parts of the launch's buffers,
 *          oriel_args_tensor(&args, oriel_tensor_1d(NULL, PTO_F32, 64), ORIEL_OUTPUT); // or made by the runtime
 *          oriel_submit(orch, PRODUCER, &args, ORIEL_ANY_DEVICE, &producer);           // index in the launch's kernels
 *          ...                                                                         // args.tensor[1] is known now
 *      }
 *
 * Order of calls, for a program of its own: fill an oriel_job, oriel_launch_run, look at the oriel_report,
 * oriel_report_free.
 */
#ifndef ORIEL_LAUNCH_H
#define ORIEL_LAUNCH_H

#include "oriel/worker.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the person who runs a launch chooses. The functions of a launch get it, with all defaults filled in. */
typedef struct oriel_job {
    const char *platform; /* "a2a3sim" */
    const int *devices;   /* `ranks` device numbers */
    uint32_t ranks;
    uint64_t count; /* elements per rank: C in the formulas. 0: the launch's default */
    pto_dtype dtype;
    pto_reduce reduce;
    uint32_t repeat; /* calls on one domain, at least 1 */
    bool random;     /* data from `seed` instead of i + 100 r */
    uint64_t seed;
    double timeout_s; /* for the whole run, in seconds; 0: 30; negative: none */
    oriel_device_form form;
} oriel_job;

/* Elements of a buffer on each rank, as a function of the job. Ready-made ones below. */
typedef uint64_t (*oriel_count_fn)(const oriel_job *job);

ORIEL_API uint64_t oriel_count_one(const oriel_job *job);     /* C */
ORIEL_API uint64_t oriel_count_all(const oriel_job *job);     /* ranks * C */
ORIEL_API uint64_t oriel_count_two(const oriel_job *job);     /* 2 C: two halves that alternate */
ORIEL_API uint64_t oriel_count_two_all(const oriel_job *job); /* 2 ranks * C */
ORIEL_API uint64_t oriel_count_signals(const oriel_job *job); /* 48 * ranks int32 cells: three cache lines per rank */

/* How a buffer begins and what is asked of it at the end. */
typedef enum oriel_role {
    ORIEL_ROLE_INPUT,  /* a tensor of the rank, filled before the first call */
    ORIEL_ROLE_OUTPUT, /* a tensor of the rank, compared after each call */
    ORIEL_ROLE_WINDOW, /* a named buffer of the domain's window, zero at the beginning */
    /*
     * Room on each rank for what the runtime makes in one call: ORIEL_OUTPUT tensors of an orchestration's tasks, each from
     * a multiple of 64 B on. Such a tensor lies in the first of these buffers that has room left for it.
     */
    ORIEL_ROLE_TEMPORARY
} oriel_role;

/* dtype of a buffer: a fixed one, or the job's. */
#define ORIEL_DTYPE_OF_JOB PTO_DTYPE_COUNT

typedef struct oriel_launch_buffer {
    const char *name; /* no other buffer of the launch has it */
    oriel_role role;
    pto_dtype dtype; /* or ORIEL_DTYPE_OF_JOB */
    oriel_count_fn count;
} oriel_launch_buffer;

/* A number of a buffer's type: `i` for integers (their two's complement, modulo 2^bits), `f` for floating point. */
typedef union oriel_value {
    int64_t i;
    double f;
} oriel_value;

/* The whole number `n` as a value of type `dtype`. */
ORIEL_API oriel_value oriel_value_of(pto_dtype dtype, int64_t n);

/*
 * The value at element `i` of rank `rank`'s input buffer `buffer`; it is then converted to the buffer's type. NULL in a
 * launch: i + 100 rank, or random if the job says so.
 */
typedef oriel_value (*oriel_fill_fn)(const oriel_job *job, uint32_t rank, const char *buffer, uint64_t i);

/* What came of filling: the inputs of all ranks, as they are in memory. Valid inside the call that gets it. */
typedef struct oriel_inputs oriel_inputs;
/*
 * Element `i` of rank `rank`'s input buffer `buffer`, after conversion to its type. Of a buffer, a rank or an element that
 * there is not: 0, and the job is refused, with ORIEL_INVALID and a message that names it, before any kernel has run.
 */
ORIEL_API oriel_value oriel_input(const oriel_inputs *inputs, uint32_t rank, const char *buffer, uint64_t i);

/*
 * A right result: |out - value| <= tolerance. 0: exactly. Integers are compared modulo 2^bits, always exactly. INFINITY:
 * whatever is there is right, integer or not: a product that another order of its factors turns into infinity times 0, or
 * an output that this rank does not get. Where that holds of a whole output, the kernel need not write it.
 */
typedef struct oriel_expected {
    oriel_value value;
    double tolerance;
} oriel_expected;

/* The right value of element `i` of rank `rank`'s output buffer `buffer`. Must not depend on how the kernel computes. */
typedef oriel_expected (*oriel_expect_fn)(const oriel_job *job, const oriel_inputs *inputs, uint32_t rank,
                                          const char *buffer, uint64_t i);

/*
 * The reduction of element `i` of input buffer `buffer` over all ranks, in double precision (integers: modulo 2^bits), with
 * the tolerance that summing `ranks` rounded terms in any order needs: (ranks-1) * eps * sum of |terms| (Higham, Accuracy and
 * Stability of Numerical Algorithms, 2nd ed., section 4.2).
 */
ORIEL_API oriel_expected oriel_expect_reduced(const oriel_job *job, const oriel_inputs *inputs, const char *buffer,
                                              uint64_t i);

/* Scalar arguments of the kernel on one rank: adds them to `args` with oriel_args_i64 and oriel_args_f64. */
typedef oriel_status (*oriel_scalars_fn)(const oriel_job *job, uint32_t rank, oriel_args *args);

/*
 * The kernel gets the INPUT and OUTPUT buffers, in the order of the table, as its tensor arguments; the domain as its
 * first; the WINDOW buffers as that domain's buffers, in the order of the table.
 *
 * An orchestration gets the same, and behind these tensors its own rank's WINDOW buffers, in the order of the table; behind
 * the scalars of `scalars` one more, the number of the call, from 0. It passes on to each kernel what that needs, as
 * `blocks` asks for, and must submit the same whenever it gets the same: the checker calls it once. Its tasks are done when
 * all of them have ended, and the call with them. Checked, they are ordered as the runtime of the accelerators guarantees,
 * which is less than that of oriel/worker.h gives (docs/memory-model.md).
 */
typedef struct oriel_launch {
    const char *name;    /* "allgather" */
    const char *summary; /* one line for --help */
    oriel_kernel_fn kernel;
    uint32_t blocks; /* of the kernel on each rank; 0: 1 */
    const oriel_launch_buffer *buffers;
    uint32_t buffer_count;
    oriel_scalars_fn scalars; /* NULL: none */
    oriel_fill_fn fill;       /* NULL: the usual contents */
    oriel_expect_fn expect;
    bool reduces;    /* takes a reduction (--op) */
    uint32_t dtypes; /* set of PTO_DTYPE_BIT that it supports */
    uint32_t min_ranks, max_ranks;
    uint64_t default_count;
    uint32_t
        calls; /* that a check makes on one domain, if it is not told; 0: 3. 1: each call has a domain of its own */
    /* Instead of `kernel` and `blocks`: */
    oriel_device_fn orchestrate;
    const oriel_kernel *kernels; /* that it submits, by index */
    uint32_t kernel_count;
} oriel_launch;

/* ---- Running one ------------------------------------------------------------------------------------------------ */

typedef struct oriel_rank_report {
    double max_error;     /* largest |out - expected| over all outputs and calls */
    uint64_t wrong;       /* elements out of tolerance, all calls together */
    uint64_t first_wrong; /* index of the first of them */
    double got, expected; /* its values */
    const char *buffer;   /* its buffer; NULL if none is wrong */
    uint32_t call;        /* the call, from 0, in which it was */
} oriel_rank_report;

typedef struct oriel_report {
    bool accepted; /* the job can be run: what failed, if anything did, failed while it ran */
    uint32_t ranks;
    oriel_rank_report *rank; /* `ranks` of them */
    uint64_t wrong;
    double start_ms, run_ms, total_ms; /* starting the devices; all calls; everything */
} oriel_report;

/*
 * Runs a launch: checks the job against it, starts a worker, fills the inputs, allocates the domain, makes
 * job->repeat calls on it with nothing in between but the comparison, and compares each.
 *
 * report  set when the run came to its end, with right or wrong results; free it with oriel_report_free. Else
 *         only `accepted` is set.
 *
 * ORIEL_OK       every result is right
 * ORIEL_WRONG    the run ended, a result is wrong; the message has the first one
 * ORIEL_INVALID  ranks, type, count or reduction that the launch lacks; an input that its functions ask for and that
 *                there is not: not `accepted`
 * others         as for oriel_worker_create, _init and _run
 */
ORIEL_API oriel_status oriel_launch_run(const oriel_launch *launch, const oriel_job *job, oriel_report *report);
ORIEL_API void oriel_report_free(oriel_report *report);

/* The launches that come with Oriel, those of src/collectives: `oriel run --help` lists them. */
ORIEL_API uint32_t oriel_launch_count(void);
ORIEL_API const oriel_launch *oriel_launch_at(uint32_t index);
/* NULL if there is none of that name. */
ORIEL_API const oriel_launch *oriel_launch_find(const char *name);

/*
 * Loads `path`, a shared object that exports `const oriel_launch *oriel_launch_entry(void)`. The object stays loaded.
 * As with dlopen, a path without a slash is looked for where the dynamic loader looks.
 * ORIEL_INVALID: it cannot be loaded, lacks the function, or its launch is incomplete; the message says which.
 */
ORIEL_API oriel_status oriel_launch_load(const char *path, const oriel_launch **launch);

#ifdef __cplusplus
}
#endif
#endif
