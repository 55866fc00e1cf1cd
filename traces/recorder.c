/*
 * The recorder. State: chunks of events, a pool with their texts, and how far the digest has come.
 *
 * Invariants: event i is at chunks[i / CHUNK]->events[i % CHUNK] and never moves; chunk_count chunks exist, and those
 * past the last event are empty; `full` is set by the first event that was left out, and nothing is recorded after it.
 */
#include "traces/recorder.h"
#include "traces/digest.h"
#include "traces/pool.h"
#include "traces/text.h"
#include <stdlib.h>

enum { CHUNK = 256 };

struct chunk {
    struct qp_event events[CHUNK];
};

struct qp_recorder {
    struct qp_budget budget;
    struct qp_pool texts;
    struct chunk **chunks;
    size_t chunk_count;
    size_t chunk_room; /* of pointers */
    size_t count;      /* of events */
    bool full;
    struct qp_digest digest; /* of the first digest.count events */
};

struct qp_recorder *qp_recorder_create(size_t most_bytes)
{
    struct qp_recorder *recorder = calloc(1, sizeof *recorder);
    if (!recorder)
        return NULL;
    recorder->budget.most = most_bytes;
    qp_pool_init(&recorder->texts, &recorder->budget);
    return recorder;
}

void qp_recorder_destroy(struct qp_recorder *recorder)
{
    if (!recorder)
        return;
    for (size_t i = 0; i < recorder->chunk_count; i++)
        qp_budget_release(&recorder->budget, recorder->chunks[i], sizeof(struct chunk));
    qp_budget_release(&recorder->budget, recorder->chunks, recorder->chunk_room * sizeof *recorder->chunks);
    qp_pool_free(&recorder->texts);
    free(recorder);
}

void qp_recorder_clear(struct qp_recorder *recorder)
{
    qp_pool_clear(&recorder->texts);
    recorder->count = 0;
    recorder->full = false;
    recorder->digest = (struct qp_digest){0};
}

static bool grow_pointers(struct qp_recorder *recorder)
{
    size_t room = recorder->chunk_room ? 2 * recorder->chunk_room : 16;
    size_t size = sizeof *recorder->chunks;
    struct chunk **chunks =
        qp_budget_grow(&recorder->budget, recorder->chunks, recorder->chunk_room * size, room * size);
    if (!chunks)
        return false;
    recorder->chunks = chunks;
    recorder->chunk_room = room;
    return true;
}

/* The place of the next event; NULL when there is no memory for it. */
static struct qp_event *next_place(struct qp_recorder *recorder)
{
    size_t index = recorder->count / CHUNK;
    if (index == recorder->chunk_count) {
        if (index == recorder->chunk_room && !grow_pointers(recorder))
            return NULL;
        struct chunk *chunk = qp_budget_allocate(&recorder->budget, sizeof *chunk);
        if (!chunk)
            return NULL;
        recorder->chunks[recorder->chunk_count++] = chunk;
    }
    return &recorder->chunks[index]->events[recorder->count % CHUNK];
}

static bool record(struct qp_recorder *recorder, const struct qp_event *event)
{
    struct qp_event *place = next_place(recorder);
    if (!place)
        return false;
    *place = *event;
    if (event->text) {
        place->text = qp_pool_text(&recorder->texts, event->text, QP_TEXT_MOST);
        if (!place->text)
            return false;
    }
    recorder->count++;
    return true;
}

void qp_recorder_event(void *context, const struct qp_event *event)
{
    struct qp_recorder *recorder = context;
    if (!recorder->full && !record(recorder, event))
        recorder->full = true;
}

size_t qp_recorder_count(const struct qp_recorder *recorder)
{
    return recorder->count;
}

const struct qp_event *qp_recorder_at(const struct qp_recorder *recorder, size_t index)
{
    return index < recorder->count ? &recorder->chunks[index / CHUNK]->events[index % CHUNK] : NULL;
}

bool qp_recorder_is_full(const struct qp_recorder *recorder)
{
    return recorder->full;
}

uint64_t qp_recorder_digest(struct qp_recorder *recorder)
{
    while (recorder->digest.count < recorder->count)
        qp_digest_event(&recorder->digest, qp_recorder_at(recorder, (size_t)recorder->digest.count));
    return recorder->digest.value;
}

static const struct qp_event *recorded(const void *context, size_t index)
{
    return qp_recorder_at(context, index);
}

struct qp_events qp_recorder_events(const struct qp_recorder *recorder)
{
    return (struct qp_events){recorder, recorder->count, recorded};
}
