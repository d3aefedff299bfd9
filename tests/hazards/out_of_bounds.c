/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard out_of_bounds_hazards[] = {
    {NULL},
};
