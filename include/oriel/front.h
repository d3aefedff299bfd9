/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front for kernels in C++: those that people have, written against the PTO tile instruction set with plain pointers.
 *
 *      kernel.cpp ── includes oriel/compat/pto/... : templates, a thin skin over what is declared here
 *          │  TLOAD(tile, global)                 counts[i] += n
 *          ▼                                        ▼  the compiler's own hooks (compat/hooks.c)
 *      oriel_front_issue, _sync, _signal         oriel_front_read, _write
 *          └────────────────┬───────────────────────┘
 *                           ▼
 *                the engine of the core that runs
 *
 * Order of calls. The kernel function of a launch (oriel/launch.h), called by the runtime on a core, calls oriel_front_run with
 * the C++ kernel's entry and a list of its arguments. That makes the arguments, calls the entry, and everything else here is
 * called from inside of it, on the same thread.
 *
 *      extern void kernel_entry(int64_t *args);
 *      static void kernel(pto_core *core)
 *      {
 *          oriel_front_run(core, &launch, kernel_entry, "in out scratch ranks comm");
 *      }
 *
 * A place in the source is found by the address to which a function here returns, since no macro can wrap the call of a
 * template: the object needs debug information (-g).
 *
 * Errors are those of instructions: they end the kernel, and no function here returns then. Frames of the kernel are left by a long
 * jump, without destructors.
 */
#ifndef ORIEL_FRONT_H
#define ORIEL_FRONT_H

#include "oriel/instr.h"
#include "oriel/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct oriel_launch;
struct oriel_args;
struct oriel_orch;

/* ---- For a launch ----------------------------------------------------------------------------------------------- */

typedef void (*oriel_front_entry)(int64_t *args);

/*
 * Runs a kernel in C++ on `core`. It gets an array of 64-bit arguments, as `arguments` lists them, with blanks in between:
 *
 *      NAME      the buffer of that name of `launch`: a pointer to its tensor descriptor (oriel_front_tensor)
 *      &NAME     the address of that buffer
 *      ranks     how many ranks there are
 *      rank      which one this is
 *      comm      a pointer to the communication context (oriel_front_comm): this rank, the number, each rank's window
 *      sN        scalar N of the launch, from 0, as it was added
 *      123       that number
 *
 * Ends the kernel with a message if the list has another word, or names what the launch lacks.
 */
ORIEL_API void oriel_front_run(pto_core *core, const struct oriel_launch *launch, oriel_front_entry entry,
                               const char *arguments);

/*
 * An orchestration in C++, from that of a launch: the function gets its arguments (a ChipTaskArgs: tensors, then scalars) as `arguments`
 * lists them, in the words of oriel_front_run and one more, `call`, the number of the call from 0; and submits kernels of the launch by their index with the functions of
 * compat/pto_orchestration_api.h.
 *
 *      extern void my_orchestration(const void *args);         // of const ChipTaskArgs & in C++
 *      static oriel_status orchestrate(oriel_orch *orch, const oriel_args *given)
 *      {
 *          return oriel_front_orchestrate(orch, given, &launch, my_orchestration, "in out scratch ranks comm");
 *      }
 *      extern void kernel_entry_0(int64_t *args);              // oriel_front_source: of the first of several files
 *      static void producer(pto_core *core) { oriel_front_run_task(core, kernel_entry_0); }
 *
 * ORIEL_INVALID: the list has another word, or names what the launch lacks; more arguments than a task has
 * others         of the submission that failed, or that the orchestration reported
 */
typedef void (*oriel_front_orchestration)(const void *args);
ORIEL_API oriel_status oriel_front_orchestrate(struct oriel_orch *orch, const struct oriel_args *given,
                                               const struct oriel_launch *launch, oriel_front_orchestration function,
                                               const char *arguments);
/* Runs a kernel in C++ that an orchestration in C++ has submitted: it gets that task's tensors, then its scalars. */
ORIEL_API void oriel_front_run_task(pto_core *core, oriel_front_entry entry);

/* What oriel_front_build makes an object of. Paths are borrowed. */
typedef struct oriel_front_source {
    const char *const
        *kernels; /* files in C++. The entry of the only one is kernel_entry, else of the i-th kernel_entry_i */
    uint32_t kernel_count; /* at least 1 */
    const char *launch;    /* a file in C that exports oriel_launch_entry and enters them by oriel_front_run */
    const char *platform;  /* "a2a3sim", "a5sim": for which they are compiled; NULL: the first */
} oriel_front_source;

/*
 * Compiles kernels and their launch ($CXX and $CC, or c++ and cc) into a shared object, with the hooks for their accesses, unless the
 * cache has it: objects are kept in $XDG_CACHE_HOME/oriel (~/.cache/oriel), by the contents of all files that the compiler read.
 * ORIEL_CACHE=off: nothing is kept after the program's end; ORIEL_CACHE_MIB (256): what all of them may take up. ORIEL_INCLUDE: where Oriel's headers are, if not where it was installed.
 *
 * object  where it is, for oriel_launch_load; free it with free(). Set on success only.
 *
 * ORIEL_INVALID    a file does not compile: the message has the compiler's first error, or the instruction that is not
 *                  supported; or there is no such file
 * ORIEL_UNAVAILABLE  there is no compiler, or this build cannot read debug information (libdw)
 * ORIEL_TIMEOUT    the compilers did not end within two minutes
 * ORIEL_SYSTEM     a file cannot be written, a process not be started
 * ORIEL_NO_MEMORY
 */
ORIEL_API oriel_status oriel_front_build(const oriel_front_source *source, char **object);

/* ---- What kernels find in memory: layouts that are published ------------------------------------------------------ */

#define ORIEL_FRONT_DIMS  5
#define ORIEL_FRONT_RANKS 64

/* A tensor descriptor (ChipTensor): two cache lines. Offsets, shapes and strides are in elements. */
typedef struct oriel_front_tensor {
    uint64_t address, bytes;
    uint64_t owner;
    uint64_t start_offset;
    int32_t version;
    uint32_t dims;
    uint8_t dtype;
    uint8_t manual_dep, contiguous, address_space;
    uint32_t shape[ORIEL_FRONT_DIMS];

    uint64_t extent;
    uint32_t stride[ORIEL_FRONT_DIMS];
    uint8_t reserved[36];
} __attribute__((aligned(64))) oriel_front_tensor;

/* A communication context (CommContext). Rank r's window begins at windows_in[r], and is window_bytes long. */
typedef struct oriel_front_comm {
    uint64_t workspace, workspace_bytes;
    uint32_t rank, ranks;
    uint64_t window_bytes;
    uint64_t windows_in[ORIEL_FRONT_RANKS];
    uint64_t windows_out[ORIEL_FRONT_RANKS];
} oriel_front_comm;

/* ---- For the headers of oriel/compat ------------------------------------------------------------------------------ */

/* Outside a kernel these end the program with a message. */

/*
 * The device address of what lies at `pointer`: in a tensor argument, or in a window, of any rank. A pointer behind the end of
 * one is an address behind its end, so that the instruction that uses it says which. 0: it is not in device memory.
 */
ORIEL_API pto_addr oriel_front_address(const volatile void *pointer);

/* An instruction, a synchronization, a signal: `site` is set here, to the place of the call. As those of pto_engine_ops. */
ORIEL_API void oriel_front_issue(pto_instr *instr);
ORIEL_API void oriel_front_sync(pto_sync *sync);
ORIEL_API bool oriel_front_signal(pto_signal *signal);
/*
 * The event id that an event object of these two pipes takes: 0 to 7 in turn, for each pair of pipes of the core that runs. A
 * kernel begins with 0.
 */
ORIEL_API uint32_t oriel_front_next_event(pto_pipe src, pto_pipe dst);
/* Which block of the kernel this is, and how many there are. */
ORIEL_API uint32_t oriel_front_block(void);
ORIEL_API uint32_t oriel_front_blocks(void);
/* A scalar load or store of `bytes` (1, 2, 4 or 8) that goes around the cache. `at` is in device memory. */
ORIEL_API void oriel_front_read_device(const volatile void *at, uint32_t bytes, void *value);
ORIEL_API void oriel_front_write_device(volatile void *at, uint32_t bytes, const void *value);
/*
 * The task that the kernel is ends, for those that depend on it, when it has returned and the int32 cell at `counter`, in this rank's
 * window, is at least `least`: nobody's core waits meanwhile.
 */
ORIEL_API void oriel_front_complete_when(const volatile void *counter, uint32_t least);
/* Ends the kernel with `file:line: text`; `text` is a string literal. */
ORIEL_API void oriel_front_trap(const char *text) __attribute__((noreturn));

#define ORIEL_FRONT_TENSORS 32
#define ORIEL_FRONT_SCALARS 32
#define ORIEL_FRONT_DEPS    16

/* What an orchestration in C++ is given (ChipTaskArgs). */
typedef struct oriel_front_args {
    uint32_t tensors, scalars;
    oriel_front_tensor tensor[ORIEL_FRONT_TENSORS];
    uint64_t scalar[ORIEL_FRONT_SCALARS];
} oriel_front_args;

/* A task as an orchestration in C++ lists it. */
typedef enum oriel_front_tag {
    ORIEL_FRONT_INPUT,
    ORIEL_FRONT_OUTPUT, /* `address` 0: the runtime makes it, and oriel_front_submit fills in where */
    ORIEL_FRONT_INOUT,
    ORIEL_FRONT_NO_DEP
} oriel_front_tag;
typedef struct oriel_front_task {
    uint32_t tensors, scalars, deps, blocks;
    oriel_front_tensor *tensor[ORIEL_FRONT_TENSORS];
    oriel_front_tag tag[ORIEL_FRONT_TENSORS];
    uint64_t scalar[ORIEL_FRONT_SCALARS];
    uint64_t dep[ORIEL_FRONT_DEPS];
} oriel_front_task;

/* Submits kernel `kernel` of the launch. Returns the task's number, from 1; 0: refused, which ends the orchestration's run. */
ORIEL_API uint64_t oriel_front_submit(int32_t kernel, oriel_front_task *task);
/* The orchestration gives up: the message is `text`. What it submits from now on is not run. */
ORIEL_API void oriel_front_give_up(const char *text);

/* ---- For the compiler's hooks ------------------------------------------------------------------------------------- */

/* Of what a compiler copies at once. */
#define ORIEL_FRONT_MOST_BYTES 1024

/*
 * Before the kernel reads, or writes, `bytes` bytes at `at`, at most so many, through a pointer; `from` is the address in its code.
 * Memory that is not a device's is of no interest. Otherwise this is an access of the scalar unit: what it sees at `at`, its cache's copy,
 * is put in place for the kernel to read, and what it writes is collected there, both until the next call of a function of
 * this header; nobody else runs in between. Only a write that follows a read leaves that in place, since a copy is told of by
 * both before it is made.
 */
ORIEL_API void oriel_front_read(const volatile void *at, uint32_t bytes, const void *from);
ORIEL_API void oriel_front_write(volatile void *at, uint32_t bytes, const void *from);
/* A step of a loop. Ends a kernel that makes too many without an instruction or an access. */
ORIEL_API void oriel_front_step(const void *from);

#ifdef __cplusplus
}
#endif
#endif
