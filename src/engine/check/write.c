/* SPDX-License-Identifier: Apache-2.0 */
/* From what the engine keeps to the public report. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/check/machine.h"

typedef struct writer {
    oriel_bump *memory;
    bool full;
} writer;

static const char *text(writer *w, const char *from)
{
    const char *copy = oriel_bump_string(w->memory, from);
    w->full |= !copy;
    return copy ? copy : "";
}

static oriel_check_place place(writer *w, const pto_site *site)
{
    if (!site)
        return (oriel_check_place){.file = "", .function = ""};
    return (oriel_check_place){.file = text(w, site->file), .function = text(w, site->function), .line = site->line};
}

static const char *id_of(writer *w, const oriel_found *found)
{
    char id[512];
    int length = snprintf(id, sizeof id, "%s", oriel_finding_name(found->kind));
    const oriel_meeting *met = &found->met[0];
    for (uint32_t i = 0; i < met->sides && i < 2; i++) {
        const pto_site *site = met->side[i].site;
        const char *slash = site ? strrchr(site->file, '/') : NULL;
        if (site && !site->line && length < (int)sizeof id)
            length += snprintf(id + length, sizeof id - (size_t)length, "/%s", site->function);
        else if (site && length < (int)sizeof id)
            length +=
                snprintf(id + length, sizeof id - (size_t)length, "/%s:%d", slash ? slash + 1 : site->file, site->line);
    }
    return text(w, id);
}

static void write_side(writer *w, const oriel_found_side *side, oriel_check_side *into)
{
    *into = (oriel_check_side){.place = place(w, side->site),
                               .what = text(w, side->what),
                               .bytes = text(w, side->bytes),
                               .rank = side->rank,
                               .block = side->block,
                               .call = side->call,
                               .pipe = side->pipe,
                               .kernel = side->kernel ? text(w, side->kernel) : "",
                               .task = side->task,
                               .host = side->host};
}

static void write_finding(writer *w, const oriel_found *found, oriel_finding *into)
{
    const oriel_meeting *met = &found->met[found->shown];
    oriel_check_side *side = oriel_bump_take(w->memory, met->sides * sizeof *side);
    w->full |= !side;
    for (uint32_t i = 0; side && i < met->sides; i++)
        write_side(w, &met->side[i], &side[i]);
    *into = (oriel_finding){.kind = found->kind,
                            .id = id_of(w, found),
                            .message = text(w, met->message),
                            .side = side,
                            .sides = side ? met->sides : 0,
                            .missing = text(w, found->missing),
                            .witness = text(w, found->witness),
                            .harm = found->harm,
                            .replay = text(w, found->replay ? found->replay : ""),
                            .count = found->count};
}

static int by_kind_and_place(const void *a, const void *b)
{
    const oriel_finding *x = a, *y = b;
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : strcmp(x->id, y->id);
}

static void write_statements(writer *w, const machine *m, oriel_check_report *report)
{
    uint32_t count = m->statements.count;
    oriel_check_statement *into = oriel_bump_take(w->memory, count * sizeof *into);
    w->full |= !into;
    for (uint32_t i = 0; into && i < count; i++) {
        const oriel_statement *statement = &m->statements.statement[i];
        char id[512];
        oriel_statement_id(statement, id, sizeof id);
        into[i] = (oriel_check_statement){.id = text(w, id),
                                          .place = place(w, statement->site),
                                          .what = text(w, oriel_op_name((pto_op)statement->op)),
                                          .times = statement->times};
    }
    report->statement = into;
    report->statements = into ? count : 0;
}

oriel_status oriel_checker_write(const oriel_checker *m, oriel_bump *memory, oriel_check_report *report)
{
    writer w = {.memory = memory};
    uint32_t count = m->findings.count;
    oriel_finding *finding = oriel_bump_take(memory, count * sizeof *finding);
    if (!finding)
        return oriel_fail(ORIEL_NO_MEMORY, "no memory for a report of %u findings", count);
    for (uint32_t i = 0; i < count; i++)
        write_finding(&w, &m->findings.found[i], &finding[i]);
    qsort(finding, count, sizeof *finding, by_kind_and_place);
    write_statements(&w, m, report);
    report->finding = finding;
    report->findings = count;
    report->schedules = m->schedules;
    report->random_schedules = m->random;
    report->exhaustive = m->exhaustive;
    report->ended = text(&w, m->ended ? m->ended : "");
    report->harmed = m->harmed;
    report->first_ms = m->first_ms;
    return w.full ? oriel_fail(ORIEL_NO_MEMORY, "no memory for a report of %u findings", count) : ORIEL_OK;
}
