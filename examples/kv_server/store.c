/* See store.h. The log is what a client would have to say to get there: lines of SET and DEL. */
#include "store.h"
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    char key[KEY_MOST];
    char value[VALUE_MOST];
};

struct batch { /* whoever has the lock may touch it, on any thread */
    struct disk *disk;
    struct text log;
};

static void batch_drop(void *arg)
{
    free(((struct batch *)arg)->log.bytes);
}

static const struct qp_type batch_type = QP_TYPE_DROP(struct batch, batch_drop);

/* ---- text ---- */

static bool text_reserve(struct text *self, size_t more)
{
    size_t room = self->room ? self->room : 256;
    char *grown;
    while (room - self->size < more)
        room *= 2;
    if (room == self->room)
        return true;
    grown = realloc(self->bytes, room);
    if (!grown)
        return false;
    self->bytes = grown;
    self->room = room;
    return true;
}

static bool text_append(struct text *self, const char *bytes, size_t size)
{
    if (!text_reserve(self, size))
        return false;
    if (size)
        memcpy(self->bytes + self->size, bytes, size);
    self->size += size;
    return true;
}

/* ---- entries ---- */

static int compare(const void *left, const void *right)
{
    return strcmp(((const struct item *)left)->key, ((const struct item *)right)->key);
}

static struct item *find(const struct store *self, const char *key)
{
    struct item wanted, *const *found;
    snprintf(wanted.key, sizeof wanted.key, "%s", key);
    found = tfind(&wanted, &self->entries, compare);
    return found ? *found : NULL;
}

static struct item *add(struct store *self, const char *key)
{
    struct item *entry = malloc(sizeof *entry);
    if (!entry)
        return NULL;
    snprintf(entry->key, sizeof entry->key, "%s", key);
    if (tsearch(entry, &self->entries, compare))
        return entry;
    free(entry);
    return NULL;
}

static void drop_entry(struct store *self, struct item *entry)
{
    tdelete(entry, &self->entries, compare);
    free(entry);
}

static void store_end(void *arg)
{
    struct store *self = arg;
    while (self->entries)
        drop_entry(self, *(struct item **)self->entries);
    free(self->pending.bytes);
    free(self);
}

/* ---- changing ---- */

/* There is room for the line. */
static void note(struct store *self, const char *format, ...)
{
    char *end = self->pending.bytes + self->pending.size;
    char nothing = 0;
    va_list values;
    va_start(values, format);
    self->pending.size += (size_t)vsnprintf(end, self->pending.room - self->pending.size, format, values);
    va_end(values);
    if (qp_try_send(self->change, &nothing) == QP_OK)
        return; /* otherwise it has been said already */
}

static bool reserve_line(struct store *self)
{
    return text_reserve(&self->pending, KEY_MOST + VALUE_MOST + sizeof "SET  \n");
}

bool store_set(struct store *self, const char *key, const char *value)
{
    struct item *entry = find(self, key);
    qp_touch(self, true);
    if (!reserve_line(self) || (!entry && !(entry = add(self, key))))
        return false;
    snprintf(entry->value, sizeof entry->value, "%s", value);
    note(self, "SET %s %s\n", key, value);
    return true;
}

bool store_delete(struct store *self, const char *key, bool *found)
{
    struct item *entry = find(self, key);
    qp_touch(self, true);
    *found = entry != NULL;
    if (!entry)
        return true;
    if (!reserve_line(self))
        return false;
    drop_entry(self, entry);
    note(self, "DEL %s\n", key);
    return true;
}

const char *store_get(const struct store *self, const char *key)
{
    struct item *entry = find(self, key);
    qp_touch(self, false);
    return entry ? entry->value : NULL;
}

/* ---- flushing ---- */

static void write_batch(void *arg)
{
    struct batch *batch = arg;
    bool written = batch->disk->append(batch->disk, batch->log.bytes, batch->log.size);
    if (written)
        batch->log.size = 0;
    qp_return(&written);
}

/* Behind what could not be written before. */
static bool take_pending(struct store *self, struct batch *batch)
{
    qp_touch(self, true);
    if (!text_append(&batch->log, self->pending.bytes, self->pending.size))
        return false;
    self->pending.size = 0;
    return true;
}

bool store_flush(struct store *self)
{
    const struct qp_task_options options = {.name = "write", .result = &qp_bool};
    struct qp_guard guard;
    if (qp_await(qp_lock(self->log, &guard)) != QP_OK)
        return false;
    struct batch *batch = qp_guard_value(&guard);
    bool taken = take_pending(self, batch), written = taken && batch->log.size == 0;
    struct qp_handle writing = {NULL, 0};
    if (taken && !written)
        writing = qp_spawn_blocking_with(write_batch, batch, &options);
    if (!writing.task) {
        qp_unlock(&guard);
        return written;
    }
    qp_guard_give(&guard, &writing); /* so that the lock is held until it is over, whatever becomes of us */
    return qp_await(qp_join(&writing, &written)) == QP_OK && written;
}

/* ---- beginning ---- */

struct store *store_create(struct disk *disk)
{
    struct batch batch = {.disk = disk};
    struct store *self = calloc(1, sizeof *self);
    if (!self || qp_defer(store_end, self) != QP_OK) {
        free(self);
        return NULL;
    }
    self->log = qp_mutex_create("log", &batch_type, &batch);
    return self->log && qp_channel_create(&qp_nothing, 1, &self->change, &self->changes) == QP_OK ? self : NULL;
}

/* As if a client had said it; but it is written already. */
static bool load_line(struct store *self, const char *line)
{
    char key[KEY_MOST], value[VALUE_MOST];
    bool found, done = false;
    if (sscanf(line, "SET %63s %255s", key, value) == 2)
        done = store_set(self, key, value);
    else if (sscanf(line, "DEL %63s", key) == 1)
        done = store_delete(self, key, &found);
    self->pending.size = 0;
    return done;
}

long store_load(struct store *self, const char *log, size_t size)
{
    char line[KEY_MOST + VALUE_MOST + sizeof "SET  "];
    const char *at = log, *end;
    while ((end = memchr(at, '\n', size - (size_t)(at - log))) != NULL) {
        snprintf(line, sizeof line, "%.*s", (int)(end - at), at);
        if (!load_line(self, line))
            return -1;
        at = end + 1;
    }
    return at - log;
}
