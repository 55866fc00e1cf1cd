/*
 * `quipu show`: an execution as text, a column for each task. State while it is printed: the columns, and what breaks
 * where.
 *
 * Where the columns together are wider than there is room, no task has one, and its name stands before what it does.
 */
#include "tools/array.h"
#include "tools/command.h"
#include "tools/judged.h"
#include "tools/plain.h"
#include "tools/story.h"
#include "traces/compare.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LEAST_WIDTH = 12, MOST_WIDTH = 36, GAP = 2, USUAL_ROOM = 160, LEAST_ROOM = 40, EVENT_TEXT = 1024 };

/* An event that breaks a rule. */
struct breach {
    size_t event, order; /* order: among those of the same event */
    const struct qp_violation *violation;
};

struct showing {
    const struct qp_events *events;
    struct story *story;
    struct breach *breaches;
    size_t breach_count, breach_room;
    int *starts, *widths; /* of each task's column, behind the numbers; widths: 0 for a task of which nothing is told */
    int margin;           /* the numbers of events */
    int names;            /* the width of the names, where tasks have no columns; 0: they have */
    uint64_t tasks;
};

/* ---- what breaks where ---- */

static int compare_breaches(const void *left, const void *right)
{
    const struct breach *a = left, *b = right;
    if (a->event != b->event)
        return a->event < b->event ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static bool add_breaches(struct showing *self, const struct qp_violation *violation)
{
    for (size_t i = 0; i < violation->event_count; i++) {
        size_t seq = (size_t)violation->events[i].seq;
        if (!array_reserve(&self->breaches, &self->breach_room, self->breach_count + 1, sizeof *self->breaches))
            return false;
        self->breaches[self->breach_count] =
            (struct breach){.event = seq ? seq - 1 : 0, .order = self->breach_count, .violation = violation};
        self->breach_count++;
    }
    return true;
}

static bool find_breaches(struct showing *self, const struct qp_checker *checker)
{
    const struct qp_violation *violation;
    for (size_t i = 0; (violation = qp_checker_at(checker, i)) != NULL; i++)
        if (!add_breaches(self, violation))
            return false;
    if (self->breach_count)
        qsort(self->breaches, self->breach_count, sizeof *self->breaches, compare_breaches);
    return true;
}

/* ---- the columns ---- */

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

static int room_of_output(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
        return clamp(size.ws_col, LEAST_ROOM, INT16_MAX);
    return USUAL_ROOM;
}

static int digits(size_t number)
{
    int count = 1;
    for (; number >= 10; number /= 10)
        count++;
    return count;
}

/* How wide what each task does would be. */
static bool measure(struct showing *self)
{
    const struct story_line *line;
    self->tasks = story_tasks(self->story);
    self->starts = calloc((size_t)self->tasks + 1, sizeof *self->starts);
    self->widths = calloc((size_t)self->tasks + 1, sizeof *self->widths);
    if (!self->starts || !self->widths)
        return false;
    for (size_t i = 0; (line = story_at(self->story, i)) != NULL; i++) {
        int *width = &self->widths[line->task <= self->tasks ? line->task : 0], needed = plain_width(line->text);
        *width = clamp(needed, *width > LEAST_WIDTH ? *width : LEAST_WIDTH, MOST_WIDTH);
    }
    return true;
}

static void place(struct showing *self, int room)
{
    int at = 0;
    for (uint64_t task = 1; task <= self->tasks; task++) {
        int name = plain_width(story_task(self->story, task));
        if (!self->widths[task])
            continue;
        self->widths[task] = clamp(self->widths[task], clamp(name, LEAST_WIDTH, MOST_WIDTH), MOST_WIDTH);
        self->names = name > self->names ? clamp(name, 0, MOST_WIDTH) : self->names;
        self->starts[task] = at;
        if (at <= room)
            at += self->widths[task] + GAP;
    }
    self->margin = digits(self->events->count) + GAP;
    if (self->margin + at - GAP <= room)
        self->names = 0;
}

/* ---- lines ---- */

/* Prints as much of a text as fits, up to a space if there is one; returns what comes behind. */
static const char *print_piece(const char *text, int width)
{
    struct plain plain = {.at = text};
    const char *end = text, *space = NULL;
    int used = 0;
    while (plain_next(&plain) && (used += plain.width) <= width) {
        end = plain.at;
        if (*end == ' ')
            space = end;
    }
    if (*end && space)
        end = space;
    if (end == text)
        end += strlen(text); /* a character that is wider than the column: all of it */
    printf("%.*s", (int)(end - text), text);
    return end + strspn(end, " ");
}

/* A number may stand before the first of the lines that a text takes. */
static void print_text(const struct showing *self, size_t event, int start, const char *text, int width)
{
    printf("%*zu%*s", self->margin - GAP, event + 1, GAP + start, "");
    text = print_piece(text, width);
    while (*text) {
        printf("\n%*s", self->margin + start, "");
        text = print_piece(text, width);
    }
    putchar('\n');
}

static void print_line(const struct showing *self, const struct story_line *line)
{
    uint64_t task = line->task <= self->tasks ? line->task : 0;
    if (!task) {
        print_text(self, line->event, 0, line->text, INT16_MAX);
    } else if (!self->names) {
        print_text(self, line->event, self->starts[task], line->text, self->widths[task]);
    } else {
        const char *name = story_task(self->story, task);
        int padding = self->names - plain_width(name);
        printf("%*zu%*s%s%*s%s\n", self->margin - GAP, line->event + 1, GAP, "", name,
               (padding > 0 ? padding : 0) + GAP, "", line->text);
    }
}

static void print_names(const struct showing *self)
{
    int at = -self->margin;
    if (self->names)
        return;
    for (uint64_t task = 1; task <= self->tasks; task++) {
        const char *name = story_task(self->story, task);
        if (!self->widths[task])
            continue;
        printf("%*s", self->starts[task] - at, "");
        print_piece(name, self->widths[task]);
        at = self->starts[task] + clamp(plain_width(name), 0, self->widths[task]);
    }
    if (at >= 0)
        putchar('\n');
}

/* The event itself stands there where the story does not tell of it. */
static void print_breach(const struct showing *self, const struct breach *breach, bool told)
{
    char text[EVENT_TEXT], shown[EVENT_TEXT];
    const struct qp_event *event = qp_events_at(self->events, breach->event);
    const struct qp_rule *rule = breach->violation->rule;
    if (event && !told) {
        qp_event_print(event, text, sizeof text);
        plain_copy(shown, sizeof shown, text + strcspn(text, " ") + 1); /* behind its number */
        printf("%*zu%*s%s\n", self->margin - GAP, breach->event + 1, GAP, "", shown);
    }
    printf("%*s^^^^ %s: %s\n", self->margin, "", rule->identifier, rule->sentence);
}

/* Prints what is broken by events up to this one, and returns the first that is not. */
static size_t print_breaches(const struct showing *self, size_t next, size_t event, size_t told)
{
    for (; next < self->breach_count && self->breaches[next].event <= event; next++) {
        size_t at = self->breaches[next].event;
        print_breach(self, &self->breaches[next], at == told || (next && self->breaches[next - 1].event == at));
    }
    return next;
}

static void print_all(const struct showing *self)
{
    const struct story_line *line;
    size_t next = 0;
    print_names(self);
    for (size_t i = 0; (line = story_at(self->story, i)) != NULL; i++) {
        if (line->event)
            next = print_breaches(self, next, line->event - 1, SIZE_MAX);
        print_line(self, line);
        next = print_breaches(self, next, line->event, line->event);
    }
    print_breaches(self, next, SIZE_MAX, SIZE_MAX);
}

/* ---- what stands before and behind ---- */

static void print_facts(const struct qp_trace *trace)
{
    const struct qp_trace_meta *meta = &trace->meta;
    char name[256];
    plain_copy(name, sizeof name, meta->main ? meta->main : meta->scenario ? meta->scenario : "an execution");
    printf("%s: seed %" PRIu64 ", ", name, meta->seed);
    if (meta->strategy) {
        plain_copy(name, sizeof name, meta->strategy);
        printf("strategy %s, ", name);
    }
    printf("%zu events, ended as %s\n\n", trace->count, qp_status_name(meta->outcome));
}

static void print_verdict(const struct qp_checker *checker)
{
    size_t kept = 0, count = qp_checker_count(checker);
    while (qp_checker_at(checker, kept))
        kept++;
    if (count > kept)
        printf("and %zu more broken rules\n", count - kept);
}

static bool show_judged(const struct judged *judged)
{
    struct showing self = {.events = &judged->events, .story = story_create(&judged->events)};
    bool whole = self.story && find_breaches(&self, judged->checker) && measure(&self);
    if (whole) {
        place(&self, room_of_output());
        print_facts(&judged->trace);
        print_all(&self);
        print_verdict(judged->checker);
    }
    story_destroy(self.story);
    free(self.breaches);
    free(self.starts);
    free(self.widths);
    return whole;
}

static int show(struct arguments *arguments)
{
    struct judged judged;
    bool shown;
    if (arguments->name_count != 1)
        return complain("'show' takes one trace");
    if (!judged_load(&judged, arguments->names[0]))
        return EXIT_BAD_INPUT;
    shown = show_judged(&judged);
    judged_free(&judged);
    return shown ? EXIT_FINE : complain("out of memory");
}

const struct command show_command = {
    "show", "TRACE", " ",
    "Tells an execution as text: a column for each task, a line for each thing that happens in it, with its number, "
    "from\n"
    "the first to the last; and under each event that breaks a contract the contract's sentence. Where the columns "
    "are\n"
    "wider than the terminal, the task's name stands before the line instead. Traces of any runtime.\n\n"
    "Exit status 0: told; 2: the file is no whole trace.\n",
    show};
