/*
 * Stories: see story.h. State while one is told: the tasks with their columns, the labels of objects, what values look
 * like, and the lines so far.
 *
 * A task's wait is told when it begins, and its answer when it comes; what is ready at once is one line. What a future
 * inside another answers is told, but for functions, timeouts and the like, which only pass it on.
 *
 * Numbers in a trace count from 1 without gaps, so none is higher than `most`, or it is nonsense and has no label.
 */
#include "tools/story.h"
#include "tools/array.h"
#include "tools/plain.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 5, WIDTH = 30, HEAD = 12, TAIL = 60, LABEL = 48, NAMES_COMPARED = 256 };

struct label {
    char text[LABEL];
};

struct labels {
    struct label *all;
    size_t room;
};

struct story {
    struct story_line *lines;
    size_t count, room;
    struct labels tasks, objects, values, joined; /* joined: by the future */
    bool *begun;                                  /* futures whose wait was told */
    size_t begun_room;
    uint64_t most, most_task;
    size_t event; /* that is being told */
    bool failed;  /* memory ran out */
};

/* ---- labels ---- */

static char *label_at(struct story *self, struct labels *labels, uint64_t index)
{
    static _Thread_local struct label nobody;
    nobody.text[0] = '\0';
    if (index > self->most)
        return nobody.text;
    if (!array_reserve(&labels->all, &labels->room, (size_t)index + 1, sizeof *labels->all)) {
        self->failed = true;
        return nobody.text;
    }
    return labels->all[index].text;
}

static const char *label_of(const struct labels *labels, uint64_t index)
{
    return index < labels->room ? labels->all[index].text : "";
}

static char *task_label(struct story *self, uint64_t task)
{
    char *label = label_at(self, &self->tasks, task);
    if (!*label)
        snprintf(label, LABEL, "task %" PRIu64, task);
    return label;
}

static char *object_label(struct story *self, uint64_t object)
{
    return label_at(self, &self->objects, object);
}

static char *value_label(struct story *self, uint64_t value)
{
    char *label = label_at(self, &self->values, value);
    if (!*label)
        snprintf(label, LABEL, "#%" PRIu64, value);
    return label;
}

static void set_label(char *label, const char *text)
{
    plain_copy(label, LABEL, text);
}

/* ---- lines ---- */

/* In a task's column, or across all of them; NULL: memory ran out. */
static struct story_line *format_line(struct story *self, uint64_t task, const char *format, va_list args)
{
    char text[2 * STORY_TEXT];
    struct story_line *line;
    if (!array_reserve(&self->lines, &self->room, self->count + 1, sizeof *self->lines)) {
        self->failed = true;
        return NULL;
    }
    line = &self->lines[self->count++];
    *line = (struct story_line){.event = self->event, .task = task};
    vsnprintf(text, sizeof text, format, args);
    plain_copy(line->text, STORY_TEXT, text);
    return line;
}

static void tell(struct story *self, const struct qp_event *event, const char *format, ...) QP_PRINTF(3, 4);

/* In the column of the event's task, with the line of its await point. */
static void tell(struct story *self, const struct qp_event *event, const char *format, ...)
{
    struct story_line *line;
    va_list args;
    size_t length;
    va_start(args, format);
    line = format_line(self, event->task, format, args);
    va_end(args);
    if (!line)
        return;
    line->object = event->object;
    length = strlen(line->text);
    if (event->site)
        snprintf(line->text + length, sizeof line->text - length, " :%d", event->site->line);
    if (event->task > self->most_task && event->task <= self->most)
        self->most_task = event->task;
}

static void announce(struct story *self, const char *format, ...) QP_PRINTF(2, 3);

static void announce(struct story *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_line(self, 0, format, args);
    va_end(args);
}

/* ---- events ---- */

static bool only_passes_on(const struct qp_event *event)
{
    static const char *const ops[] = {"async", "timeout", "race", "join_all", "timeout_join"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (event->op && strcmp(event->op, ops[i]) == 0)
            return true;
    return false;
}

static const char *status_name(uint64_t status)
{
    return qp_outcome_name(status) ? qp_outcome_name(status) : "?";
}

/* "recv jobs", "join worker" */
static void name_operation(struct story *self, const struct qp_event *event, char text[STORY_TEXT])
{
    const char *object = event->object ? object_label(self, event->object) : "";
    if (event->future && event->op && strcmp(event->op, "join") == 0)
        object = label_at(self, &self->joined, event->future);
    snprintf(text, STORY_TEXT, "%s%s%s", event->op ? event->op : "a future", *object ? " " : "", object);
}

static void future_event(struct story *self, const struct qp_event *event, const struct qp_event *before)
{
    char operation[STORY_TEXT];
    name_operation(self, event, operation);
    if (event->kind == QP_EVENT_FUTURE_READY && event->op && strcmp(event->op, "yield") == 0)
        return;
    if (event->kind == QP_EVENT_FUTURE_DROPPED && !only_passes_on(event))
        tell(self, event, "%s: cancelled", operation);
    else if (event->kind == QP_EVENT_FUTURE_PENDING && event->op && strcmp(event->op, "yield") == 0)
        tell(self, event, "yield");
    else if (event->kind == QP_EVENT_FUTURE_PENDING && !only_passes_on(event))
        tell(self, event, "%s ...", operation);
    else if (event->kind == QP_EVENT_FUTURE_READY && event->fields[0] == QP_TIMEOUT)
        tell(self, event, "%s: TIMEOUT", event->op ? event->op : "");
    else if (event->kind == QP_EVENT_FUTURE_READY && !only_passes_on(event)) {
        if (before->kind == QP_EVENT_VALUE_RECEIVED)
            tell(self, event, "%s: %s", operation, value_label(self, before->fields[0]));
        else
            tell(self, event, "%s: %s", operation, status_name(event->fields[0]));
    }
}

static void value_event(struct story *self, const struct qp_event *event)
{
    static const char *const reasons[] = {"its send was cancelled", "nobody will receive it", "replaced",
                                          "its lock ended", "nobody wants it"};
    if (event->text)
        set_label(value_label(self, event->fields[0]), event->text);
    if (event->kind == QP_EVENT_VALUE_SENT)
        tell(self, event, "gives %s to %s", value_label(self, event->fields[0]), object_label(self, event->object));
    else if (event->kind == QP_EVENT_VALUE_SET)
        tell(self, event, "%s is now %s", object_label(self, event->object), value_label(self, event->fields[0]));
    else if (event->kind == QP_EVENT_VALUE_DROPPED && event->fields[1] < sizeof reasons / sizeof *reasons &&
             event->fields[1] != QP_DROP_REPLACED && event->fields[1] != QP_DROP_OBJECT)
        tell(self, event, "drops %s: %s", value_label(self, event->fields[0]), reasons[event->fields[1]]);
}

static void object_event(struct story *self, const struct qp_event *event)
{
    char *label = object_label(self, event->object);
    if (event->kind == QP_EVENT_OBJECT_CREATED && event->text) {
        char text[sizeof(struct label)];
        snprintf(text, sizeof text, "%.30s %" PRIu64, event->text, event->object);
        set_label(label, text);
    } else if (event->kind == QP_EVENT_OBJECT_NAMED && event->text) {
        set_label(label, event->text);
    } else if (event->kind == QP_EVENT_OBJECT_CLOSED) {
        tell(self, event, "close %s", label);
    }
}

/* Several tasks may have the same name: after the first their numbers follow. Of very many all have theirs. */
static void name_task(struct story *self, uint64_t task, const char *name)
{
    char text[LABEL], start[25], *label;
    uint64_t other = 1;
    if (!name || !*name)
        return;
    plain_copy(text, sizeof text, name);
    while (other < task && other < NAMES_COMPARED && strcmp(task_label(self, other), text) != 0)
        other++;
    label = task_label(self, task);
    if (other < task) {
        plain_copy(start, sizeof start, name);
        snprintf(label, LABEL, "%s %" PRIu64, start, task);
    } else {
        memcpy(label, text, sizeof text);
    }
}

static void task_event(struct story *self, const struct qp_event *event)
{
    switch (event->kind) {
    case QP_EVENT_TASK_SPAWNED:
        name_task(self, event->fields[0], event->text);
        if (event->task)
            tell(self, event, "spawns %s", task_label(self, event->fields[0]));
        if (event->fields[0] > self->most_task && event->fields[0] <= self->most)
            self->most_task = event->fields[0];
        break;
    case QP_EVENT_TASK_RENAMED:
        if (event->text)
            set_label(task_label(self, event->task), event->text);
        break;
    case QP_EVENT_TASK_COMPLETED:
        tell(self, event, "ends");
        break;
    case QP_EVENT_TASK_PANICKED:
        tell(self, event, "panics: %s", event->text ? event->text : "");
        break;
    case QP_EVENT_TASK_CANCELLED:
        tell(self, event, "is cancelled");
        break;
    case QP_EVENT_TASK_ABORTED:
        if (event->fields[0] == event->task)
            tell(self, event, "(cancelled here)");
        else
            tell(self, event, "aborts %s", task_label(self, event->fields[0]));
        break;
    case QP_EVENT_TASK_DETACHED:
        tell(self, event, "drops the handle of %s", task_label(self, event->fields[0]));
        break;
    default:
        break;
    }
}

static void environment_event(struct story *self, const struct qp_event *event)
{
    if (event->kind == QP_EVENT_CLOCK_ADVANCED)
        announce(self, "---- %.3f ms", (double)event->fields[0] / 1e6);
    else if (event->kind == QP_EVENT_FAILURE)
        announce(self, "**** %s: %s", status_name(event->fields[0]), event->text ? event->text : "");
    else if (event->kind == QP_EVENT_MESSAGE && event->text)
        tell(self, event, "\"%s\"", event->text);
    else if (event->kind == QP_EVENT_CALLED)
        tell(self, event, "%s %s: %s", event->op ? event->op : "", object_label(self, event->object),
             status_name(event->fields[0]));
    else if (event->kind == QP_EVENT_HOLD_RELEASED)
        tell(self, event, "releases %s", object_label(self, event->object));
}

/* What comes after the end of main's body is only what it leaves behind. */
static void hear(struct story *self, const struct qp_event *event, const struct qp_event *before)
{
    if (event->kind <= QP_EVENT_DEFERRED_OVER)
        task_event(self, event);
    else if (event->kind == QP_EVENT_FUTURE_ASKED && event->fields[2])
        set_label(label_at(self, &self->joined, event->future), task_label(self, event->fields[2]));
    else if (event->kind <= QP_EVENT_FUTURE_INNER)
        future_event(self, event, before);
    else if (event->kind >= QP_EVENT_OBJECT_CREATED && event->kind <= QP_EVENT_OBJECT_DESTROYED)
        object_event(self, event);
    else if (event->kind >= QP_EVENT_VALUE_SENT && event->kind <= QP_EVENT_VALUE_SET)
        value_event(self, event);
    else
        environment_event(self, event);
}

/* A wait is told when it begins, and not again each time that it is polled. */
static bool is_told(struct story *self, const struct qp_event *event)
{
    bool told;
    if (event->kind != QP_EVENT_FUTURE_PENDING || event->future > self->most)
        return false;
    if (!array_reserve(&self->begun, &self->begun_room, (size_t)event->future + 1, sizeof *self->begun)) {
        self->failed = true;
        return false;
    }
    told = self->begun[event->future];
    self->begun[event->future] = true;
    return told;
}

static void hear_all(struct story *self, const struct qp_events *events)
{
    static const struct qp_event nothing;
    const struct qp_event *event, *before = &nothing;
    bool closing = false;
    for (self->event = 0; (event = qp_events_at(events, self->event)) != NULL; self->event++) {
        closing = closing || event->kind == QP_EVENT_RUNTIME_CLOSING;
        if (closing ? event->kind == QP_EVENT_FAILURE : !is_told(self, event))
            hear(self, event, before);
        before = event;
    }
}

/* ---- the story as a whole ---- */

struct story *story_create(const struct qp_events *events)
{
    struct story *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->most = events->count;
    hear_all(self, events);
    if (!self->failed)
        return self;
    story_destroy(self);
    return NULL;
}

void story_destroy(struct story *self)
{
    if (!self)
        return;
    free(self->lines);
    free(self->tasks.all);
    free(self->objects.all);
    free(self->values.all);
    free(self->joined.all);
    free(self->begun);
    free(self);
}

const struct story_line *story_at(const struct story *self, size_t index)
{
    return index < self->count ? &self->lines[index] : NULL;
}

size_t story_lines(const struct story *self)
{
    return self->count;
}

const char *story_task(const struct story *self, uint64_t task)
{
    return label_of(&self->tasks, task);
}

const char *story_object(const struct story *self, uint64_t object)
{
    return label_of(&self->objects, object);
}

const char *story_value(const struct story *self, uint64_t value)
{
    return label_of(&self->values, value);
}

uint64_t story_tasks(const struct story *self)
{
    return self->most_task;
}

/* ---- printing ---- */

static void print_heads(FILE *file, const struct story *self, const char *indent)
{
    fprintf(file, "%s", indent);
    for (uint64_t task = 1; task <= self->most_task; task++) {
        const char *label = story_task(self, task);
        int padding = task < self->most_task ? WIDTH + 1 - plain_width(label) : 0;
        fprintf(file, "%s%*s", label, padding > 0 ? padding : 0, "");
    }
    putc('\n', file);
}

static void print_line(FILE *file, const struct story *self, const struct story_line *line, const char *indent)
{
    if (!line->task)
        fprintf(file, "%s%s\n", indent, line->text);
    else if (self->most_task <= COLUMNS)
        fprintf(file, "%s%*s%s\n", indent, (int)(line->task - 1) * (WIDTH + 1), "", line->text);
    else
        fprintf(file, "%s%s: %s\n", indent, story_task(self, line->task), line->text);
}

static void print_lines(FILE *file, const struct story *self, const char *indent)
{
    size_t i, skipped = self->count > HEAD + TAIL ? self->count - HEAD - TAIL : 0;
    if (self->most_task <= COLUMNS && self->count)
        print_heads(file, self, indent);
    for (i = 0; i < self->count; i++) {
        if (skipped && i == HEAD) {
            fprintf(file, "%s... %zu lines ...\n", indent, skipped);
            i += skipped;
        }
        print_line(file, self, &self->lines[i], indent);
    }
}

size_t print_story(FILE *file, const struct qp_events *events, const char *indent)
{
    struct story *story = story_create(events);
    size_t count;
    if (!story) {
        fprintf(file, "%s(memory ran out: there is no story)\n", indent);
        return 0;
    }
    print_lines(file, story, indent);
    count = story->count;
    story_destroy(story);
    return count;
}

size_t count_story(const struct qp_events *events)
{
    struct story *story = story_create(events);
    size_t count = story ? story->count : 0;
    story_destroy(story);
    return count;
}
