/*
 * The checker: its life, the trace's own rules, and who judges which event. See checker.h and checker_model.h.
 */
#include "traces/checker_model.h"
#include "traces/events.h"
#include "traces/reader.h"
#include <stdlib.h>
#include <string.h>

/* ---- the rules ---- */

static const struct qp_rule rules[] = {
#define RULE(ident, identifier, sentence, hint) {identifier, sentence, hint},
#include "traces/rules.def"
#undef RULE
};

size_t qp_rule_count(void)
{
    return QP_RULES;
}

const struct qp_rule *qp_rule_at(size_t index)
{
    return index < QP_RULES ? &rules[index] : NULL;
}

const struct qp_rule *qp_rule_find(const char *identifier)
{
    for (size_t i = 0; i < QP_RULES; i++)
        if (strcmp(rules[i].identifier, identifier) == 0)
            return &rules[i];
    return NULL;
}

/* ---- operations ---- */

static enum op find_op(const char *name)
{
    static const struct {
        const char *name;
        enum op op;
    } all[] = {
        {"async", OP_ASYNC},
        {"sleep", OP_SLEEP},
        {"timeout", OP_TIMEOUT},
        {"timeout_join", OP_TIMEOUT_JOIN},
        {"race", OP_RACE},
        {"join_all", OP_JOIN_ALL},
        {"join", OP_JOIN},
        {"yield", OP_YIELD},
        {"send", OP_SEND},
        {"reserve", OP_RESERVE},
        {"recv", OP_RECV},
        {"oneshot_recv", OP_ONESHOT_RECV},
        {"lock", OP_LOCK},
        {"read", OP_READ},
        {"write", OP_WRITE},
        {"acquire", OP_ACQUIRE},
        {"barrier_wait", OP_BARRIER},
        {"try_send", OP_TRY_SEND},
        {"permit_send", OP_PERMIT_SEND},
        {"try_recv", OP_TRY_RECV},
        {"is_closed", OP_IS_CLOSED},
        {"oneshot_send", OP_ONESHOT_SEND},
        {"try_lock", OP_TRY_LOCK},
        {"try_read", OP_TRY_READ},
        {"try_write", OP_TRY_WRITE},
        {"try_acquire", OP_TRY_ACQUIRE},
        {"available_permits", OP_AVAILABLE},
        {"length", OP_LENGTH},
        {"dropped", OP_DROPPED},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].name[0] == name[0] && strcmp(all[i].name, name) == 0)
            return all[i].op;
    return OP_OTHER;
}

/* Where that name is, or a free place for it; if there is neither nearby, the place of another. */
static size_t place_of(const struct qp_checker *c, size_t place, const char *name)
{
    enum { PLACES = sizeof c->ops / sizeof *c->ops, NEARBY = 4 };
    size_t i;
    for (i = 0; i < NEARBY; i++) {
        size_t at = (place + i) % PLACES;
        if (!c->ops[at].name || c->ops[at].name == name)
            return at;
    }
    return place;
}

enum op look_up(struct qp_checker *c, size_t place, const char *name)
{
    if (!name)
        return OP_OTHER;
    place = place_of(c, place, name);
    if (c->ops[place].name != name) {
        c->ops[place].name = name;
        c->ops[place].op = find_op(name);
    }
    return c->ops[place].op;
}

/* There may be another text at the same address in the next run. */
static void forget_names(struct qp_checker *c)
{
    memset(c->ops, 0, sizeof c->ops);
    c->names_go = false;
}

/* ---- its life ---- */

enum { TABLES = sizeof((struct qp_checker *)NULL)->tables / sizeof(struct table) };

struct qp_checker *qp_checker_create(void)
{
    struct qp_checker *c = calloc(1, sizeof *c);
    bool ok = c != NULL;
    size_t i;
    for (i = 0; ok && i < TABLES; i++)
        ok = table_init(&c->tables[i]);
    if (!ok) {
        qp_checker_destroy(c);
        return NULL;
    }
    c->hash = qp_hash_fastest();
    know_kinds(c);
    qp_pool_init(&c->pool, &c->budget);
    c->futures.size = sizeof(struct future);
    c->tasks.size = sizeof(struct task);
    c->objects.size = sizeof(struct object);
    c->values.size = sizeof(struct value);
    c->owneds.size = sizeof(struct owned);
    c->generations.size = sizeof(struct generation);
    qp_checker_reset(c);
    return c;
}

/* All pieces are as if they had never been taken. */
static void empty_stocks(struct qp_checker *c)
{
    qp_pool_clear(&c->pool);
    c->futures.free = c->tasks.free = c->objects.free = NULL;
    c->values.free = c->owneds.free = c->generations.free = NULL;
}

/* A run that came to its end has given everything back. */
static void forget_what_is_left(struct qp_checker *c)
{
    size_t i;
    if (c->first_generation || c->object_table.count)
        barriers_reset(c);
    if (c->full || c->violation_count || qp_checker_live(c))
        empty_stocks(c);
    for (i = 0; i < TABLES; i++)
        table_clear(&c->tables[i]);
}

static void forget_run(struct qp_checker *c)
{
    forget_what_is_left(c);
    c->seq = 0;
    c->now_ns = INT64_MIN;
    c->brief_ns = 0;
    c->running = NULL;
    c->innermost = NULL;
    c->depth = c->heap_count = c->ready_first = c->ready_end = 0;
    c->first_task = c->last_task = c->first_aborted = NULL;
    c->alive = 0;
    c->first_able = NULL;
    c->call_object = NULL;
    c->call_value = NULL;
    c->steps = c->choice_index = c->last_choice_seq = c->fault_seq = 0;
    c->deferred_depth = c->work_queued = c->work_due = 0;
    c->spurious = c->disordered = c->full = c->closing = c->aborted_run = c->deadlocked = c->no_memory =
        c->objects_end = false;
    c->last_dropped_task = 0;
    if (c->names_go)
        forget_names(c);
    c->violation_count = 0;
    c->untouched = true;
}

void qp_checker_reset(struct qp_checker *c)
{
    if (!c->untouched || c->violation_count)
        forget_run(c);
    c->alert = 0;
    look_at_each(c);
    c->fair = 0;
    c->outcome = QP_OK;
    begin_to_hold(c);
}

void qp_checker_destroy(struct qp_checker *c)
{
    size_t i;
    if (!c)
        return;
    if (c->first_generation || c->object_table.count)
        barriers_reset(c);
    for (i = 0; i < TABLES; i++)
        table_free(&c->tables[i]);
    qp_pool_free(&c->pool);
    free(c->heap);
    free(c->ready);
    free(c);
}

void qp_checker_expect(struct qp_checker *c, enum qp_status outcome)
{
    c->outcome = outcome;
}

void qp_checker_fair(struct qp_checker *c, uint64_t bound)
{
    c->fair = bound;
}

size_t qp_checker_count(const struct qp_checker *c)
{
    return c->violation_count;
}

const struct qp_violation *qp_checker_at(const struct qp_checker *c, size_t index)
{
    return index < c->violation_count && index < QP_VIOLATIONS_KEPT ? &c->violations[index] : NULL;
}

bool qp_checker_is_full(const struct qp_checker *c)
{
    return c->full;
}

size_t qp_checker_live(const struct qp_checker *c)
{
    return c->future_table.count + c->task_table.count + c->object_table.count + c->value_table.count +
           c->hold_table.count + c->end_table.count + c->deferred_table.count;
}

/* ---- the trace itself ---- */

bool task_exists(struct qp_checker *c, const struct qp_event *e)
{
    if (e->task <= c->task_table.last)
        return true;
    report(c, QP_RULE_TRACE_TASK_1, NULL, e, NULL, NULL);
    return false;
}

static bool well_formed(struct qp_checker *c, const struct qp_event *e)
{
    if ((unsigned)e->kind >= QP_EVENT_KINDS) {
        report(c, QP_RULE_TRACE_KIND_1, NULL, e, NULL, NULL);
        return false;
    }
    if (e->seq != c->seq + 1) {
        report(c, QP_RULE_TRACE_SEQ_1, NULL, e, NULL, NULL);
        return false;
    }
    if (e->time_ns < c->now_ns)
        report(c, QP_RULE_TIME_CLOCK_1, NULL, e, NULL, NULL);
    return task_exists(c, e);
}

/* What a call that succeeded, or was refused its value, must be followed by; but for what the environment chooses. */
static void expected_came(struct qp_checker *c, const struct qp_event *e)
{
    if (e->kind == c->expected || e->kind == QP_EVENT_CHOICE || e->kind == QP_EVENT_FAULT)
        return; /* whoever judges it says that it came; or that it has no memory was chosen while it was under way */
    it_came(c);
    if (c->expected == QP_EVENT_HOLD_ACQUIRED)
        report(c, QP_RULE_HOLD_PLACE_1, c->call_object, e, NULL, NULL);
    else if (c->expected == QP_EVENT_VALUE_RECEIVED)
        report(c, QP_RULE_VALUE_PLACE_1, c->call_object, e, NULL, NULL);
    else if (c->expected == QP_EVENT_VALUE_DROPPED)
        report(c, QP_RULE_LOCK_SET_1, c->call_object, e, NULL, NULL);
    else
        report(c, QP_RULE_VALUE_RETURN_1, c->call_object, e, NULL, NULL);
    c->call_value = NULL;
}

void (*const judges[QP_EVENT_KINDS])(struct qp_checker *c, const struct qp_event *e) = {
    [QP_EVENT_TASK_SPAWNED] = on_task_spawned,
    [QP_EVENT_TASK_POLLED] = on_task_polled,
    [QP_EVENT_TASK_SUSPENDED] = on_task_suspended,
    [QP_EVENT_TASK_COMPLETED] = on_task_ended,
    [QP_EVENT_TASK_PANICKED] = on_task_ended,
    [QP_EVENT_TASK_CANCELLED] = on_task_ended,
    [QP_EVENT_TASK_FAILED] = on_task_ended,
    [QP_EVENT_TASK_UNWINDING] = on_task_unwinding,
    [QP_EVENT_TASK_ABORTED] = on_task_aborted,
    [QP_EVENT_TASK_DETACHED] = on_task_detached,
    [QP_EVENT_TASK_JOINED] = on_task_joined,
    [QP_EVENT_TASK_RESULT] = on_task_result,
    [QP_EVENT_TASK_RENAMED] = on_task_renamed,
    [QP_EVENT_TASK_WOKEN] = on_task_woken,
    [QP_EVENT_TASK_ASKED] = on_task_asked,
    [QP_EVENT_DEFERRED] = on_deferred,
    [QP_EVENT_DEFERRED_CALLED] = on_deferred,
    [QP_EVENT_DEFERRED_OVER] = on_deferred,
    [QP_EVENT_TASK_GIVEN] = on_task_given,
    [QP_EVENT_ARGUMENT_KEPT] = on_argument,
    [QP_EVENT_ARGUMENT_DROPPED] = on_argument,
    [QP_EVENT_FUTURE_CREATED] = on_future_created,
    [QP_EVENT_FUTURE_ASKED] = on_future_asked,
    [QP_EVENT_FUTURE_POLLED] = on_future_polled,
    [QP_EVENT_FUTURE_PENDING] = on_future_pending,
    [QP_EVENT_FUTURE_READY] = on_future_ready,
    [QP_EVENT_FUTURE_DROPPED] = on_future_dropped,
    [QP_EVENT_FUTURE_DROPPING] = on_future_dropping,
    [QP_EVENT_RACE_WON] = on_race_won,
    [QP_EVENT_STATUS_GIVEN] = on_status_given,
    [QP_EVENT_FUTURE_INNER] = on_future_inner,
    [QP_EVENT_PROMISE_MADE] = on_promise,
    [QP_EVENT_PROMISE_TESTED] = on_promise,
    [QP_EVENT_PROMISE_SETTLED] = on_promise_settled,
    [QP_EVENT_OBJECT_CREATED] = on_object,
    [QP_EVENT_OBJECT_NAMED] = on_object,
    [QP_EVENT_OBJECT_CLOSED] = on_object,
    [QP_EVENT_OBJECT_DESTROYED] = on_object,
    [QP_EVENT_END_CREATED] = on_end_created,
    [QP_EVENT_END_DROPPED] = on_end_dropped,
    [QP_EVENT_END_GIVEN] = on_end_given,
    [QP_EVENT_CALLED] = on_called,
    [QP_EVENT_VALUE_SENT] = on_value_sent,
    [QP_EVENT_VALUE_RECEIVED] = on_value_received,
    [QP_EVENT_VALUE_RETURNED] = on_value_returned,
    [QP_EVENT_VALUE_DROPPED] = on_value_dropped,
    [QP_EVENT_VALUE_SET] = on_value_set,
    [QP_EVENT_HOLD_ACQUIRED] = on_hold_acquired,
    [QP_EVENT_HOLD_RELEASED] = on_hold_released,
    [QP_EVENT_HOLD_FORGOTTEN] = on_hold_forgotten,
    [QP_EVENT_HOLD_GIVEN] = on_hold_given,
    [QP_EVENT_PERMITS_ADDED] = on_object,
    [QP_EVENT_BARRIER_CROSSED] = on_barrier_crossed,
    [QP_EVENT_CLOCK_ADVANCED] = on_clock,
    [QP_EVENT_BLOCKING_QUEUED] = on_blocking,
    [QP_EVENT_BLOCKING_STARTED] = on_blocking,
    [QP_EVENT_BLOCKING_FINISHED] = on_blocking,
    [QP_EVENT_BLOCKING_LASTS] = on_blocking,
    [QP_EVENT_CHOICE] = on_choice,
    [QP_EVENT_FAULT] = on_fault,
    [QP_EVENT_FAILURE] = on_clock,
    [QP_EVENT_RUNTIME_CLOSING] = on_closing,
};

bool is_judged(struct qp_checker *c, const struct qp_event *e)
{
    if (is_deaf(c))
        return false;
    if (!c->aborted_run)
        expected_came(c, e);
    return !is_deaf(c);
}

void qp_checker_event(void *checker, const struct qp_event *e)
{
    struct qp_checker *c = checker;
    if (!c || is_deaf(c) || !well_formed(c, e))
        return;
    c->seq = e->seq;
    c->untouched = false;
    c->names_go = true;
    if (e->time_ns > c->now_ns)
        c->now_ns = e->time_ns;
    if (judges[e->kind] && (!c->alert || is_judged(c, e)))
        judges[e->kind](c, e);
}

/* ---- the end ---- */

static void *any(const struct table *table)
{
    struct item *least = NULL, *item;
    size_t at = 0;
    while ((item = table_next(table, &at)) != NULL)
        if (!least || item->id < least->id)
            least = item;
    return least;
}

/* One that a task made and that has not ended; NULL, too, where the end of objects is not told. */
static const struct object *any_object(const struct qp_checker *c)
{
    const struct object *least = NULL, *o;
    size_t at = 0;
    while (c->objects_end && (o = table_next(&c->object_table, &at)) != NULL)
        if (o->kind != KIND_OTHER && o->made.task && (!least || o->id < least->id))
            least = o;
    return least;
}

/* The least of those that a task had. */
static struct owned *any_owned(const struct table *table)
{
    struct owned *least = NULL, *owned;
    size_t at = 0;
    while ((owned = table_next(table, &at)) != NULL)
        if (owned->task && (!least || owned->id < least->id))
            least = owned;
    return least;
}

static struct task *any_task(const struct qp_checker *c)
{
    struct task *task;
    for (task = c->first_task; task; task = task->next)
        if (!task->ended || (task->handle && task->by_task))
            return task;
    return NULL;
}

static void judge_what_is_left(struct qp_checker *c)
{
    const struct task *task = any_task(c);
    const struct value *value = any(&c->value_table);
    const struct owned *hold = any_owned(&c->hold_table), *end = any_owned(&c->end_table);
    const struct object *object = any_object(c);
    if (task) {
        struct qp_event since = task->since;
        report(c, QP_RULE_RUN_CLOSE_3, NULL, &since, NULL, NULL);
    } else if (value) {
        report(c, QP_RULE_VALUE_KEPT_1, value->object, &value->since, NULL, NULL);
    } else if (hold || end) {
        report(c, QP_RULE_TASK_OWN_1, NULL, hold ? &hold->since : &end->since, NULL, NULL);
    } else if (object) {
        report(c, QP_RULE_TASK_OWN_1, NULL, &object->made, NULL, NULL);
    }
}

void qp_checker_finish(struct qp_checker *c, bool complete)
{
    uint64_t told = c->held ? digest_of_held(c, complete) : 0;
    if (c->held && is_known(c, told)) {
        c->held = 0;
        be_deaf(c);
        return;
    }
    judge_held(c);
    if (c->deadlocked && c->outcome != QP_DEADLOCK)
        report_text(c, QP_RULE_PROGRESS_DEADLOCK_1, c->deadlock, &c->deadlock_event, NULL);
    if (complete && !is_deaf(c) && !c->aborted_run && !c->violation_count && c->seq)
        judge_what_is_left(c);
    if (told && !c->violation_count && !c->full)
        make_known(c, told);
    be_deaf(c);
}

/* ---- files ---- */

void qp_checker_file(struct qp_checker *c, const char *sentence)
{
    report_text(c, QP_RULE_TRACE_FILE_1, sentence, NULL, NULL);
}

static void header(void *context, const struct qp_trace_meta *meta)
{
    qp_checker_expect(context, meta->expected);
}

static void summary(void *context, const struct qp_trace_meta *meta, uint64_t digest)
{
    (void)digest;
    (void)meta;
    qp_checker_finish(context, true);
}

bool qp_checker_read(struct qp_checker *c, const char *path)
{
    struct qp_trace_handler handler = {.context = c, .header = header, .event = qp_checker_event, .summary = summary};
    char error[512];
    if (!qp_trace_read(path, &handler, error, sizeof error))
        qp_checker_file(c, error);
    return !c->violation_count;
}
