/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard uninitialized_read_hazards[] = {
    {NULL},
};
