/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an orchestration in C++ is written with: it gets tensors and scalars, and submits kernels by their number. It runs once for each
 * rank and call, before the kernels do, so that it cannot read what they compute.
 */
#ifndef ORIEL_COMPAT_PTO_ORCHESTRATION_API_H
#define ORIEL_COMPAT_PTO_ORCHESTRATION_API_H

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <type_traits>

#include "tensor.h"

struct PTO2OrchestrationConfig {
    int expected_arg_count;
};

enum class PTO2ScopeMode : uint8_t { AUTO, MANUAL };

constexpr int32_t PTO2_ERROR_EXPLICIT_ORCH_FATAL = 1;

/* ---- What it is given -------------------------------------------------------------------------------------------- */

struct ChipTensorRef {
    const ChipTensor *tensor;
    const ChipTensor &ref() const
    {
        return *tensor;
    }
};

struct ChipTaskArgs {
    uint32_t tensors, scalars;
    ChipTensor of_tensor[ORIEL_FRONT_TENSORS];
    uint64_t of_scalar[ORIEL_FRONT_SCALARS];

    ChipTensorRef tensor(int32_t index) const
    {
        check(index, tensors, "the orchestration asks for a tensor that it was not given");
        return {&of_tensor[index]};
    }
    uint64_t scalar(int32_t index) const
    {
        check(index, scalars, "the orchestration asks for a scalar that it was not given");
        return of_scalar[index];
    }
    int32_t tensor_count() const
    {
        return static_cast<int32_t>(tensors);
    }
    int32_t scalar_count() const
    {
        return static_cast<int32_t>(scalars);
    }

  private:
    static void check(int32_t index, uint32_t count, const char *text)
    {
        if (index < 0 || static_cast<uint32_t>(index) >= count)
            oriel_front_give_up(text);
    }
};

static_assert(sizeof(ChipTaskArgs) == sizeof(oriel_front_args));

/* ---- What it submits --------------------------------------------------------------------------------------------- */

/* A tensor that the runtime is to make. */
struct TensorCreateInfo {
    ChipTensor tensor;

    TensorCreateInfo(const uint32_t shapes[], uint32_t ndims, DataType dtype) : tensor()
    {
        tensor.dtype = dtype;
        tensor.ndims = ndims;
        tensor.is_contiguous = true;
        uint32_t count = 1;
        for (uint32_t d = ndims; d-- > 0;) {
            tensor.shapes[d] = shapes[d];
            tensor.strides[d] = count;
            count *= shapes[d];
        }
        tensor.extent_elem_cache = count;
    }
};

/* A tensor in memory that is there. */
inline ChipTensor make_tensor_external(void *addr, const uint32_t shapes[], uint32_t ndims, DataType dtype)
{
    ChipTensor tensor = TensorCreateInfo(shapes, ndims, dtype).tensor;
    tensor.buffer.addr = reinterpret_cast<uintptr_t>(addr);
    return tensor;
}

struct CoreTaskArgs {
    uint32_t tensors = 0, scalars = 0, deps = 0, blocks = 1;
    ChipTensor tensor[ORIEL_FRONT_TENSORS];
    oriel_front_tag tag[ORIEL_FRONT_TENSORS];
    uint64_t scalar[ORIEL_FRONT_SCALARS];
    uint64_t dep[ORIEL_FRONT_DEPS];

    template <typename... More> void add_input(const ChipTensor &first, const More &...more)
    {
        add(first, ORIEL_FRONT_INPUT);
        (add(more, ORIEL_FRONT_INPUT), ...);
    }
    template <typename... More> void add_inout(const ChipTensor &first, const More &...more)
    {
        add(first, ORIEL_FRONT_INOUT);
        (add(more, ORIEL_FRONT_INOUT), ...);
    }
    template <typename... More> void add_no_dep(const ChipTensor &first, const More &...more)
    {
        add(first, ORIEL_FRONT_NO_DEP);
        (add(more, ORIEL_FRONT_NO_DEP), ...);
    }
    void add_output(const ChipTensor &existing)
    {
        add(existing, ORIEL_FRONT_OUTPUT);
    }
    void add_output(const TensorCreateInfo &made)
    {
        add(made.tensor, ORIEL_FRONT_OUTPUT);
    }
    template <typename T> void add_scalar(T value)
    {
        static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>, "a scalar is a number");
        if (scalars == ORIEL_FRONT_SCALARS)
            oriel_front_give_up("a task has too many scalars");
        else
            scalar[scalars++] = to_u64(value);
    }
    void add_dep(uint64_t task)
    {
        if (deps == ORIEL_FRONT_DEPS)
            oriel_front_give_up("a task has too many dependencies");
        else
            dep[deps++] = task;
    }
    void set_block_num(uint32_t count)
    {
        blocks = count;
    }

  private:
    void add(const ChipTensor &it, oriel_front_tag how)
    {
        if (tensors == ORIEL_FRONT_TENSORS) {
            oriel_front_give_up("a task has too many tensors");
            return;
        }
        tensor[tensors] = it;
        tag[tensors++] = how;
    }
};

/* What the runtime has made for a task, in the order in which it was asked for. */
struct TaskOutputTensors {
    ChipTensor made[ORIEL_FRONT_TENSORS];
    uint32_t count = 0;
    uint64_t task = 0;

    const ChipTensor &get_ref(uint32_t index) const
    {
        if (index >= count)
            oriel_front_give_up("the orchestration asks for an output that the runtime has not made");
        return made[index < count ? index : 0];
    }
    uint64_t task_id() const
    {
        return task;
    }
};

inline TaskOutputTensors rt_submit_aiv_task(int32_t kernel, const CoreTaskArgs &args)
{
    TaskOutputTensors outputs;
    ChipTensor tensor[ORIEL_FRONT_TENSORS];
    oriel_front_task task = {};
    task.tensors = args.tensors;
    task.scalars = args.scalars;
    task.deps = args.deps;
    task.blocks = args.blocks;
    for (uint32_t i = 0; i < args.tensors; i++) {
        tensor[i] = args.tensor[i];
        task.tensor[i] = reinterpret_cast<oriel_front_tensor *>(&tensor[i]);
        task.tag[i] = args.tag[i];
    }
    for (uint32_t i = 0; i < args.scalars; i++)
        task.scalar[i] = args.scalar[i];
    for (uint32_t i = 0; i < args.deps; i++)
        task.dep[i] = args.dep[i];
    outputs.task = oriel_front_submit(kernel, &task);
    for (uint32_t i = 0; i < args.tensors; i++)
        if (args.tag[i] == ORIEL_FRONT_OUTPUT && args.tensor[i].buffer.addr == 0)
            outputs.made[outputs.count++] = tensor[i];
    return outputs;
}

/* The simulated cores have both units. */
inline TaskOutputTensors rt_submit_aic_task(int32_t kernel, const CoreTaskArgs &args)
{
    return rt_submit_aiv_task(kernel, args);
}

/* ---- Trouble ----------------------------------------------------------------------------------------------------- */

inline void rt_report_fatal(int32_t, const char *format, ...)
{
    char text[512];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    oriel_front_give_up(text);
}

#define LOG_ERROR(...) rt_report_fatal(0, __VA_ARGS__)
#define LOG_WARN(...)  static_cast<void>(0)
#define LOG_INFO(...)  static_cast<void>(0)
#define LOG_DEBUG(...) static_cast<void>(0)

/* Temporaries live until the call ends: a scope bounds nothing here. */
inline void rt_scope_begin(PTO2ScopeMode = PTO2ScopeMode::AUTO)
{
}
inline void rt_scope_end()
{
}
#define PTO2_SCOPE() if (true)

#endif
