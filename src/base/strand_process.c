/* SPDX-License-Identifier: Apache-2.0 */
/* A strand as a forked process. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strand_forms.h"

typedef struct process {
    oriel_strand strand;
    oriel_legacy *legacy; /* in a page that parent and child share */
    oriel_fate fate;      /* once it has been reaped */
} process;

/* The child's whole life. It must not outlive its starter, which may be gone before the kernel was told to watch it. */
static _Noreturn void live(process *self, pid_t parent, oriel_strand_fn function, void *context)
{
    prctl(PR_SET_NAME, self->strand.name);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    oriel_legacy_leave(self->legacy, function(context));
    _exit(EXIT_SUCCESS); /* no exit handlers, no flush: what the parent had buffered is the parent's to write */
}

static oriel_status process_start(const oriel_strand_options *options, oriel_strand_fn function, void *context,
                                  oriel_strand **strand)
{
    process *self = calloc(1, sizeof *self);
    if (!self)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a strand");
    oriel_strand_set_name(&self->strand, options->name);
    oriel_status status;
    oriel_legacy *legacy = mmap(NULL, sizeof *legacy, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (legacy == MAP_FAILED) {
        status = oriel_fail_errno(ORIEL_SYSTEM, "cannot map a page for process \"%s\"", self->strand.name);
        goto free_self;
    }
    self->legacy = legacy;
    self->strand.ops = &oriel_strand_process;
    self->strand.bell = &legacy->bell;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        status = oriel_fail_errno(ORIEL_SYSTEM, "cannot fork process \"%s\"", self->strand.name);
        goto unmap_legacy;
    }
    if (pid == 0)
        live(self, parent, function, context);
    self->strand.pid = pid;
    *strand = &self->strand;
    return ORIEL_OK;

unmap_legacy:
    munmap(legacy, sizeof *legacy);
free_self:
    free(self);
    return status;
}

/* A process that returned and was killed after has returned. Somebody else may have reaped it; then only that is known. */
static oriel_fate fate_of(const process *self, const siginfo_t *info)
{
    if (oriel_legacy_left(self->legacy))
        return (oriel_fate){.ended = true, .status = self->legacy->status};
    oriel_fate fate = {.ended = true, .died = true};
    if (info->si_code == CLD_EXITED)
        fate.code = info->si_status;
    else
        fate.signal = info->si_status;
    return fate;
}

static oriel_fate process_poll(oriel_strand *strand)
{
    process *self = (process *)strand;
    if (self->fate.ended)
        return self->fate;
    siginfo_t info = {0};
    int result = waitid(P_PID, (id_t)strand->pid, &info, WEXITED | WNOHANG);
    if (info.si_pid == strand->pid || (result < 0 && errno == ECHILD))
        self->fate = fate_of(self, &info);
    return self->fate;
}

/* Not once it has been reaped: its number may be somebody else's. */
static void process_kill(oriel_strand *strand)
{
    if (!((process *)strand)->fate.ended)
        kill(strand->pid, SIGKILL);
}

static void process_free(oriel_strand *strand)
{
    process *self = (process *)strand;
    munmap(self->legacy, sizeof *self->legacy);
    free(self);
}

const oriel_strand_ops oriel_strand_process = {process_start, process_poll, process_kill, process_free};
