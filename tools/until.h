/*
 * Stopping a replay at an event: under a debugger, which then has the program as it was in that moment, or else with a
 * listing of every task and object.
 */
#ifndef TOOLS_UNTIL_H
#define TOOLS_UNTIL_H

#include "traces/recorder.h"
#include <quipu/event.h>

/* Borrows all of it. */
struct until {
    uint64_t event; /* its number, from 1 */
    const char *path;
    const struct qp_events *recorded;   /* what the events up to there are to be */
    const struct qp_recorder *recorder; /* and what they were: it is told before */
};

/* A listener (qp_event_fn; the context is a struct until). Does not return from that event unless a debugger goes on.
 */
void until_event(void *context, const struct qp_event *event);

#endif
