/* SPDX-License-Identifier: Apache-2.0 */
/* What a user needs to see of all that a compiler prints (of GCC or Clang, in English). */
#ifndef ORIEL_FRONT_COMPLAINT_H
#define ORIEL_FRONT_COMPLAINT_H

#include <stddef.h>

/*
 * Writes into `text` (`bytes` of it) a message about `source`, which does not compile. `output` is what the compiler has printed; it
 * is taken apart in place.
 *
 * If the first errors say that oriel/compat lacks something (a static_assert whose message begins with "oriel: "), that alone is it,
 * with the line of the kernel that wants it:
 *
 *      kernel.cpp:12:5: TSORT32 is not supported yet (docs/compat.md)
 *
 * Else the first errors, each with the line of the template's use that led to it:
 *
 *      kernel.cpp does not compile:
 *      kernel.cpp:14:3: error: 'x' was not declared in this scope
 */
void oriel_complaint(const char *source, char *output, char *text, size_t bytes);

#endif
