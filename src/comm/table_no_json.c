/* SPDX-License-Identifier: Apache-2.0 */
#include "comm/table.h"

oriel_status oriel_table_read(const char *path, oriel_table *table)
{
    (void)table;
    return oriel_fail(ORIEL_UNAVAILABLE,
                      "%s: this build cannot read it, since jansson was not found; ORIEL_TUNING=none goes without",
                      path);
}
