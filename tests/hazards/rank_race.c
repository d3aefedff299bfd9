/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard rank_race_hazards[] = {
    {NULL},
};
