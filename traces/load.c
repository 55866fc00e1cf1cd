/*
 * Whole traces in memory. State while one is loaded: struct loading.
 *
 * Invariants: everything that a trace points to is in its store, but for the events, whose array counts in the store's
 * budget and has room for store->room of them.
 */
#include "traces/store.h"
#include "traces/text.h"
#include <stdlib.h>

/* ---- the store ---- */

struct qp_trace_store *qp_trace_store_create(void)
{
    struct qp_trace_store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    qp_pool_init(&store->pool, &store->budget);
    qp_intern_init(&store->intern, &store->pool);
    return store;
}

void qp_trace_store_destroy(struct qp_trace_store *store)
{
    if (!store)
        return;
    qp_intern_free(&store->intern);
    qp_pool_free(&store->pool);
    free(store);
}

bool qp_trace_store_fail(const char *name, char *error, size_t error_size)
{
    if (error_size > 0)
        snprintf(error, error_size, "%s: cannot be read: out of memory", name);
    return false;
}

/* ---- the trace ---- */

/* A trace while it is loaded. */
struct loading {
    struct qp_trace trace;
    bool full; /* memory ran out: events were left out */
};

static bool keep_event(struct qp_trace *trace, const struct qp_event *event)
{
    struct qp_trace_store *store = trace->store;
    if (trace->count == store->room) {
        size_t room = store->room ? 2 * store->room : 16;
        struct qp_event *events =
            qp_budget_grow(&store->budget, trace->events, store->room * sizeof *events, room * sizeof *events);
        if (!events)
            return false;
        trace->events = events;
        store->room = room;
    }
    struct qp_event kept = *event;
    if (event->text) {
        kept.text = qp_pool_text(&store->pool, event->text, QP_TEXT_MOST);
        if (!kept.text)
            return false;
    }
    trace->events[trace->count++] = kept;
    return true;
}

static void load_event(void *context, const struct qp_event *event)
{
    struct loading *loading = context;
    if (!loading->full && !keep_event(&loading->trace, event))
        loading->full = true;
}

static void load_summary(void *context, const struct qp_trace_meta *meta, uint64_t digest)
{
    struct loading *loading = context;
    loading->trace.meta = *meta;
    loading->trace.digest = digest;
}

bool qp_trace_load(struct qp_trace *trace, const char *path, char *error, size_t error_size)
{
    struct loading loading = {.trace.store = qp_trace_store_create()};
    struct qp_trace_handler handler = {&loading, NULL, load_event, load_summary};
    if (!loading.trace.store)
        return qp_trace_store_fail(path, error, error_size);
    bool well = qp_trace_store_read(loading.trace.store, path, &handler, error, error_size);
    if (well && !loading.full) {
        *trace = loading.trace;
        return true;
    }
    qp_trace_free(&loading.trace);
    return well ? qp_trace_store_fail(path, error, error_size) : false;
}

void qp_trace_free(struct qp_trace *trace)
{
    if (trace->store)
        qp_budget_release(&trace->store->budget, trace->events, trace->store->room * sizeof *trace->events);
    qp_trace_store_destroy(trace->store);
    *trace = (struct qp_trace){0};
}

static const struct qp_event *loaded(const void *context, size_t index)
{
    const struct qp_trace *trace = context;
    return &trace->events[index];
}

struct qp_events qp_trace_events(const struct qp_trace *trace)
{
    return (struct qp_events){trace, trace->count, loaded};
}
