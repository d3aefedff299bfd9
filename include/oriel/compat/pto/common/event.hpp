/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: flags that an instruction sets and another waits for, without pipes and ids in the kernel.
 *
 *      Event<Op::TLOAD, Op::TADD> loaded = TLOAD(tile, global);        set_flag(PIPE_MTE2, PIPE_V, id)
 *      TADD(sum, tile, other, loaded);                                 wait_flag(PIPE_MTE2, PIPE_V, id)
 *
 * Each has its id given, or the next of its two pipes (of eight, in turn: a ninth that is under way meets the first).
 */
#ifndef ORIEL_COMPAT_PTO_EVENT_HPP
#define ORIEL_COMPAT_PTO_EVENT_HPP

#include "pto/common/core.hpp"

namespace pto
{

/* What an instruction returns: there is something to record. */
struct RecordEvent {
};

enum class Op : uint16_t {
    SCALAR,
    TLOAD,
    TSTORE_VEC,
    VECTOR,
    TADD,
    TADDS,
    TSUB,
    TSUBS,
    TMUL,
    TMULS,
    TDIV,
    TDIVS,
    TMIN,
    TMINS,
    TMAX,
    TMAXS,
    TAND,
    TANDS,
    TOR,
    TORS,
    TXOR,
    TXORS,
    TEXPANDS,
    TCVT,
    TROWSUM,
    TROWMAX,
    TMOV_V2V,
    TMOV_M2L,
    TMOV_M2R,
    TMATMUL,
    TSTORE_ACC
};

namespace detail
{

constexpr pipe_t pipe_of(Op op)
{
    switch (op) {
    case Op::SCALAR: return PIPE_S;
    case Op::TLOAD: return PIPE_MTE2;
    case Op::TSTORE_VEC: return PIPE_MTE3;
    case Op::TMOV_M2L:
    case Op::TMOV_M2R: return PIPE_MTE1;
    case Op::TMATMUL: return PIPE_M;
    case Op::TSTORE_ACC: return PIPE_FIX;
    default: return PIPE_V;
    }
}

} // namespace detail

template <Op From, Op To, bool AutoId = true, event_t Id = EVENT_ID0> struct Event {
    static constexpr pipe_t srcPipe = detail::pipe_of(From), dstPipe = detail::pipe_of(To);
    static constexpr bool isSamePipe = srcPipe == dstPipe;

    PTO_INTERNAL Event() = default;
    PTO_INTERNAL Event(RecordEvent)
    {
        Record();
    }
    PTO_INTERNAL Event &operator=(RecordEvent)
    {
        return Record();
    }

    PTO_INTERNAL Event &Record()
    {
        if constexpr (!isSamePipe)
            set_flag(srcPipe, dstPipe, id_);
        return *this;
    }

    /* On one pipe, what came before is over. */
    PTO_INTERNAL Event &Wait()
    {
        if constexpr (isSamePipe)
            pipe_barrier(srcPipe);
        else
            wait_flag(srcPipe, dstPipe, id_);
        return *this;
    }

  private:
    event_t id_ = Id;
};

namespace detail
{

template <typename... Events> PTO_INTERNAL void wait_for(Events &...events)
{
    (events.Wait(), ...);
}

} // namespace detail
} // namespace pto

#endif
