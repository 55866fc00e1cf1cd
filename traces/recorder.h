/*
 * The recorder: keeps the events of a run in memory, in binary.
 *
 * Copies each event and its text; operation names and sites are static storage and kept by pointer. When memory runs
 * out it stops, keeps what it has, and says so: what it holds is then the beginning of the run.
 */
#ifndef TRACES_RECORDER_H
#define TRACES_RECORDER_H

#include "traces/events.h"

struct qp_recorder;

/* Returns owned. It uses at most `most_bytes` for what it records; 0: no bound. NULL: out of memory. */
struct qp_recorder *qp_recorder_create(size_t most_bytes);

/* Takes; nothing for NULL. */
void qp_recorder_destroy(struct qp_recorder *recorder);

/* Forgets all events, and keeps the memory for those to come. */
void qp_recorder_clear(struct qp_recorder *recorder);

/* Records an event; a qp_event_fn, whose context is the recorder. */
void qp_recorder_event(void *recorder, const struct qp_event *event);

size_t qp_recorder_count(const struct qp_recorder *recorder);

/* The index-th event, from 0; NULL past the last. Borrowed until the recorder is cleared or destroyed. */
const struct qp_event *qp_recorder_at(const struct qp_recorder *recorder, size_t index);

/* Whether events were left out because memory ran out. */
bool qp_recorder_is_full(const struct qp_recorder *recorder);

/* The digest (digest.h) of the events recorded. Computed when asked for, each event once. */
uint64_t qp_recorder_digest(struct qp_recorder *recorder);

/* The events, as a sequence. Borrows; to be asked for again after more were recorded. */
struct qp_events qp_recorder_events(const struct qp_recorder *recorder);

#endif
