/* Values: their bytes, as the boundary prints and drops them. */
#ifndef SCHEDULER_VALUE_H
#define SCHEDULER_VALUE_H

#include "scheduler/emit.h"
#include <quipu/type.h>

enum { QP_PRINT_SIZE = 128 };

/* The value in words, in the given buffer; NULL where its type has none, or nobody will read them. While tracing. */
static inline const char *qp_print(const struct qp_type *type, const void *value, char text[QP_PRINT_SIZE])
{
    if (qp_thread.tracing->brief || !type->print)
        return NULL;
    type->print(value, text, QP_PRINT_SIZE);
    return text;
}

/* A number for a value that enters; 0 outside a runtime. */
uint64_t qp_value_number(void);

/* Tells that a value was set into a lock. */
static inline void qp_value_emit_set(const struct qp_type *type, const void *value, uint64_t object, uint64_t id)
{
    char text[QP_PRINT_SIZE];
    QP_EMIT(VALUE_SET, .object = object, .fields = {id}, .text = qp_print(type, value, text));
}

/* Drops a value that nobody took, and says why. */
static inline void qp_value_drop(const struct qp_type *type, void *value, uint64_t object, uint64_t id,
                                 enum qp_drop_reason reason)
{
    QP_EMIT(VALUE_DROPPED, .object = object, .fields = {id, (uint64_t)reason});
    if (type->drop)
        type->drop(value);
}

#endif
