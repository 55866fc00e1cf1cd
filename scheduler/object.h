/*
 * What tasks wait for: channels, locks, semaphores, barriers. The base of each, its first member.
 *
 * An object is counted: its owner has one reference, and so has each guard or permit. The last one frees it.
 */
#ifndef SCHEDULER_OBJECT_H
#define SCHEDULER_OBJECT_H

#include "scheduler/emit.h"
#include "scheduler/owned.h"

struct qp_object {
    const char *kind;           /* "mutex" */
    const char *name;           /* borrowed; NULL: none */
    struct qp_runtime *runtime; /* whose memory it is in; NULL: the process's */
    uint64_t id;                /* its number, from 1 in each runtime */
};

/* Numbers the object and tells of it. */
void qp_object_init(struct qp_object *object, const char *kind, const char *name, uint64_t capacity);

/* "mutex 2 'db'", in a buffer that the next four calls leave alone. */
const char *qp_object_label(const struct qp_object *object);

#endif
