/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: flags that are set and waited for by objects.
 *
 *      Event<Op::TLOAD, Op::TADD> loaded;
 *      loaded = TLOAD(a, global);              set_flag(PIPE_MTE2, PIPE_V, id)
 *      TADD(c, a, b, loaded);                  wait_flag(PIPE_MTE2, PIPE_V, id), before the addition
 *
 * Between two instructions of one pipe an event is a barrier of that pipe, where it is waited for.
 */
#ifndef ORIEL_COMPAT_PTO_EVENT_HPP
#define ORIEL_COMPAT_PTO_EVENT_HPP

#include "oriel/compat/detail/pipes.hpp"

namespace pto
{

/* Every instruction that an event can stand between, once: X(name, pipe). */
#define ORIEL_COMPAT_EVENT_OPS(X)                                                                                      \
    X(TLOAD, MTE2)                                                                                                     \
    X(TSTORE_VEC, MTE3)                                                                                                \
    X(SCALAR, S)                                                                                                       \
    X(VECTOR, V)                                                                                                       \
    X(TADD, V)                                                                                                         \
    X(TSUB, V)                                                                                                         \
    X(TMUL, V)                                                                                                         \
    X(TDIV, V)                                                                                                         \
    X(TMAX, V)                                                                                                         \
    X(TMIN, V)                                                                                                         \
    X(TAND, V)                                                                                                         \
    X(TOR, V)                                                                                                          \
    X(TXOR, V)                                                                                                         \
    X(TADDS, V)                                                                                                        \
    X(TSUBS, V)                                                                                                        \
    X(TMULS, V)                                                                                                        \
    X(TDIVS, V)                                                                                                        \
    X(TMAXS, V)                                                                                                        \
    X(TMINS, V)                                                                                                        \
    X(TANDS, V)                                                                                                        \
    X(TORS, V)                                                                                                         \
    X(TXORS, V)                                                                                                        \
    X(TCVT, V)                                                                                                         \
    X(TEXPANDS, V)                                                                                                     \
    X(TMOV_V2V, V)                                                                                                     \
    X(TROWSUM, V)                                                                                                      \
    X(TROWMAX, V)                                                                                                      \
    X(TMOV_M2L, MTE1)                                                                                                  \
    X(TMOV_M2R, MTE1)                                                                                                  \
    X(TMATMUL, M)                                                                                                      \
    X(TSTORE_ACC, FIX)

enum class Op : uint16_t {
#define ORIEL_COMPAT_OP_NAME(name, pipe) name,
    ORIEL_COMPAT_EVENT_OPS(ORIEL_COMPAT_OP_NAME)
#undef ORIEL_COMPAT_OP_NAME
        OP_COUNT
};

constexpr pipe_t oriel_pipe_of(Op op)
{
    switch (op) {
#define ORIEL_COMPAT_OP_PIPE(name, pipe)                                                                               \
    case Op::name: return PIPE_##pipe;
        ORIEL_COMPAT_EVENT_OPS(ORIEL_COMPAT_OP_PIPE)
#undef ORIEL_COMPAT_OP_PIPE
    case Op::OP_COUNT: break;
    }
    return PIPE_ALL;
}

/* What an instruction returns: assigned to an event, it records it. */
struct RecordEvent {
};

struct EventBaseTag {
};

template <Op SrcOp, Op DstOp, bool AutoToken = true, event_t EventID = EVENT_ID0> struct Event : EventBaseTag {
    static constexpr pipe_t srcPipe = oriel_pipe_of(SrcOp), dstPipe = oriel_pipe_of(DstOp);
    static constexpr bool isSamePipe = srcPipe == dstPipe;
    const event_t token;

    PTO_INTERNAL Event() : token(next())
    {
    }
    PTO_INTERNAL Event(RecordEvent) : token(next())
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
            set_flag(srcPipe, dstPipe, token);
        return *this;
    }
    PTO_INTERNAL Event &Init()
    {
        return Record();
    }
    PTO_INTERNAL Event &Wait()
    {
        if constexpr (isSamePipe)
            pipe_barrier(srcPipe);
        else
            wait_flag(srcPipe, dstPipe, token);
        return *this;
    }

  private:
    PTO_INTERNAL static event_t next()
    {
        if constexpr (AutoToken && !isSamePipe)
            return static_cast<event_t>(
                oriel_front_next_event(oriel::compat::pipe_of(srcPipe), oriel::compat::pipe_of(dstPipe)));
        else
            return EventID;
    }
};

template <typename T>
constexpr bool is_event_v = std::is_base_of_v<EventBaseTag, std::remove_cv_t<std::remove_reference_t<T>>>;

template <typename... Events> PTO_INTERNAL void WaitAllEvents(Events &...events)
{
    static_assert((is_event_v<Events> && ...), "what follows an instruction's operands must be events");
    (events.Wait(), ...);
}

} // namespace pto

#endif
