/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/device.h"

#include "base/clock.h"

void oriel_control_ring(oriel_control *control)
{
    atomic_fetch_add(&control->events, 1);
    oriel_bell_ring(&control->bell[atomic_load(&control->listener)]);
}

oriel_status oriel_device_view(const oriel_assignment *assignment, const oriel_view_tensor *tensor, uint32_t tensors,
                               const uint64_t *scalar, uint32_t scalars, const oriel_view_comm *comm, uint32_t comms,
                               oriel_view *view)
{
    oriel_device *device = assignment->device;
    view->fabric = &device->fabric.fabric;
    view->arena_base = device->setup->arena_base;
    view->arena_bytes = device->setup->arena_bytes;
    view->bells = device->setup->bells;
    view->tensors = tensors;
    view->comms = comms;
    view->tensor = tensor;
    view->comm = comm;
    return oriel_view_build(view, scalar, scalars);
}

/* ---- One command ------------------------------------------------------------------------------------------------ */

static bool has_ended(void *context)
{
    const oriel_kernel_run *run = context;
    return run->running == 0;
}

/* A kernel that needs no orchestration. */
static oriel_status run_kernel(const oriel_assignment *assignment)
{
    const oriel_command *command = assignment->command;
    oriel_device *device = assignment->device;
    oriel_view view;
    oriel_status status = oriel_device_view(assignment, command->tensor, command->tensors, command->scalar,
                                            command->scalars, assignment->comm, command->comms, &view);
    if (status != ORIEL_OK)
        return status;
    oriel_kernel_run run;
    run.kernel = assignment->callable->kernels;
    run.view = &view;
    run.blocks = command->blocks;
    run.deadline = assignment->deadline;
    run.abort[0] = &assignment->abort->set;
    run.abort[1] = &device->setup->mailbox->stop;
    run.ended = NULL;
    oriel_cores_start(device->cores, &run);
    oriel_loop_run(device->loop, &(oriel_wait){.ready = has_ended, .context = &run, .deadline = ORIEL_NEVER});
    oriel_view_free(&view);
    return run.status == ORIEL_OK ? ORIEL_OK : oriel_fail(run.status, "%s", run.message);
}

/* A device function, which submits kernels itself. */
static oriel_status run_function(const oriel_assignment *assignment)
{
    oriel_device *device = assignment->device;
    oriel_status status = device->orch ? ORIEL_OK : oriel_device_orch_create(device->setup, &device->orch);
    return status == ORIEL_OK ? oriel_device_orchestrate(device->orch, assignment) : status;
}

/* Finds the command's domains. A domain that a task before this one broke is not used again. */
static oriel_status find_domains(oriel_assignment *assignment)
{
    const oriel_command *command = assignment->command;
    char *base = assignment->device->setup->arena_base;
    for (uint32_t i = 0; i < command->comms; i++) {
        const oriel_domain_shared *domain = (void *)(base + command->comm[i].domain);
        if (atomic_load(&domain->broken))
            return oriel_fail(ORIEL_POISONED, "domain \"%s\" was broken by a task before this one", domain->name);
        assignment->comm[i] = (oriel_view_comm){domain, command->comm[i].rank};
    }
    return ORIEL_OK;
}

/* Its signals may be half done: nothing that comes later can use it. */
static void break_domains(const oriel_assignment *assignment)
{
    const oriel_command *command = assignment->command;
    char *base = assignment->device->setup->arena_base;
    for (uint32_t i = 0; i < command->comms; i++) {
        oriel_domain_shared *domain = (void *)(base + command->comm[i].domain);
        atomic_store(&domain->broken, 1);
    }
}

static oriel_status do_command(oriel_device *device, const oriel_command *command)
{
    oriel_assignment assignment = {
        .device = device,
        .command = command,
        .callable = &device->setup->callables[command->callable],
        .deadline = oriel_sooner(command->deadline, command->timeout),
        .abort = (void *)((char *)device->setup->arena_base + command->abort),
    };
    oriel_status status = find_domains(&assignment);
    if (status == ORIEL_OK)
        status = assignment.callable->device ? run_function(&assignment) : run_kernel(&assignment);
    if (status != ORIEL_OK)
        break_domains(&assignment);
    return status;
}

/* ---- The device ------------------------------------------------------------------------------------------------- */

static bool has_work(void *context)
{
    const oriel_device_setup *setup = context;
    return oriel_mailbox_command(setup->mailbox) || atomic_load(&setup->mailbox->stop);
}

static void serve(oriel_device *device)
{
    const oriel_device_setup *setup = device->setup;
    oriel_status last = ORIEL_OK; /* of the command before */
    oriel_wait work = {.ready = has_work, .context = (void *)setup, .deadline = ORIEL_NEVER};
    for (;;) {
        if (!has_work((void *)setup))
            oriel_loop_run(device->loop, &work);
        if (atomic_load(&setup->mailbox->stop))
            return;
        oriel_slot *slot = oriel_mailbox_command(setup->mailbox);
        if (oriel_mailbox_begin(slot)) {
            if (!slot->command.follows || last == ORIEL_OK)
                last = do_command(device, &slot->command);
            else
                last = oriel_fail(ORIEL_POISONED, "the command before it failed");
            slot->completion.status = last;
            if (last != ORIEL_OK)
                oriel_error_copy(slot->completion.message, sizeof slot->completion.message);
        }
        oriel_mailbox_complete(setup->mailbox);
        oriel_control_ring(setup->control);
    }
}

oriel_status oriel_device_main(void *context)
{
    const oriel_device_setup *setup = context;
    oriel_device device = {.setup = setup};
    oriel_fabric_shm_init(&device.fabric, setup->arena_base, setup->arena_bytes);
    oriel_status status = oriel_loop_create(&setup->bells[setup->index], &device.loop);
    if (status != ORIEL_OK)
        return status;
    status = oriel_cores_create(setup->engine, setup->limits, device.loop, &device.cores);
    if (status == ORIEL_OK)
        serve(&device);
    oriel_device_orch_free(device.orch);
    oriel_cores_free(device.cores);
    oriel_loop_free(device.loop);
    return status;
}
