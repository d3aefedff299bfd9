/* SPDX-License-Identifier: Apache-2.0 */
#define WITHOUT_TOKEN
#include "tasks.cpp"
