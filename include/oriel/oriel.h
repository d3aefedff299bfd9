/* SPDX-License-Identifier: Apache-2.0 */
/* Oriel for host programs, in C or C++: one include. Kernels, in C, include oriel/kernel.h and nothing else. */
#ifndef ORIEL_ORIEL_H
#define ORIEL_ORIEL_H

#include "oriel/check.h"
#include "oriel/comm.h"
#include "oriel/info.h"
#include "oriel/launch.h"
#include "oriel/status.h"
#include "oriel/tuning.h"
#include "oriel/types.h"
#include "oriel/worker.h"

#endif
