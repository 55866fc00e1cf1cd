/* Violations: copying what shows them, describing the model, and printing them as a compiler would. No state. */
#include "traces/checker_model.h"
#include "traces/events.h"
#include "traces/print.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MOST_VIOLATIONS = 1000 }; /* after so many nothing is judged any more */

static bool is_of_the_trace(enum qp_rule_id rule)
{
    return rule >= QP_RULE_TRACE_SEQ_1;
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

/* An event in brief leaves out what is known of its future. */
static bool is_short(const struct qp_checker *c, const struct qp_event *event)
{
    enum qp_event_kind kind = event->kind;
    return event == c->brief &&
           (kind == QP_EVENT_FUTURE_POLLED || kind == QP_EVENT_FUTURE_PENDING || kind == QP_EVENT_FUTURE_READY);
}

static void add_event(const struct qp_checker *c, struct qp_violation *violation, const struct qp_event *event)
{
    size_t i = violation->event_count;
    struct qp_event *copy;
    if (!event || !event->seq || i == QP_VIOLATION_EVENTS)
        return;
    violation->event_count++;
    copy = &violation->events[i];
    *copy = *event;
    copy->text = NULL;
    if (is_short(c, event))
        complete_event(c, copy);
    if ((unsigned)copy->kind < QP_EVENT_KINDS)
        qp_event_clear_rest(copy); /* in brief it is not even set */
    if (copy->op) {
        copy_text(violation->ops[i], sizeof violation->ops[i], copy->op);
        copy->op = violation->ops[i];
    }
    if (event->site) {
        copy_text(violation->files[i], sizeof violation->files[i], event->site->file);
        copy_text(violation->exprs[i], sizeof violation->exprs[i], event->site->expr);
        violation->sites[i] = (struct qp_site){violation->files[i], violation->exprs[i], event->site->line};
        copy->site = &violation->sites[i];
    }
}

/* Room for one more; NULL when enough are kept. */
static struct qp_violation *next(struct qp_checker *c, enum qp_rule_id rule)
{
    struct qp_violation *violation;
    if (is_of_the_trace(rule) || c->violation_count == MOST_VIOLATIONS)
        be_deaf(c);
    if (c->violation_count++ >= QP_VIOLATIONS_KEPT)
        return NULL;
    violation = &c->violations[c->violation_count - 1];
    violation->id = rule;
    violation->rule = qp_rule_at(rule);
    violation->event_count = 0;
    violation->state[0] = '\0';
    return violation;
}

void report(struct qp_checker *c, enum qp_rule_id rule, struct object *object, const struct qp_event *event,
            const struct qp_event *other, const struct qp_event *third)
{
    struct qp_violation *violation;
    struct qp_print print;
    if (is_deaf(c) || (object && object->spoilt) || c->aborted_run)
        return;
    violation = next(c, rule);
    if (violation) {
        qp_print_init(&print, violation->state, sizeof violation->state);
        if (object)
            describe_object(&print, object);
        add_event(c, violation, event);
        add_event(c, violation, other);
        add_event(c, violation, third);
    }
    if (object)
        object->spoilt = true;
}

void report_text(struct qp_checker *c, enum qp_rule_id rule, const char *text, const struct qp_event *event,
                 const struct qp_event *other)
{
    struct qp_violation *violation = next(c, rule);
    if (!violation)
        return;
    copy_text(violation->state, sizeof violation->state, text);
    add_event(c, violation, event);
    add_event(c, violation, other);
}

/* ---- the model in words ---- */

const char *op_name(enum op op)
{
    static const char *const names[] = {
        [OP_OTHER] = "a future",
        [OP_ASYNC] = "async",
        [OP_SLEEP] = "sleep",
        [OP_TIMEOUT] = "timeout",
        [OP_RACE] = "race",
        [OP_TIMEOUT_JOIN] = "timeout_join",
        [OP_JOIN_ALL] = "join_all",
        [OP_JOIN] = "join",
        [OP_YIELD] = "yield",
        [OP_SEND] = "send",
        [OP_RESERVE] = "reserve",
        [OP_RECV] = "recv",
        [OP_LOCK] = "lock",
        [OP_ONESHOT_RECV] = "oneshot_recv",
        [OP_READ] = "read",
        [OP_WRITE] = "write",
        [OP_ACQUIRE] = "acquire",
        [OP_BARRIER] = "barrier_wait",
        [OP_TRY_SEND] = "try_send",
        [OP_PERMIT_SEND] = "permit_send",
        [OP_TRY_RECV] = "try_recv",
        [OP_IS_CLOSED] = "is_closed",
        [OP_TRY_LOCK] = "try_lock",
        [OP_ONESHOT_SEND] = "oneshot_send",
        [OP_TRY_READ] = "try_read",
        [OP_TRY_WRITE] = "try_write",
        [OP_TRY_ACQUIRE] = "try_acquire",
        [OP_AVAILABLE] = "available_permits",
    };
    return names[op];
}

static const char *kind_name(enum kind kind)
{
    static const char *const names[] = {"object", "channel", "unbounded channel", "oneshot",
                                        "mutex",  "rwlock",  "semaphore",         "barrier"};
    return names[kind];
}

void describe_label(struct qp_print *print, const struct object *object)
{
    qp_print_format(print, "%s %" PRIu64, kind_name(object->kind), object->id);
    if (*object->name)
        qp_print_format(print, " '%s'", object->name);
}

void describe_task(struct qp_print *print, const struct task *task)
{
    qp_print_format(print, "task %" PRIu64, task->id);
    if (*task->name)
        qp_print_format(print, " '%s'", task->name);
}

void describe_future(struct qp_print *print, const struct future *future)
{
    static const char *const stages[] = {"", ", waiting", ", handed what it waits for", ", refused"};
    qp_print_format(print, "%s (future %" PRIu64, op_name((enum op)future->op), future->id);
    if (future->task)
        qp_print_format(print, " of task %" PRIu64, future->task);
    qp_print_format(print, "%s)", stages[future->stage]);
}

static void describe_queue(struct qp_print *print, const char *title, const struct queue *queue)
{
    enum { MOST = 6 };
    const struct future *future;
    size_t count = 0;
    if (!queue->first)
        return;
    qp_print_format(print, "\n%s, first to last:", title);
    for (future = queue->first; future && count < MOST; future = future->next_waiting, count++) {
        qp_print_format(print, count ? ", " : " ");
        describe_future(print, future);
    }
    if (queue->count > count)
        qp_print_format(print, ", and %zu more", queue->count - count);
}

static void describe_values(struct qp_print *print, const struct object *object)
{
    enum { MOST = 8 };
    const struct value *value;
    size_t count = 0;
    for (value = object->first; value && count < MOST; value = value->next, count++)
        qp_print_format(print, "%s%" PRIu64, count ? ", " : "\nvalues, first to last: ", value->id);
    if (object->buffered > count)
        qp_print_format(print, ", and %" PRIu64 " more", object->buffered - count);
}

static void describe_holds(struct qp_print *print, const struct object *object)
{
    enum { MOST = 6 };
    const struct owned *owned;
    size_t count = 0;
    for (owned = object->first_owned; owned && count < MOST; owned = owned->next_of_object) {
        if (owned->what != OWNED_HOLD)
            continue;
        qp_print_format(print, "%s%" PRIu64 " by task %" PRIu64, count++ ? ", " : "\nheld: ", owned->id, owned->task);
    }
}

static void describe_counts(struct qp_print *print, const struct object *object)
{
    switch (object->kind) {
    case CHANNEL:
    case UNBOUNDED:
        if (object->kind == CHANNEL)
            qp_print_format(print, " of %" PRIu64 " slots", object->capacity);
        qp_print_format(
            print, ": %" PRIu64 " buffered, %" PRIu64 " reserved; %" PRIu64 " senders, %" PRIu64 " receivers%s",
            object->buffered, object->reserved, object->senders, object->receivers, object->closed ? "; closed" : "");
        break;
    case ONESHOT:
        qp_print_format(print, ": %s; the sender is %s, the receiver %s", object->used ? "sent" : "nothing sent",
                        object->has_sender ? "there" : "gone", object->has_receiver ? "there" : "gone");
        break;
    case MUTEX:
        qp_print_format(print, ": %s",
                        object->writer     ? "held"
                        : object->promised ? "handed to a waiter that has not run"
                                           : "free");
        break;
    case RWLOCK:
        qp_print_format(print, ": %" PRIu64 " readers, %s writer (those let in that have not run among them)",
                        object->readers, object->writer ? "one" : "no");
        break;
    case SEMAPHORE:
        qp_print_format(print, ": %" PRIu64 " permits free%s", object->available, object->closed ? "; closed" : "");
        break;
    case BARRIER:
        qp_print_format(print, " of %" PRIu64 ": %" PRIu64 " have arrived", object->capacity, object->arrived);
        break;
    case KIND_OTHER:
        break;
    }
}

void describe_object(struct qp_print *print, const struct object *object)
{
    describe_label(print, object);
    describe_counts(print, object);
    describe_values(print, object);
    describe_holds(print, object);
    describe_queue(print, "waiting", &object->waiting);
    describe_queue(print, "waiting to receive", &object->receiving);
}

/* ---- printing ---- */

static void print_lines(struct qp_print *print, const char *title, const char *text)
{
    const char *end;
    for (; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        qp_print_format(print, "\n  %s %.*s", title, (int)(end - text), text);
        title = "      ";
    }
}

static void print_fields(struct qp_print *print, const struct qp_event *event)
{
    const struct qp_event_info *info = qp_event_describe(event->kind);
    for (size_t i = 0; info && i < QP_EVENT_FIELDS; i++) {
        if (!*info->fields[i])
            continue;
        if (strcmp(info->fields[i], "status") == 0 && qp_outcome_name(event->fields[i]))
            qp_print_format(print, " %s", qp_outcome_name(event->fields[i]));
        else
            qp_print_format(print, " %s=%" PRIu64, info->fields[i], event->fields[i]);
    }
}

static void print_event(struct qp_print *print, const struct qp_event *event, bool first)
{
    const struct qp_event_info *info = qp_event_describe(event->kind);
    qp_print_format(print, "\n  %s event %" PRIu64 " at %" PRId64 " ns: %s", first ? "broken by" : "      and",
                    event->seq, event->time_ns, info ? info->name : "an unknown kind");
    print_fields(print, event);
    if (event->op)
        qp_print_format(print, ", %s", event->op);
    if (event->future)
        qp_print_format(print, ", future %" PRIu64, event->future);
    if (event->object)
        qp_print_format(print, ", object %" PRIu64, event->object);
    if (event->task)
        qp_print_format(print, ", in task %" PRIu64, event->task);
    if (event->site)
        qp_print_format(print, "\n            at %s:%d: %s", event->site->file, event->site->line, event->site->expr);
}

size_t qp_checker_print(const struct qp_violation *violation, char *buffer, size_t size)
{
    struct qp_print print;
    qp_print_init(&print, buffer, size);
    qp_print_format(&print, "%s: %s", violation->rule->identifier, violation->rule->sentence);
    for (size_t i = 0; i < violation->event_count; i++)
        print_event(&print, &violation->events[i], i == 0);
    print_lines(&print, "model:", violation->state);
    qp_print_format(&print, "\n  look at: %s\n", violation->rule->hint);
    return print.length;
}
