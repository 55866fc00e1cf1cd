/*
 * Interning. State: two open-addressed hash tables, of names and of sites, probed in steps of one.
 *
 * Invariants: a slot is free when its item is NULL; nothing is ever taken out; a quarter of the slots is free, so every
 * search ends. The order of the slots is seen by nobody.
 */
#include "traces/intern.h"
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

struct qp_intern_slot {
    uint64_t hash;
    const void *item;
};

typedef bool (*same_fn)(const void *item, const void *key);

enum { FIRST_SIZE = 64 };

void qp_intern_init(struct qp_intern *intern, struct qp_pool *pool)
{
    *intern = (struct qp_intern){.pool = pool};
}

static void free_table(struct qp_budget *budget, struct qp_intern_table *table)
{
    qp_budget_release(budget, table->slots, table->size * sizeof *table->slots);
    *table = (struct qp_intern_table){0};
}

void qp_intern_free(struct qp_intern *intern)
{
    free_table(intern->pool->budget, &intern->names);
    free_table(intern->pool->budget, &intern->sites);
}

/* The slot of an equal item, or the free one where it would be. */
static struct qp_intern_slot *find(const struct qp_intern_table *table, uint64_t hash, same_fn same, const void *key)
{
    size_t mask = table->size - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct qp_intern_slot *slot = &table->slots[i];
        if (!slot->item || (slot->hash == hash && same(slot->item, key)))
            return slot;
    }
}

static bool same_never(const void *item, const void *key)
{
    (void)item;
    (void)key;
    return false;
}

/* Makes room for one more; false when there is no memory for it. */
static bool reserve(struct qp_budget *budget, struct qp_intern_table *table)
{
    if (table->count < table->size / 4 * 3)
        return true;
    struct qp_intern_table grown = {.size = table->size ? 2 * table->size : FIRST_SIZE, .count = table->count};
    grown.slots = qp_budget_allocate(budget, grown.size * sizeof *grown.slots);
    if (!grown.slots)
        return false;
    memset(grown.slots, 0, grown.size * sizeof *grown.slots);
    for (size_t i = 0; i < table->size; i++)
        if (table->slots[i].item)
            *find(&grown, table->slots[i].hash, same_never, NULL) = table->slots[i];
    free_table(budget, table);
    *table = grown;
    return true;
}

static bool same_name(const void *item, const void *key)
{
    return strcmp(item, key) == 0;
}

static bool same_site(const void *item, const void *key)
{
    const struct qp_site *a = item, *b = key;
    return a->line == b->line && strcmp(a->file, b->file) == 0 && strcmp(a->expr, b->expr) == 0;
}

const char *qp_intern_name(struct qp_intern *intern, const char *name)
{
    size_t length = strlen(name);
    uint64_t hash = XXH3_64bits(name, length);
    if (!reserve(intern->pool->budget, &intern->names))
        return NULL;
    struct qp_intern_slot *slot = find(&intern->names, hash, same_name, name);
    if (slot->item)
        return slot->item;
    char *copy = qp_pool_take(intern->pool, length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, name, length + 1);
    *slot = (struct qp_intern_slot){hash, copy};
    intern->names.count++;
    return copy;
}

static const struct qp_site *copy_site(struct qp_intern *intern, const struct qp_site *site)
{
    const char *file = qp_intern_name(intern, site->file);
    const char *expr = qp_intern_name(intern, site->expr);
    struct qp_site *copy = qp_pool_take(intern->pool, sizeof *copy);
    if (!file || !expr || !copy)
        return NULL;
    *copy = (struct qp_site){.file = file, .expr = expr, .line = site->line};
    return copy;
}

static uint64_t hash_site(const struct qp_site *site)
{
    uint64_t file = XXH3_64bits_withSeed(site->file, strlen(site->file), (uint64_t)(int64_t)site->line);
    return XXH3_64bits_withSeed(site->expr, strlen(site->expr), file);
}

const struct qp_site *qp_intern_site(struct qp_intern *intern, const struct qp_site *site)
{
    uint64_t hash = hash_site(site);
    if (!reserve(intern->pool->budget, &intern->sites))
        return NULL;
    struct qp_intern_slot *slot = find(&intern->sites, hash, same_site, site);
    if (slot->item)
        return slot->item;
    const struct qp_site *copy = copy_site(intern, site);
    if (!copy)
        return NULL;
    *slot = (struct qp_intern_slot){hash, copy};
    intern->sites.count++;
    return copy;
}
