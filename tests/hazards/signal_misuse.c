/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard signal_misuse_hazards[] = {
    {NULL},
};
