/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard residue_hazards[] = {
    {NULL},
};
