/* SPDX-License-Identifier: Apache-2.0 */
/* stage, arrive and gather, each a task: gather takes arrive's token, without which nothing orders it after the neighbour. */
#include "pto_orchestration_api.h"

extern "C" void ring_orchestration(const ChipTaskArgs &args)
{
    const ChipTensor &in = args.tensor(0).ref(), &out = args.tensor(1).ref(), &window = args.tensor(2).ref(),
                     &counter = args.tensor(3).ref();
    const uint64_t comm = args.scalar(0), call = args.scalar(1);
    ChipTensor half = window;
    half.shapes[0] /= 2;
    half.extent_elem_cache /= 2;
    half.start_offset = call % 2 * half.shapes[0];

    CoreTaskArgs stage;
    stage.add_input(in);
    stage.add_no_dep(half);
    stage.add_scalar(counter.buffer.addr);
    stage.add_scalar(comm);
    rt_submit_aiv_task(0, stage);

    const uint32_t one[] = {1};
    CoreTaskArgs arrive;
    arrive.add_output(TensorCreateInfo(one, 1, DataType::INT32));
    arrive.add_scalar(counter.buffer.addr);
    arrive.add_scalar(call + 1);
    const TaskOutputTensors token = rt_submit_aiv_task(1, arrive);

    CoreTaskArgs gather;
    gather.add_input(half);
    gather.add_output(out);
#ifndef WITHOUT_TOKEN
    gather.add_input(token.get_ref(0));
#else
    (void)token;
#endif
    rt_submit_aiv_task(2, gather);
}
