/* Comparing runs event by event, and events in a form for people. */
#ifndef TRACES_COMPARE_H
#define TRACES_COMPARE_H

#include "traces/events.h"

/* Whether two events say the same: all that the digest covers, texts and sites by content. */
bool qp_event_equal(const struct qp_event *a, const struct qp_event *b);

#define QP_EVENTS_SAME SIZE_MAX

/*
 * The index of the first event in which the two sequences differ, where one may have ended already; QP_EVENTS_SAME if
 * they are equal.
 */
size_t qp_events_compare(const struct qp_events *a, const struct qp_events *b);

/*
 * One event on one line, without a newline:
 *
 *     #12 1.500ms task 2 recv(object 1) future.ready future=7 status=OK at scenarios/bank.c:41 qp_recv(rx, &v)
 *
 * Times are in milliseconds, to the microsecond, or to the nanosecond where there are any. Returns the length of the
 * whole line; what does not fit in `size` bytes, with the zero byte, is cut.
 */
size_t qp_event_print(const struct qp_event *event, char *buffer, size_t size);

#endif
