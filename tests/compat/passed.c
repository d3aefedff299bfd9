/* SPDX-License-Identifier: Apache-2.0 */
#define COUNT 512u
#include "nothing.h"
