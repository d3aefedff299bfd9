/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard limit_hazards[] = {
    {NULL},
};
