/* SPDX-License-Identifier: Apache-2.0 */
/* A program for people: one line for each step, numbered as the messages number them. */
#include <inttypes.h>

#include "isa/isa.h"
#include "oriel/info.h"
#include "program.h"

static void print_place(FILE *to, const fuzz_place *at)
{
    static const char *const names[] = {"in", "out", "scratch", "adds", "words", "signals", "raw"};
    fprintf(to, " %s+%" PRIu64, names[at->buffer], at->base);
    if (at->per_rank)
        fprintf(to, "+%u*rank", at->per_rank);
    if (at->per_block)
        fprintf(to, "+%u*block", at->per_block);
    if (at->whose == FUZZ_NEXT)
        fprintf(to, "@me+%u%s", at->by, at->loops ? "+turn" : "");
    if (at->whose == FUZZ_RANK)
        fprintf(to, "@%u%s", at->by, at->loops ? "+turn" : "");
}

static void print_tensor(FILE *to, const char *name, const fuzz_tensor *tensor)
{
    fprintf(to, " %s=", name);
    print_place(to, &tensor->at);
    fprintf(to, " %s[", tensor->dtype < PTO_DTYPE_COUNT ? oriel_dtype_name(tensor->dtype) : "?");
    for (int d = 0; d < 5; d++)
        fprintf(to, "%s%" PRIu64 ":%" PRIu64, d ? " " : "", tensor->shape[d], tensor->stride[d]);
    fprintf(to, "]");
}

static void print_instr(FILE *to, const fuzz_step *step)
{
    for (int i = 0; i < 2; i++)
        if (step->has_tensor[i])
            print_tensor(to, i ? "from" : "to", &step->tensor[i]);
    if (step->has_group) {
        print_tensor(to, step->symmetric ? "group" : "each", &step->group);
        if (step->group_ranks)
            fprintf(to, "x%u", step->group_ranks - 1);
    }
    for (int i = 0; i < 3; i++)
        if (step->has_tile[i])
            fprintf(to, " %s{%u: %ux%u, %ux%u}",
                    step->tile[i].dtype < PTO_DTYPE_COUNT ? oriel_dtype_name(step->tile[i].dtype) : "?",
                    step->tile[i].offset, step->tile[i].rows, step->tile[i].cols, step->tile[i].valid_rows,
                    step->tile[i].valid_cols);
    if (step->from_register)
        fprintf(to, " register");
    else if (step->scalar.is_float)
        fprintf(to, " %g", step->scalar.value.f);
    else
        fprintf(to, " %" PRId64, step->scalar.value.i);
    fprintf(to, " mode %u", step->mode);
}

static void print_signal(FILE *to, const fuzz_step *step)
{
    print_place(to, &step->place);
    if (step->cells != 1)
        fprintf(to, " x%u/%u", step->cells, step->stride);
    if (step->op == PTO_OP_TNOTIFY)
        fprintf(to, step->mode == PTO_NOTIFY_ADD ? " +=" : " =");
    else
        fprintf(to, " %s", step->mode < PTO_CMP_COUNT ? oriel_cmp_name((pto_cmp)step->mode) : "?");
    fprintf(to, " %d", step->value);
    if (step->per_turn)
        fprintf(to, "%+d*#%u", step->per_turn, step->turn);
}

static void print_step(FILE *to, const fuzz_step *step)
{
    static const char *const kinds[] = {"", "", "", "", "repeat", "test", "odd", "poll", "turn"};
    bool instr = step->kind == FUZZ_INSTR || step->kind == FUZZ_SYNC || step->kind == FUZZ_ACCESS;
    fprintf(to, "%s", instr || step->kind == FUZZ_SIGNAL ? oriel_op_name(step->op) : kinds[step->kind]);
    switch (step->kind) {
    case FUZZ_INSTR: print_instr(to, step); break;
    case FUZZ_SYNC:
        fprintf(to, " %s %s %u", oriel_pipe_name(step->src), oriel_pipe_name(step->dst), step->id);
        if (step->has_place)
            print_place(to, &step->place);
        break;
    case FUZZ_ACCESS:
        print_place(to, &step->place);
        fprintf(to, " %s %s", step->dtype < PTO_DTYPE_COUNT ? oriel_dtype_name(step->dtype) : "?",
                step->from_register ? "register" : "");
        break;
    case FUZZ_REPEAT: fprintf(to, " %u steps, %u times", step->length, step->times); break;
    case FUZZ_ODD: fprintf(to, " %u steps", step->length); break;
    case FUZZ_TURN: fprintf(to, " #%u", step->turn); break;
    case FUZZ_TEST:
    case FUZZ_POLL:
    case FUZZ_SIGNAL: print_signal(to, step); break;
    default: break;
    }
    if (step->kind == FUZZ_TEST)
        fprintf(to, " else skip %u", step->length);
    if ((step->ranks & 15) != 15)
        fprintf(to, " (ranks %x)", step->ranks & 15u);
    if ((step->blocks & 7) != 7)
        fprintf(to, " (blocks %x)", step->blocks & 7u);
}

void fuzz_print(FILE *to, const fuzz_program *program)
{
    fprintf(to, "%s%s program of %u steps: %s, %u ranks, %u blocks, %u calls, profile %s, seed %" PRIu64 "%s%s\n",
            program->tame ? "tame" : "wild", program->defects ? " (with defects)" : "", program->steps,
            program->platform, program->ranks, program->blocks, program->calls, oriel_profile_name(program->profile),
            program->seed, program->has_output ? "" : ", no output", program->inexact ? ", inexact" : "");
    for (uint32_t i = 0; i < program->steps; i++) {
        fprintf(to, "%4u  ", i);
        print_step(to, &program->step[i]);
        fprintf(to, "\n");
    }
}
