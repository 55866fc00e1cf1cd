/*
 * Runs: events in brief that follow one another with nothing in between, judged in one go (enum qp_event_run).
 *
 * What is judged is what each of them by itself would be judged by, with the same rules; what one part has found, the
 * next need not look for. Where a run is not as usual it is taken apart before anything of it is judged. A run's event
 * is made to be that of the part which is judged just now.
 */
#include "traces/checker_steps.h"

/* ---- one by one ---- */

enum {
    OF_FUTURE = QP_RUN_SUSPENDED - QP_RUN_CREATED,
    OF_LIFE = QP_RUN_SPAWNED | QP_RUN_BEGINS | QP_RUN_UNWINDING | QP_RUN_LET_GO,
    TOLD = QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED | QP_RUN_JOINED,
    ANSWERED = QP_RUN_PENDING | QP_RUN_READY
};

static enum qp_event_kind kind_of(unsigned part)
{
    switch ((enum qp_event_run)part) {
    case QP_RUN_CHOSEN:
        return QP_EVENT_CHOICE;
    case QP_RUN_STEP:
        return QP_EVENT_TASK_POLLED;
    case QP_RUN_CREATED:
        return QP_EVENT_FUTURE_CREATED;
    case QP_RUN_POLLED:
        return QP_EVENT_FUTURE_POLLED;
    case QP_RUN_ASKED:
        return QP_EVENT_FUTURE_ASKED;
    case QP_RUN_SENT:
        return QP_EVENT_VALUE_SENT;
    case QP_RUN_RECEIVED:
        return QP_EVENT_VALUE_RECEIVED;
    case QP_RUN_ACQUIRED:
        return QP_EVENT_HOLD_ACQUIRED;
    case QP_RUN_JOINED:
        return QP_EVENT_TASK_JOINED;
    case QP_RUN_PENDING:
        return QP_EVENT_FUTURE_PENDING;
    case QP_RUN_READY:
        return QP_EVENT_FUTURE_READY;
    case QP_RUN_SUSPENDED:
        return QP_EVENT_TASK_SUSPENDED;
    case QP_RUN_SPAWNED:
        return QP_EVENT_TASK_SPAWNED;
    case QP_RUN_UNWINDING:
        return QP_EVENT_TASK_UNWINDING;
    case QP_RUN_COMPLETED:
        return QP_EVENT_TASK_COMPLETED;
    case QP_RUN_WOKE:
    case QP_RUN_WOKEN:
    case QP_RUN_BEGINS:
    case QP_RUN_LET_GO:
    case QP_RUN_NONE:
        break;
    }
    return QP_EVENT_TASK_WOKEN;
}

/* What a part has beside what all events have. */
static void set_fields(const struct qp_event_brief *run, unsigned part, struct qp_event *e)
{
    if (part == QP_RUN_CHOSEN) {
        e->task = 0;
        e->fields[1] = run->count;
        e->fields[2] = run->chosen;
    } else if (part & (QP_RUN_ASKED | QP_RUN_SPAWNED | QP_RUN_UNWINDING)) {
        memcpy(e->fields, run->event.fields, sizeof e->fields);
        e->text = run->event.text;
    } else if (part & TOLD) {
        memcpy(e->fields, run->told, sizeof e->fields);
    } else if (part == QP_RUN_READY) {
        e->fields[0] = run->status;
    } else if (part & (QP_RUN_WOKE | QP_RUN_LET_GO)) {
        e->fields[0] = run->woke;
    } else if (part == QP_RUN_WOKEN) {
        e->fields[0] = run->event.task;
    } else if (part == QP_RUN_BEGINS) {
        e->fields[0] = run->event.fields[0];
    } else if (part == QP_RUN_COMPLETED) {
        e->task = run->event.fields[1];
    }
}

/* Whose event it is. */
static void set_future(const struct qp_checker *c, const struct qp_event_brief *run, unsigned part, struct qp_event *e)
{
    if (part & (QP_RUN_CREATED | QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED))
        e->object = run->event.object;
    if (part & (QP_RUN_CREATED | QP_RUN_POLLED | QP_RUN_ASKED | QP_RUN_SENT | ANSWERED))
        e->future = run->event.future;
    if (part & (QP_RUN_CREATED | QP_RUN_ASKED | QP_RUN_SENT))
        e->op = run->event.op;
    if (part & (QP_RUN_POLLED | ANSWERED))
        complete_event(c, e);
}

/* How many numbers lie before it, from the first part's on. */
static uint64_t numbers_before(const struct qp_event_brief *run, unsigned part)
{
    unsigned before = run->parts & (part - 1), woken = run->parts & QP_RUN_WOKE;
    uint64_t count = (uint64_t)__builtin_popcount(before);
    bool skipped = (run->parts & QP_RUN_POLLED) && part >= (woken ? QP_RUN_WOKE : QP_RUN_PENDING);
    return skipped ? count + run->skipped : count;
}

/* The events of a run, in order. From *part = 0 on; false past the last. */
static bool next_of_run(const struct qp_checker *c, const struct qp_event_brief *run, unsigned *part,
                        struct qp_event *e)
{
    unsigned left = run->parts & ~(*part ? (*part << 1) - 1 : 0);
    if (!left)
        return false;
    *part = left & -left;
    memset(e, 0, sizeof *e);
    e->kind = kind_of(*part);
    e->seq = run->event.seq + numbers_before(run, *part);
    e->time_ns = run->event.time_ns;
    e->task = run->event.task;
    e->site = *part & (OF_FUTURE | OF_LIFE) ? run->event.site : NULL;
    set_future(c, run, *part, e);
    set_fields(run, *part, e);
    return true;
}

/* Time goes on with the event that says so. */
static void take_clock(struct qp_checker *c, struct qp_event *e)
{
    if ((int64_t)e->fields[0] < c->brief_ns)
        report(c, QP_RULE_TIME_CLOCK_1, NULL, e, NULL, NULL);
    e->time_ns = c->brief_ns = (int64_t)e->fields[0];
}

/* One that there is, or may be, something about. */
static void judge_one(struct qp_checker *c, struct qp_event *e)
{
    if (e->kind == QP_EVENT_CLOCK_ADVANCED)
        take_clock(c, e);
    if (task_exists(c, e) && (!c->alert || is_judged(c, e)))
        judges[e->kind](c, e);
}

/* What comes behind that part of the run; 0: all of it. */
SELDOM static void judge_apart(struct qp_checker *c, struct qp_event_brief *run, unsigned part)
{
    struct qp_event e = run->event;
    while (next_of_run(c, run, &part, &e))
        judge_one(c, &e);
    run->event.seq = e.seq;
}

/* ---- in one go ---- */

/* The next event of the run is of that kind. */
static inline struct qp_event *then(struct qp_event *e, enum qp_event_kind kind)
{
    e->kind = kind;
    e->seq++;
    return e;
}

/* False: it is not as usual. */
static inline bool step(struct qp_checker *c, struct qp_event_brief *run)
{
    struct task *task = table_find(&c->task_table, run->event.task);
    if (run->parts & QP_RUN_CHOSEN) {
        if (UNLIKELY(run->chosen >= run->count))
            return false;
        c->choice_index = run->chosen;
    }
    if (UNLIKELY(!task || task->state != only(QUEUED) || task->style == TASK_BLOCKING || c->running || c->closing ||
                 c->fair || c->innermost || !is_its_turn(c, task)))
        return false;
    c->choice_index = 0;
    task->state = only(RUNNING);
    step_begins(c, task);
    run->event.seq += run->parts & QP_RUN_CHOSEN ? 2 : 1;
    return true;
}

/* NULL: this cannot be. Of one that is created nothing is known yet. */
static inline struct future *polled(struct qp_checker *c, struct qp_event_brief *run)
{
    struct qp_event *e = &run->event;
    struct future *f;
    if (!(run->parts & QP_RUN_CREATED)) {
        f = future_of(c, e->future, then(e, QP_EVENT_FUTURE_POLLED));
        return f && begin(c, f, e) ? f : NULL;
    }
    f = create(c, then(e, QP_EVENT_FUTURE_CREATED));
    then(e, QP_EVENT_FUTURE_POLLED);
    if (UNLIKELY(!f) || (c->innermost && !begin_inside(c, c->innermost, f, e)))
        return NULL;
    f->task = e->task;
    f->poll_ns = e->time_ns;
    if (UNLIKELY(f->compound))
        compound_begin(f);
    return f;
}

static inline void told(struct qp_checker *c, struct qp_event_brief *run)
{
    struct qp_event *e = &run->event;
    memcpy(e->fields, run->told, sizeof e->fields);
    if (run->parts & QP_RUN_SENT)
        on_value_sent(c, then(e, QP_EVENT_VALUE_SENT));
    else if (run->parts & QP_RUN_RECEIVED)
        on_value_received(c, then(e, QP_EVENT_VALUE_RECEIVED));
    else if (run->parts & QP_RUN_ACQUIRED)
        on_hold_acquired(c, then(e, QP_EVENT_HOLD_ACQUIRED));
    else
        on_task_joined(c, then(e, QP_EVENT_TASK_JOINED));
}

/* What is done in the poll, until it answers. */
static inline void done(struct qp_checker *c, struct qp_event_brief *run)
{
    struct qp_event *e = &run->event;
    if (run->parts & QP_RUN_ASKED)
        on_future_asked(c, then(e, QP_EVENT_FUTURE_ASKED));
    if (run->parts & TOLD)
        told(c, run);
    e->seq += run->skipped;
    if (run->parts & QP_RUN_WOKE) {
        e->fields[0] = run->woke;
        on_task_woken(c, then(e, QP_EVENT_TASK_WOKEN));
    }
}

/* False: what follows was not judged. */
static inline bool poll(struct qp_checker *c, struct qp_event_brief *run)
{
    struct future *f = polled(c, run);
    if (UNLIKELY(!f))
        return false;
    push_frame(c, f);
    done(c, run);
    if (UNLIKELY(c->alert) || !(run->parts & ANSWERED))
        return true;
    leave_frame(c, f);
    if (run->parts & QP_RUN_PENDING) {
        pending(c, f, then(&run->event, QP_EVENT_FUTURE_PENDING));
    } else {
        run->event.fields[0] = run->status;
        ready(c, f, then(&run->event, QP_EVENT_FUTURE_READY));
    }
    return true;
}

static inline void suspended(struct qp_checker *c, struct qp_event_brief *run)
{
    struct qp_event *e = &run->event;
    e->site = NULL;
    on_task_suspended(c, then(e, QP_EVENT_TASK_SUSPENDED));
    if (run->parts & QP_RUN_WOKEN && LIKELY(!c->alert)) {
        e->fields[0] = e->task;
        on_task_woken(c, then(e, QP_EVENT_TASK_WOKEN));
    }
}

static inline void spawned(struct qp_checker *c, struct qp_event_brief *run)
{
    on_task_spawned(c, then(&run->event, QP_EVENT_TASK_SPAWNED));
    if (run->parts & QP_RUN_BEGINS && LIKELY(!c->alert))
        on_task_woken(c, then(&run->event, QP_EVENT_TASK_WOKEN));
}

/* The end of a task, in whose name the last of what it had was released. */
static inline void ended(struct qp_checker *c, struct qp_event_brief *run)
{
    struct qp_event *e = &run->event;
    const struct qp_site *site = e->site;
    uint64_t task = e->task;
    on_task_unwinding(c, then(e, QP_EVENT_TASK_UNWINDING));
    if (!(run->parts & QP_RUN_COMPLETED) || UNLIKELY(c->alert))
        return;
    e->site = NULL;
    e->task = e->fields[1];
    on_task_ended(c, then(e, QP_EVENT_TASK_COMPLETED));
    if (!(run->parts & QP_RUN_LET_GO) || UNLIKELY(c->alert))
        return;
    e->site = site;
    e->task = task;
    e->fields[0] = run->woke;
    on_task_woken(c, then(e, QP_EVENT_TASK_WOKEN));
}

/* False: its step is not as usual, and nothing was judged. */
static inline bool judge_run(struct qp_checker *c, struct qp_event_brief *run)
{
    unsigned parts = run->parts;
    uint64_t seq = run->event.seq;
    if (parts & QP_RUN_STEP) {
        if (!step(c, run))
            return false;
    } else if (UNLIKELY(parts & QP_RUN_CHOSEN)) {
        return false;
    }
    run->event.seq--;
    if (parts & QP_RUN_POLLED && UNLIKELY(!poll(c, run))) {
        run->event.seq = seq;
        judge_apart(c, run, QP_RUN_POLLED);
        return true;
    }
    if (parts & QP_RUN_SUSPENDED && LIKELY(!c->alert))
        suspended(c, run);
    if (parts & QP_RUN_SPAWNED)
        spawned(c, run);
    else if (parts & QP_RUN_UNWINDING)
        ended(c, run);
    return true;
}

static inline void judge(struct qp_checker *c, struct qp_event_brief *brief)
{
    struct qp_event *e = &brief->event;
    e->time_ns = c->brief_ns;
    if (LIKELY(brief->parts != QP_RUN_NONE)) {
        if (UNLIKELY(e->task >= c->known) || !judge_run(c, brief))
            judge_apart(c, brief, 0);
    } else if (UNLIKELY(e->task >= c->known || e->kind == QP_EVENT_CLOCK_ADVANCED)) {
        judge_one(c, e);
    } else {
        judges[e->kind](c, e);
    }
}

void judge_in_brief(struct qp_checker *c, struct qp_event_brief *events, size_t count)
{
    struct qp_event_brief *brief, *end = events + count;
    for (brief = events; brief < end; brief++)
        judge(c, brief);
    c->seq = end[-1].event.seq;
}
