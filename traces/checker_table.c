/*
 * Numbers to things, and pieces of memory that are used again. See checker_model.h.
 *
 * A table is a ring of places found by multiplication; it is at most half full, and what is removed leaves no mark.
 * Numbers come one after the other, so they spread evenly whoever writes the trace.
 */
#include "traces/checker_model.h"
#include <stdlib.h>
#include <string.h>

enum { LEAST = 6 }; /* log2 of the smallest table */

static inline size_t place_of(const struct table *table, uint64_t id)
{
    return (size_t)((id * 0x9e3779b97f4a7c15u) >> table->shift);
}

void *table_find(const struct table *table, uint64_t id)
{
    size_t i;
    if (!table->count || !id)
        return NULL;
    for (i = place_of(table, id); table->ids[i]; i = (i + 1) & (table->size - 1))
        if (table->ids[i] == id)
            return table->items[i];
    return NULL;
}

static void put(struct table *table, uint64_t id, void *item)
{
    size_t i = place_of(table, id);
    while (table->ids[i])
        i = (i + 1) & (table->size - 1);
    table->ids[i] = id;
    table->items[i] = item;
}

static bool grow(struct table *table)
{
    struct table smaller = *table, larger = *table;
    size_t i;
    larger.shift = table->size ? table->shift - 1 : 64 - LEAST;
    larger.size = table->size ? table->size * 2 : (size_t)1 << LEAST;
    larger.ids = calloc(larger.size, sizeof *larger.ids);
    larger.items = malloc(larger.size * sizeof *larger.items);
    if (!larger.ids || !larger.items) {
        free(larger.ids);
        free(larger.items);
        return false;
    }
    *table = larger;
    for (i = 0; i < smaller.size; i++)
        if (smaller.ids[i])
            put(table, smaller.ids[i], smaller.items[i]);
    free(smaller.ids);
    free(smaller.items);
    return true;
}

bool table_add(struct table *table, uint64_t id, void *item)
{
    if (table->count * 2 >= table->size && !grow(table))
        return false;
    put(table, id, item);
    table->count++;
    return true;
}

/* What stands behind the gap and could stand in it moves there, until a free place. */
void table_remove(struct table *table, uint64_t id)
{
    size_t mask = table->size - 1, gap, i;
    if (!table->count)
        return;
    for (gap = place_of(table, id); table->ids[gap] != id; gap = (gap + 1) & mask)
        if (!table->ids[gap])
            return;
    for (i = (gap + 1) & mask; table->ids[i]; i = (i + 1) & mask) {
        size_t wanted = place_of(table, table->ids[i]);
        if (((i - wanted) & mask) < ((i - gap) & mask))
            continue;
        table->ids[gap] = table->ids[i];
        table->items[gap] = table->items[i];
        gap = i;
    }
    table->ids[gap] = 0;
    table->count--;
}

void table_clear(struct table *table)
{
    if (table->count)
        memset(table->ids, 0, table->size * sizeof *table->ids);
    table->count = 0;
    table->last = 0;
}

void table_free(struct table *table)
{
    free(table->ids);
    free(table->items);
    memset(table, 0, sizeof *table);
}

/* A piece, all zero; NULL: memory ran out. */
void *stock_take(struct qp_checker *c, struct stock *stock)
{
    void *item = stock->free;
    if (item)
        memcpy(&stock->free, item, sizeof stock->free);
    else
        item = qp_pool_take(&c->pool, stock->size);
    if (!item) {
        c->full = true;
        return NULL;
    }
    stock->live++;
    return memset(item, 0, stock->size);
}

void stock_give_back(struct stock *stock, void *item)
{
    memcpy(item, &stock->free, sizeof stock->free);
    stock->free = item;
    stock->live--;
}
