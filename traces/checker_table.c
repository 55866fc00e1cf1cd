/*
 * Numbers to things, and pieces of memory that are used again. See checker_model.h.
 *
 * Numbers come one after the other and most things are gone soon, so nearly each has the place of its number to itself,
 * whoever writes the trace. A hash is a ring of places found by multiplication; it is at most half full, and what is
 * removed leaves no mark.
 */
#include "traces/checker_model.h"
#include <stdlib.h>

enum { LEAST = 6 }; /* log2 of the smallest table, and of the smallest hash */

/* ---- hashes ---- */

static inline size_t place_of(const struct hash *hash, uint64_t id)
{
    return (size_t)((id * 0x9e3779b97f4a7c15u) >> hash->shift);
}

void *hash_find(const struct hash *hash, uint64_t id)
{
    size_t i;
    if (!hash->count || !id)
        return NULL;
    for (i = place_of(hash, id); hash->ids[i]; i = (i + 1) & (hash->size - 1))
        if (hash->ids[i] == id)
            return hash->items[i];
    return NULL;
}

static void put(struct hash *hash, uint64_t id, void *item)
{
    size_t i = place_of(hash, id);
    while (hash->ids[i])
        i = (i + 1) & (hash->size - 1);
    hash->ids[i] = id;
    hash->items[i] = item;
}

static bool grow(struct hash *hash)
{
    struct hash smaller = *hash, larger = *hash;
    size_t i;
    larger.shift = hash->size ? hash->shift - 1 : 64 - LEAST;
    larger.size = hash->size ? hash->size * 2 : (size_t)1 << LEAST;
    larger.ids = calloc(larger.size, sizeof *larger.ids);
    larger.items = malloc(larger.size * sizeof *larger.items);
    if (!larger.ids || !larger.items) {
        free(larger.ids);
        free(larger.items);
        return false;
    }
    *hash = larger;
    for (i = 0; i < smaller.size; i++)
        if (smaller.ids[i])
            put(hash, smaller.ids[i], smaller.items[i]);
    free(smaller.ids);
    free(smaller.items);
    return true;
}

bool hash_add(struct hash *hash, uint64_t id, void *item)
{
    if (hash->count * 2 >= hash->size && !grow(hash))
        return false;
    put(hash, id, item);
    hash->count++;
    return true;
}

/* What stands behind the gap and could stand in it moves there, until a free place. */
void hash_remove(struct hash *hash, uint64_t id)
{
    size_t mask = hash->size - 1, gap, i;
    if (!hash->count)
        return;
    for (gap = place_of(hash, id); hash->ids[gap] != id; gap = (gap + 1) & mask)
        if (!hash->ids[gap])
            return;
    for (i = (gap + 1) & mask; hash->ids[i]; i = (i + 1) & mask) {
        size_t wanted = place_of(hash, hash->ids[i]);
        if (((i - wanted) & mask) < ((i - gap) & mask))
            continue;
        hash->ids[gap] = hash->ids[i];
        hash->items[gap] = hash->items[i];
        gap = i;
    }
    hash->ids[gap] = 0;
    hash->count--;
}

void hash_free(struct hash *hash)
{
    free(hash->ids);
    free(hash->items);
    memset(hash, 0, sizeof *hash);
}

/* ---- tables ---- */

bool table_init(struct table *table)
{
    table->places = calloc((size_t)1 << LEAST, sizeof(struct item *));
    table->mask = ((size_t)1 << LEAST) - 1;
    return table->places != NULL;
}

void table_clear(struct table *table)
{
    table->last = 0;
    if (!table->count)
        return;
    memset(table->places, 0, (table->mask + 1) * sizeof *table->places);
    hash_free(&table->older);
    table->count = 0;
}

void table_free(struct table *table)
{
    free(table->places);
    hash_free(&table->older);
    memset(table, 0, sizeof *table);
}

/* Twice the places: who has one has one of two now. */
static bool widen(struct table *table)
{
    size_t size = table->mask + 1, i;
    struct item **places = calloc(size * 2, sizeof(struct item *));
    if (!places)
        return false;
    for (i = 0; i < size; i++)
        if (table->places[i])
            places[table->places[i]->id & (size * 2 - 1)] = table->places[i];
    free(table->places);
    table->places = places;
    table->mask = size * 2 - 1;
    return true;
}

/* Somebody has its place: there are more of them, or that one moves. */
bool table_add_beside(struct table *table, void *thing)
{
    struct item *item = thing, **place;
    if (table->count > table->mask / 2 && !widen(table))
        return false;
    place = &table->places[item->id & table->mask];
    if (*place && !hash_add(&table->older, (*place)->id, *place))
        return false;
    *place = item;
    table->count++;
    return true;
}

void *table_next(const struct table *table, size_t *at)
{
    size_t size = table->mask + 1, i;
    for (i = *at; table->count && i < size + table->older.size; i++) {
        void *thing = i < size                     ? (void *)table->places[i]
                      : table->older.ids[i - size] ? table->older.items[i - size]
                                                   : NULL;
        *at = i + 1;
        if (thing)
            return thing;
    }
    return NULL;
}

/* ---- pieces ---- */

void *stock_carve(struct qp_checker *c, const struct stock *stock)
{
    void *piece = qp_pool_take(&c->pool, stock->size);
    if (!piece)
        be_full(c);
    return piece;
}
