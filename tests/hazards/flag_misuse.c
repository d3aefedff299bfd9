/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard flag_misuse_hazards[] = {
    {NULL},
};
