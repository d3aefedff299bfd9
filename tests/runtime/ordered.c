/* SPDX-License-Identifier: Apache-2.0 */
/* Protects: the sorted map against a plain sorted array, over leaf splits, joins and removals; leaves stay well filled. */
#include "runtime/ordered.h"
#include "base/random.h"
#include "test.h"

#define MAX_ENTRIES 3000

typedef struct model {
    uint64_t key[MAX_ENTRIES];
    uint32_t value[MAX_ENTRIES], count;
} model;

/* Where `key` is, or would be. */
static uint32_t rank_of(const model *m, uint64_t key)
{
    uint32_t rank = 0;
    while (rank < m->count && m->key[rank] < key)
        rank++;
    return rank;
}

static void model_insert(model *m, uint32_t rank, uint64_t key, uint32_t value)
{
    memmove(m->key + rank + 1, m->key + rank, (m->count - rank) * sizeof *m->key);
    memmove(m->value + rank + 1, m->value + rank, (m->count - rank) * sizeof *m->value);
    m->key[rank] = key;
    m->value[rank] = value;
    m->count++;
}

static void model_erase(model *m, uint32_t rank)
{
    m->count--;
    memmove(m->key + rank, m->key + rank + 1, (m->count - rank) * sizeof *m->key);
    memmove(m->value + rank, m->value + rank + 1, (m->count - rank) * sizeof *m->value);
}

static void assert_same(const oriel_ordered *map, const model *m)
{
    oriel_place place = {0, 0}, last = {0, 0};
    for (uint32_t i = 0; i < m->count; i++) {
        assert_true(oriel_ordered_has(map, place));
        assert_int_equal(oriel_ordered_key(map, place), m->key[i]);
        assert_int_equal(oriel_ordered_value(map, place), m->value[i]);
        if (i > 0) {
            oriel_place back = oriel_ordered_previous(map, place);
            assert_memory_equal(&back, &last, sizeof last);
        }
        last = place;
        place = oriel_ordered_next(map, place);
    }
    assert_false(oriel_ordered_has(map, place));
    assert_int_equal(map->count, m->count);
    assert_true(map->leaves <= 4 * m->count / ORIEL_LEAF + 1);
}

/* `place` is that of the model's entry `rank`. */
static void assert_at(const oriel_ordered *map, const model *m, oriel_place place, uint32_t rank)
{
    assert_int_equal(oriel_ordered_has(map, place), rank < m->count);
    if (rank < m->count)
        assert_int_equal(oriel_ordered_key(map, place), m->key[rank]);
}

static void find(const oriel_ordered *map, const model *m, uint64_t key)
{
    uint32_t rank = rank_of(m, key);
    if (rank > 0 && (rank == m->count || m->key[rank] > key))
        rank--;
    assert_at(map, m, oriel_ordered_find(map, key), rank);
}

/* A new key. */
static void insert(oriel_ordered *map, model *m, uint64_t key, uint32_t value)
{
    uint32_t rank = rank_of(m, key);
    oriel_place place = oriel_ordered_find(map, key);
    if (oriel_ordered_has(map, place) && oriel_ordered_key(map, place) < key) {
        /* The place between two leaves has two names. */
        if (value % 2)
            place = oriel_ordered_next(map, place);
        else
            place.slot++;
    }
    assert_true(oriel_ordered_reserve(map, 1));
    model_insert(m, rank, key, value);
    assert_at(map, m, oriel_ordered_insert(map, place, key, value), rank);
}

static void erase(oriel_ordered *map, model *m, uint32_t rank)
{
    oriel_place place = oriel_ordered_find(map, m->key[rank]);
    assert_at(map, m, place, rank);
    model_erase(m, rank);
    assert_at(map, m, oriel_ordered_erase(map, place), rank);
}

/* Moves a key halfway to its lower neighbour. */
static void rekey(oriel_ordered *map, model *m, uint32_t rank)
{
    oriel_place place = oriel_ordered_find(map, m->key[rank]);
    uint64_t below = rank ? m->key[rank - 1] + 1 : 0;
    m->key[rank] = below + (m->key[rank] - below) / 2;
    oriel_ordered_rekey(map, place, m->key[rank]);
}

static void random_change(oriel_ordered *map, model *m, oriel_random *random, uint64_t growth)
{
    uint64_t key = oriel_random_below(random, 1 << 20);
    uint32_t rank = rank_of(m, key);
    bool is_new = rank == m->count || m->key[rank] != key;
    if (oriel_random_below(random, 100) < growth) {
        if (is_new && m->count < MAX_ENTRIES)
            insert(map, m, key, (uint32_t)oriel_random_below(random, UINT32_MAX));
    } else if (rank < m->count) {
        (oriel_random_below(random, 4) ? erase : rekey)(map, m, rank);
    }
}

/* The balance of insertions and removals turns now and then, so that the map grows and shrinks. */
static void random_changes_match_an_array(void **state)
{
    (void)state;
    oriel_random random;
    oriel_random_seed(&random, test_seed());
    model *m = calloc(1, sizeof *m);
    oriel_ordered map;
    oriel_ordered_init(&map);
    find(&map, m, 5);
    for (int step = 0; step < 40000; step++) {
        random_change(&map, m, &random, step / 4000 % 2 ? 20 : 80);
        find(&map, m, oriel_random_below(&random, 1 << 20));
        if (step % 500 == 0)
            assert_same(&map, m);
    }
    oriel_ordered_free(&map);
    free(m);
}

/* From each leaf, in turn, most of the entries go: upwards, as a sweep does it, and downwards. */
static void thinning_out_joins_leaves(void **state)
{
    (void)state;
    model *m = calloc(1, sizeof *m);
    oriel_ordered map;
    oriel_ordered_init(&map);
    for (uint32_t i = 0; i < MAX_ENTRIES; i++)
        insert(&map, m, i, i);
    for (uint32_t rank = 0; rank < m->count; rank++)
        for (int gone = 0; gone < 50 && rank < m->count; gone++)
            erase(&map, m, rank);
    assert_same(&map, m);
    while (m->count)
        erase(&map, m, m->count - 1);
    assert_same(&map, m);
    for (uint32_t i = 0; i < MAX_ENTRIES; i++)
        insert(&map, m, i, i);
    for (uint32_t rank = MAX_ENTRIES; rank-- > 0;)
        if (rank % 50)
            erase(&map, m, rank);
    assert_same(&map, m);
    oriel_ordered_free(&map);
    free(m);
}

static void put(oriel_ordered *map, uint64_t key)
{
    oriel_place place = oriel_ordered_find(map, key);
    if (oriel_ordered_has(map, place) && oriel_ordered_key(map, place) < key)
        place = oriel_ordered_next(map, place);
    oriel_ordered_insert(map, place, key, 0);
}

/* Reserved insertions find room wherever they go: here each goes into a full leaf of its own. */
static void a_reservation_covers_a_split_of_every_leaf(void **state)
{
    (void)state;
    oriel_ordered map;
    oriel_ordered_init(&map);
    for (uint64_t i = 0; i < 20 * ORIEL_LEAF; i++) {
        assert_true(oriel_ordered_reserve(&map, 1));
        put(&map, i * 100);
    }
    const uint32_t leaves = map.leaves;
    for (uint32_t leaf = 0; leaf < leaves; leaf++)
        for (uint64_t i = 1; oriel_ordered_leaf(&map, leaf)->count < ORIEL_LEAF; i++)
            put(&map, map.first[leaf] + i);
    assert_int_equal(map.leaves, leaves);
    assert_true(oriel_ordered_reserve(&map, leaves));
    const uint32_t capacity = map.pool.capacity, room = map.room;
    for (uint32_t leaf = 0; leaf < leaves; leaf++)
        put(&map, map.first[2 * leaf] + 99);
    assert_int_equal(map.leaves, 2 * leaves);
    assert_in_range(map.leaves, 0, room);
    assert_in_range(map.pool.taken, 0, capacity);
    oriel_ordered_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_match_an_array),
        cmocka_unit_test(thinning_out_joins_leaves),
        cmocka_unit_test(a_reservation_covers_a_split_of_every_leaf),
    };
    return cmocka_run_group_tests_name("ordered", tests, NULL, NULL);
}
