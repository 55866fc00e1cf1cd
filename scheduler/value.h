/* Values: their bytes, as the boundary prints and drops them. */
#ifndef SCHEDULER_VALUE_H
#define SCHEDULER_VALUE_H

#include "scheduler/emit.h"
#include <quipu/type.h>
#include <string.h>

enum { QP_PRINT_SIZE = 128 };

/* The value in words, in the given buffer; NULL where its type has none, or nobody will read them. While tracing. */
static inline const char *qp_print(const struct qp_type *type, const void *value, char text[QP_PRINT_SIZE])
{
    if (qp_thread.tracing->brief || !type->print)
        return NULL;
    type->print(value, text, QP_PRINT_SIZE);
    return text;
}

/* A number for a value that enters: only events show it, so it is 0 while nobody listens. */
uint64_t qp_value_next(void);
static inline uint64_t qp_value_number(void)
{
    return QP_TRACING ? qp_value_next() : 0;
}

/*
 * Moves the bytes of a value of that size. Most are a number, a pointer or two, and for these a call would cost more
 * than the rest of what is done to them; whether it did that. A value without bytes may have no address either.
 */
static inline bool qp_value_move_small(size_t size, void *to, const void *from)
{
    if (QP_LIKELY(size == 4))
        memcpy(to, from, 4);
    else if (QP_LIKELY(size == 8))
        memcpy(to, from, 8);
    else if (size == 16)
        memcpy(to, from, 16);
    else
        return size == 0;
    return true;
}

static inline void qp_value_move(size_t size, void *to, const void *from)
{
    if (!qp_value_move_small(size, to, from))
        memcpy(to, from, size);
}

/*
 * The bytes of a value in one number, to see whether those that come out are those that went in. Not for the trace:
 * there may be addresses among them. Only while tracing.
 */
uint64_t qp_value_sum(const struct qp_type *type, const void *value);
extern bool qp_on_valgrind; /* which is asked once */
static inline uint64_t qp_value_bytes(const struct qp_type *type, const void *value)
{
    uint32_t bytes;
    if (type->size != sizeof bytes || QP_UNLIKELY(qp_on_valgrind))
        return qp_value_sum(type, value);
    memcpy(&bytes, value, sizeof bytes);
    return bytes;
}

/* Tells that a value was set into a lock, where it is by now, and that it had these bytes. */
static inline void qp_value_emit_set(const struct qp_type *type, const void *value, uint64_t object, uint64_t id,
                                     uint64_t bytes)
{
    char text[QP_PRINT_SIZE];
    QP_EMIT(VALUE_SET, .object = object, .fields = {id, bytes != qp_value_bytes(type, value)},
            .text = qp_print(type, value, text));
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
