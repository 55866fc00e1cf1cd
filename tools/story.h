/*
 * An execution in a few lines: what each task did, in its own column, in the order in which it happened.
 *
 * All texts that a story gives are plain (plain.h), and stay valid until it is destroyed.
 */
#ifndef TOOLS_STORY_H
#define TOOLS_STORY_H

#include "traces/events.h"
#include <stdio.h>

enum { STORY_TEXT = 192 };

/* What one event comes to. An event has one line at most; many have none. */
struct story_line {
    size_t event;    /* its index */
    uint64_t task;   /* in whose column; 0: across all of them */
    uint64_t object; /* that it is about; 0: none */
    char text[STORY_TEXT];
};

struct story;

/* Returns owned; NULL: out of memory. The events are borrowed during the call. */
struct story *story_create(const struct qp_events *events);
void story_destroy(struct story *story);

/* The index-th line; NULL past the last. */
const struct story_line *story_at(const struct story *story, size_t index);
size_t story_lines(const struct story *story);

/* What things are called: a task by its name, an object by its name or kind, a value by how it prints. "": nothing is
 * known of it. */
const char *story_task(const struct story *story, uint64_t task);
const char *story_object(const struct story *story, uint64_t object);
const char *story_value(const struct story *story, uint64_t value);

/* The highest number of a task. */
uint64_t story_tasks(const struct story *story);

/* Prints the story, each line after `indent`; of a long one the beginning and the end. Returns its lines, all of them.
 */
size_t print_story(FILE *file, const struct qp_events *events, const char *indent);

/* How many lines it has. */
size_t count_story(const struct qp_events *events);

#endif
