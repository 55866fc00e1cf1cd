/*
 * Memory of a runtime, or of the process where there is none.
 *
 * What was allocated with a runtime is released with the same one and the same size.
 */
#ifndef SCHEDULER_MEMORY_H
#define SCHEDULER_MEMORY_H

#include <stddef.h>

struct qp_runtime;

/* Returns owned, not cleared; NULL where there is no more. */
void *qp_allocate(struct qp_runtime *runtime, size_t size);
void qp_release(struct qp_runtime *runtime, void *memory, size_t size);

#define QP_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define QP_CONTAINER_CONST(pointer, type, member) \
    ((const type *)(const void *)((const char *)(pointer)-offsetof(type, member)))

#endif
