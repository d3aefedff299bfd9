/* SPDX-License-Identifier: Apache-2.0 */
#include "hazard.h"

const hazard stale_signal_hazards[] = {
    {NULL},
};
