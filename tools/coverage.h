/* Which waits were cancelled: added up over what workers found, counted, and told. */
#ifndef TOOLS_COVERAGE_H
#define TOOLS_COVERAGE_H

#include "sim/explore.h"
#include <cjson/cJSON.h>
#include <stdio.h>

/* Adds one tally's await points to another's. */
void coverage_add(struct qp_explore_tally *to, const struct qp_explore_tally *from);

/* How many await points were cancelled, at any moment. */
size_t coverage_cancelled(const struct qp_explore_tally *tally);

/* Prints a table of moments and boundaries, and with `each` a line for each await point. */
void coverage_print(FILE *file, const struct qp_explore_tally *tally, bool each);

/* The same table as an object: "abort": {"before": {"points": 4, "cancelled": 4}, ...}. False: out of memory. */
bool coverage_json(const struct qp_explore_tally *tally, cJSON *object);

#endif
