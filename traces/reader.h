/*
 * Reads a trace, of this library or of any other runtime that writes the format.
 *
 * A trace is input from outside: whatever is in the file, the answer is the trace or one sentence that says what is
 * wrong and where, "run.jsonl:12:34: expected ...", with the line and the byte in it, both from 1. Memory is bounded by
 * a constant multiple of the file's size. Nothing here suspends.
 */
#ifndef TRACES_READER_H
#define TRACES_READER_H

#include "traces/events.h"
#include "traces/meta.h"
#include <stdio.h>

/* ---- the whole trace ---- */

struct qp_trace {
    struct qp_trace_meta meta;
    struct qp_event *events; /* number i + 1 is at i */
    size_t count;
    uint64_t digest;              /* of the events; it is the one that the summary gives */
    struct qp_trace_store *store; /* private: all that the others point to */
};

/* False: a sentence is in `error` (of `error_size` bytes), and the trace is untouched. */
bool qp_trace_load(struct qp_trace *trace, const char *path, char *error, size_t error_size) QP_MUST_CHECK;

/* Releases a trace that was loaded; nothing for one that is zero, which it is afterwards. */
void qp_trace_free(struct qp_trace *trace);

/* The events, as a sequence. Borrows the trace. */
struct qp_events qp_trace_events(const struct qp_trace *trace);

/* ---- one event after the other, in memory that does not grow with their number ---- */

/*
 * Called in the order of the file; each may be NULL. What they are given is borrowed during the call, but for operation
 * names and sites, which stay until the reading ends. Only the summary says that all was well: whoever acts on events
 * before it may be acting on a trace that turns out to be damaged.
 */
struct qp_trace_handler {
    void *context;
    void (*header)(void *context, const struct qp_trace_meta *meta); /* the header's part of it */
    qp_event_fn event;
    void (*summary)(void *context, const struct qp_trace_meta *meta, uint64_t digest); /* all of it */
};

bool qp_trace_read(const char *path, const struct qp_trace_handler *handler, char *error,
                   size_t error_size) QP_MUST_CHECK;

/* The same from an open file, up to its end, which it does not close. `name` stands for it in the sentence. */
bool qp_trace_read_file(FILE *file, const char *name, const struct qp_trace_handler *handler, char *error,
                        size_t error_size) QP_MUST_CHECK;

#endif
