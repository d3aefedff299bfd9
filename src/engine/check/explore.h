/* SPDX-License-Identifier: Apache-2.0 */
/* Running a schedule and keeping what came of it: for the explorer, and for those who run a schedule again. */
#ifndef ORIEL_ENGINE_CHECK_EXPLORE_H
#define ORIEL_ENGINE_CHECK_EXPLORE_H

#include "engine/check/machine.h"

/* Runs a plan; a wrong result that nothing explains becomes a finding. ORIEL_FAULT (pto_trap), ORIEL_TIMEOUT. */
oriel_status check_run_and_note(machine *m, const oriel_plan *plan);

/* witness.c: runs options->replay, and says how it ended. */
oriel_status check_replay(machine *m);

/*
 * witness.c: whether the launch's expectation knows of other inputs than the usual ones: in `plan` they give no other verdict
 * than these.
 */
bool check_knows_others(machine *m, oriel_plan plan);

#endif
