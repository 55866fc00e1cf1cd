/*
 * Which bug a failure is, by its minimised story: two failures are one bug when they fail by the same rule or report,
 * and the lines of one's story, without their numbers, are all among those of the other's. So a story that has not
 * become quite as small, or in which two alike tasks have changed places, is no second bug.
 */
#ifndef TOOLS_SIGNATURE_H
#define TOOLS_SIGNATURE_H

#include "sim/explore.h"

struct signature {
    struct qp_failure_key key;
    uint64_t *lines; /* a hash of each, in ascending order; owned */
    size_t count;
};

/* Of what tell_failure has told. False: out of memory. */
bool signature_init(struct signature *self, const struct qp_failure_key *key, const char *text);
void signature_end(struct signature *self);

bool signature_same_bug(const struct signature *a, const struct signature *b);

/* A number that is another for another signature. */
uint64_t signature_number(const struct signature *self);

/* What each line of a story begins with, in what tell_failure tells. */
#define STORY_INDENT "    | "

#endif
