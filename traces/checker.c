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

/* ---- its life ---- */

struct qp_checker *qp_checker_create(void)
{
    struct qp_checker *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
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

static struct table *tables(struct qp_checker *c, size_t index)
{
    struct table *all[] = {&c->future_table, &c->task_table, &c->object_table,  &c->value_table,
                           &c->hold_table,   &c->end_table,  &c->deferred_table};
    return index < sizeof all / sizeof *all ? all[index] : NULL;
}

static void empty_stock(struct stock *stock)
{
    stock->free = NULL;
    stock->live = 0;
}

void qp_checker_reset(struct qp_checker *c)
{
    struct table *table;
    size_t i;
    barriers_reset(c);
    for (i = 0; (table = tables(c, i)) != NULL; i++)
        table_clear(table);
    qp_pool_clear(&c->pool);
    empty_stock(&c->futures);
    empty_stock(&c->tasks);
    empty_stock(&c->objects);
    empty_stock(&c->values);
    empty_stock(&c->owneds);
    empty_stock(&c->generations);
    c->depth = c->heap_count = c->ready_first = c->ready_end = 0;
    c->first_task = c->last_task = c->running = c->first_aborted = NULL;
    c->first_able = NULL;
    c->alive = 0;
    c->call_object = NULL;
    c->call_value = NULL;
    c->expected = -1;
    c->seq = c->steps = c->choice_index = c->last_choice_seq = c->fault_seq = 0;
    c->deferred_depth = c->work_queued = c->work_due = c->fair = 0;
    c->choice_made = c->spurious = c->disordered = c->no_memory = false;
    c->now_ns = INT64_MIN;
    c->brief_ns = 0;
    c->deaf = c->full = c->closing = c->aborted_run = c->deadlocked = c->main_panicked = false;
    c->last_dropped_task = 0;
    c->outcome = QP_OK;
    c->violation_count = 0;
}

void qp_checker_destroy(struct qp_checker *c)
{
    struct table *table;
    size_t i;
    if (!c)
        return;
    barriers_reset(c);
    for (i = 0; (table = tables(c, i)) != NULL; i++)
        table_free(table);
    qp_pool_free(&c->pool);
    free(c->frames);
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

uint64_t qp_checker_events(const struct qp_checker *c)
{
    return c->seq;
}

size_t qp_checker_live(const struct qp_checker *c)
{
    return c->futures.live + c->tasks.live + c->objects.live + c->values.live + c->owneds.live;
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
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].name[0] == name[0] && strcmp(all[i].name, name) == 0)
            return all[i].op;
    return OP_OTHER;
}

/* Looked for by the address, which is mostly that of the time before, and then compared: it may be another's now. */
enum op op_of(struct qp_checker *c, const char *name)
{
    size_t place = (size_t)(((uintptr_t)name * 0x9e3779b97f4a7c15u) >> 58);
    if (!name)
        return OP_OTHER;
    if (c->ops[place].name != name || strcmp(op_name(c->ops[place].op), name) != 0) {
        c->ops[place].name = name;
        c->ops[place].op = find_op(name);
    }
    return c->ops[place].op;
}

/* ---- the trace itself ---- */

bool new_number(struct qp_checker *c, struct table *table, uint64_t id, const struct qp_event *e)
{
    if (id != table->last + 1) {
        report(c, QP_RULE_TRACE_NUMBER_1, NULL, e, NULL, NULL);
        return false;
    }
    table->last = id;
    return true;
}

/* The running task of an event must be one that was spawned; what follows from its end still happens in its name. */
static bool task_exists(struct qp_checker *c, const struct qp_event *e)
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

/* What a call that succeeded, or was refused its value, must be followed by. */
static void expected_came(struct qp_checker *c, const struct qp_event *e)
{
    int expected = c->expected;
    if ((int)e->kind == expected)
        return; /* whoever judges it clears it */
    c->expected = -1;
    if (expected == QP_EVENT_HOLD_ACQUIRED)
        report(c, QP_RULE_HOLD_PLACE_1, c->call_object, e, NULL, NULL);
    else if (expected == QP_EVENT_VALUE_RECEIVED)
        report(c, QP_RULE_VALUE_PLACE_1, c->call_object, e, NULL, NULL);
    else if (expected == QP_EVENT_VALUE_DROPPED)
        report(c, QP_RULE_LOCK_SET_1, c->call_object, e, NULL, NULL);
    else
        report(c, QP_RULE_VALUE_RETURN_1, c->call_object, e, NULL, NULL);
    c->call_value = NULL;
}

static void judge(struct qp_checker *c, const struct qp_event *e)
{
    switch (e->kind) {
    case QP_EVENT_FUTURE_POLLED:
        on_future_polled(c, e);
        break;
    case QP_EVENT_FUTURE_PENDING:
        on_future_pending(c, e);
        break;
    case QP_EVENT_FUTURE_READY:
        on_future_ready(c, e);
        break;
    case QP_EVENT_FUTURE_CREATED:
        on_future_created(c, e);
        break;
    case QP_EVENT_FUTURE_ASKED:
        on_future_asked(c, e);
        break;
    case QP_EVENT_FUTURE_INNER:
        on_future_inner(c, e);
        break;
    case QP_EVENT_FUTURE_DROPPING:
        on_future_dropping(c, e);
        break;
    case QP_EVENT_FUTURE_DROPPED:
        on_future_dropped(c, e);
        break;
    case QP_EVENT_PROMISE_MADE:
    case QP_EVENT_PROMISE_TESTED:
        on_promise(c, e);
        break;
    case QP_EVENT_PROMISE_SETTLED:
        if (e->fields[0])
            report(c, QP_RULE_CONTRACT_DURABLE_1, NULL, e, NULL, NULL);
        break;
    case QP_EVENT_RACE_WON:
        on_race_won(c, e);
        break;
    case QP_EVENT_OBJECT_CREATED:
    case QP_EVENT_OBJECT_NAMED:
    case QP_EVENT_OBJECT_CLOSED:
    case QP_EVENT_OBJECT_DESTROYED:
    case QP_EVENT_PERMITS_ADDED:
        on_object(c, e);
        break;
    case QP_EVENT_END_CREATED:
    case QP_EVENT_END_DROPPED:
    case QP_EVENT_END_GIVEN:
        on_end(c, e);
        break;
    case QP_EVENT_CALLED:
        on_called(c, e);
        break;
    case QP_EVENT_VALUE_SENT:
        on_value_sent(c, e);
        break;
    case QP_EVENT_VALUE_RECEIVED:
        on_value_received(c, e);
        break;
    case QP_EVENT_VALUE_RETURNED:
        on_value_returned(c, e);
        break;
    case QP_EVENT_VALUE_DROPPED:
        on_value_dropped(c, e);
        break;
    case QP_EVENT_VALUE_SET:
        on_value_set(c, e);
        break;
    case QP_EVENT_HOLD_ACQUIRED:
        on_hold_acquired(c, e);
        break;
    case QP_EVENT_HOLD_RELEASED:
        on_hold_released(c, e);
        break;
    case QP_EVENT_HOLD_FORGOTTEN:
        on_hold_forgotten(c, e);
        break;
    case QP_EVENT_HOLD_GIVEN:
        on_hold_given(c, e);
        break;
    case QP_EVENT_BARRIER_CROSSED:
        on_barrier_crossed(c, e);
        break;
    case QP_EVENT_DEFERRED:
    case QP_EVENT_DEFERRED_CALLED:
    case QP_EVENT_DEFERRED_OVER:
        on_deferred(c, e);
        break;
    case QP_EVENT_CLOCK_ADVANCED:
    case QP_EVENT_FAILURE:
        on_clock(c, e);
        break;
    case QP_EVENT_BLOCKING_QUEUED:
    case QP_EVENT_BLOCKING_STARTED:
    case QP_EVENT_BLOCKING_FINISHED:
    case QP_EVENT_BLOCKING_LASTS:
        on_blocking(c, e);
        break;
    case QP_EVENT_CHOICE:
        on_choice(c, e);
        break;
    case QP_EVENT_FAULT:
        on_fault(c, e);
        break;
    case QP_EVENT_RUNTIME_CLOSING:
        on_closing(c, e);
        break;
    default:
        on_task(c, e);
        break;
    }
}

void qp_checker_event(void *checker, const struct qp_event *e)
{
    struct qp_checker *c = checker;
    if (!c || c->deaf || c->full)
        return;
    if (!well_formed(c, e))
        return;
    c->seq = e->seq;
    if (e->time_ns > c->now_ns)
        c->now_ns = e->time_ns;
    if (qp_event_parts(e->kind) & QP_EVENT_IS_NOTE)
        return;
    if (c->expected >= 0 && !c->aborted_run)
        expected_came(c, e);
    judge(c, e);
}

/* Events in brief: the number and the time go without saying. */
static void take_one(struct qp_checker *c, struct qp_event *e, enum qp_event_kind kind)
{
    e->kind = kind;
    if (qp_event_parts(kind) & QP_EVENT_IS_NOTE) {
        c->seq++;
        return;
    }
    if (kind == QP_EVENT_CLOCK_ADVANCED)
        c->brief_ns = (int64_t)e->fields[0];
    e->seq = c->seq + 1;
    e->time_ns = c->brief_ns;
    qp_event_clear_rest(e);
    qp_checker_event(c, e);
}

/* A run: the future may be created first, is polled, and may be pending or ready with this status. */
static void take_run(struct qp_checker *c, struct qp_event *e)
{
    int run = (int)e->kind;
    uint64_t status = e->fields[0];
    if (run <= QP_RUN_BEGUN_READY)
        take_one(c, e, QP_EVENT_FUTURE_CREATED);
    take_one(c, e, QP_EVENT_FUTURE_POLLED);
    e->fields[0] = status;
    if (run == QP_RUN_BEGUN_PENDING || run == QP_RUN_POLLED_PENDING)
        take_one(c, e, QP_EVENT_FUTURE_PENDING);
    else if (run == QP_RUN_BEGUN_READY || run == QP_RUN_POLLED_READY)
        take_one(c, e, QP_EVENT_FUTURE_READY);
}

static void take(void *context, struct qp_event *events, size_t count)
{
    struct qp_checker *c = context;
    size_t i;
    for (i = 0; i < count; i++) {
        if ((int)events[i].kind >= QP_EVENT_KINDS)
            take_run(c, &events[i]);
        else
            take_one(c, &events[i], events[i].kind);
    }
}

const struct qp_event_batch *qp_checker_batch(struct qp_checker *c)
{
    c->batch = (struct qp_event_batch){c->brief, sizeof c->brief / sizeof *c->brief, take, c};
    return &c->batch;
}

/* ---- the end ---- */

static void *any(const struct table *table)
{
    void *least = NULL;
    uint64_t id = UINT64_MAX;
    for (size_t i = 0; table->count && i < table->size; i++) {
        if (table->ids[i] && table->ids[i] < id) {
            id = table->ids[i];
            least = table->items[i];
        }
    }
    return least;
}

/* The least of those that a task had. */
static struct owned *any_owned(const struct table *table)
{
    struct owned *least = NULL;
    for (size_t i = 0; table->count && i < table->size; i++) {
        struct owned *owned = table->ids[i] ? table->items[i] : NULL;
        if (owned && owned->task && (!least || owned->id < least->id))
            least = owned;
    }
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
    if (task) {
        struct qp_event since = task->since;
        report(c, QP_RULE_RUN_CLOSE_3, NULL, &since, NULL, NULL);
    } else if (value) {
        report(c, QP_RULE_VALUE_KEPT_1, value->object, &value->since, NULL, NULL);
    } else if (hold || end) {
        report(c, QP_RULE_TASK_OWN_1, NULL, hold ? &hold->since : &end->since, NULL, NULL);
    }
}

void qp_checker_finish(struct qp_checker *c, bool complete)
{
    if (c->deadlocked && c->outcome != QP_DEADLOCK)
        report_text(c, QP_RULE_PROGRESS_DEADLOCK_1, c->deadlock, &c->deadlock_event, NULL);
    if (complete && !c->deaf && !c->full && !c->aborted_run && !c->violation_count && c->seq)
        judge_what_is_left(c);
    c->deaf = true;
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
