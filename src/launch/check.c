/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a launch, in a process of its own: a kernel that crashes, or never comes to another instruction, ends that and
 * nothing else.
 *
 *      caller                                   child
 *      maps the handover, shared
 *      forks ─────────────────────────────────► memory, engine, findings (work)
 *      waits until the deadline                     │ writes the report, the status, the message,
 *      reads them, or says how the child ended ◄────┘ and all the time the place of the last instruction
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/pages.h"
#include "base/site.h"
#include "base/strand.h"
#include "launch/check_memory.h"
#include "launch/job.h"
#include "launch/tasks.h"
#include "runtime/admit.h"

/* Address space for a report; what is not needed is given back, and was never touched. */
#define REPORT_BYTES (UINT64_C(256) << 20)

/* The engine ends itself at the deadline. It is killed if it has not by then: its kernel does no more instructions. */
#define GRACE_NS INT64_C(500000000)

/* A kernel that reaches no further from the end of its stack than this, and finds nothing there, has used it up. */
#define NEAR_STACK ((uintptr_t)64 << 10)

#define DEFAULT_CALLS     3
#define DEFAULT_SCHEDULES 10000

/* ---- The check, in whichever process --------------------------------------------------------------------------- */

/* At the beginning of the memory that becomes the report's. */
typedef struct handover {
    oriel_bump memory;
    const pto_site *volatile running; /* at the same address in both processes: in the kernel, or in `memory` */
    const void *volatile crashed_at;  /* in the code */
    const void *volatile reached_for;
    volatile bool out_of_stack;
    oriel_status status;
    char message[ORIEL_ERROR_BYTES];
    oriel_check_report report;
} handover;

typedef struct checking {
    const oriel_launch *launch;
    oriel_job job;               /* complete, */
    oriel_check_options options; /* as is this */
    const oriel_limits *limits;
    int64_t deadline;
    handover *handover;
} checking;

/* The engine counts a statement also where it takes it as not there. */
static oriel_status check_without(const checking *c)
{
    const oriel_check_report *report = &c->handover->report;
    if (!c->options.without)
        return ORIEL_OK;
    for (uint32_t i = 0; i < report->statements; i++)
        if (strcmp(report->statement[i].id, c->options.without) == 0)
            return ORIEL_OK;
    return oriel_fail(ORIEL_INVALID, "%s came to no synchronization statement \"%s\"", c->launch->name,
                      c->options.without);
}

static oriel_status run_engine(const checking *c, oriel_checker *checker)
{
    oriel_status status = oriel_checker_explore(checker);
    if (status == ORIEL_OK && !c->options.no_witness)
        status = oriel_checker_witness(checker);
    if (status == ORIEL_OK)
        status = oriel_checker_write(checker, &c->handover->memory, &c->handover->report);
    return status == ORIEL_OK ? check_without(c) : status;
}

/* `tasks` NULL: the launch has one kernel. */
static oriel_status check_tasks(const checking *c, oriel_check_memory *memory, const oriel_launch_tasks *tasks)
{
    const oriel_check_host host = oriel_check_memory_host(memory);
    const oriel_check_setup setup = {.limits = c->limits,
                                     .ranks = c->job.ranks,
                                     .blocks = tasks               ? tasks->cores
                                               : c->launch->blocks ? c->launch->blocks
                                                                   : 1,
                                     .calls = c->options.calls,
                                     .function = c->launch->kernel,
                                     .view = memory->view,
                                     .graph = tasks ? tasks->graph : NULL,
                                     .piece = memory->piece,
                                     .pieces = memory->pieces,
                                     .host = &host,
                                     .options = &c->options,
                                     .deadline = c->deadline,
                                     .running = &c->handover->running};
    oriel_checker *checker;
    oriel_status status = oriel_checker_create(&setup, &checker);
    if (status != ORIEL_OK)
        return status;
    status = run_engine(c, checker);
    oriel_checker_destroy(checker);
    return status;
}

static oriel_status check_in_memory(const checking *c, oriel_check_memory *memory)
{
    if (!c->launch->orchestrate)
        return check_tasks(c, memory, NULL);
    oriel_launch_tasks tasks;
    oriel_status status = oriel_launch_tasks_make(memory, c->limits, c->options.profile, c->options.calls, &tasks);
    if (status != ORIEL_OK)
        return status;
    status = check_tasks(c, memory, &tasks);
    oriel_launch_tasks_free(&tasks);
    return status;
}

static oriel_status work(void *context)
{
    const checking *c = context;
    oriel_check_memory memory;
    oriel_status status = oriel_check_memory_make(c->launch, &c->job, c->limits, &memory);
    if (status != ORIEL_OK)
        return status;
    status = check_in_memory(c, &memory);
    oriel_check_memory_free(&memory);
    return status;
}

/* ---- In a child process ----------------------------------------------------------------------------------------- */

/* Set in the child before a kernel runs there. */
static handover *teller;

static const void *place_of_crash(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (const void *)(uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (const void *)(uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

static uintptr_t stack_at_crash(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

/* The instruction is done once more when this returns, and kills the process. */
static void tell_of_crash(int signal, siginfo_t *info, void *context)
{
    teller->reached_for = info->si_addr;
    /* What cannot be reached just around the end of the stack is what is to end it. */
    teller->out_of_stack =
        signal == SIGSEGV && (uintptr_t)info->si_addr - (stack_at_crash(context) - NEAR_STACK) < 2 * NEAR_STACK;
    teller->crashed_at = place_of_crash(context);
}

/*
 * The program's own handlers, those of a test framework or a sanitizer, would go on with the program's work in the child. No
 * core file is left behind: who wants to look at a crash has it under a debugger with ORIEL_DEVICE_THREADS.
 */
static void die_of_crashes(handover *told)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL}, others[] = {SIGABRT, SIGTRAP, SIGSYS};
    static char stack[64 << 10]; /* a kernel may have used up its own */
    teller = told;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    const struct sigaction tell = {.sa_sigaction = tell_of_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigaction(faults[i], &tell, NULL);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        signal(others[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
}

static oriel_status work_and_tell(void *context)
{
    const checking *c = context;
    die_of_crashes(c->handover);
    oriel_site_keep_in(&c->handover->memory);
    c->handover->status = work(context);
    if (c->handover->status != ORIEL_OK)
        oriel_error_copy(c->handover->message, sizeof c->handover->message);
    return c->handover->status;
}

/* "file:line: ", the instruction that the child began last; the launch if it came to none. */
static const char *where(const checking *c, char text[512])
{
    const pto_site *site = c->handover->running;
    if (site)
        snprintf(text, 512, "%s:%d: ", site->file, site->line);
    else
        snprintf(text, 512, "%s: ", c->launch->name);
    return text;
}

/* Where the child crashed, if its debug information tells; NULL if not. */
static const pto_site *where_it_crashed(const checking *c)
{
    const char *at = c->handover->crashed_at;
    const pto_site *site = at ? oriel_site_of(at + 1) : NULL;
    return site && site->line > 0 ? site : NULL;
}

static oriel_status crashed(const checking *c, const oriel_fate *fate)
{
    char place[512];
    const char *since = c->handover->running ? "at or after this instruction" : "before its first instruction";
    const pto_site *site = where_it_crashed(c);
    if (fate->signal == SIGSEGV && c->handover->out_of_stack)
        return site ? oriel_fail(ORIEL_FAULT, "%s:%d: the kernel crashed: it has used up its stack", site->file,
                                 site->line)
                    : oriel_fail(ORIEL_FAULT, "%sthe kernel crashed: it has used up its stack %s", where(c, place),
                                 since);
    if (site && fate->signal == SIGSEGV)
        return oriel_fail(ORIEL_FAULT, "%s:%d: the kernel crashed: %s, for the memory at %p, which it has not",
                          site->file, site->line, strsignal(fate->signal), c->handover->reached_for);
    if (site && fate->signal)
        return oriel_fail(ORIEL_FAULT, "%s:%d: the kernel crashed: killed by signal %d (%s)", site->file, site->line,
                          fate->signal, strsignal(fate->signal));
    if (fate->signal)
        return oriel_fail(ORIEL_FAULT, "%sthe kernel crashed: killed by signal %d (%s) %s", where(c, place),
                          fate->signal, strsignal(fate->signal), since);
    return oriel_fail(ORIEL_FAULT, "%sthe kernel ended its process with exit code %d %s", where(c, place), fate->code,
                      since);
}

static oriel_status stuck(const checking *c)
{
    char place[512];
    return oriel_fail(ORIEL_TIMEOUT, "%sthe deadline of %g s passed, and the kernel came to no other instruction%s",
                      where(c, place), c->job.timeout_s, c->handover->running ? " after this one" : "");
}

static oriel_status work_in_child(checking *c)
{
    if (!oriel_strand_single_threaded())
        return oriel_fail(ORIEL_STATE, "the program has several threads (an open worker has some), so that no process "
                                       "can be forked for the check: ask for ORIEL_DEVICE_THREADS");
    oriel_strand *child;
    const oriel_strand_options options = {.form = ORIEL_FORM_PROCESS, .name = "oriel check"};
    oriel_status status = oriel_strand_start(&options, work_and_tell, c, &child);
    if (status != ORIEL_OK)
        return status;
    oriel_fate fate;
    int64_t patience = c->deadline > ORIEL_NEVER - GRACE_NS ? ORIEL_NEVER : c->deadline + GRACE_NS;
    bool late = oriel_strand_join(child, patience, &fate) != ORIEL_OK;
    if (late) {
        oriel_strand_kill(child);
        oriel_strand_join(child, ORIEL_NEVER, &fate);
    }
    oriel_strand_free(child);
    if (fate.died)
        return late ? stuck(c) : crashed(c, &fate);
    return fate.status == ORIEL_OK ? ORIEL_OK : oriel_fail(fate.status, "%s", c->handover->message);
}

/* ---- Before and after ------------------------------------------------------------------------------------------- */

static oriel_status complete_options(const oriel_launch *launch, const oriel_check_options *given,
                                     oriel_check_options *options)
{
    oriel_check_options all = given ? *given : (oriel_check_options){0};
    if (all.profile != ORIEL_PROFILE_STRICT && all.profile != ORIEL_PROFILE_DOCUMENTED)
        return oriel_fail(ORIEL_INVALID, "there is no profile number %d", (int)all.profile);
    if (!all.calls)
        all.calls = launch->calls ? launch->calls : DEFAULT_CALLS;
    if (!all.max_schedules)
        all.max_schedules = DEFAULT_SCHEDULES;
    if (all.quick || all.replay) {
        all.max_schedules = 1;
        all.no_witness = true;
    }
    *options = all;
    return ORIEL_OK;
}

static oriel_status prepare(const oriel_launch *launch, const oriel_job *job, const oriel_check_options *options,
                            checking *c)
{
    *c = (checking){.launch = launch};
    oriel_status status = oriel_launch_check(launch);
    if (status == ORIEL_OK)
        status = oriel_job_complete(launch, job, &c->job);
    if (status == ORIEL_OK)
        status = complete_options(launch, options, &c->options);
    const oriel_platform *platform;
    const oriel_worker_options worker = {.form = job->form, .timeout_s = job->timeout_s};
    if (status == ORIEL_OK)
        status = oriel_worker_admit(3, c->job.platform, c->job.devices, c->job.ranks, &worker, &platform);
    if (status != ORIEL_OK)
        return status;
    c->limits = &platform->limits;
    c->deadline = oriel_deadline(c->job.timeout_s);
    return ORIEL_OK;
}

static oriel_status map_handover(checking *c)
{
    void *base = mmap(NULL, REPORT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return oriel_fail_errno(ORIEL_NO_MEMORY, "cannot map %llu B for the report of a check",
                                (unsigned long long)REPORT_BYTES);
    oriel_bump memory = {base, 0, REPORT_BYTES};
    c->handover = oriel_bump_take(&memory, sizeof *c->handover);
    c->handover->memory = memory;
    return ORIEL_OK;
}

/* The report takes the mapping over, as far as it is used. */
static oriel_check_report take_report(const checking *c)
{
    handover *base = c->handover;
    const uint64_t used = oriel_pages_up(base->memory.used);
    if (used < REPORT_BYTES)
        munmap((char *)base + used, REPORT_BYTES - used);
    oriel_check_report report = base->report;
    report.accepted = true;
    report.calls = c->options.calls;
    report.memory = base;
    report.memory_bytes = used;
    return report;
}

oriel_status oriel_check(const oriel_launch *launch, const oriel_job *job, const oriel_check_options *options,
                         oriel_check_report *report)
{
    int64_t start = oriel_now();
    report->accepted = false;
    checking c;
    oriel_status status = prepare(launch, job, options, &c);
    if (status == ORIEL_OK)
        status = map_handover(&c);
    if (status != ORIEL_OK)
        return status;
    status = c.job.form == ORIEL_DEVICE_THREADS ? work(&c) : work_in_child(&c);
    if (status != ORIEL_OK) {
        report->accepted = status != ORIEL_INVALID;
        munmap(c.handover, REPORT_BYTES);
        return status;
    }
    *report = take_report(&c);
    report->total_ms = (double)(oriel_now() - start) / 1e6;
    return ORIEL_OK;
}

void oriel_check_report_free(oriel_check_report *report)
{
    if (report->memory)
        munmap(report->memory, report->memory_bytes);
    *report = (oriel_check_report){0};
}
