/*
 * An execution in a few lines: what each task did, in its own column, in the order in which it happened.
 */
#ifndef TOOLS_STORY_H
#define TOOLS_STORY_H

#include "traces/events.h"
#include <stdio.h>

/* Prints the story, each line after `indent`; of a long one the beginning and the end. Returns its lines, all of them.
 */
size_t print_story(FILE *file, const struct qp_events *events, const char *indent);

/* How many lines it has. */
size_t count_story(const struct qp_events *events);

#endif
