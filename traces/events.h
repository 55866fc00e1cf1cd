/*
 * Events as traces know them: sequences of them, wherever they are kept, and the names of kinds and statuses.
 *
 * The numbers of kinds change when kinds are added; their names do not. So traces and digests have the names.
 */
#ifndef TRACES_EVENTS_H
#define TRACES_EVENTS_H

#include <quipu/event.h>
#include <stdbool.h>

/* A sequence of events. Borrows them; valid while whoever keeps them changes nothing. */
struct qp_events {
    const void *context;
    size_t count;
    const struct qp_event *(*at)(const void *context, size_t index);
};

/* The index-th event; NULL past the last. */
static inline const struct qp_event *qp_events_at(const struct qp_events *events, size_t index)
{
    return index < events->count ? events->at(events->context, index) : NULL;
}

/* The kind with this name; false, and the kind untouched, when there is none. */
bool qp_event_find(const char *name, enum qp_event_kind *kind);

/* Whether the kind has an index-th number, and whether it has a text; false for a kind that is none. */
bool qp_event_has_field(enum qp_event_kind kind, size_t index);
bool qp_event_has_text(enum qp_event_kind kind);

/* The name of a kind of choice that injects something, "cancel"; NULL for any other number. And its number; -1: none.
 */
const char *qp_fault_name(uint64_t kind);
int qp_fault_find(const char *name);

/* A status's name, "TIMEOUT"; NULL for a number that is none. */
const char *qp_outcome_name(uint64_t status);

#endif
