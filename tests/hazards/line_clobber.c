/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard line_clobber_hazards[] = {
    {NULL},
};
