/*
 * An execution as trace events (the JSON format of chrome://tracing), for Perfetto: a thread for each task with what it
 * did, its waits as asynchronous slices, hand-overs, wake-ups and the ways of values as flows, what channels hold as
 * counters, and broken contracts as instants with their sentence.
 */
#ifndef TOOLS_PERFETTO_H
#define TOOLS_PERFETTO_H

#include "traces/checker.h"
#include "traces/events.h"
#include "traces/meta.h"

/* Writes it; `checker` has judged the events. False: a sentence was printed. */
bool write_perfetto(const char *path, const struct qp_trace_meta *meta, const struct qp_events *events,
                    const struct qp_checker *checker);

#endif
