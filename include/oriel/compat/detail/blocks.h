/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read before a kernel's source, by GCC, which does not tell the hooks of all that it copies. Clang does.
 */
#ifndef ORIEL_COMPAT_BLOCKS_H
#define ORIEL_COMPAT_BLOCKS_H

#include <string.h>

/* Where the size is known these are made instructions. The library's templates use them, for std::copy and std::fill. */
#define __builtin_memcpy  ::memcpy
#define __builtin_memmove ::memmove
#define __builtin_memset  ::memset

/* A struct that is passed or returned by value is told of only where the call is inlined: whoever forbids that gets it all the same. */
#define noinline     unused
#define __noinline__ __unused__

#endif
