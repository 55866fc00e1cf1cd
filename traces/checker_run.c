/*
 * Events in brief, judged record by record (struct qp_event_batch); a run, which is several events with nothing in
 * between, in one go.
 *
 * What is judged is what each of them by itself would be judged by, with the same rules; what one part has found, the
 * next need not look for. Where a run is not as usual it is taken apart before anything of it is judged. The event is
 * made to be that of the part which is judged just now; what its kind has not may be left over from another.
 */
#include "traces/checker_steps.h"

enum {
    OF_FUTURE = QP_RUN_SUSPENDED - QP_RUN_CREATED,
    OF_LIFE = QP_RUN_SPAWNED | QP_RUN_BEGINS | QP_RUN_UNWINDING | QP_RUN_LET_GO,
    OF_OBJECT = QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED,
    TOLD = OF_OBJECT | QP_RUN_JOINED,
    ANSWERED = QP_RUN_PENDING | QP_RUN_READY
};

/* ---- reading ---- */

/* How far it was read. Nobody but who is inlined has its address, so that it lies in registers. */
struct run {
    const uint64_t *at; /* the words of what comes next */
    unsigned parts;
    uint32_t notes; /* as they are to be counted */
    uint32_t chosen, count;
};

static inline uint64_t read_word(struct run *run)
{
    return *run->at++;
}

static inline const void *read_pointer(struct run *run)
{
    return (const void *)(uintptr_t)read_word(run);
}

static inline void read_fields(struct run *run, struct qp_event *e, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        e->fields[i] = read_word(run);
}

static inline void read_chosen(struct run *run)
{
    uint64_t word = read_word(run);
    run->chosen = (uint32_t)word;
    run->count = (uint32_t)(word >> 32);
}

static inline void read_site(struct run *run, struct qp_event *e)
{
    e->site = read_pointer(run);
}

static inline void read_created(struct run *run, struct qp_event *e)
{
    e->op = read_pointer(run);
    e->object = read_word(run);
}

/* What is told of a poll. */
static inline void read_told(struct run *run, struct qp_event *e)
{
    if (run->parts & (QP_RUN_RECEIVED | QP_RUN_ACQUIRED) && !(run->parts & QP_RUN_CREATED))
        e->object = read_word(run);
    read_fields(run, e, run->parts & QP_RUN_SENT ? 1 : run->parts & QP_RUN_RECEIVED ? 2 : QP_EVENT_FIELDS);
}

static inline void read_spawned(struct run *run, struct qp_event *e)
{
    read_site(run, e);
    read_fields(run, e, 2);
    e->text = read_pointer(run);
}

static inline void read_unwinding(struct run *run, struct qp_event *e)
{
    read_site(run, e);
    read_fields(run, e, 2);
}

/* What all parts have. */
static inline void read_run(struct run *run, struct qp_event *e, uint64_t first)
{
    uint64_t word = read_word(run);
    run->parts = (unsigned)first;
    e->task = first >> 32;
    e->future = (uint32_t)word;
    run->notes = (uint32_t)(word >> 32);
}

/* An event by itself. False: it is a note. */
static inline bool read_event(const struct qp_checker *c, struct run *run, struct qp_event *e, uint64_t first)
{
    unsigned has, i;
    e->kind = (enum qp_event_kind)((unsigned)first - QP_RUN_NONE);
    e->task = first >> 32;
    has = c->has[e->kind];
    if (has & QP_EVENT_IS_NOTE)
        return false;
    read_site(run, e);
    if (has & QP_EVENT_HAS_OBJECT)
        e->object = read_word(run);
    if (has & QP_EVENT_HAS_FUTURE)
        e->future = read_word(run);
    if (has & QP_EVENT_HAS_OP)
        e->op = read_pointer(run);
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (has & (unsigned)QP_EVENT_HAS_FIELD << i)
            e->fields[i] = read_word(run);
    if (has & QP_EVENT_HAS_TEXT)
        e->text = read_pointer(run);
    return true;
}

void know_kinds(struct qp_checker *c)
{
    unsigned i;
    for (i = 0; i < QP_EVENT_KINDS; i++) {
        enum qp_event_kind kind = (enum qp_event_kind)i;
        bool text = qp_event_names(kind) || kind == QP_EVENT_OBJECT_CREATED;
        c->has[i] = (uint8_t)(qp_event_parts(kind) & (text ? ~0u : ~(unsigned)QP_EVENT_HAS_TEXT));
    }
}

/* ---- one by one ---- */

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

/* The words of a part. */
static inline void read_part(struct run *run, struct qp_event *e, unsigned part)
{
    if (part == QP_RUN_CREATED || (part == QP_RUN_POLLED && !(run->parts & QP_RUN_CREATED)))
        read_site(run, e);
    if (part == QP_RUN_CHOSEN)
        read_chosen(run);
    else if (part == QP_RUN_CREATED)
        read_created(run, e);
    else if (part == QP_RUN_ASKED)
        read_fields(run, e, QP_EVENT_FIELDS);
    else if (part & TOLD)
        read_told(run, e);
    else if (part & (QP_RUN_WOKE | QP_RUN_READY | QP_RUN_LET_GO))
        e->fields[0] = read_word(run);
    else if (part == QP_RUN_WOKEN)
        e->fields[0] = e->task;
    else if (part == QP_RUN_SPAWNED)
        read_spawned(run, e);
    else if (part == QP_RUN_UNWINDING)
        read_unwinding(run, e);
}

/* Whose event it is, and what it has; the rest is 0. */
static void set_event(const struct qp_checker *c, const struct run *run, const struct qp_event *last, unsigned part,
                      struct qp_event *e)
{
    *e = *last;
    e->kind = kind_of(part);
    qp_event_clear_rest(e);
    if (part == QP_RUN_CHOSEN) {
        e->task = e->fields[0] = 0;
        e->fields[1] = run->count;
        e->fields[2] = run->chosen;
    }
    if (part == QP_RUN_COMPLETED)
        e->task = last->fields[1];
    if (!(part & (OF_FUTURE | OF_LIFE)))
        e->site = NULL;
    if (!(part & (QP_RUN_CREATED | OF_OBJECT)))
        e->object = 0;
    if (!(run->parts & QP_RUN_CREATED))
        e->op = NULL;
    if (part & (QP_RUN_POLLED | ANSWERED))
        complete_event(c, e);
}

/* The events of a run, in order. From *part = 0 on; false past the last. */
static bool next_of_run(const struct qp_checker *c, struct run *run, struct qp_event *last, unsigned *part,
                        struct qp_event *e)
{
    unsigned left = run->parts & ~(*part ? (*part << 1) - 1 : 0);
    if (!left)
        return false;
    *part = left & -left;
    if (*part >= QP_RUN_WOKE) {
        last->seq += run->notes;
        run->notes = 0;
    }
    last->seq++;
    read_part(run, last, *part);
    set_event(c, run, last, *part, e);
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

/* What comes behind that part of the run; 0: all of it. Returns the place behind. */
SELDOM static const uint64_t *judge_apart(struct qp_checker *c, struct run run, struct qp_event *last, unsigned part)
{
    struct qp_event e;
    while (next_of_run(c, &run, last, &part, &e))
        judge_one(c, &e);
    last->seq += run.notes;
    return run.at;
}

/* ---- in one go ---- */

/* The next event of the run is of that kind. */
static inline struct qp_event *then(struct qp_event *e, enum qp_event_kind kind)
{
    e->kind = kind;
    e->seq++;
    return e;
}

/* False: it is not as usual, and is to be read again. */
static inline bool step(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, e->task);
    if (run->parts & QP_RUN_CHOSEN) {
        read_chosen(run);
        e->seq++;
        c->choice_index = run->chosen;
    } else {
        run->chosen = 0;
        run->count = 1;
    }
    if (UNLIKELY(run->chosen >= run->count || !task || task->state != only(QUEUED) || task->style == TASK_BLOCKING ||
                 c->running || c->closing || c->fair || c->innermost || !is_its_turn(c, task)))
        return false;
    c->choice_index = 0;
    task->state = only(RUNNING);
    step_begins(c, task);
    e->seq++;
    return true;
}

/* NULL: this cannot be. Of one that is created nothing is known yet. */
static inline struct future *polled(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    struct future *f;
    read_site(run, e);
    if (!(run->parts & QP_RUN_CREATED)) {
        f = future_of(c, e->future, then(e, QP_EVENT_FUTURE_POLLED));
        return f && begin(c, f, e) ? f : NULL;
    }
    read_created(run, e);
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

static inline void told(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    read_told(run, e);
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
static inline void done(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    if (run->parts & QP_RUN_ASKED) {
        read_fields(run, e, QP_EVENT_FIELDS);
        on_future_asked(c, then(e, QP_EVENT_FUTURE_ASKED));
    }
    if (run->parts & TOLD)
        told(c, run, e);
    e->seq += run->notes;
    run->notes = 0;
    if (run->parts & QP_RUN_WOKE) {
        read_fields(run, e, 1);
        on_task_woken(c, then(e, QP_EVENT_TASK_WOKEN));
    }
}

static inline void answered(struct qp_checker *c, struct run *run, struct qp_event *e, struct future *f)
{
    leave_frame(c, f);
    if (run->parts & QP_RUN_PENDING) {
        pending(c, f, then(e, QP_EVENT_FUTURE_PENDING));
    } else {
        read_fields(run, e, 1);
        ready(c, f, then(e, QP_EVENT_FUTURE_READY));
    }
}

/*
 * Each of these gives back the part behind which the run is to be taken apart, or 0.
 */

static inline unsigned poll(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    struct future *f = polled(c, run, e);
    if (UNLIKELY(!f))
        return QP_RUN_POLLED;
    push_frame(c, f);
    done(c, run, e);
    if (UNLIKELY(c->alert))
        return QP_RUN_WOKE;
    if (run->parts & ANSWERED)
        answered(c, run, e, f);
    return UNLIKELY(c->alert) ? QP_RUN_READY : 0;
}

static inline unsigned suspended(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    struct task *task = c->running; /* and it is the event's, unless there is an alert then */
    e->site = NULL;
    on_task_suspended(c, then(e, QP_EVENT_TASK_SUSPENDED));
    if (UNLIKELY(c->alert))
        return QP_RUN_SUSPENDED;
    if (run->parts & QP_RUN_WOKEN) {
        e->fields[0] = e->task;
        then(e, QP_EVENT_TASK_WOKEN);
        if (LIKELY(!task->state))
            wake(c, task);
        else
            on_task_woken(c, e);
    }
    return 0;
}

static inline unsigned spawned(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    read_spawned(run, e);
    on_task_spawned(c, then(e, QP_EVENT_TASK_SPAWNED));
    if (UNLIKELY(c->alert))
        return QP_RUN_SPAWNED;
    if (run->parts & QP_RUN_BEGINS)
        on_task_woken(c, then(e, QP_EVENT_TASK_WOKEN));
    return 0;
}

/* The end of a task, in whose name the last of what it had was released. */
static inline unsigned ended(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    const struct qp_site *site;
    uint64_t task = e->task;
    read_unwinding(run, e);
    on_task_unwinding(c, then(e, QP_EVENT_TASK_UNWINDING));
    if (UNLIKELY(c->alert))
        return QP_RUN_UNWINDING;
    if (!(run->parts & QP_RUN_COMPLETED))
        return 0;
    site = e->site;
    e->site = NULL;
    e->task = e->fields[1];
    on_task_ended(c, then(e, QP_EVENT_TASK_COMPLETED));
    e->site = site;
    e->task = task;
    if (UNLIKELY(c->alert))
        return QP_RUN_COMPLETED;
    if (run->parts & QP_RUN_LET_GO) {
        read_fields(run, e, 1);
        on_task_woken(c, then(e, QP_EVENT_TASK_WOKEN));
    }
    return 0;
}

/* False: it is to be taken apart, from its first word on. */
static inline bool begins(struct qp_checker *c, struct run *run, struct qp_event *e)
{
    if (UNLIKELY(e->task >= c->known))
        return false;
    return !(run->parts & (QP_RUN_CHOSEN | QP_RUN_STEP)) || (run->parts & QP_RUN_STEP && step(c, run, e));
}

static inline void judge_run(struct qp_checker *c, struct run *run, struct qp_event *e, uint64_t first)
{
    const uint64_t *behind;
    uint64_t seq = e->seq;
    unsigned apart = 0;
    read_run(run, e, first);
    behind = run->at;
    if (UNLIKELY(!begins(c, run, e))) {
        e->seq = seq;
        run->at = judge_apart(c, (struct run){behind, run->parts, run->notes, 0, 0}, e, 0);
        return;
    }
    if (run->parts & QP_RUN_POLLED)
        apart = poll(c, run, e);
    if (run->parts & QP_RUN_SUSPENDED)
        apart = LIKELY(!apart) ? suspended(c, run, e) : apart;
    else if (run->parts & QP_RUN_SPAWNED)
        apart = spawned(c, run, e);
    else if (run->parts & QP_RUN_UNWINDING)
        apart = ended(c, run, e);
    if (UNLIKELY(apart))
        run->at = judge_apart(c, *run, e, apart);
}

static inline void judge_event(struct qp_checker *c, struct run *run, struct qp_event *e, uint64_t first)
{
    e->seq++;
    if (!read_event(c, run, e, first))
        return;
    if (UNLIKELY(e->task >= c->known || e->kind == QP_EVENT_CLOCK_ADVANCED))
        judge_one(c, e);
    else
        judges[e->kind](c, e);
}

void judge_in_brief(struct qp_checker *c, const uint64_t *words, size_t count)
{
    const uint64_t *end = words + count;
    struct qp_event e = {.seq = c->seq, .time_ns = c->brief_ns};
    struct run run = {.at = words};
    c->brief = &e;
    while (run.at < end) {
        uint64_t first = read_word(&run);
        if (LIKELY((unsigned)first < QP_RUN_NONE))
            judge_run(c, &run, &e, first);
        else
            judge_event(c, &run, &e, first);
    }
    c->brief = NULL;
    c->seq = e.seq;
}
