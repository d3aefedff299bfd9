/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/check/findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/isa.h"

static bool same_side(const oriel_found_side *a, const oriel_found_side *b)
{
    return a->site == b->site && a->host == b->host;
}

/* One kind and the same places, in whichever order they were met. */
static bool same_cause(const oriel_found *found, oriel_finding_kind kind, const oriel_found_side *side, uint32_t sides)
{
    const oriel_meeting *met = &found->met[0];
    if (found->kind != kind || !met->sides || !sides)
        return found->kind == kind && met->sides == sides;
    if (kind == ORIEL_FINDING_DEADLOCK || kind == ORIEL_FINDING_WRONG_RESULT)
        return true;
    bool wait_alone = kind == ORIEL_FINDING_STALE_SIGNAL; /* what it lets through varies */
    uint32_t compared = wait_alone || sides < 2 || met->sides < 2 ? 1 : 2;
    if (compared == 1)
        return same_side(&met->side[0], &side[0]);
    return (same_side(&met->side[0], &side[0]) && same_side(&met->side[1], &side[1])) ||
           (same_side(&met->side[0], &side[1]) && same_side(&met->side[1], &side[0]));
}

static void *copy(const void *from, size_t bytes)
{
    void *made = malloc(bytes ? bytes : 1);
    if (!made)
        abort();
    return bytes ? memcpy(made, from, bytes) : made;
}

static void meet(oriel_found *found, const oriel_found_side *side, uint32_t sides, const oriel_plan *plan,
                 const char *message)
{
    found->count++;
    if (found->meetings == ORIEL_MEETINGS)
        return;
    oriel_meeting *met = &found->met[found->meetings++];
    *met = (oriel_meeting){.sides = sides,
                           .side = copy(side, sides * sizeof *side),
                           .order = copy(plan->order, plan->length * sizeof *plan->order),
                           .length = plan->length,
                           .seed = plan->seed,
                           .contents = plan->contents};
    snprintf(met->message, sizeof met->message, "%s", message);
}

uint32_t oriel_findings_add(oriel_findings *findings, oriel_finding_kind kind, const oriel_found_side *side,
                            uint32_t sides, const oriel_plan *plan, const char *message, const char *missing)
{
    for (uint32_t i = 0; i < findings->count; i++)
        if (same_cause(&findings->found[i], kind, side, sides)) {
            meet(&findings->found[i], side, sides, plan, message);
            return i;
        }
    if (findings->count == findings->room) {
        findings->room = findings->room ? 2 * findings->room : 16;
        findings->found = realloc(findings->found, findings->room * sizeof *findings->found);
        if (!findings->found)
            abort();
    }
    oriel_found *found = &findings->found[findings->count];
    *found = (oriel_found){.kind = kind};
    snprintf(found->missing, sizeof found->missing, "%s", missing);
    meet(found, side, sides, plan, message);
    return findings->count++;
}

/* The two accesses of a race. A stale wait is shown first, and they behind it. */
static const oriel_found_side *accesses(const oriel_found *found)
{
    bool stale = found->kind == ORIEL_FINDING_STALE_SIGNAL;
    return found->met[0].sides >= (stale ? 3u : 2u) ? &found->met[0].side[stale] : NULL;
}

/* How much a race between ranks says of its cause; 0: it is none. */
static int weight(const oriel_found *found)
{
    switch (found->kind) {
    case ORIEL_FINDING_STALE_SIGNAL:
    case ORIEL_FINDING_EARLY_SIGNAL: return 3;
    case ORIEL_FINDING_RANK_RACE: return 2;
    case ORIEL_FINDING_REUSE_RACE: return 1;
    default: return 0;
    }
}

static bool same_pair(const oriel_found_side *a, const oriel_found_side *b)
{
    return (same_side(&a[0], &b[0]) && same_side(&a[1], &b[1])) || (same_side(&a[0], &b[1]) && same_side(&a[1], &b[0]));
}

/* The return that did not drain the first access is why it meets the next call's. */
static bool is_undrained_return(const oriel_found *by, const oriel_found_side *of)
{
    const oriel_found_side *side = accesses(by);
    return by->kind == ORIEL_FINDING_EARLY_SIGNAL && side && side[1].host && of[0].call != of[1].call &&
           (same_side(&side[0], &of[0]) || same_side(&side[0], &of[1]));
}

/* Whether `by` says all that `found` does, and more. */
static bool is_said_by(const oriel_found *found, const oriel_found *by)
{
    const oriel_found_side *mine = accesses(found), *other = accesses(by);
    if (found == by || !mine || !other)
        return false;
    if (found->kind == ORIEL_FINDING_PIPE_RACE)
        return is_undrained_return(by, mine);
    return weight(found) && weight(by) > weight(found) && same_pair(mine, other);
}

static void free_found(oriel_found *found)
{
    for (uint32_t k = 0; k < found->meetings; k++) {
        free(found->met[k].side);
        free(found->met[k].order);
    }
    free(found->replay);
}

void oriel_findings_fold(oriel_findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++)
        for (uint32_t k = 0; k < findings->count; k++)
            if (is_said_by(&findings->found[i], &findings->found[k])) {
                oriel_found *by = &findings->found[k];
                by->count += findings->found[i].count;
                if (!by->wrong[0])
                    memcpy(by->wrong, findings->found[i].wrong, sizeof by->wrong);
                free_found(&findings->found[i]);
                memmove(&findings->found[i], &findings->found[i + 1],
                        (--findings->count - i) * sizeof *findings->found);
                i = UINT32_MAX; /* from the beginning */
                break;
            }
}

void oriel_findings_free(oriel_findings *findings)
{
    for (uint32_t i = 0; i < findings->count; i++) {
        free_found(&findings->found[i]);
    }
    free(findings->found);
}

/* ---- Statements ------------------------------------------------------------------------------------------------- */

const oriel_statement *oriel_statements_reach(oriel_statements *statements, const pto_site *site, uint8_t op)
{
    uint32_t same = 0;
    for (uint32_t i = 0; i < statements->count; i++) {
        oriel_statement *known = &statements->statement[i];
        if (known->site == site) {
            known->times++;
            return NULL;
        }
        same += known->op == op && known->site->line == site->line && strcmp(known->site->file, site->file) == 0;
    }
    if (statements->count == statements->room) {
        statements->room = statements->room ? 2 * statements->room : 16;
        statements->statement = realloc(statements->statement, statements->room * sizeof *statements->statement);
        if (!statements->statement)
            abort();
    }
    oriel_statement *fresh = &statements->statement[statements->count++];
    *fresh = (oriel_statement){.site = site, .op = op, .same = same, .times = 1};
    return fresh;
}

void oriel_statement_id(const oriel_statement *statement, char *text, size_t size)
{
    const pto_site *site = statement->site;
    const char *slash = strrchr(site->file, '/');
    char number[16] = "";
    if (statement->same)
        snprintf(number, sizeof number, "#%u", statement->same + 1);
    snprintf(text, size, "%s:%d:%s%s", slash ? slash + 1 : site->file, site->line, oriel_op_name((pto_op)statement->op),
             number);
}

void oriel_statements_free(oriel_statements *statements)
{
    free(statements->statement);
}
