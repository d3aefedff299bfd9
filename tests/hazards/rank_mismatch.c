/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard rank_mismatch_hazards[] = {
    {NULL},
};
