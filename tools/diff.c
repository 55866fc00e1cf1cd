/*
 * `quipu diff`: where two traces part.
 *
 * Events are compared in order; the first that differs is shown with the ones before it, and with the last choice
 * before that, which is what led there.
 */
#include "tools/diff.h"
#include "tools/command.h"
#include "traces/compare.h"
#include "traces/digest.h"
#include "traces/reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_TEXT = 1024, CONTEXT = 3 };

static void print_event(const char *mark, const struct qp_event *event)
{
    char text[EVENT_TEXT];
    if (event)
        qp_event_print(event, text, sizeof text);
    printf("%s %s\n", mark, event ? text : "(the trace ends here)");
}

/* The last choice before an event; NULL: there is none. */
static const struct qp_event *choice_before(const struct qp_trace *trace, size_t index)
{
    while (index-- > 0)
        if (trace->events[index].kind == QP_EVENT_CHOICE)
            return &trace->events[index];
    return NULL;
}

static const struct qp_event *event_at(const struct qp_trace *trace, size_t index)
{
    return index < trace->count ? &trace->events[index] : NULL;
}

static int print_parting(const char **names, const struct qp_trace *a, const struct qp_trace *b, size_t first)
{
    const struct qp_event *choice = choice_before(a, first);
    size_t i = first > CONTEXT ? first - CONTEXT : 0;
    printf("--- %s\n+++ %s\nthey part at event %zu\n", names[0], names[1], first + 1);
    if (choice) {
        printf("after choice ");
        print_event("", choice);
    } else {
        puts("before any choice");
    }
    for (; i < first; i++)
        print_event(" ", &a->events[i]);
    print_event("-", event_at(a, first));
    print_event("+", event_at(b, first));
    return EXIT_FAILED;
}

static void print_header_difference(const char *what, const char *a, const char *b)
{
    a = a ? a : "";
    b = b ? b : "";
    if (strcmp(a, b) != 0)
        printf("%s: '%s' and '%s'\n", what, a, b);
}

int compare_traces(const char **names, const struct qp_trace *a, const struct qp_trace *b)
{
    struct qp_events left = qp_trace_events(a), right = qp_trace_events(b);
    size_t first = qp_events_compare(&left, &right);
    char digest[QP_DIGEST_HEX];
    print_header_difference("scenario", a->meta.scenario, b->meta.scenario);
    print_header_difference("strategy", a->meta.strategy, b->meta.strategy);
    if (a->meta.seed != b->meta.seed)
        printf("seed: %" PRIu64 " and %" PRIu64 "\n", a->meta.seed, b->meta.seed);
    if (first != QP_EVENTS_SAME)
        return print_parting(names, a, b, first);
    qp_digest_print(a->digest, digest);
    printf("the same %zu events, digest %s\n", a->count, digest);
    return EXIT_FINE;
}

static int diff(struct arguments *arguments)
{
    struct qp_trace a = {0}, b = {0};
    const char **names = arguments->names;
    char error[512];
    int status;
    if (arguments->name_count != 2)
        return complain("'diff' takes two files");
    if (qp_trace_load(&a, names[0], error, sizeof error) && qp_trace_load(&b, names[1], error, sizeof error))
        status = compare_traces(names, &a, &b);
    else
        status = complain("%s", error);
    qp_trace_free(&a);
    qp_trace_free(&b);
    return status;
}

const struct command diff_command = {
    "diff", "A B", " ",
    "Shows where two traces part: the first event that differs, those before it, and the choice that led there.\n"
    "Exit status 0: the same events; 1: they part; 2: a file is no trace.\n",
    diff};
