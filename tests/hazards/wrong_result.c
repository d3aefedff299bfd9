/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard wrong_result_hazards[] = {
    {NULL},
};
