/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard early_signal_hazards[] = {
    {NULL},
};
