/* What was read from a trace and outlives its line: names, sites, the header; and events, where they are kept. */
#ifndef TRACES_STORE_H
#define TRACES_STORE_H

#include "traces/intern.h"
#include "traces/reader.h"

struct qp_trace_store {
    struct qp_budget budget;
    struct qp_pool pool;
    struct qp_intern intern;
    size_t room; /* of events */
};

/* Returns owned; NULL: out of memory. */
struct qp_trace_store *qp_trace_store_create(void);

/* Takes; nothing for NULL. */
void qp_trace_store_destroy(struct qp_trace_store *store);

/* qp_trace_read into a store: what the handler is given stays as long as that does, but for the texts of events. */
bool qp_trace_store_read(struct qp_trace_store *store, const char *path, const struct qp_trace_handler *handler,
                         char *error, size_t error_size);

/* Says that there was no memory; false. */
bool qp_trace_store_fail(const char *name, char *error, size_t error_size);

#endif
