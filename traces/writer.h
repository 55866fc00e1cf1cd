/*
 * Writes a trace: JSON Lines, a header, one event a line, a summary. The format is in SPEC.md and schema.json.
 *
 * The same input gives the same bytes. The file appears under its name when it is complete, and not before: until then
 * it is written under another, beside it, which is removed when something fails. What has that name and is no ordinary
 * file, a device or a link, is never replaced: it is written in place. Nothing here suspends.
 */
#ifndef TRACES_WRITER_H
#define TRACES_WRITER_H

#include "traces/events.h"
#include "traces/meta.h"

/*
 * Writes a whole trace. False: it could not, nothing was left at `path` that was not there before, and `error` (of
 * `error_size` bytes) has a sentence that says why.
 */
bool qp_trace_write(const char *path, const struct qp_trace_meta *meta, const struct qp_events *events, char *error,
                    size_t error_size) QP_MUST_CHECK;

/* ---- the same in steps, for events that are written as they happen ---- */

struct qp_trace_writer;

/* Writes the header. Returns owned; NULL with a sentence in `error`. Copies `path`, borrows `meta` during the call. */
struct qp_trace_writer *qp_trace_writer_open(const char *path, const struct qp_trace_meta *meta, char *error,
                                             size_t error_size) QP_MUST_CHECK;

/* Writes an event; a qp_event_fn, whose context is the writer. What fails is kept for qp_trace_writer_close. */
void qp_trace_writer_event(void *writer, const struct qp_event *event);

/* Takes the writer, writes the summary and puts the file in its place; false with a sentence in `error`. */
bool qp_trace_writer_close(struct qp_trace_writer *writer, const struct qp_trace_meta *meta, char *error,
                           size_t error_size) QP_MUST_CHECK;

/* Takes the writer and removes what it wrote. Nothing for NULL. */
void qp_trace_writer_discard(struct qp_trace_writer *writer);

#endif
