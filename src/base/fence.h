/* SPDX-License-Identifier: Apache-2.0 */
/* The one fence that two threads need which each store something and then look at what the other stores. */
#ifndef ORIEL_BASE_FENCE_H
#define ORIEL_BASE_FENCE_H

#include <stdatomic.h>

#ifdef __SANITIZE_THREAD__ /* gcc: its TSan does not model fences; what they order here are atomics, no race hides */
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* Between the store and the look, in both: at least one of the two sees what the other has stored. */
static inline void oriel_look_after(void)
{
    atomic_thread_fence(memory_order_seq_cst);
}

#endif
