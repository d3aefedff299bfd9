/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel includes: operands, instructions, flags. docs/compat.md says what is there. */
#ifndef ORIEL_COMPAT_PTO_INST_HPP
#define ORIEL_COMPAT_PTO_INST_HPP

#include <pto/common/constants.hpp>
#include <pto/common/event.hpp>
#include <pto/common/pto_instr.hpp>
#include <pto/common/pto_tile.hpp>

#endif
