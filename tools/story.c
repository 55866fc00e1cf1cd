/*
 * Stories: see story.h. State while one is told: the tasks with their columns, the labels of objects, what values look
 * like, and the lines so far.
 *
 * A task's wait is told when it begins, and its answer when it comes; what is ready at once is one line. What a future
 * inside another answers is told, but for functions, timeouts and the like, which only pass it on.
 */
#include "tools/story.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 5, WIDTH = 30, TEXT = 192, HEAD = 12, TAIL = 60 };

struct line {
    uint64_t task; /* 0: across all columns */
    char text[TEXT];
};

struct label {
    char text[48];
};

struct story {
    struct line *lines;
    size_t count, room;
    struct label *tasks, *objects, *values, *joined; /* joined: by the future */
    size_t task_room, object_room, value_room, joined_room;
    bool *begun; /* futures whose wait was told */
    size_t begun_room;
    uint64_t most_task;
    int64_t time_ns;
    bool failed; /* memory ran out */
};

/* ---- labels ---- */

static char *label_at(struct story *self, struct label **labels, size_t *room, uint64_t index)
{
    static struct label nobody;
    if (index >= 1000000)
        return nobody.text;
    if (index >= *room) {
        size_t more = *room ? *room : 16;
        struct label *grown;
        while (more <= index)
            more *= 2;
        grown = realloc(*labels, more * sizeof *grown);
        if (!grown) {
            self->failed = true;
            return nobody.text;
        }
        memset(grown + *room, 0, (more - *room) * sizeof *grown);
        *labels = grown;
        *room = more;
    }
    return (*labels)[index].text;
}

static char *task_label(struct story *self, uint64_t task)
{
    char *label = label_at(self, &self->tasks, &self->task_room, task);
    if (!*label)
        snprintf(label, sizeof self->tasks->text, "task %" PRIu64, task);
    return label;
}

static char *object_label(struct story *self, uint64_t object)
{
    return label_at(self, &self->objects, &self->object_room, object);
}

static char *value_label(struct story *self, uint64_t value)
{
    char *label = label_at(self, &self->values, &self->value_room, value);
    if (!*label)
        snprintf(label, sizeof self->values->text, "#%" PRIu64, value);
    return label;
}

static void set_label(char *label, const char *text)
{
    size_t length = strlen(text);
    if (length >= sizeof(struct label))
        length = sizeof(struct label) - 1;
    memcpy(label, text, length);
    label[length] = '\0';
    for (; *label; label++)
        if ((unsigned char)*label < 0x20)
            *label = ' ';
}

/* ---- lines ---- */

static struct line *new_line(struct story *self, uint64_t task)
{
    if (self->count == self->room) {
        size_t room = self->room ? self->room * 2 : 64;
        struct line *lines = realloc(self->lines, room * sizeof *lines);
        if (!lines) {
            self->failed = true;
            return NULL;
        }
        self->lines = lines;
        self->room = room;
    }
    self->lines[self->count] = (struct line){.task = task};
    return &self->lines[self->count++];
}

/* In a task's column, or across all of them; NULL: memory ran out. */
static struct line *format_line(struct story *self, uint64_t task, const char *format, va_list args)
{
    struct line *line = new_line(self, task);
    if (line)
        vsnprintf(line->text, sizeof line->text, format, args);
    return line;
}

static void tell(struct story *self, const struct qp_event *event, const char *format, ...) QP_PRINTF(3, 4);

/* In the column of the event's task, with the line of its await point. */
static void tell(struct story *self, const struct qp_event *event, const char *format, ...)
{
    struct line *line;
    va_list args;
    size_t length;
    va_start(args, format);
    line = format_line(self, event->task, format, args);
    va_end(args);
    if (!line)
        return;
    length = strlen(line->text);
    if (event->site)
        snprintf(line->text + length, sizeof line->text - length, " :%d", event->site->line);
    for (char *at = line->text; *at; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
    if (event->task > self->most_task)
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
static void name_operation(struct story *self, const struct qp_event *event, char text[TEXT])
{
    const char *object = event->object ? object_label(self, event->object) : "";
    if (event->future && event->op && strcmp(event->op, "join") == 0)
        object = label_at(self, &self->joined, &self->joined_room, event->future);
    snprintf(text, TEXT, "%s%s%s", event->op ? event->op : "a future", *object ? " " : "", object);
}

static void future_event(struct story *self, const struct qp_event *event, const struct qp_event *before)
{
    char operation[TEXT];
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

/* Several tasks may have the same name: after the first their numbers follow. */
static void name_task(struct story *self, uint64_t task, const char *name)
{
    char text[sizeof(struct label)];
    uint64_t other = 1;
    if (!name || !*name)
        return;
    while (other < task && strcmp(task_label(self, other), name) != 0)
        other++;
    if (other < task)
        snprintf(text, sizeof text, "%.24s %" PRIu64, name, task);
    set_label(task_label(self, task), other < task ? text : name);
}

static void task_event(struct story *self, const struct qp_event *event)
{
    switch (event->kind) {
    case QP_EVENT_TASK_SPAWNED:
        name_task(self, event->fields[0], event->text);
        if (event->task)
            tell(self, event, "spawns %s", task_label(self, event->fields[0]));
        if (event->fields[0] > self->most_task)
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
        set_label(label_at(self, &self->joined, &self->joined_room, event->future), task_label(self, event->fields[2]));
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
    if (event->kind != QP_EVENT_FUTURE_PENDING)
        return false;
    if (event->future >= self->begun_room) {
        size_t room = (size_t)event->future * 2 + 64;
        bool *begun = realloc(self->begun, room * sizeof *begun);
        if (!begun) {
            self->failed = true;
            return false;
        }
        memset(begun + self->begun_room, 0, (room - self->begun_room) * sizeof *begun);
        self->begun = begun;
        self->begun_room = room;
    }
    told = self->begun[event->future];
    self->begun[event->future] = true;
    return told;
}

/* ---- printing ---- */

static int column_width(const struct story *self)
{
    return self->most_task <= COLUMNS ? WIDTH : 0;
}

static void print_heads(FILE *file, struct story *self, const char *indent)
{
    fprintf(file, "%s", indent);
    for (uint64_t task = 1; task < self->most_task; task++)
        fprintf(file, "%-*.*s ", WIDTH, WIDTH, task_label(self, task));
    fprintf(file, "%.*s\n", WIDTH, task_label(self, self->most_task));
}

static void print_line(FILE *file, struct story *self, const struct line *line, const char *indent)
{
    int width = column_width(self);
    if (!line->task)
        fprintf(file, "%s%s\n", indent, line->text);
    else if (width)
        fprintf(file, "%s%*s%s\n", indent, (int)(line->task - 1) * (width + 1), "", line->text);
    else
        fprintf(file, "%s%s: %s\n", indent, task_label(self, line->task), line->text);
}

static void print_lines(FILE *file, struct story *self, const char *indent)
{
    size_t i, skipped = self->count > HEAD + TAIL ? self->count - HEAD - TAIL : 0;
    if (column_width(self) && self->count)
        print_heads(file, self, indent);
    for (i = 0; i < self->count; i++) {
        if (skipped && i == HEAD) {
            fprintf(file, "%s... %zu lines ...\n", indent, skipped);
            i += skipped;
        }
        print_line(file, self, &self->lines[i], indent);
    }
}

static void hear_all(struct story *self, const struct qp_events *events)
{
    static const struct qp_event nothing;
    const struct qp_event *event, *before = &nothing;
    size_t i;
    for (i = 0; (event = qp_events_at(events, i)) != NULL; i++) {
        if (event->kind == QP_EVENT_RUNTIME_CLOSING)
            break;
        if (!is_told(self, event))
            hear(self, event, before);
        before = event;
    }
    for (; event; event = qp_events_at(events, ++i))
        if (event->kind == QP_EVENT_FAILURE)
            hear(self, event, before);
}

static void end(struct story *self)
{
    free(self->lines);
    free(self->tasks);
    free(self->objects);
    free(self->values);
    free(self->joined);
    free(self->begun);
}

size_t print_story(FILE *file, const struct qp_events *events, const char *indent)
{
    struct story self = {0};
    hear_all(&self, events);
    print_lines(file, &self, indent);
    if (self.failed)
        fprintf(file, "%s(memory ran out: the story is not whole)\n", indent);
    end(&self);
    return self.count;
}

size_t count_story(const struct qp_events *events)
{
    struct story self = {0};
    hear_all(&self, events);
    end(&self);
    return self.count;
}
