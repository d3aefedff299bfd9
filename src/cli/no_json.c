/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench.h"
#include "cli/check.h"
#include "cli/json.h"
#include "cli/tune.h"

bool cli_has_json(void)
{
    return false;
}

void cli_json_run(const cli_job *job, oriel_status status, const char *message, const oriel_report *report)
{
    (void)job, (void)status, (void)message, (void)report;
}

void cli_json_failure(oriel_status status, const char *message)
{
    (void)status, (void)message;
}

void cli_sarif_failure(const char *message)
{
    (void)message;
}

void cli_json_info(const oriel_host_info *host)
{
    (void)host;
}

void cli_check_json(const cli_checked *checked)
{
    (void)checked;
}

void cli_check_sarif(const cli_checked *checked)
{
    (void)checked;
}

void cli_prune_json(const cli_job *job, const oriel_prune_report *report)
{
    (void)job, (void)report;
}

void cli_folder_json(const cli_job *job, const cli_folder *folder)
{
    (void)job, (void)folder;
}

bool cli_tune_write(const cli_tuning *tuning, int file)
{
    (void)tuning, (void)file;
    return false;
}

void bench_json(const bench_job *job, const bench_outcome *outcome)
{
    (void)job, (void)outcome;
}
