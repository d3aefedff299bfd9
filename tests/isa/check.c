/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protects: each rule about operands is enforced, with a message that names the operand and the numbers, and what a rule
 * barely allows is allowed. Each case is one change to an instruction that is fine without it.
 */
#include "isa/isa.h"
#include "oriel/kernel.h"
#include "test.h"

static const oriel_limits limits = {
    .ub_bytes = 196608, .ub_align = 32, .event_ids = 8, .line_bytes = 64, .max_devices = 64};

/* The operands of all cases; each test begins with a fresh set. */
static struct operands {
    pto_tile dst, a, b;          /* 4 x 64 f32, all different places */
    pto_tile acc, ping, pong;    /* 2 x 16 f32 */
    pto_global out, in;          /* 4 x 64 f32 */
    pto_global each[3], columns; /* 4 x 64 f32 of three ranks; 12 x 64 f32 */
    pto_comm comm;
    pto_group group;     /* the three, one by one */
    pto_group symmetric; /* 4 x 64 f32 in the windows of three ranks */
} op;

#define OBJECT(n) ((uint64_t)(n) << PTO_ADDR_OBJECT_SHIFT)

static int fresh(void **state)
{
    (void)state;
    op = (struct operands){
        .dst = {PTO_F32, 0, 4, 64, 4, 64},
        .a = {PTO_F32, 1024, 4, 64, 4, 64},
        .b = {PTO_F32, 2048, 4, 64, 4, 64},
        .acc = {PTO_F32, 4096, 2, 16, 2, 16},
        .ping = {PTO_F32, 5120, 2, 16, 2, 16},
        .pong = {PTO_F32, 6144, 2, 16, 2, 16},
        .out = pto_global_2d(OBJECT(1), PTO_F32, 4, 64, 64),
        .in = pto_global_2d(OBJECT(2), PTO_F32, 4, 64, 80),
        .columns = pto_global_2d(OBJECT(3), PTO_F32, 12, 64, 64),
        .comm = {.rank = 1, .ranks = 3, .buffers = 2, .first_object = 64},
    };
    for (int r = 0; r < 3; r++)
        op.each[r] = pto_global_2d(OBJECT(10 + r), PTO_F32, 4, 64, 64 + r);
    op.group = (pto_group){.each = op.each, .ranks = 3};
    op.symmetric = (pto_group){.comm = &op.comm, .mine = pto_global_2d(OBJECT(64 + 2), PTO_F32, 4, 64, 64), .ranks = 3};
    return 0;
}

static oriel_status check(pto_instr instr)
{
    return oriel_instr_check(&instr, &limits);
}

/* The instructions that the cases change. */
#define LOAD   ((pto_instr){.op = PTO_OP_TLOAD, .tile = {&op.dst}, .global = {NULL, &op.in}})
#define STORE  ((pto_instr){.op = PTO_OP_TSTORE, .tile = {&op.a}, .global = {&op.out, NULL}})
#define ADDING ((pto_instr){.op = PTO_OP_TSTORE, .mode = PTO_ATOMIC_ADD, .tile = {&op.a}, .global = {&op.out, NULL}})
#define ADD    ((pto_instr){.op = PTO_OP_TADD, .tile = {&op.dst, &op.a, &op.b}})
#define MULS   ((pto_instr){.op = PTO_OP_TMULS, .tile = {&op.dst, &op.a}})
#define CVT    ((pto_instr){.op = PTO_OP_TCVT, .tile = {&op.dst, &op.a}})
#define ROWSUM ((pto_instr){.op = PTO_OP_TROWSUM, .tile = {&op.dst, &op.a}})
#define PUT    ((pto_instr){.op = PTO_OP_TPUT, .tile = {&op.ping, &op.pong}, .global = {&op.out, &op.in}})
#define GET    ((pto_instr){.op = PTO_OP_TGET, .tile = {&op.ping}, .global = {&op.out, &op.in}})
#define REDUCE                                                                                                         \
    ((pto_instr){.op = PTO_OP_TREDUCE, .tile = {&op.acc, &op.ping, &op.pong}, .global = {&op.out}, .group = &op.group})
#define GATHER                                                                                                         \
    ((pto_instr){.op = PTO_OP_TGATHER, .tile = {&op.ping, &op.pong}, .global = {&op.columns}, .group = &op.group})
#define SCATTER                                                                                                        \
    ((pto_instr){.op = PTO_OP_TSCATTER, .tile = {&op.ping}, .global = {NULL, &op.columns}, .group = &op.symmetric})
#define BCAST                                                                                                          \
    ((pto_instr){.op = PTO_OP_TBROADCAST, .tile = {&op.ping}, .global = {NULL, &op.in}, .group = &op.symmetric})

/* `instr` with fresh operands, after `change`, is refused with exactly this message. */
#define REFUSED(instr, change, message)                                                                                \
    do {                                                                                                               \
        fresh(NULL);                                                                                                   \
        change;                                                                                                        \
        assert_int_equal(check(instr), ORIEL_FAULT);                                                                   \
        assert_string_equal(oriel_last_error(), message);                                                              \
    } while (0)

#define ALLOWED(instr, change)                                                                                         \
    do {                                                                                                               \
        fresh(NULL);                                                                                                   \
        change;                                                                                                        \
        assert_ok(check(instr));                                                                                       \
    } while (0)

/* Elements of at most four bytes: larger ones would overlap. */
static void all_of(pto_dtype dtype)
{
    op.dst.dtype = op.a.dtype = op.b.dtype = dtype;
}

static void what_is_right_passes(void **state)
{
    (void)state;
    const pto_instr fine[] = {LOAD, STORE, ADDING, ADD, MULS, CVT, PUT, GET, REDUCE, GATHER, SCATTER, BCAST};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_ok(check(fine[i]));
    for (int i = PTO_OP_TADD; i <= PTO_OP_TXOR; i++)
        ALLOWED(((pto_instr){.op = (pto_op)i, .tile = {&op.dst, &op.a, &op.b}}), all_of(PTO_I32));
    for (int i = PTO_OP_TADDS; i <= PTO_OP_TXORS; i++)
        ALLOWED(((pto_instr){.op = (pto_op)i, .tile = {&op.dst, &op.a}}), all_of(PTO_I32));
    ALLOWED(((pto_instr){.op = PTO_OP_TFILL, .tile = {&op.dst}}), (void)0);
    ALLOWED(((pto_instr){.op = PTO_OP_TMOV, .tile = {&op.dst, &op.a}}), (void)0);
    ALLOWED(ROWSUM, op.dst.valid_cols = 1);
}

static void a_tile_is_well_formed_and_lies_in_ub(void **state)
{
    (void)state;
    REFUSED(ADD, op.b.dtype = PTO_DTYPE_COUNT, "TADD: b has no known type (10)");
    REFUSED(ADD, op.a.rows = 0, "TADD: a has 0 rows and 64 columns; a tile has at least one of each");
    REFUSED(ADD, op.dst.cols = 0, "TADD: dst has 4 rows and 0 columns; a tile has at least one of each");
    REFUSED(LOAD, op.dst.valid_rows = 5, "TLOAD: dst has 5 x 64 valid elements, its tile only 4 x 64");
    REFUSED(STORE, op.a.valid_cols = 65, "TSTORE: src has 4 x 65 valid elements, its tile only 4 x 64");
    REFUSED(ADD, op.a.offset = 1040, "TADD: a is at UB offset 1040, not a multiple of 32");
    REFUSED(ADD, op.a.cols = 66, "TADD: a has rows of 264 B, not a multiple of 32");
    REFUSED(LOAD, op.dst.offset = 195616,
            "TLOAD: dst of 4 x 64 f32 at UB offset 195616 ends at 196640, UB has 196608 B");
    ALLOWED(LOAD, op.dst.offset = 195584);
    REFUSED(LOAD, op.dst.rows = UINT32_MAX,
            "TLOAD: dst of 4294967295 x 64 f32 at UB offset 0 ends at 1099511627520, UB has 196608 B");
    REFUSED(LOAD, (op.dst.rows = UINT32_MAX, op.dst.cols = UINT32_MAX - 7, op.dst.dtype = PTO_I64),
            "TLOAD: dst of 4294967295 x 4294967288 i64 at UB offset 0 ends at 18446744073709551615, UB has 196608 B");
    REFUSED(((pto_instr){.op = PTO_OP_TADD, .tile = {&op.dst, &op.a}}), (void)0, "TADD: b is missing");
}

static void operands_have_one_type_and_shape(void **state)
{
    (void)state;
    REFUSED(ADD, op.b.dtype = PTO_F16, "TADD: b is f16, dst is f32");
    REFUSED(MULS, op.a.dtype = PTO_I32, "TMULS: a is i32, dst is f32");
    REFUSED(ADD, op.a.valid_cols = 63, "TADD: a has 4 x 63 valid elements, dst has 4 x 64");
    REFUSED(ADD, op.b.valid_rows = 3, "TADD: b has 3 x 64 valid elements, dst has 4 x 64");
    ALLOWED(ADD, (op.a.rows = 1, op.a.valid_rows = op.b.valid_rows = op.dst.valid_rows = 1));
    ALLOWED(ADD, op.a.valid_rows = op.b.valid_rows = op.dst.valid_rows = 0);
    REFUSED(CVT, op.a.valid_rows = 3, "TCVT: src has 3 x 64 valid elements, dst has 4 x 64");
    ALLOWED(CVT, op.a.dtype = PTO_BF16);
    REFUSED(ROWSUM, (void)0, "TROWSUM: dst has 4 x 64 valid elements; the 4 rows of src need 4 x 1 or 1 x 4");
    REFUSED(ROWSUM, (op.dst.valid_cols = 1, op.a.valid_rows = 2),
            "TROWSUM: dst has 4 x 1 valid elements; the 2 rows of src need 2 x 1 or 1 x 2");
    ALLOWED(ROWSUM, (op.dst.valid_rows = 1, op.dst.valid_cols = 4));
    REFUSED(ROWSUM, (op.dst.valid_rows = 1, op.dst.valid_cols = 4, op.dst.offset = op.a.offset),
            "TROWSUM: dst is a row at UB offset 1024, where src begins: results lie over rows to come");
    ALLOWED(ROWSUM, (op.dst.valid_cols = op.dst.valid_rows = op.a.valid_rows = 1, op.dst.offset = op.a.offset));
    REFUSED(ROWSUM, (op.dst.valid_cols = 1, op.a.dtype = PTO_I32), "TROWSUM: src is i32, dst is f32");
}

static void a_source_is_the_destination_or_apart_from_it(void **state)
{
    (void)state;
    ALLOWED(ADD, op.a = op.b = op.dst);
    REFUSED(ADD, op.a.offset = 32, "TADD: a at UB offset 32 overlaps dst at 0 without being it element by element");
    REFUSED(ADD, op.b.offset = 992, "TADD: b at UB offset 992 overlaps dst at 0 without being it element by element");
    /* The same place with other rows: fine for a single row only. */
    REFUSED(ADD, (op.a.offset = 0, op.a.cols = 72),
            "TADD: a at UB offset 0 overlaps dst at 0 without being it element by element");
    ALLOWED(ADD, (op.a.offset = 0, op.a.cols = 72, op.a.valid_rows = op.b.valid_rows = op.dst.valid_rows = 1));
    /* Left and right half of the same rows, and the one byte too many. */
    ALLOWED(ADD, (op.a.offset = 128, op.a.valid_cols = op.b.valid_cols = op.dst.valid_cols = 32));
    ALLOWED(ADD, (op.dst.offset = 128, op.a.offset = 0, op.a.valid_cols = op.b.valid_cols = op.dst.valid_cols = 32));
    REFUSED(ADD, (op.a.offset = 128, op.a.valid_cols = op.b.valid_cols = op.dst.valid_cols = 33),
            "TADD: a at UB offset 128 overlaps dst at 0 without being it element by element");
    ALLOWED(CVT, (op.a.offset = 0, op.a.dtype = PTO_I32));
    REFUSED(CVT, (op.a.offset = 0, op.a.dtype = PTO_F16),
            "TCVT: src at UB offset 0 overlaps dst at 0 without being it element by element");
    /* What has nothing valid overlaps nothing. */
    ALLOWED(ADD, (op.a.offset = 32, op.a.valid_cols = op.b.valid_cols = op.dst.valid_cols = 0));
}

static void a_transfer_moves_as_much_as_the_tile_has(void **state)
{
    (void)state;
    REFUSED(LOAD, op.in.dtype = PTO_I32, "TLOAD: dst is f32, src is i32");
    REFUSED(STORE, op.out.dtype = PTO_I32, "TSTORE: src is f32, dst is i32");
    REFUSED(LOAD, op.in.shape[3] = 3, "TLOAD: dst has 4 x 64 valid elements, src is 3 x 64");
    REFUSED(LOAD, op.in.shape[4] = 32, "TLOAD: dst has 4 x 64 valid elements, src is 4 x 32");
    REFUSED(STORE, op.out.shape[0] = 2, "TSTORE: src has 4 x 64 valid elements, dst is 8 x 64");
    ALLOWED(LOAD, (op.in.shape[1] = 2, op.in.shape[3] = 2));
    REFUSED(LOAD, op.in.shape[3] = 0, "TLOAD: dst has 4 x 64 valid elements, src is 0 x 64");
    REFUSED(LOAD, op.dst.valid_cols = 0, "TLOAD: dst has 4 x 0 valid elements, src is 4 x 64");
    ALLOWED(LOAD, (op.in.shape[3] = 0, op.dst.valid_cols = 0));
    /* An extent of 2^32 + 4 is not 4. */
    REFUSED(LOAD, (op.in.shape[3] += UINT64_C(1) << 32, op.in.stride[3] = 0, op.in.dtype = op.dst.dtype = PTO_U8),
            "TLOAD: dst has 4 x 64 valid elements, src is 4294967300 x 64");
    REFUSED(((pto_instr){.op = PTO_OP_TLOAD, .tile = {&op.dst}}), (void)0, "TLOAD: src is missing");
}

static void a_tensor_can_lie_in_a_buffer(void **state)
{
    (void)state;
    REFUSED(LOAD, op.in.dtype = (pto_dtype)99, "TLOAD: src has no known type (99)");
    REFUSED(LOAD, op.in.addr += 6, "TLOAD: src begins at offset 6, not a multiple of its elements' 4 B");
    REFUSED(LOAD, op.in.stride[3] = UINT64_C(1) << 40,
            "TLOAD: src has shape 1 x 1 x 1 x 4 x 64 and strides 320 320 320 1099511627776 1: no buffer reaches so far "
            "(2^40 B)");
    REFUSED(
        LOAD, (op.in.stride[3] = UINT64_MAX / 3 + 2),
        "TLOAD: src has shape 1 x 1 x 1 x 4 x 64 and strides 320 320 320 6148914691236517207 1: no buffer reaches so "
        "far (2^40 B)");
    REFUSED(LOAD, (op.in.shape[4] = UINT64_C(1) << 39, op.in.stride[4] = 0),
            "TLOAD: src has shape 1 x 1 x 1 x 4 x 549755813888 and strides 320 320 320 80 0: no buffer reaches so far "
            "(2^40 B)");
    /* The last byte of an object, and the first beyond it: the sum must not run into the next object's number. */
    uint64_t bytes = 4 * (3 * 80 + 64);
    ALLOWED(LOAD, op.in.addr += (UINT64_C(1) << 40) - bytes);
    REFUSED(LOAD, op.in.addr += (UINT64_C(1) << 40) - bytes + 4,
            "TLOAD: src has shape 1 x 1 x 1 x 4 x 64 and strides 320 320 320 80 1: no buffer reaches so far (2^40 B)");
    ALLOWED(LOAD, (op.in.stride[0] = UINT64_MAX, op.in.stride[2] = UINT64_MAX)); /* of extent 1 */
}

static void modes_are_those_that_there_are(void **state)
{
    (void)state;
    REFUSED(((pto_instr){.op = PTO_OP_TCVT, .mode = 5, .tile = {&op.dst, &op.a}}), (void)0,
            "TCVT: round is 5, no rounding mode");
    REFUSED(((pto_instr){.op = PTO_OP_TSTORE, .mode = 2, .tile = {&op.a}, .global = {&op.out}}), (void)0,
            "TSTORE: atomic is 2, neither none nor add");
    pto_instr reduce = REDUCE, put = PUT;
    reduce.mode = PTO_REDUCE_COUNT;
    REFUSED(reduce, (void)0, "TREDUCE: reduce is 7, no reduction");
    put.mode = 7;
    REFUSED(put, (void)0, "TPUT: atomic is 7, neither none nor add");
}

static void bits_are_of_integers(void **state)
{
    (void)state;
#define BITS(name) ((pto_instr){.op = PTO_OP_##name, .tile = {&op.dst, &op.a, &op.b}})
    REFUSED(BITS(TAND), (void)0, "TAND: dst is f32; it takes i8 u8 i16 u16 i32 u32 i64");
    REFUSED(BITS(TOR), all_of(PTO_F16), "TOR: dst is f16; it takes i8 u8 i16 u16 i32 u32 i64");
    REFUSED(BITS(TXOR), all_of(PTO_BF16), "TXOR: dst is bf16; it takes i8 u8 i16 u16 i32 u32 i64");
    REFUSED(BITS(TANDS), all_of(PTO_BF16), "TANDS: dst is bf16; it takes i8 u8 i16 u16 i32 u32 i64");
    REFUSED(BITS(TORS), (void)0, "TORS: dst is f32; it takes i8 u8 i16 u16 i32 u32 i64");
    REFUSED(BITS(TXORS), (void)0, "TXORS: dst is f32; it takes i8 u8 i16 u16 i32 u32 i64");
    REFUSED(BITS(TAND), (all_of(PTO_I32), op.b.dtype = PTO_U32), "TAND: b is u32, dst is i32");
    REFUSED(BITS(TORS), (all_of(PTO_I32), op.a.dtype = PTO_F32), "TORS: a is f32, dst is i32");
#undef BITS
    const char *const names[] = {"and", "or", "xor"};
    for (pto_reduce how = PTO_SUM; how < PTO_REDUCE_COUNT; how++) {
        fresh(NULL);
        pto_instr reduce = REDUCE;
        reduce.mode = how;
        if (how < PTO_AND) {
            assert_ok(check(reduce));
            continue;
        }
        char message[128];
        snprintf(message, sizeof message, "TREDUCE: dst is f32; reduction %s takes i8 u8 i16 u16 i32 u32 i64",
                 names[how - PTO_AND]);
        REFUSED(reduce, (void)0, message);
    }
}

static void atomic_add_takes_six_types(void **state)
{
    (void)state;
    for (int i = 0; i < PTO_DTYPE_COUNT; i++) {
        fresh(NULL);
        op.a.dtype = op.out.dtype = (pto_dtype)i;
        op.a.offset = 0;
        bool addable = i == PTO_F32 || i == PTO_F16 || i == PTO_BF16 || i == PTO_I8 || i == PTO_I16 || i == PTO_I32;
        assert_int_equal(check(ADDING), addable ? ORIEL_OK : ORIEL_FAULT);
        assert_ok(check(STORE));
    }
    REFUSED(ADDING, op.a.dtype = op.out.dtype = PTO_U32,
            "TSTORE: dst is u32; atomic add takes f32 f16 bf16 i8 i16 i32");
    pto_instr put = PUT;
    put.mode = PTO_ATOMIC_ADD;
    ALLOWED(put, (void)0);
    REFUSED(put, op.ping.dtype = op.pong.dtype = op.in.dtype = op.out.dtype = PTO_I64,
            "TPUT: dst is i64; atomic add takes f32 f16 bf16 i8 i16 i32");
}

static void a_move_has_one_shape_and_type(void **state)
{
    (void)state;
    REFUSED(PUT, op.out.dtype = PTO_I32, "TPUT: dst is i32, src is f32");
    REFUSED(GET, op.out.shape[3] = 5, "TGET: dst has extent 5 in dimension 3, src has 4");
    REFUSED(GET, op.in.shape[4] = 60, "TGET: dst has extent 64 in dimension 4, src has 60");
    REFUSED(PUT, op.in.addr += 2, "TPUT: src begins at offset 2, not a multiple of its elements' 4 B");
    REFUSED(((pto_instr){.op = PTO_OP_TPUT, .tile = {&op.ping}, .global = {&op.out}}), (void)0, "TPUT: src is missing");
    REFUSED(((pto_instr){.op = PTO_OP_TGET, .tile = {&op.ping}, .global = {NULL, &op.in}}), (void)0,
            "TGET: dst is missing");
    ALLOWED(PUT, op.in.shape[2] = op.out.shape[2] = 0);
}

static void staging_tiles_can_stage(void **state)
{
    (void)state;
    REFUSED(PUT, op.ping = PTO_NO_TILE, "TPUT: ping has 0 rows and 0 columns; a tile has at least one of each");
    REFUSED(PUT, op.ping.dtype = PTO_I32, "TPUT: ping is i32, the tensor is f32");
    REFUSED(PUT, op.pong.dtype = PTO_I32, "TPUT: pong is i32, the tensor is f32");
    REFUSED(GET, op.ping.valid_rows = 0, "TGET: ping has 0 x 16 valid elements and can stage nothing");
    REFUSED(PUT, op.pong.rows = 3, "TPUT: pong is 3 x 16, ping is 2 x 16");
    REFUSED(PUT, op.pong.valid_cols = 9, "TPUT: pong has 2 x 9 valid elements, ping has 2 x 16");
    REFUSED(PUT, op.pong.offset = 5184, "TPUT: pong at UB offset 5184 overlaps ping at 5120");
    REFUSED(PUT, op.pong = op.ping, "TPUT: pong at UB offset 5120 overlaps ping at 5120");
    ALLOWED(PUT, op.pong.offset = 5248);
    REFUSED(PUT, op.pong.offset = 1 << 20,
            "TPUT: pong of 2 x 16 f32 at UB offset 1048576 ends at 1048704, UB has 196608 B");
    REFUSED(REDUCE, op.acc.dtype = PTO_F16, "TREDUCE: acc is f16, the tensor is f32");
    REFUSED(REDUCE, op.acc.valid_rows = 1, "TREDUCE: ping has 2 x 16 valid elements, acc has 1 x 16");
    REFUSED(REDUCE, op.acc.offset = 5120, "TREDUCE: ping at UB offset 5120 overlaps acc at 5120");
    REFUSED(REDUCE, op.acc.offset = 6080, "TREDUCE: pong at UB offset 6144 overlaps acc at 6080");
    REFUSED(REDUCE, op.pong.offset = 5120, "TREDUCE: pong at UB offset 5120 overlaps ping at 5120");
}

static void a_groups_tensors_match(void **state)
{
    (void)state;
    ALLOWED(REDUCE, op.each[1].stride[3] = 1000);
    REFUSED(REDUCE, op.each[1].shape[3] = 5, "TREDUCE: group[1] has extent 5 in dimension 3, dst has 4");
    REFUSED(REDUCE, op.each[2].dtype = PTO_F16, "TREDUCE: group[2] is f16, dst is f32");
    REFUSED(REDUCE, op.each[0].addr += 1, "TREDUCE: group[0] begins at offset 1, not a multiple of its elements' 4 B");
    REFUSED(REDUCE, op.group.ranks = 0, "TREDUCE: group has no ranks");
    REFUSED(REDUCE, op.group.each = NULL, "TREDUCE: group has neither a domain nor a tensor for each rank");
    REFUSED(((pto_instr){.op = PTO_OP_TREDUCE, .tile = {&op.acc, &op.ping}, .global = {&op.out}}), (void)0,
            "TREDUCE: group is missing");
    REFUSED(BCAST, op.symmetric.ranks = 4, "TBROADCAST: group has 4 ranks, its domain has 3");
    ALLOWED(BCAST, op.symmetric.ranks = 2);
    REFUSED(BCAST, op.symmetric.mine.addr = OBJECT(64),
            "TBROADCAST: group has a tensor outside my window of its domain");
    REFUSED(BCAST, op.symmetric.mine.shape[4] = 65, "TBROADCAST: group has extent 65 in dimension 4, src has 64");
}

static void a_gather_divides_dimension_3(void **state)
{
    (void)state;
    REFUSED(GATHER, op.columns.shape[3] = 11,
            "TGATHER: group[0] has extent 4 in dimension 3, dst has 11; 3 ranks need 12");
    REFUSED(SCATTER, op.columns.shape[3] = 16,
            "TSCATTER: group has extent 4 in dimension 3, src has 16; 3 ranks need 12");
    REFUSED(GATHER, op.each[2].shape[3] = 3,
            "TGATHER: group[2] has extent 3 in dimension 3, dst has 12; 3 ranks need 9");
    REFUSED(GATHER, op.columns.shape[4] = 63, "TGATHER: group[0] has extent 64 in dimension 4, dst has 63");
    REFUSED(GATHER, op.columns.shape[2] = 2, "TGATHER: group[0] has extent 1 in dimension 2, dst has 2");
    REFUSED(SCATTER,
            (op.symmetric.mine.shape[4] = 0, op.columns.shape[4] = 0, op.symmetric.mine.shape[3] = UINT64_C(1) << 63),
            "TSCATTER: group has extent 9223372036854775808 in dimension 3: too many for 3 ranks");
    ALLOWED(GATHER, (op.columns.shape[3] = 0, op.each[0].shape[3] = op.each[1].shape[3] = op.each[2].shape[3] = 0));
}

static void a_trap_gives_its_text(void **state)
{
    (void)state;
    REFUSED(((pto_instr){.op = PTO_OP_TRAP, .text = "100% wrong"}), (void)0, "100% wrong");
    REFUSED(((pto_instr){.op = PTO_OP_SET_FLAG}), (void)0, "set_flag is no instruction on tiles or tensors");
    REFUSED(((pto_instr){.op = PTO_OP_COUNT}), (void)0, "? is no instruction on tiles or tensors");
}

static void flags_join_two_pipes(void **state)
{
    (void)state;
    static const struct {
        pto_sync sync;
        const char *message; /* NULL: allowed */
    } cases[] = {
        {{.op = PTO_OP_SET_FLAG, .src = PTO_PIPE_MTE2, .dst = PTO_PIPE_V, .id = 7}, NULL},
        {{.op = PTO_OP_WAIT_FLAG, .src = PTO_PIPE_MTE3, .dst = PTO_PIPE_S}, NULL},
        {{.op = PTO_OP_SET_FLAG, .src = PTO_PIPE_V, .dst = PTO_PIPE_MTE3, .id = 8},
         "set_flag: event id 8; there are 0 to 7"},
        {{.op = PTO_OP_WAIT_FLAG, .src = PTO_PIPE_V, .dst = PTO_PIPE_V}, "wait_flag: from PIPE_V to itself"},
        {{.op = PTO_OP_SET_FLAG, .src = PTO_PIPE_ALL, .dst = PTO_PIPE_S}, "set_flag: from PIPE_ALL to PIPE_S"},
        {{.op = PTO_OP_SET_FLAG, .src = PTO_PIPE_S, .dst = PTO_PIPE_ALL}, "set_flag: from PIPE_S to PIPE_ALL"},
        {{.op = PTO_OP_WAIT_FLAG, .src = PTO_PIPE_S, .dst = (pto_pipe)9}, "wait_flag: from PIPE_S to ?"},
        {{.op = PTO_OP_PIPE_BARRIER, .src = PTO_PIPE_S}, NULL},
        {{.op = PTO_OP_PIPE_BARRIER, .src = PTO_PIPE_ALL}, NULL},
        {{.op = PTO_OP_PIPE_BARRIER, .src = PTO_PIPE_COUNT}, "pipe_barrier: 8 is no pipe"},
        {{.op = PTO_OP_DSB}, NULL},
        {{.op = PTO_OP_CORE_BARRIER}, NULL},
        {{.op = PTO_OP_DCCI, .addr = OBJECT(5) + 3}, NULL},
        {{.op = PTO_OP_TADD}, "TADD is no synchronization"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].message)
            assert_fails(oriel_sync_check(&cases[i].sync, &limits), ORIEL_FAULT, cases[i].message);
        else
            assert_ok(oriel_sync_check(&cases[i].sync, &limits));
    }
}

static void signals_act_on_aligned_cells(void **state)
{
    (void)state;
    static const struct {
        pto_signal signal;
        const char *message;
    } cases[] = {
        {{.op = PTO_OP_TNOTIFY, .mode = PTO_NOTIFY_ADD, .cells = {OBJECT(64) + 4, 1, 0}}, NULL},
        {{.op = PTO_OP_TWAIT, .mode = PTO_LE, .cells = {OBJECT(64), 5, 16}}, NULL},
        {{.op = PTO_OP_TNOTIFY, .mode = 2, .cells = {OBJECT(64), 1, 1}}, "TNOTIFY: 2 is no way to notify"},
        {{.op = PTO_OP_TTEST, .mode = 6, .cells = {OBJECT(64), 1, 1}}, "TTEST: 6 is no comparison"},
        {{.op = PTO_OP_TNOTIFY, .cells = {OBJECT(64), 2, 1}}, "TNOTIFY: on 2 cells; it takes one"},
        {{.op = PTO_OP_TWAIT, .cells = {OBJECT(64), 0, 1}}, "TWAIT: on 0 cells; it takes at least one"},
        {{.op = PTO_OP_TWAIT, .cells = {OBJECT(64), 2, 0}}, "TWAIT: 2 cells with a stride of 0"},
        {{.op = PTO_OP_TNOTIFY, .cells = {OBJECT(64) + 6, 1, 1}}, "TNOTIFY: cell at offset 6, not a multiple of 4"},
        {{.op = PTO_OP_TWAIT, .cells = {OBJECT(64), UINT32_MAX, UINT32_MAX}}, "no buffer reaches so far"},
        {{.op = PTO_OP_TWAIT, .cells = {OBJECT(65) - 4, 1, 1}}, NULL},
        {{.op = PTO_OP_TWAIT, .cells = {OBJECT(65) - 4, 2, 1}}, "TWAIT: 2 cells with a stride of 1: no buffer"},
        {{.op = PTO_OP_DSB}, "dsb is no signal operation"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].message)
            assert_fails(oriel_signal_check(&cases[i].signal, &limits), ORIEL_FAULT, cases[i].message);
        else
            assert_ok(oriel_signal_check(&cases[i].signal, &limits));
    }
}

static void scalar_accesses_are_aligned(void **state)
{
    (void)state;
    for (int i = 0; i < PTO_DTYPE_COUNT; i++) {
        uint32_t bytes = pto_dtype_bytes((pto_dtype)i);
        pto_access access = {.op = PTO_OP_STORE, .dtype = (pto_dtype)i, .addr = OBJECT(1) + 3 * bytes};
        assert_ok(oriel_access_check(&access, &limits));
        access.addr += bytes / 2;
        assert_int_equal(oriel_access_check(&access, &limits), bytes > 1 ? ORIEL_FAULT : ORIEL_OK);
    }
    assert_fails(
        oriel_access_check(&(pto_access){.op = PTO_OP_LOAD, .dtype = PTO_I64, .addr = OBJECT(1) + 12}, &limits),
        ORIEL_FAULT, "scalar load: of i64 at offset 12, not a multiple of 8");
    assert_fails(oriel_access_check(&(pto_access){.op = PTO_OP_LOAD, .dtype = PTO_DTYPE_COUNT}, &limits), ORIEL_FAULT,
                 "scalar load: of no known type (10)");
    assert_fails(oriel_access_check(&(pto_access){.op = PTO_OP_TWAIT}, &limits), ORIEL_FAULT,
                 "TWAIT is no scalar access");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_right_passes, fresh),
        cmocka_unit_test(a_tile_is_well_formed_and_lies_in_ub),
        cmocka_unit_test(operands_have_one_type_and_shape),
        cmocka_unit_test(a_source_is_the_destination_or_apart_from_it),
        cmocka_unit_test(a_transfer_moves_as_much_as_the_tile_has),
        cmocka_unit_test(a_tensor_can_lie_in_a_buffer),
        cmocka_unit_test(modes_are_those_that_there_are),
        cmocka_unit_test(bits_are_of_integers),
        cmocka_unit_test(atomic_add_takes_six_types),
        cmocka_unit_test(a_move_has_one_shape_and_type),
        cmocka_unit_test(staging_tiles_can_stage),
        cmocka_unit_test(a_groups_tensors_match),
        cmocka_unit_test(a_gather_divides_dimension_3),
        cmocka_unit_test(a_trap_gives_its_text),
        cmocka_unit_test(flags_join_two_pipes),
        cmocka_unit_test(signals_act_on_aligned_cells),
        cmocka_unit_test(scalar_accesses_are_aligned),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
