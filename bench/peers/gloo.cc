/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gloo's driver. Ranks are processes, which meet over TCP on the loopback interface: Debian's package has no other
 * transport for one host. What a call is given (its options and registered buffers) is made once and used again, which
 * its users seldom do.
 */
#include <gloo/allgather.h>
#include <gloo/allreduce.h>
#include <gloo/alltoall.h>
#include <gloo/barrier.h>
#include <gloo/broadcast.h>
#include <gloo/config.h>
#include <gloo/gather.h>
#include <gloo/math.h>
#include <gloo/reduce.h>
#include <gloo/reduce_scatter.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/scatter.h>
#include <gloo/transport/tcp/device.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "driver.h"

namespace
{

struct library {
    std::shared_ptr<gloo::Context> context;
    std::function<void()> barrier, call;
};

const auto add = static_cast<void (*)(void *, const void *, const void *, size_t)>(&gloo::sum<float>);

/* Options stay with the function that uses them. They cannot be copied, and a std::function must be. */
template <typename Options> std::function<void()> with(Options *made, void (*function)(Options &))
{
    std::shared_ptr<Options> options(made);
    return [options, function] { function(*options); };
}

/* Options of an operation with one input and one output of the same kind of rank. */
template <typename Options> Options *buffers(library &own, const driver_call &call, size_t in, size_t out)
{
    auto options = new Options(own.context);
    options->setInput(call.send, in);
    options->setOutput(call.recv, out);
    return options;
}

std::function<void()> reduce(library &own, const driver_call &call)
{
    auto options = buffers<gloo::ReduceOptions>(own, call, call.all, call.all);
    options->setRoot(0);
    options->setReduceFunction(add);
    return with<gloo::ReduceOptions>(options, gloo::reduce);
}

std::function<void()> allreduce(library &own, const driver_call &call)
{
    std::shared_ptr<gloo::AllreduceOptions> options(buffers<gloo::AllreduceOptions>(own, call, call.all, call.all));
    options->setReduceFunction(add);
    return [options] { gloo::allreduce(*options); };
}

/*
 * The only one that there is: of the older kind, in place, so that its input is lost. It is spared the copy that would
 * keep the input, as the others do: one is made before each batch only.
 */
std::function<void()> reduce_scatter(library &own, const driver_call &call)
{
    const std::vector<int> counts(own.context->size, static_cast<int>(call.part));
    memcpy(call.recv, call.send, call.all * sizeof(float));
    auto algorithm = std::make_shared<gloo::ReduceScatterHalvingDoubling<float>>(
        own.context, std::vector<float *>{call.recv}, static_cast<int>(call.all), counts);
    return [algorithm] { algorithm->run(); };
}

std::function<void()> broadcast(library &own, const driver_call &call)
{
    auto options = new gloo::BroadcastOptions(own.context);
    options->setOutput(call.recv, call.all);
    options->setRoot(0);
    return with<gloo::BroadcastOptions>(options, gloo::broadcast);
}

std::function<void()> gather(library &own, const driver_call &call)
{
    auto options = new gloo::GatherOptions(own.context);
    options->setInput(call.send, call.part);
    if (own.context->rank == 0)
        options->setOutput(call.recv, call.all);
    options->setRoot(0);
    return with<gloo::GatherOptions>(options, gloo::gather);
}

std::function<void()> scatter(library &own, const driver_call &call)
{
    auto options = new gloo::ScatterOptions(own.context);
    std::vector<float *> blocks;
    for (int rank = 0; rank < own.context->size; rank++)
        blocks.push_back(call.send + rank * call.part);
    if (own.context->rank == 0)
        options->setInputs(blocks, call.part);
    options->setOutput(call.recv, call.part);
    options->setRoot(0);
    return with<gloo::ScatterOptions>(options, gloo::scatter);
}

std::function<void()> make(library &own, const driver_call &call)
{
    switch (call.operation) {
    case DRIVER_BARRIER: return own.barrier;
    case DRIVER_BROADCAST: return broadcast(own, call);
    case DRIVER_REDUCE: return reduce(own, call);
    case DRIVER_ALLREDUCE: return allreduce(own, call);
    case DRIVER_REDUCE_SCATTER: return reduce_scatter(own, call);
    case DRIVER_ALLGATHER:
        return with<gloo::AllgatherOptions>(buffers<gloo::AllgatherOptions>(own, call, call.part, call.all),
                                            gloo::allgather);
    case DRIVER_ALLTOALL:
        return with<gloo::AlltoallOptions>(buffers<gloo::AlltoallOptions>(own, call, call.all, call.all),
                                           gloo::alltoall);
    case DRIVER_GATHER: return gather(own, call);
    case DRIVER_SCATTER: return scatter(own, call);
    default: throw std::runtime_error("no such operation");
    }
}

void prepare(driver *it, const driver_call *call)
{
    auto own = static_cast<library *>(it->library);
    own->call = make(*own, *call);
}

void call_once(driver *it, const driver_call *call)
{
    auto own = static_cast<library *>(it->library);
    (call->operation == DRIVER_BARRIER ? own->barrier : own->call)();
}

int serve(driver it)
try {
    library own;
    auto device = gloo::transport::tcp::CreateDevice(gloo::transport::tcp::attr("127.0.0.1"));
    auto context = std::make_shared<gloo::rendezvous::Context>(it.rank, it.ranks);
    gloo::rendezvous::FileStore store(it.folder);
    context->connectFullMesh(store, device);
    own.context = context;
    own.barrier = with<gloo::BarrierOptions>(new gloo::BarrierOptions(context), gloo::barrier);
    it.library = &own;
    driver_serve(&it);
    own.call = own.barrier = nullptr;
    return 0;
} catch (const std::exception &error) {
    fprintf(stderr, "rank %d: %s\n", it.rank, error.what());
    return 1;
}

} // namespace

int main(int argc, char **argv)
{
    driver it = {};
    it.call = call_once;
    it.prepare = prepare;
    driver_parse(&it, argc, argv);
    char version[64];
    snprintf(version, sizeof version, "Gloo %d.%d.%d", GLOO_VERSION_MAJOR, GLOO_VERSION_MINOR, GLOO_VERSION_PATCH);
    it.version = version;
    for (it.rank = 0; it.rank < it.ranks; it.rank++)
        if (fork() == 0) {
            driver_bind(it.rank); /* its threads too */
            _exit(serve(it));
        }
    int status, failed = 0;
    while (wait(&status) > 0)
        failed |= status != 0;
    return failed;
}
