/* SPDX-License-Identifier: Apache-2.0 */
#include "launch/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "launch/compare.h"
#include "launch/job.h"

/* Half of a worker's usual arena: a larger job asks for an arena of its own size. */
#define LARGE_JOB (UINT64_C(32) << 30)
/* Likewise of its ring of temporaries. */
#define MANY_TEMPORARIES (UINT64_C(128) << 20)

/* An output of one rank: what it must be, and where the kernel writes it. */
typedef struct output {
    oriel_image image;
    void *data;
} output;

/* One job while it runs. */
typedef struct session {
    oriel_worker *worker;
    const oriel_registered *registered;
    const oriel_launch *launch;
    oriel_job job; /* complete */
    oriel_inputs inputs;
    oriel_args *args;     /* of each rank */
    oriel_tensor *tensor; /* inputs and outputs of rank 0, of rank 1, ... */
    output *output;       /* those among them */
    size_t tensors, outputs;
    oriel_rank_report *rank;
    int64_t run_ns;
} session;

/* ---- Before the run: tensors, right results ---------------------------------------------------------------------- */

static oriel_status make_tensor(session *s, uint32_t rank, uint32_t b)
{
    const oriel_launch_buffer *buffer = &s->launch->buffers[b];
    pto_dtype dtype = oriel_buffer_dtype(buffer, &s->job);
    oriel_tensor *tensor = &s->tensor[s->tensors];
    oriel_status status = oriel_worker_alloc(s->worker, dtype, buffer->count(&s->job), tensor);
    if (status)
        return status;
    s->tensors++;
    if (buffer->role == ORIEL_ROLE_INPUT) {
        memcpy(tensor->data, oriel_inputs_bytes(&s->inputs, rank, b), oriel_buffer_bytes(buffer, &s->job));
        return oriel_args_tensor(&s->args[rank], *tensor, ORIEL_INPUT);
    }
    status = oriel_image_make(&s->inputs, rank, b, &s->output[s->outputs].image);
    if (status)
        return status;
    s->output[s->outputs++].data = tensor->data;
    return oriel_args_tensor(&s->args[rank], *tensor, ORIEL_OUTPUT_EXISTING);
}

static oriel_status make_args(session *s, uint32_t rank)
{
    oriel_status status = ORIEL_OK;
    s->args[rank].blocks = s->launch->blocks;
    for (uint32_t b = 0; b < s->launch->buffer_count && !status; b++)
        if (oriel_buffer_is_tensor(&s->launch->buffers[b]))
            status = make_tensor(s, rank, b);
    if (!status && s->launch->scalars)
        status = s->launch->scalars(&s->job, rank, &s->args[rank]);
    return status;
}

static oriel_status open_session(session *s)
{
    size_t buffers = (size_t)s->job.ranks * s->launch->buffer_count;
    s->args = calloc(s->job.ranks, sizeof *s->args);
    s->rank = calloc(s->job.ranks, sizeof *s->rank);
    s->tensor = calloc(buffers, sizeof *s->tensor);
    s->output = calloc(buffers, sizeof *s->output);
    if (!s->args || !s->rank || !s->tensor || !s->output)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a job of %u ranks", s->job.ranks);
    oriel_status status = oriel_inputs_make(s->launch, &s->job, &s->inputs);
    for (uint32_t r = 0; r < s->job.ranks && !status; r++)
        status = make_args(s, r);
    return status;
}

static void close_session(session *s)
{
    while (s->outputs > 0)
        oriel_image_free(&s->output[--s->outputs].image);
    while (s->tensors > 0)
        oriel_worker_free(s->worker, &s->tensor[--s->tensors]);
    oriel_inputs_free(&s->inputs);
    free(s->args);
    free(s->rank);
    free(s->tensor);
    free(s->output);
}

/* ---- The run ----------------------------------------------------------------------------------------------------- */

static oriel_status allocate_domain(const session *s, oriel_orch *orch, oriel_domain **domain)
{
    oriel_buffer *windows = calloc(s->launch->buffer_count, sizeof *windows);
    if (!windows)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for the description of a window");
    uint32_t count = oriel_job_windows(s->launch, &s->job, windows);
    oriel_status status = oriel_allocate_domain(orch, s->launch->name, NULL, s->job.ranks, 0, windows, count, domain);
    free(windows);
    return status;
}

/* An orchestration gets its rank's windows as tensors, with no edge between devices: its kernels order themselves. */
static oriel_status add_windows(session *s, uint32_t rank, const oriel_domain *domain)
{
    oriel_status status = ORIEL_OK;
    for (uint32_t b = 0; b < s->launch->buffer_count && !status; b++) {
        oriel_tensor window;
        if (s->launch->buffers[b].role != ORIEL_ROLE_WINDOW)
            continue;
        status = oriel_domain_buffer(domain, rank, s->launch->buffers[b].name, &window);
        if (!status)
            status = oriel_args_tensor(&s->args[rank], window, ORIEL_NO_DEP);
    }
    return status ? status : oriel_args_i64(&s->args[rank], 0);
}

static oriel_status complete_args(session *s, oriel_domain *domain)
{
    oriel_status status = ORIEL_OK;
    for (uint32_t r = 0; r < s->job.ranks && !status; r++) {
        status = oriel_args_comm(&s->args[r], domain);
        if (!status && s->launch->orchestrate)
            status = add_windows(s, r, domain);
    }
    return status;
}

static oriel_status one_call(session *s, oriel_orch *orch, uint32_t call)
{
    for (uint32_t r = 0; r < s->job.ranks && s->launch->orchestrate; r++)
        s->args[r].scalar[s->args[r].scalars - 1] = call;
    for (size_t o = 0; o < s->outputs; o++)
        oriel_image_spoil(&s->output[o].image, s->output[o].data);

    int64_t start = oriel_now();
    oriel_task task;
    oriel_status status = oriel_submit_group(orch, s->registered->callable, s->args, NULL, s->job.ranks, &task);
    if (!status)
        status = oriel_task_wait(orch, task, -1);
    s->run_ns += oriel_now() - start;

    for (size_t o = 0; o < s->outputs && !status; o++)
        oriel_image_compare(&s->output[o].image, call, s->output[o].data, &s->rank[s->output[o].image.rank]);
    return status;
}

static oriel_status orchestrate(oriel_orch *orch, void *user)
{
    session *s = user;
    oriel_domain *domain;
    oriel_status status = allocate_domain(s, orch, &domain);
    if (status)
        return status;
    status = complete_args(s, domain);
    for (uint32_t call = 0; call < s->job.repeat && !status; call++)
        status = one_call(s, orch, call);
    return status ? status : oriel_release_domain(orch, domain);
}

/* ---- After the run ----------------------------------------------------------------------------------------------- */

static oriel_status verdict(const oriel_report *report)
{
    for (uint32_t r = 0; r < report->ranks; r++) {
        const oriel_rank_report *rank = &report->rank[r];
        if (rank->wrong)
            return oriel_fail(ORIEL_WRONG,
                              "rank %u, call %u: %s[%llu] is %.9g, expected %.9g (%llu wrong elements in all)", r,
                              rank->call, rank->buffer, (unsigned long long)rank->first_wrong, rank->got,
                              rank->expected, (unsigned long long)report->wrong);
    }
    return ORIEL_OK;
}

/* The report takes the ranks' part over from the session. */
static oriel_status make_report(session *s, oriel_report *report)
{
    *report =
        (oriel_report){.accepted = true, .ranks = s->job.ranks, .rank = s->rank, .run_ms = (double)s->run_ns / 1e6};
    s->rank = NULL;
    for (uint32_t r = 0; r < report->ranks; r++)
        report->wrong += report->rank[r].wrong;
    return verdict(report);
}

void oriel_report_free(oriel_report *report)
{
    free(report->rank);
    *report = (oriel_report){0};
}

/* ---- The two halves, and the whole ------------------------------------------------------------------------------- */

oriel_status oriel_launch_register(oriel_worker *worker, const oriel_launch *launch, oriel_registered *registered)
{
    *registered = (oriel_registered){.launch = launch, .kernel = {launch->name, launch->kernel}};
    oriel_callable callable = {.name = launch->name,
                               .device = launch->orchestrate,
                               .kernels = launch->orchestrate ? launch->kernels : &registered->kernel,
                               .kernel_count = launch->orchestrate ? launch->kernel_count : 1,
                               .tensors = -1,
                               .scalars = -1,
                               .comms = -1};
    return oriel_worker_register(worker, &callable, &registered->callable);
}

oriel_status oriel_launch_on(oriel_worker *worker, const oriel_registered *registered, const oriel_job *job,
                             oriel_report *report)
{
    report->accepted = false;
    session s = {.worker = worker, .registered = registered, .launch = registered->launch};
    oriel_status status = oriel_job_complete(s.launch, job, &s.job);
    if (status)
        return status;
    status = open_session(&s);
    report->accepted = status != ORIEL_INVALID;
    if (!status)
        status = oriel_worker_run(worker, orchestrate, &s, s.job.timeout_s);
    if (!status)
        status = make_report(&s, report);
    close_session(&s);
    return status;
}

static oriel_status create_worker(const oriel_launch *launch, const oriel_job *job, oriel_worker **worker)
{
    uint64_t bytes = oriel_job_bytes(launch, job), temporaries = oriel_job_temporary_bytes(launch, job);
    oriel_worker_options options = {.form = job->form,
                                    .arena_bytes = bytes > LARGE_JOB ? 2 * bytes : 0,
                                    .temporary_bytes = temporaries > MANY_TEMPORARIES ? 2 * temporaries : 0,
                                    .timeout_s = job->timeout_s};
    return oriel_worker_create(3, job->platform, job->devices, job->ranks, &options, worker);
}

oriel_status oriel_launch_run(const oriel_launch *launch, const oriel_job *job, oriel_report *report)
{
    int64_t start = oriel_now();
    report->accepted = false;
    oriel_job complete;
    oriel_status status = oriel_launch_check(launch);
    if (!status)
        status = oriel_job_complete(launch, job, &complete);
    oriel_worker *worker;
    if (!status)
        status = create_worker(launch, &complete, &worker);
    if (status)
        return status;

    report->accepted = true;
    oriel_registered registered;
    status = oriel_launch_register(worker, launch, &registered);
    if (!status)
        status = oriel_worker_init(worker);
    int64_t started = oriel_now();
    if (!status)
        status = oriel_launch_on(worker, &registered, &complete, report);
    oriel_worker_close(worker);
    if (!status || status == ORIEL_WRONG) {
        report->start_ms = (double)(started - start) / 1e6;
        report->total_ms = (double)(oriel_now() - start) / 1e6;
    }
    return status;
}
