/*
 * Each name and each site once, for events that were read: they keep operation and site by pointer.
 *
 * Equal contents give the same pointer, which stays valid until the table is freed. Takes its memory from a pool and
 * its budget.
 */
#ifndef TRACES_INTERN_H
#define TRACES_INTERN_H

#include "traces/pool.h"
#include <quipu/future.h>

struct qp_intern_table { /* private */
    struct qp_intern_slot *slots;
    size_t size;  /* a power of two, or 0 */
    size_t count; /* of slots in use, at most three quarters */
};

struct qp_intern {
    struct qp_pool *pool; /* borrowed */
    struct qp_intern_table names, sites;
};

void qp_intern_init(struct qp_intern *intern, struct qp_pool *pool);
void qp_intern_free(struct qp_intern *intern);

/* NULL: out of memory. */
const char *qp_intern_name(struct qp_intern *intern, const char *name);
const struct qp_site *qp_intern_site(struct qp_intern *intern, const struct qp_site *site);

#endif
