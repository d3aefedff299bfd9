/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard misaligned_hazards[] = {
    {NULL},
};
