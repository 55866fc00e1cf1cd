/* Events, from wherever something happens. Nothing here costs more than one branch while nobody listens. */
#ifndef SCHEDULER_EMIT_H
#define SCHEDULER_EMIT_H

#include "scheduler/thread.h"
#include <quipu/event.h>

/* Fills in what is common to all events and hands it on. Only while tracing. */
void qp_emit(struct qp_event *event);

/* QP_EMIT(VALUE_QUEUED, .object = id, .fields = {value}); */
#define QP_EMIT(name, ...)                                                     \
    do {                                                                       \
        if (QP_TRACING)                                                        \
            qp_emit(&(struct qp_event){.kind = QP_EVENT_##name, __VA_ARGS__}); \
    } while (0)

/* The number of a future in the trace; given at its first event, which tells of its creation. Only while tracing. */
uint32_t qp_future_number(struct qp_future *future);

#endif
