/* Comparing and printing events. No state. */
#include "traces/compare.h"
#include "traces/print.h"
#include "traces/text.h"
#include <inttypes.h>
#include <quipu/env.h>
#include <quipu/time.h>
#include <string.h>

/* ---- comparing ---- */

static bool same_name(const char *a, const char *b)
{
    return qp_text_equal(a, b, QP_NAME_MOST);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static bool same_site(const struct qp_site *a, const struct qp_site *b)
{
    if (a == b)
        return true;
    return a && b && a->line == b->line && same_name(or_empty(a->file), or_empty(b->file)) &&
           same_name(or_empty(a->expr), or_empty(b->expr));
}

static bool same_fields(const struct qp_event *a, const struct qp_event *b)
{
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++)
        if (qp_event_has_field(a->kind, i) && a->fields[i] != b->fields[i])
            return false;
    return !qp_event_has_text(a->kind) || qp_text_equal(a->text, b->text, QP_TEXT_MOST);
}

bool qp_event_equal(const struct qp_event *a, const struct qp_event *b)
{
    return a->seq == b->seq && a->time_ns == b->time_ns && a->kind == b->kind && a->task == b->task &&
           a->object == b->object && a->future == b->future && same_name(a->op, b->op) && same_site(a->site, b->site) &&
           same_fields(a, b);
}

size_t qp_events_compare(const struct qp_events *a, const struct qp_events *b)
{
    size_t common = a->count < b->count ? a->count : b->count;
    for (size_t i = 0; i < common; i++)
        if (!qp_event_equal(qp_events_at(a, i), qp_events_at(b, i)))
            return i;
    return a->count == b->count ? QP_EVENTS_SAME : common;
}

/* ---- printing ---- */

static const char *const choice_names[] = {
    [QP_CHOICE_TASK] = "task",         [QP_CHOICE_TIMER_FIRST] = "timer_first",
    [QP_CHOICE_TIMER] = "timer",       [QP_CHOICE_BLOCKING] = "blocking",
    [QP_CHOICE_RANDOM] = "random",     [QP_CHOICE_YIELD] = "yield",
    [QP_CHOICE_SPURIOUS] = "spurious", [QP_CHOICE_CANCEL] = "cancel",
    [QP_CHOICE_CLOCK] = "clock",       [QP_CHOICE_RETRY] = "retry",
    [QP_CHOICE_PANIC] = "panic",       [QP_CHOICE_ALLOC] = "alloc",
    [QP_CHOICE_LATE] = "late",         [QP_CHOICE_DELAY] = "delay",
};

static const char *const reason_names[] = {
    [QP_DROP_CANCELLED] = "cancelled", [QP_DROP_CHANNEL] = "channel", [QP_DROP_REPLACED] = "replaced",
    [QP_DROP_OBJECT] = "object",       [QP_DROP_RESULT] = "result",
};

/* The index-th of a table's names; NULL past its end. */
#define NAME_OF(table, index) ((index) < sizeof(table) / sizeof *(table) ? (table)[index] : NULL)

static void print_time(struct qp_print *print, int64_t time_ns)
{
    if (time_ns == QP_NEVER) {
        qp_print_format(print, "never");
        return;
    }
    uint64_t size = time_ns < 0 ? 0 - (uint64_t)time_ns : (uint64_t)time_ns;
    uint64_t whole = size / 1000000, rest = size % 1000000;
    const char *sign = time_ns < 0 ? "-" : "";
    if (rest % 1000 == 0)
        qp_print_format(print, "%s%" PRIu64 ".%03" PRIu64 "ms", sign, whole, rest / 1000);
    else
        qp_print_format(print, "%s%" PRIu64 ".%06" PRIu64 "ms", sign, whole, rest);
}

static bool is_time(const char *field)
{
    return strcmp(field, "deadline") == 0 || strcmp(field, "duration") == 0 || strcmp(field, "to") == 0;
}

/* The name of a value that has one; NULL where it is only a number. */
static const char *value_name(enum qp_event_kind kind, const char *field, uint64_t value)
{
    if (strcmp(field, "status") == 0)
        return qp_outcome_name(value);
    if ((kind == QP_EVENT_CHOICE || kind == QP_EVENT_FAULT) && strcmp(field, "kind") == 0)
        return NAME_OF(choice_names, value);
    if (strcmp(field, "reason") == 0)
        return NAME_OF(reason_names, value);
    return NULL;
}

static void print_field(struct qp_print *print, enum qp_event_kind kind, const char *field, uint64_t value)
{
    const char *name = value_name(kind, field, value);
    qp_print_format(print, " %s=", field);
    if (name)
        qp_print_format(print, "%s", name);
    else if (is_time(field))
        print_time(print, (int64_t)value);
    else
        qp_print_format(print, "%" PRIu64, value);
}

/* " recv(object 1)", or as much of it as there is. */
static void print_operation(struct qp_print *print, const struct qp_event *event)
{
    if (event->op) {
        qp_print_format(print, " ");
        qp_print_text(print, event->op, QP_NAME_MOST, false);
    }
    if (event->object != 0)
        qp_print_format(print, event->op ? "(object %" PRIu64 ")" : " object %" PRIu64, event->object);
}

static void print_kind(struct qp_print *print, const struct qp_event *event)
{
    const struct qp_event_info *info = qp_event_describe(event->kind);
    if (!info) {
        qp_print_format(print, " unknown.%u", (unsigned)event->kind);
        return;
    }
    qp_print_format(print, " %s", info->name);
    if (event->future != 0)
        qp_print_format(print, " future=%" PRIu64, event->future);
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++)
        if (*info->fields[i])
            print_field(print, event->kind, info->fields[i], event->fields[i]);
    if (*info->text && event->text) {
        qp_print_format(print, " %s=", info->text);
        qp_print_text(print, event->text, QP_TEXT_MOST, true);
    }
}

static void print_site(struct qp_print *print, const struct qp_site *site)
{
    qp_print_format(print, " at ");
    qp_print_text(print, or_empty(site->file), QP_NAME_MOST, false);
    qp_print_format(print, ":%d ", site->line);
    qp_print_text(print, or_empty(site->expr), QP_NAME_MOST, false);
}

size_t qp_event_print(const struct qp_event *event, char *buffer, size_t size)
{
    struct qp_print print;
    qp_print_init(&print, buffer, size);
    qp_print_format(&print, "#%" PRIu64 " ", event->seq);
    print_time(&print, event->time_ns);
    if (event->task != 0)
        qp_print_format(&print, " task %" PRIu64, event->task);
    print_operation(&print, event);
    print_kind(&print, event);
    if (event->site)
        print_site(&print, event->site);
    return print.length;
}
