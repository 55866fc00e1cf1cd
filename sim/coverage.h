/*
 * Coverage without a compiler's help: the shape of an execution.
 *
 * An edge is the await point at which the step before began, the one at which this step begins, and what happens in it:
 * the kind of the event, the object and the status. How often an edge was taken counts by its order of magnitude, as
 * with AFL. What counts as new is what no execution has shown before.
 *
 * Invariant: counts[i] is not 0 exactly for the `touched_count` edges in `touched`. Edges with the same number are one.
 */
#ifndef SIM_COVERAGE_H
#define SIM_COVERAGE_H

#include <quipu/event.h>

enum { QP_COVERAGE_EDGES = 65536, QP_COVERAGE_SITES = 256 };

struct qp_coverage {
    uint8_t *seen; /* by edge, a bit for each order of magnitude; borrowed, and shared with others */
    uint8_t counts[QP_COVERAGE_EDGES];
    uint16_t touched[QP_COVERAGE_EDGES];
    size_t touched_count;
    uint32_t before, here; /* the step before, and this one */
    struct {
        const struct qp_site *site;
        uint32_t number;
    } sites[QP_COVERAGE_SITES]; /* numbers that were worked out */
};

/* Forgets the execution before. */
void qp_coverage_begin(struct qp_coverage *self);

/* Hears an event; a qp_event_fn, whose context is the coverage. */
void qp_coverage_event(void *self, const struct qp_event *event);

/* The execution is over: what it showed is noted in `seen`. Returns how much of it was new. */
uint32_t qp_coverage_end(struct qp_coverage *self);

/* How many edges were seen. */
uint32_t qp_coverage_count(const uint8_t *seen);

#endif
