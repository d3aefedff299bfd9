/* SPDX-License-Identifier: Apache-2.0 */
/* What the three forms of a strand share, and what tells them apart. Private to base/. */
#ifndef ORIEL_BASE_STRAND_FORMS_H
#define ORIEL_BASE_STRAND_FORMS_H

#include "base/strand.h"

typedef struct oriel_strand_ops {
    oriel_status (*start)(const oriel_strand_options *options, oriel_strand_fn function, void *context,
                          oriel_strand **strand);
    oriel_fate (*poll)(oriel_strand *strand);
    void (*kill)(oriel_strand *strand); /* NULL: cannot be ended from outside */
    void (*free)(oriel_strand *strand);
} oriel_strand_ops;

extern const oriel_strand_ops oriel_strand_process;
extern const oriel_strand_ops oriel_strand_thread;
extern const oriel_strand_ops oriel_strand_coroutine;

#define ORIEL_STRAND_NAME_BYTES 16 /* the kernel's own limit */

/* The head of every form's own structure. */
struct oriel_strand {
    const oriel_strand_ops *ops;
    char name[ORIEL_STRAND_NAME_BYTES];
    int pid;          /* of a process, else 0 */
    oriel_bell *bell; /* rings when a process or thread returns */
    oriel_loop *loop; /* of a coroutine, else NULL */
};

void oriel_strand_set_name(oriel_strand *strand, const char *name);

/* What a process or thread leaves when its function returns, for its starter to find. All zero: not yet. */
typedef struct oriel_legacy {
    oriel_bell bell;
    _Atomic uint32_t returned;
    oriel_status status;
} oriel_legacy;

void oriel_legacy_leave(oriel_legacy *legacy, oriel_status status);
bool oriel_legacy_left(const oriel_legacy *legacy);

/* oriel_wait_for in a coroutine. */
oriel_status oriel_coroutine_wait(const oriel_wait *wait);

#endif
