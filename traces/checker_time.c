/*
 * Time: the clock, the deadlines that somebody waits for, sleep; and what must be so when nothing can run.
 *
 * State: a heap of deadlines that are not over, the earliest first. A poll may take time where the clock is real: a
 * deadline made in it is not before the poll began plus the duration, nor after the poll ended plus the duration.
 */
#include "traces/checker_model.h"
#include "traces/print.h"
#include <inttypes.h>
#include <stdlib.h>

int64_t deadline(int64_t now_ns, int64_t duration_ns)
{
    if (duration_ns <= 0)
        return now_ns;
    return now_ns > INT64_MAX - duration_ns ? INT64_MAX : now_ns + duration_ns;
}

/* ---- the heap ---- */

static void place(struct qp_checker *c, struct timed *timed, size_t at)
{
    c->heap[at - 1] = timed;
    timed->place = at;
}

static void sift_up(struct qp_checker *c, struct timed *timed, size_t at)
{
    for (; at > 1 && c->heap[at / 2 - 1]->deadline_ns > timed->deadline_ns; at /= 2)
        place(c, c->heap[at / 2 - 1], at);
    place(c, timed, at);
}

static void sift_down(struct qp_checker *c, struct timed *timed, size_t at)
{
    for (;;) {
        size_t child = at * 2;
        if (child < c->heap_count && c->heap[child]->deadline_ns < c->heap[child - 1]->deadline_ns)
            child++;
        if (child > c->heap_count || c->heap[child - 1]->deadline_ns >= timed->deadline_ns)
            break;
        place(c, c->heap[child - 1], at);
        at = child;
    }
    place(c, timed, at);
}

bool heap_add(struct qp_checker *c, struct timed *timed, int64_t deadline_ns)
{
    timed->deadline_ns = deadline_ns;
    if (deadline_ns == INT64_MAX || timed->place)
        return true;
    if (c->heap_count == c->heap_room) {
        size_t room = c->heap_room ? c->heap_room * 2 : 64;
        struct timed **heap = realloc(c->heap, room * sizeof *heap);
        if (!heap) {
            be_full(c);
            return false;
        }
        c->heap = heap;
        c->heap_room = room;
    }
    sift_up(c, timed, ++c->heap_count);
    return true;
}

void heap_remove(struct qp_checker *c, struct timed *timed)
{
    size_t at = timed->place;
    struct timed *last;
    if (!at)
        return;
    timed->place = 0;
    last = c->heap[--c->heap_count];
    if (last == timed)
        return;
    if (at > 1 && c->heap[at / 2 - 1]->deadline_ns > last->deadline_ns)
        sift_up(c, last, at);
    else
        sift_down(c, last, at);
}

/* ---- deadlines of futures ---- */

void start_deadline(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    if (!f->asked)
        return;
    f->more.deadline_min_ns = deadline(f->poll_ns, f->duration_ns);
    f->more.timed.future = f;
    heap_add(c, &f->more.timed, deadline(e->time_ns, f->duration_ns));
}

bool may_be_due(const struct future *f, const struct qp_event *e)
{
    int64_t least_ns = f->polled ? f->more.deadline_min_ns : deadline(f->poll_ns, f->duration_ns);
    return f->duration_ns <= 0 || (least_ns != INT64_MAX && least_ns <= e->time_ns);
}

bool must_be_due(const struct future *f)
{
    return f->asked && f->polled && f->more.timed.deadline_ns <= f->poll_ns;
}

void sleep_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    if (!f->asked || status == QP_NOMEM)
        return;
    if (status != QP_PENDING) {
        if (!may_be_due(f, e) || status != QP_OK)
            report(c, QP_RULE_TIME_SLEEP_1, NULL, e, &f->since, NULL);
        return;
    }
    if (must_be_due(f) || (!f->polled && f->duration_ns <= 0))
        report(c, QP_RULE_TIME_SLEEP_2, NULL, e, &f->since, NULL);
    if (!f->polled)
        start_deadline(c, f, e);
}

/* ---- quiescence ---- */

static void check_aborted(struct qp_checker *c, const struct qp_event *e)
{
    const struct task *task;
    for (task = c->first_aborted; task; task = task->next_aborted) {
        if (task->queued || task->running || task->work >= WORK_STARTED)
            continue;
        report(c, task->style == TASK_BLOCKING ? QP_RULE_BLOCK_ABORT_1 : QP_RULE_TASK_ABORT_2, NULL, e, &task->since,
               NULL);
        return;
    }
}

static const struct qp_event *since(const struct timed *timed)
{
    return timed->future ? &timed->future->since : &timed->task->since;
}

/* Deadlines that are over now: who waits for one can go on, and work must be finished before time goes on. */
static void leave_heap(struct qp_checker *c, int64_t now_ns)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no place below heap_count is empty */
    while (c->heap_count && c->heap[0]->deadline_ns <= now_ns) {
        struct timed *timed = c->heap[0];
        heap_remove(c, timed);
        if (timed->future) {
            make_able(c, timed->future, QP_RULE_TIME_CLOCK_3);
        } else {
            timed->task->work = WORK_DUE;
            c->work_due++;
        }
    }
}

/* Time passes: work that is over by now, and has yet to be told of, is not passed over. */
void on_fault(struct qp_checker *c, const struct qp_event *e)
{
    enum { CLOCK = 8, ALLOC = 11 }; /* enum qp_choice_kind */
    c->no_memory = c->no_memory || e->fields[0] == ALLOC;
    if (e->fields[0] != CLOCK)
        return;
    c->fault_seq = e->seq;
    leave_heap(c, e->time_ns);
}

/* It was injected, by the event before, that time passes although there is something to do. */
static bool is_passing(const struct qp_checker *c, const struct qp_event *e)
{
    return c->fault_seq && c->fault_seq + 1 == e->seq;
}

static void advanced(struct qp_checker *c, const struct qp_event *e)
{
    int64_t to_ns = (int64_t)e->fields[0];
    const struct timed *first = c->heap_count ? c->heap[0] : NULL;
    bool passing = is_passing(c, e);
    if (!passing) {
        check_woken(c, e);
        check_aborted(c, e);
    }
    if (to_ns != e->time_ns)
        report(c, QP_RULE_TIME_CLOCK_1, NULL, e, NULL, NULL);
    if (c->running || (!passing && !c->disordered && c->ready_end != c->ready_first))
        report(c, QP_RULE_TIME_CLOCK_2, NULL, e, c->running ? &c->running->since : NULL, NULL);
    if (!passing && (c->work_queued || c->work_due))
        report(c, QP_RULE_BLOCK_CLOCK_1, NULL, e, NULL, NULL);
    if (first && first->deadline_ns < to_ns)
        report(c, first->task ? QP_RULE_BLOCK_CLOCK_1 : QP_RULE_TIME_CLOCK_3, NULL, e, since(first), NULL);
    leave_heap(c, to_ns);
}

/* ---- a deadlock ---- */

static void declared_deadlock(struct qp_checker *c, const struct qp_event *e)
{
    size_t before = c->violation_count;
    check_woken(c, e);
    check_aborted(c, e);
    if (c->violation_count != before || is_deaf(c))
        return;
    if (c->heap_count || c->work_queued || c->work_due || (!c->disordered && c->ready_end != c->ready_first)) {
        report(c, QP_RULE_PROGRESS_DEADLOCK_2, NULL, e, c->heap_count ? since(c->heap[0]) : NULL, NULL);
        return;
    }
    c->deadlocked = true;
    keep(&c->deadlock_event, e);
    c->deadlock_event.text = NULL;
    describe_waits(c, c->deadlock, sizeof c->deadlock);
}

void on_clock(struct qp_checker *c, const struct qp_event *e)
{
    if (e->kind == QP_EVENT_CLOCK_ADVANCED)
        advanced(c, e);
    else if (e->fields[0] == QP_DEADLOCK)
        declared_deadlock(c, e);
    else if (e->fields[0] == QP_MISUSE || e->fields[0] == QP_FAILED)
        c->aborted_run = true; /* a step was left in the middle */
}
