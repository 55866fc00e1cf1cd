/*
 * What tasks wait for: channels, locks, semaphores, barriers. The base of each, its first member.
 *
 * An object is counted: its owner has one reference, and so has each guard or permit. The last one frees it. Those made
 * in a runtime are linked there, in order of creation, so that they can be listed.
 */
#ifndef SCHEDULER_OBJECT_H
#define SCHEDULER_OBJECT_H

#include "scheduler/emit.h"
#include "scheduler/owned.h"

struct qp_object;
struct qp_say;

struct qp_object_kind {
    const char *name; /* "mutex", as in traces */

    /* Says what state it is in, beginning with ": ", and who waits for it in lines of their own. */
    void (*describe)(const struct qp_object *self, const struct qp_say *to);
};

struct qp_object {
    const struct qp_object_kind *kind;
    const char *name;              /* borrowed; NULL: none */
    struct qp_runtime *runtime;    /* whose memory it is in; NULL: the process's */
    struct qp_object *prev, *next; /* among the runtime's */
    uint64_t id;                   /* its number, from 1 in each runtime */
};

/* Numbers the object, links it, and tells of it. And the end of it, before its memory is given back. */
void qp_object_init(struct qp_object *object, const struct qp_object_kind *kind, const char *name, uint64_t capacity);
void qp_object_end(struct qp_object *object);

/* "mutex 2 'db'", in a buffer that the next four calls leave alone. */
const char *qp_object_label(const struct qp_object *object);

#endif
