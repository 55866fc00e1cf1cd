/* A trace that was read and judged: what the commands that show one begin with. */
#ifndef TOOLS_JUDGED_H
#define TOOLS_JUDGED_H

#include "traces/checker.h"
#include "traces/reader.h"

struct judged {
    struct qp_trace trace;
    struct qp_events events; /* of it */
    struct qp_checker *checker;
};

/* Reads it and holds it against the contracts, as `quipu check` does. False: a sentence was printed. */
bool judged_load(struct judged *judged, const char *path);
void judged_free(struct judged *judged);

#endif
