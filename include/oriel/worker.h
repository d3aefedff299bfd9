/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker: drives simulated devices, runs orchestration functions on them.
 *
 * Order of calls
 *
 *      oriel_worker_create      which level, platform and devices
 *      oriel_worker_register    every callable; before init, since devices are forked there
 *      oriel_worker_init        starts the devices
 *      oriel_worker_run         any number of times: calls an orchestration function, which
 *          oriel_allocate_domain       gives ranks windows that their peers can reach
 *          oriel_submit, _group        submits tasks; edges follow from their tensors
 *          oriel_task_wait             waits for one of them, if it must
 *          oriel_release_domain
 *      oriel_worker_close       stops the devices and frees everything
 *
 * Memory. oriel_worker_alloc gives host memory that devices share: a tensor there is passed with no copy. Any other
 * pointer is copied in before its task starts and out after it has ended, as the tensor's tag says.
 *
 * Threads. A worker belongs to one thread at a time: calls on one worker must not overlap, except oriel_task_wait
 * and oriel_submit from several threads inside one run. Different workers are independent. Devices are processes by
 * default; in a program that already has threads, ask for ORIEL_DEVICE_THREADS, since forking such a program is
 * refused. An open worker has threads too: a second one beside it needs ORIEL_DEVICE_THREADS.
 *
 * Levels. Level 3 drives several devices: its tasks are callables on devices, and plain host functions. A device's
 * callable may be an orchestration function too, which then submits kernels at level 2, on the device's cores, in its
 * own graph. Both levels have the same calls and the same rules. A level-2 worker drives one device from the host: what
 * it registers and submits are kernels (and host functions), all for that device; it has no groups and no domains.
 */
#ifndef ORIEL_WORKER_H
#define ORIEL_WORKER_H

#include <stddef.h>

#include "oriel/status.h"
#include "oriel/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct pto_core;
typedef struct oriel_worker oriel_worker;
typedef struct oriel_orch oriel_orch;
typedef struct oriel_domain oriel_domain;

/* ---- Tensors and arguments -------------------------------------------------------------------------------------- */

#define ORIEL_MAX_DIMS    5
#define ORIEL_MAX_TENSORS 32 /* tensor arguments of one task */
#define ORIEL_MAX_SCALARS 32 /* scalar arguments of one task */
#define ORIEL_MAX_COMMS   4  /* domains given to one task */
#define ORIEL_MAX_DEPS    16 /* explicit dependencies of one task */
#define ORIEL_MAX_UNTILS  8  /* completion conditions of one task */

/* A dense tensor in host or shared memory. `data` is borrowed: it must stay until the run that uses it has returned. */
typedef struct oriel_tensor {
    void *data;
    pto_dtype dtype;
    uint32_t dims; /* 1 .. ORIEL_MAX_DIMS */
    uint64_t shape[ORIEL_MAX_DIMS];
} oriel_tensor;

/* A one-dimensional tensor of `count` elements at `data`. */
static inline oriel_tensor oriel_tensor_1d(void *data, pto_dtype dtype, uint64_t count)
{
    oriel_tensor tensor = {data, dtype, 1, {count, 0, 0, 0, 0}};
    return tensor;
}

/* What a task does to a tensor, from which the edges between tasks follow, byte range by byte range. */
typedef enum oriel_tag {
    ORIEL_INPUT,           /* read: after the last writer of any of its bytes */
    ORIEL_OUTPUT,          /* written; the runtime allocates it: `data` is NULL when added, set by the submit call */
    ORIEL_INOUT,           /* read and written: after the last writer and the readers since */
    ORIEL_OUTPUT_EXISTING, /* written, all of it, in memory that exists: after the last writer and the readers since */
    ORIEL_NO_DEP           /* used, with no edge: the caller orders it. Outside shared memory: copied in and out */
} oriel_tag;

/* A submitted task. A plain value; 0 is no task. Valid until the run in which it was made returns. */
typedef struct oriel_task {
    uint64_t id;
} oriel_task;

/* A completion condition: `*cell >= least`. The cell is one of this device's own window, which peers notify. */
typedef struct oriel_until {
    const int32_t *cell;
    int32_t least;
} oriel_until;

/*
 * The arguments of one task: what the kernel sees as pto_arg_tensor(core, i) and so on, in the order of addition. A
 * plain value: start from ORIEL_ARGS_INIT; copy it as you like; submit copies what it needs.
 */
typedef struct oriel_args {
    uint32_t tensors, scalars, comms, deps, untils;
    uint32_t blocks; /* blocks of a kernel, each on a core of its own: 0 or 1 is one */
    oriel_tensor tensor[ORIEL_MAX_TENSORS];
    oriel_tag tag[ORIEL_MAX_TENSORS];
    uint64_t scalar[ORIEL_MAX_SCALARS];
    oriel_domain *comm[ORIEL_MAX_COMMS];
    oriel_task dep[ORIEL_MAX_DEPS];
    oriel_until until[ORIEL_MAX_UNTILS];
} oriel_args;

#ifdef __cplusplus
#define ORIEL_ARGS_INIT                                                                                                \
    {                                                                                                                  \
    }
#else
#define ORIEL_ARGS_INIT                                                                                                \
    {                                                                                                                  \
        0                                                                                                              \
    }
#endif

/*
 * Each adds one argument. ORIEL_INVALID: the task has as many as it can have (limits above), or the tensor has no
 * elements, no known type, more than ORIEL_MAX_DIMS dimensions, or NULL data with a tag other than ORIEL_OUTPUT.
 */
ORIEL_API oriel_status oriel_args_tensor(oriel_args *args, oriel_tensor tensor, oriel_tag tag);
ORIEL_API oriel_status oriel_args_i64(oriel_args *args, int64_t value);
ORIEL_API oriel_status oriel_args_f64(oriel_args *args, double value);
/* The device that runs the task must be a member of `domain`. */
ORIEL_API oriel_status oriel_args_comm(oriel_args *args, oriel_domain *domain);
/* The task starts after `task` has ended, whatever their tensors are. */
ORIEL_API oriel_status oriel_args_after(oriel_args *args, oriel_task task);
/*
 * The task ends, for those that depend on it, when its kernel has returned and element `index` of `cells`, which are
 * PTO_I32 in a window, is at least `least`: nobody's core waits meanwhile. Inside a device only.
 * ORIEL_INVALID: too many, `cells` are of another type, or `index` is behind their end.
 */
ORIEL_API oriel_status oriel_args_until(oriel_args *args, oriel_tensor cells, uint64_t index, int32_t least);

/* ---- Callables -------------------------------------------------------------------------------------------------- */

/* A kernel: see oriel/kernel.h. */
typedef void (*oriel_kernel_fn)(struct pto_core *core);

/*
 * An orchestration function inside a device (level 2). It submits kernels by their index in the callable's table, and
 * returns ORIEL_OK or the status of a call that failed. It is called on the device, with the task's arguments: tensors
 * with addresses that are good there, domains that oriel_args_comm passes on.
 */
typedef oriel_status (*oriel_device_fn)(oriel_orch *orch, const oriel_args *args);

/* A plain host function, run on a thread of the worker's own (a sub-worker): pre- and post-processing. */
typedef oriel_status (*oriel_host_fn)(const oriel_args *args);

typedef struct oriel_kernel {
    const char *name; /* for messages */
    oriel_kernel_fn function;
} oriel_kernel;

/* Exactly one of: `host`; `device` with `kernels`; `kernels` alone with count 1, a kernel that needs no orchestration. */
typedef struct oriel_callable {
    const char *name; /* for messages; borrowed until close */
    oriel_host_fn host;
    oriel_device_fn device;
    const oriel_kernel *kernels; /* borrowed until close */
    uint32_t kernel_count;
    /* What the task's arguments must be, checked at submission. -1: not checked. */
    int tensors, scalars, comms;
} oriel_callable;

typedef int oriel_callable_id;

/* ---- Worker ----------------------------------------------------------------------------------------------------- */

typedef enum oriel_device_form {
    ORIEL_DEVICE_PROCESSES, /* one process per device: a crash stays inside */
    ORIEL_DEVICE_THREADS    /* one thread per device: for TSan, and for programs that have threads already */
} oriel_device_form;

/* All 0 is a good choice for each. */
typedef struct oriel_worker_options {
    oriel_device_form form;
    uint64_t arena_bytes;     /* reserve for windows, tensors and rings; pages are taken on first use. 0: 64 GiB */
    uint32_t task_slots;      /* tasks in flight or held by an open scope. 0: 4096. A full ring blocks the submitter */
    uint64_t temporary_bytes; /* ring for ORIEL_OUTPUT tensors, per level and device. 0: 256 MiB */
    uint32_t sub_workers;     /* host threads for oriel_host_fn. 0: 1 */
    double timeout_s;         /* deadline of a task's waits, in seconds. 0: 30. Negative: none */
} oriel_worker_options;

/*
 * Makes a worker for `count` devices of `platform`. Nothing is started.
 *
 * level     3, or 2 with one device.
 * platform  "a2a3sim", "a5sim" ("a2a3" is the real silicon).
 * devices   `count` distinct device numbers, 0 .. 63; rank and worker index follow this order.
 * options   NULL: all defaults.
 * worker    set on success; close it with oriel_worker_close.
 *
 * ORIEL_INVALID      level, platform, a device number, a repeated device, count 0 or more than the platform has, an
 *                    option that is none
 * ORIEL_UNAVAILABLE  the platform needs a driver or toolkit that is not here; the message lists what was looked for
 * ORIEL_SYSTEM, ORIEL_NO_MEMORY   the arena cannot be reserved
 */
ORIEL_API oriel_status oriel_worker_create(int level, const char *platform, const int *devices, uint32_t count,
                                           const oriel_worker_options *options, oriel_worker **worker);

/*
 * Makes a callable known to the devices. `callable` is copied; what it points to is borrowed until close.
 *
 * ORIEL_INVALID  it is not exactly one of the three kinds, has no name, or a kernel without name or function; or it is
 *                a device function, and the worker is of level 2
 * ORIEL_STATE    after oriel_worker_init
 */
ORIEL_API oriel_status oriel_worker_register(oriel_worker *worker, const oriel_callable *callable,
                                             oriel_callable_id *id);

/*
 * Starts the devices and the sub-workers.
 *
 * ORIEL_STATE   a second time; or ORIEL_DEVICE_PROCESSES in a program that already has other threads, those of another open
 *               worker included
 * ORIEL_SYSTEM  a process or thread cannot be started; those that were are stopped again
 */
ORIEL_API oriel_status oriel_worker_init(oriel_worker *worker);

/*
 * Shared memory for a tensor: zeroed, aligned to 4096 B, good for every device, freed by oriel_worker_free or close.
 * Fills `tensor` (one dimension). ORIEL_NO_MEMORY: the arena has no hole of that size. ORIEL_INVALID: count 0, type.
 */
ORIEL_API oriel_status oriel_worker_alloc(oriel_worker *worker, pto_dtype dtype, uint64_t count, oriel_tensor *tensor);

/* Frees memory from oriel_worker_alloc; not while a run uses it. ORIEL_INVALID: it is not such memory. */
ORIEL_API oriel_status oriel_worker_free(oriel_worker *worker, oriel_tensor *tensor);

/* An orchestration function on the host (level 3), or for a level-2 worker. Returns ORIEL_OK or what failed. */
typedef oriel_status (*oriel_orch_fn)(oriel_orch *orch, void *user);

/*
 * Calls `function(orch, user)` on this thread, waits for all that it submitted, and releases what it left open.
 *
 * timeout_s  for the whole run, in seconds, from now; 0: the worker's default for each task only; negative: none.
 *
 * Returns the first cause if something failed, with its message: ORIEL_FAULT, ORIEL_RANK_DIED, ORIEL_TIMEOUT, or what
 * the function returned. Tasks that do not depend on the failed one have run. Afterwards nothing is in flight, and the
 * worker can run again; a device that died stays dead, and tasks for it are refused with ORIEL_RANK_DIED.
 * A device that is still in a kernel one second after its deadline is killed. A thread cannot be: it is given up, and
 * the worker can only be closed. A host function is waited for, whatever the deadline.
 * ORIEL_STATE: before init, after close, inside a run, or after a device thread was given up.
 */
ORIEL_API oriel_status oriel_worker_run(oriel_worker *worker, oriel_orch_fn function, void *user, double timeout_s);

/*
 * Stops devices and sub-workers, reaps them, frees all memory. NULL is allowed. Inside a run it does nothing: the
 * worker stays open. A device that does not stop is killed. If a thread (of a device, or of a host function) does not end within seconds, the worker's memory
 * is left to it. Later calls with this worker are refused with ORIEL_STATE, until its handle is given out again.
 */
ORIEL_API void oriel_worker_close(oriel_worker *worker);

/* ---- Inside an orchestration function --------------------------------------------------------------------------- */

#define ORIEL_ANY_DEVICE UINT32_MAX

/*
 * Submits one task. Returns as soon as it is in the graph, which may wait for a free slot.
 *
 * callable  from oriel_worker_register; inside a device, the index of a kernel in the callable's table.
 * args      copied. For each ORIEL_OUTPUT tensor `data` is set to its memory, which lives until its scope has ended and
 *           its readers have.
 * device    index into the worker's devices, or ORIEL_ANY_DEVICE (not for a task with a domain); not looked at for host
 *           functions and at level 2.
 * task      may be NULL.
 *
 * ORIEL_INVALID    unknown callable; argument counts differ from the callable's; more blocks than a device has vector
 *                  cores; device not in the domain; index too large; a tensor that leaves the piece of shared memory
 *                  (of oriel_worker_alloc, a domain, the temporaries) that it lies in
 * ORIEL_STATE      the run has ended, or the domain was released or broken by an earlier failure
 * ORIEL_RANK_DIED  the device is dead
 * ORIEL_NO_MEMORY  a temporary larger than its ring; or a full ring that only the open scopes hold
 * ORIEL_TIMEOUT    no slot became free before the run's deadline
 */
ORIEL_API oriel_status oriel_submit(oriel_orch *orch, oriel_callable_id callable, oriel_args *args, uint32_t device,
                                    oriel_task *task);

/*
 * Submits one task on `count` devices at once, for kernels that wait for one another: it starts when all its devices
 * are free, on all of them or on none, and ends when all have ended.
 *
 * args      `count` sets of arguments; args[i] is for devices[i].
 * devices   distinct indices; NULL: 0, 1, .. count-1.
 *
 * Errors as for oriel_submit; also ORIEL_INVALID for a repeated device, or at level 2.
 */
ORIEL_API oriel_status oriel_submit_group(oriel_orch *orch, oriel_callable_id callable, oriel_args *args,
                                          const uint32_t *devices, uint32_t count, oriel_task *task);

/*
 * Waits until a task has ended. timeout_s: seconds; 0 asks once and returns at once; negative waits without a bound.
 * Returns ORIEL_OK if it succeeded, ORIEL_TIMEOUT if it has not ended (it goes on), else what it failed with.
 */
ORIEL_API oriel_status oriel_task_wait(oriel_orch *orch, oriel_task task, double timeout_s);

/*
 * Scopes nest. Temporary tensors (ORIEL_OUTPUT) made inside live until the scope has ended and their readers have. A
 * run is a scope of its own. oriel_scope_end: ORIEL_STATE if none is open.
 */
ORIEL_API oriel_status oriel_scope_begin(oriel_orch *orch);
ORIEL_API oriel_status oriel_scope_end(oriel_orch *orch);

/* The number of devices of the worker behind `orch`; 1 inside a device. */
ORIEL_API uint32_t oriel_orch_devices(const oriel_orch *orch);

/* ---- Domains ---------------------------------------------------------------------------------------------------- */

/* A named buffer of each window: `count` elements of `dtype`. Bytes follow from these; nothing hides in a tail. */
typedef struct oriel_buffer {
    const char *name; /* copied; unique in its domain, 1 to 31 characters */
    pto_dtype dtype;
    uint64_t count;
} oriel_buffer;

/*
 * A communication domain: `ranks` devices of the worker, rank r on devices[r], each with a window of `window_bytes`
 * that all of them reach. Windows are zero before anyone can see them. Domains may overlap: a device can be a member of
 * several, with another rank in each. Buffers are placed in the order given, each at the start of a cache line (64 B).
 *
 * devices      indices into the worker's devices, distinct; NULL: 0 .. ranks-1.
 * window_bytes 0: as large as the buffers need.
 * domain       set on success; released by oriel_release_domain, or by the end of the run.
 *
 * Everything is checked before anything is allocated.
 * ORIEL_INVALID    no ranks, a repeated or unknown device, no buffer, a name empty, too long or given twice, a count
 *                  of 0, an unknown type, or buffers that need more than window_bytes (the message has both numbers)
 * ORIEL_NO_MEMORY  the arena has no room: ranks * window_bytes
 * ORIEL_STATE      outside a run, or inside a device
 */
ORIEL_API oriel_status oriel_allocate_domain(oriel_orch *orch, const char *name, const uint32_t *devices,
                                             uint32_t ranks, uint64_t window_bytes, const oriel_buffer *buffers,
                                             uint32_t buffer_count, oriel_domain **domain);

/*
 * Ends the use of a domain: nothing can be submitted on it any more. Its memory goes when the last task that was
 * submitted on it has ended. The handle is invalid afterwards.
 *
 * ORIEL_INVALID    not a domain of this run
 * ORIEL_STATE      released before, or inside a device
 */
ORIEL_API oriel_status oriel_release_domain(oriel_orch *orch, oriel_domain *domain);

/* Buffer `name` of rank `rank` as a tensor, to be passed to a task on that rank's device, or read after it. */
ORIEL_API oriel_status oriel_domain_buffer(const oriel_domain *domain, uint32_t rank, const char *name,
                                           oriel_tensor *tensor);

ORIEL_API uint32_t oriel_domain_ranks(const oriel_domain *domain);
/* The worker's device index of rank `rank`, or ORIEL_ANY_DEVICE if there is no such rank. */
ORIEL_API uint32_t oriel_domain_device(const oriel_domain *domain, uint32_t rank);

#ifdef __cplusplus
}
#endif
#endif
