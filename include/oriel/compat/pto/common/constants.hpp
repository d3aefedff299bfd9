/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes by which kernels lay out their tiles. */
#ifndef ORIEL_COMPAT_PTO_CONSTANTS_HPP
#define ORIEL_COMPAT_PTO_CONSTANTS_HPP

#include "pto/common/core.hpp"

namespace pto
{

constexpr int DYNAMIC = -1;

constexpr int BLOCK_BYTE_SIZE = 32;
constexpr int C0_SIZE_BYTE = 32;
constexpr int BLOCK_LEN = 16;
constexpr int CUBE_BLOCK_SIZE = 512;
constexpr int FRACTAL_NZ_ROW = 16;
constexpr int REPEAT_BYTE = 256;

} // namespace pto

#endif
