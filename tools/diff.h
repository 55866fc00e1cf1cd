/* Telling where two traces part. */
#ifndef TOOLS_DIFF_H
#define TOOLS_DIFF_H

#include "traces/reader.h"

/* Prints how the traces, which have these names, differ, or that they do not. Returns EXIT_FAILED or EXIT_FINE. */
int compare_traces(const char **names, const struct qp_trace *a, const struct qp_trace *b);

#endif
