/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of -fsanitize=thread and -fsanitize-coverage=trace-pc, for a kernel in C++: each read and write of memory, and each
 * step of a loop, is told to liboriel (oriel/front.h). There is no sanitizer here: its compiler's half alone is used.
 *
 * It is compiled into each kernel's object, and all of it is hidden there: the program that loads the object may have a
 * sanitizer of its own, whose functions these must neither replace nor be replaced by.
 *
 * memcpy and its like are here too, since compilers call them for what the source writes as an assignment.
 */
#include "oriel/front.h"

#pragma GCC visibility push(hidden)

/* Where the kernel goes on: only right in the function that the kernel itself has called. */
#define HERE __builtin_return_address(0)

#define PIECE 16

/* Keeps a loop over bytes from being made a call of memcpy or memset, which would be the very function that it is in. */
#define AS_WRITTEN() __asm__ volatile("" ::: "memory")

static inline uint32_t piece_of(size_t bytes)
{
    return bytes < PIECE ? (uint32_t)bytes : PIECE;
}

/* ---- Loads and stores ------------------------------------------------------------------------------------------- */

#define ACCESS(prefix, bytes)                                                                                          \
    void prefix##read##bytes(void *at);                                                                                \
    void prefix##read##bytes(void *at)                                                                                 \
    {                                                                                                                  \
        oriel_front_read(at, bytes, HERE);                                                                             \
    }                                                                                                                  \
    void prefix##write##bytes(void *at);                                                                               \
    void prefix##write##bytes(void *at)                                                                                \
    {                                                                                                                  \
        oriel_front_write(at, bytes, HERE);                                                                            \
    }

#define ACCESSES(prefix) ACCESS(prefix, 2) ACCESS(prefix, 4) ACCESS(prefix, 8) ACCESS(prefix, 16)

ACCESS(__tsan_, 1)
ACCESSES(__tsan_)
ACCESSES(__tsan_unaligned_)
ACCESS(__tsan_volatile_, 1)
ACCESSES(__tsan_volatile_)
ACCESSES(__tsan_unaligned_volatile_)

/* A struct is told of, and copied then. A larger one is copied by memcpy, which tells of it. */
void __tsan_read_range(void *at, size_t bytes);
void __tsan_read_range(void *at, size_t bytes)
{
    if (bytes <= ORIEL_FRONT_MOST_BYTES)
        oriel_front_read(at, (uint32_t)bytes, HERE);
}

void __tsan_write_range(void *at, size_t bytes);
void __tsan_write_range(void *at, size_t bytes)
{
    if (bytes <= ORIEL_FRONT_MOST_BYTES)
        oriel_front_write(at, (uint32_t)bytes, HERE);
}

void __tsan_vptr_read(void **at);
void __tsan_vptr_read(void **at)
{
    oriel_front_read(at, sizeof *at, HERE);
}

void __tsan_vptr_update(void **at, void *value);
void __tsan_vptr_update(void **at, void *value)
{
    (void)value;
    oriel_front_write(at, sizeof *at, HERE);
}

/* ---- Atomics: accesses like others to a scalar unit, which nobody interrupts ------------------------------------------ */

#define ATOMIC_CHANGE(bits, type, name, result)                                                                        \
    type __tsan_atomic##bits##_##name(volatile type *at, type value, int order);                                       \
    type __tsan_atomic##bits##_##name(volatile type *at, type value, int order)                                        \
    {                                                                                                                  \
        (void)order;                                                                                                   \
        oriel_front_read(at, sizeof *at, HERE);                                                                        \
        const type old = *at;                                                                                          \
        oriel_front_write(at, sizeof *at, HERE);                                                                       \
        *at = (type)(result);                                                                                          \
        return old;                                                                                                    \
    }

#define ATOMIC_COMPARE(bits, type, name)                                                                               \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *at, type *expected, type value, int order,        \
                                                      int failure);                                                    \
    int __tsan_atomic##bits##_compare_exchange_##name(volatile type *at, type *expected, type value, int order,        \
                                                      int failure)                                                     \
    {                                                                                                                  \
        (void)order, (void)failure;                                                                                    \
        const type wanted = *expected, old = compare_exchange##bits(at, wanted, value, HERE);                          \
        *expected = old;                                                                                               \
        return old == wanted;                                                                                          \
    }

#define ATOMICS(bits, type)                                                                                            \
    type __tsan_atomic##bits##_load(const volatile type *at, int order);                                               \
    type __tsan_atomic##bits##_load(const volatile type *at, int order)                                                \
    {                                                                                                                  \
        (void)order;                                                                                                   \
        oriel_front_read(at, sizeof *at, HERE);                                                                        \
        return *at;                                                                                                    \
    }                                                                                                                  \
    void __tsan_atomic##bits##_store(volatile type *at, type value, int order);                                        \
    void __tsan_atomic##bits##_store(volatile type *at, type value, int order)                                         \
    {                                                                                                                  \
        (void)order;                                                                                                   \
        oriel_front_write(at, sizeof *at, HERE);                                                                       \
        *at = value;                                                                                                   \
    }                                                                                                                  \
    ATOMIC_CHANGE(bits, type, exchange, value)                                                                         \
    ATOMIC_CHANGE(bits, type, fetch_add, old + value)                                                                  \
    ATOMIC_CHANGE(bits, type, fetch_sub, old - value)                                                                  \
    ATOMIC_CHANGE(bits, type, fetch_and, old &value)                                                                   \
    ATOMIC_CHANGE(bits, type, fetch_or, old | value)                                                                   \
    ATOMIC_CHANGE(bits, type, fetch_xor, old ^ value)                                                                  \
    ATOMIC_CHANGE(bits, type, fetch_nand, ~(old & value))                                                              \
    static inline type compare_exchange##bits(volatile type *at, type wanted, type value, const void *from)            \
    {                                                                                                                  \
        oriel_front_read(at, sizeof *at, from);                                                                        \
        const type old = *at;                                                                                          \
        if (old == wanted) {                                                                                           \
            oriel_front_write(at, sizeof *at, from);                                                                   \
            *at = value;                                                                                               \
        }                                                                                                              \
        return old;                                                                                                    \
    }                                                                                                                  \
    ATOMIC_COMPARE(bits, type, strong)                                                                                 \
    ATOMIC_COMPARE(bits, type, weak)                                                                                   \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type wanted, type value, int order,             \
                                                    int failure);                                                      \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type wanted, type value, int order,             \
                                                    int failure)                                                       \
    {                                                                                                                  \
        (void)order, (void)failure;                                                                                    \
        return compare_exchange##bits(at, wanted, value, HERE);                                                        \
    }

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)
#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 sixteen_bytes;
ATOMICS(128, sixteen_bytes)
#endif

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    (void)order;
}

void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}

/* ---- Blocks of memory: each piece is read before the next is told, so that what is seen is what was told ------------------ */

typedef struct piece {
    char byte[PIECE];
} piece;

static inline piece take(const char *at, uint32_t n, const void *from)
{
    piece taken;
    oriel_front_read(at, n, from);
    if (n == PIECE)
        __builtin_memcpy(&taken, at, PIECE);
    else
        for (uint32_t i = 0; i < n; i++) {
            taken.byte[i] = at[i];
            AS_WRITTEN();
        }
    return taken;
}

static inline void put(char *at, const piece *given, uint32_t n, const void *from)
{
    oriel_front_write(at, n, from);
    if (n == PIECE)
        __builtin_memcpy(at, given, PIECE);
    else
        for (uint32_t i = 0; i < n; i++) {
            at[i] = given->byte[i];
            AS_WRITTEN();
        }
}

static inline void *copy(void *to, const void *source, size_t bytes, const void *from)
{
    char *out = (char *)to;
    const char *in = (const char *)source;
    /* Backwards where a piece would else be overwritten before it is taken. */
    const int backwards = (uintptr_t)out - (uintptr_t)in < bytes;
    for (size_t done = 0; done < bytes;) {
        const uint32_t n = piece_of(bytes - done);
        const size_t at = backwards ? bytes - done - n : done;
        const piece taken = take(in + at, n, from);
        put(out + at, &taken, n, from);
        done += n;
    }
    return to;
}

static inline void *fill(void *to, int value, size_t bytes, const void *from)
{
    piece same;
    for (uint32_t i = 0; i < PIECE; i++) {
        same.byte[i] = (char)value;
        AS_WRITTEN();
    }
    for (size_t done = 0; done < bytes;) {
        const uint32_t n = piece_of(bytes - done);
        put((char *)to + done, &same, n, from);
        done += n;
    }
    return to;
}

#define COPIES(name)                                                                                                   \
    void *name(void *to, const void *source, size_t bytes);                                                            \
    void *name(void *to, const void *source, size_t bytes)                                                             \
    {                                                                                                                  \
        return copy(to, source, bytes, HERE);                                                                          \
    }
#define FILLS(name)                                                                                                    \
    void *name(void *to, int value, size_t bytes);                                                                     \
    void *name(void *to, int value, size_t bytes)                                                                      \
    {                                                                                                                  \
        return fill(to, value, bytes, HERE);                                                                           \
    }

COPIES(memcpy)
COPIES(memmove)
FILLS(memset)
COPIES(__tsan_memcpy)
COPIES(__tsan_memmove)
FILLS(__tsan_memset)

int memcmp(const void *left, const void *right, size_t bytes);
int memcmp(const void *left, const void *right, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        const uint32_t n = piece_of(bytes - done);
        const piece l = take((const char *)left + done, n, HERE), r = take((const char *)right + done, n, HERE);
        for (uint32_t i = 0; i < n; i++)
            if (l.byte[i] != r.byte[i])
                return (unsigned char)l.byte[i] - (unsigned char)r.byte[i];
        done += n;
    }
    return 0;
}

/* ---- Steps ------------------------------------------------------------------------------------------------------ */

void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    oriel_front_step(HERE);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *from);
void __tsan_func_entry(void *from)
{
    (void)from;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

#pragma GCC visibility pop
