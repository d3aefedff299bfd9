/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard reuse_race_hazards[] = {
    {NULL},
};
