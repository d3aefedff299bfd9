/* SPDX-License-Identifier: Apache-2.0 */
/* Places in the source, by addresses in the code: for what no macro can tell. */
#ifndef ORIEL_BASE_SITE_H
#define ORIEL_BASE_SITE_H

#include "base/bump.h"
#include "oriel/instr.h"

/*
 * The place of the call that returns to `from`; the innermost that is not in a header of oriel/compat. One object for each place,
 * for as long as the process lives. Without debug information (-g), or where this build cannot read it, its line is 0 and
 * its file names the object and the address there. Any thread; not in a signal handler.
 */
const pto_site *oriel_site_of(const void *from);

/* From now on new ones lie in `memory`, while there is room: for a process whose parent is to read them. */
void oriel_site_keep_in(oriel_bump *memory);

#endif
