/*
 * Timelines: see timeline.h. State while one is made: each task, future, object and value as the events so far leave
 * it, and the futures that are being polled just now.
 *
 * Numbers in a trace count from 1 without gaps, so none is higher than there are events; one that is belongs to no
 * valid trace, and is passed over. Traces of other runtimes may leave out what is only a hint.
 */
#include "tools/timeline.h"
#include "tools/array.h"
#include <stdlib.h>
#include <string.h>

struct task {
    size_t poll, ready, idle, release, work; /* spans that are open; TIMELINE_NONE */
    size_t woken;                            /* the arrow that woke it, until it is polled */
    uint64_t first_waiting;                  /* its innermost futures that wait, linked by next_waiting; 0: none */
    bool known, polled; /* a task that was not yet polled is woken by its spawn, which has an arrow */
};

struct future {
    bool known, has_inner, waits;
    uint64_t task, parent, object, target, wanted, value;
    uint64_t next_waiting;
    size_t polled; /* first */
    size_t span, woken;
};

struct object {
    size_t touched; /* the last event about it that was no poll of a future */
    uint64_t by;    /* the task that ran then */
};

struct value {
    size_t from; /* where it was given */
    uint64_t task, object;
    bool travels, inside, left;
};

struct making {
    struct timeline *to;
    size_t span_room, wait_room, arrow_room, change_room, object_room;
    struct task *tasks; /* these by number, all as long as there are events */
    struct future *futures;
    struct object *objects;
    struct value *values;
    uint64_t *stack; /* futures being polled, the innermost last */
    size_t depth, stack_room;
    size_t event; /* that is being heard */
    size_t step;  /* the event with which this step began */
    uint64_t most;
    bool failed;
};

/* ---- what there is, by number ---- */

static bool begin(struct making *self)
{
    size_t count = (size_t)self->most + 1;
    self->tasks = calloc(count, sizeof *self->tasks);
    self->futures = calloc(count, sizeof *self->futures);
    self->objects = calloc(count, sizeof *self->objects);
    self->values = calloc(count, sizeof *self->values);
    return self->tasks && self->futures && self->objects && self->values;
}

static void end(struct making *self)
{
    free(self->tasks);
    free(self->futures);
    free(self->objects);
    free(self->values);
    free(self->stack);
}

/* Whether a number is one; those below are NULL for one that is none. */
static bool is_number(const struct making *self, uint64_t number)
{
    return number && number <= self->most;
}

static struct task *task_at(struct making *self, uint64_t number)
{
    struct task *task = is_number(self, number) ? &self->tasks[number] : NULL;
    if (task && !task->known) {
        task->poll = task->ready = task->idle = task->release = task->work = task->woken = TIMELINE_NONE;
        task->known = true;
        if (number > self->to->task_count)
            self->to->task_count = number;
    }
    return task;
}

static struct future *future_at(const struct making *self, uint64_t number)
{
    struct future *future = is_number(self, number) ? &self->futures[number] : NULL;
    if (future && !future->known) {
        future->polled = future->span = future->woken = TIMELINE_NONE;
        future->known = true;
    }
    return future;
}

static struct object *object_at(const struct making *self, uint64_t number)
{
    return is_number(self, number) ? &self->objects[number] : NULL;
}

static struct value *value_at(const struct making *self, uint64_t number)
{
    return is_number(self, number) ? &self->values[number] : NULL;
}

/* ---- what is made ---- */

/* A new span of the event's task; TIMELINE_NONE: memory ran out. */
static size_t open_span(struct making *self, enum span_kind kind, uint64_t task, size_t from)
{
    struct timeline *to = self->to;
    if (!array_reserve(&to->spans, &self->span_room, to->span_count + 1, sizeof *to->spans)) {
        self->failed = true;
        return TIMELINE_NONE;
    }
    to->spans[to->span_count] =
        (struct span){.kind = kind, .task = task, .from = from, .to = TIMELINE_NONE, .parent = TIMELINE_NONE};
    return to->span_count++;
}

static void close_span(struct making *self, size_t *index, enum span_end end, uint64_t status)
{
    struct span *span;
    if (*index == TIMELINE_NONE)
        return;
    span = &self->to->spans[*index];
    span->to = self->event;
    span->end = end;
    span->status = status;
    *index = TIMELINE_NONE;
}

static size_t add_arrow(struct making *self, struct arrow arrow)
{
    struct timeline *to = self->to;
    if (!array_reserve(&to->arrows, &self->arrow_room, to->arrow_count + 1, sizeof *to->arrows)) {
        self->failed = true;
        return TIMELINE_NONE;
    }
    to->arrows[to->arrow_count] = arrow;
    return to->arrow_count++;
}

static void add_change(struct making *self, struct change change)
{
    struct timeline *to = self->to;
    if (!change.object)
        return;
    if (!array_reserve(&to->changes, &self->change_room, to->change_count + 1, sizeof *to->changes)) {
        self->failed = true;
        return;
    }
    change.event = self->event;
    to->changes[to->change_count++] = change;
}

static void add_wait(struct making *self, struct span *idle, uint64_t future)
{
    struct timeline *to = self->to;
    if (!array_reserve(&to->waits, &self->wait_room, to->wait_count + 1, sizeof *to->waits)) {
        self->failed = true;
        return;
    }
    to->waits[to->wait_count++] = future;
    idle->wait_count++;
}

/* ---- futures ---- */

static bool is_leaf(const struct future *future)
{
    return !future->has_inner;
}

/* Appends: what a task waits for stays in the order in which it began. */
static void start_waiting(struct making *self, uint64_t number, struct future *future, struct task *task)
{
    uint64_t *link = &task->first_waiting;
    while (*link)
        link = &future_at(self, *link)->next_waiting;
    *link = number;
    future->next_waiting = 0;
    future->waits = true;
}

static void stop_waiting(struct making *self, uint64_t number, struct future *future)
{
    struct task *task = task_at(self, future->task);
    uint64_t *link;
    if (!future->waits || !task)
        return;
    future->waits = false;
    for (link = &task->first_waiting; *link; link = &future_at(self, *link)->next_waiting) {
        if (*link == number) {
            *link = future->next_waiting;
            break;
        }
    }
    add_change(self, (struct change){.kind = CHANGE_UNWAIT, .object = future->object, .id = number});
}

static void adopt(struct making *self, uint64_t parent, uint64_t inner)
{
    struct future *outer = future_at(self, parent), *future = future_at(self, inner);
    if (!outer || !future || parent == inner)
        return;
    outer->has_inner = true;
    future->parent = parent;
}

static void push(struct making *self, uint64_t future)
{
    if (array_reserve(&self->stack, &self->stack_room, self->depth + 1, sizeof *self->stack))
        self->stack[self->depth++] = future;
    else
        self->failed = true;
}

/* The poll of a future is over, and so is that of all inside it. */
static void pop(struct making *self, uint64_t future)
{
    size_t depth = self->depth;
    while (depth > 0 && self->stack[depth - 1] != future)
        depth--;
    if (depth > 0)
        self->depth = depth - 1;
}

static void future_polled(struct making *self, const struct qp_event *event, struct future *future)
{
    if (!future->parent && self->depth > 0)
        adopt(self, self->stack[self->depth - 1], event->future);
    if (future->polled == TIMELINE_NONE)
        future->polled = self->event;
    future->task = event->task;
    future->object = event->object;
    push(self, event->future);
}

static void future_pending(struct making *self, const struct qp_event *event, struct future *future)
{
    struct task *task = task_at(self, event->task);
    struct span *span;
    pop(self, event->future);
    if (future->span != TIMELINE_NONE || !task || (event->op && strcmp(event->op, "async") == 0))
        return;
    future->span =
        open_span(self, SPAN_WAIT, event->task, future->polled == TIMELINE_NONE ? self->event : future->polled);
    if (self->failed)
        return;
    span = &self->to->spans[future->span];
    span->future = event->future;
    span->object = event->object;
    span->target = future->target;
    span->op = event->op;
    span->site = event->site;
    if (!is_leaf(future))
        return;
    start_waiting(self, event->future, future, task);
    add_change(self, (struct change){.kind = CHANGE_WAIT,
                                     .object = event->object,
                                     .id = event->future,
                                     .task = event->task,
                                     .count = future->wanted});
}

/* A value is in its channel when its send is over, also where nothing says that it was queued. */
static void value_enters(struct making *self, uint64_t number, uint64_t object)
{
    struct value *value = value_at(self, number);
    if (!value || value->inside || value->left)
        return;
    value->inside = true;
    add_change(self, (struct change){.kind = CHANGE_IN, .object = object, .id = number});
}

static bool is_receiving(const char *op)
{
    return op && (strcmp(op, "recv") == 0 || strcmp(op, "oneshot_recv") == 0);
}

static void future_ready(struct making *self, const struct qp_event *event, struct future *future)
{
    struct arrow *arrow;
    pop(self, event->future);
    stop_waiting(self, event->future, future);
    close_span(self, &future->span, SPAN_OVER, event->fields[0]);
    if (future->value && event->fields[0] == QP_OK)
        value_enters(self, future->value, event->object);
    if (future->woken == TIMELINE_NONE || event->fields[0] != QP_OK || is_receiving(event->op))
        return;
    arrow = &self->to->arrows[future->woken];
    arrow->kind = ARROW_HANDOVER;
    arrow->to = self->event;
}

static void future_dropped(struct making *self, const struct qp_event *event, struct future *future)
{
    stop_waiting(self, event->future, future);
    close_span(self, &future->span, SPAN_CANCELLED, 0);
}

static void hear_future(struct making *self, const struct qp_event *event)
{
    struct future *future = future_at(self, event->future);
    if (!future)
        return;
    switch (event->kind) {
    case QP_EVENT_FUTURE_CREATED:
        future->task = event->task;
        break;
    case QP_EVENT_FUTURE_INNER:
        adopt(self, event->future, event->fields[0]);
        break;
    case QP_EVENT_FUTURE_ASKED:
        future->wanted = event->fields[1];
        future->target = event->fields[2];
        break;
    case QP_EVENT_FUTURE_POLLED:
        future_polled(self, event, future);
        break;
    case QP_EVENT_FUTURE_PENDING:
        future_pending(self, event, future);
        break;
    case QP_EVENT_FUTURE_READY:
        future_ready(self, event, future);
        break;
    case QP_EVENT_FUTURE_DROPPED:
        future_dropped(self, event, future);
        break;
    default:
        break;
    }
}

/* ---- tasks ---- */

static void task_polled(struct making *self, const struct qp_event *event, struct task *task)
{
    close_span(self, &task->ready, SPAN_OVER, 0);
    close_span(self, &task->idle, SPAN_OVER, 0);
    close_span(self, &task->poll, SPAN_OVER, 0);
    if (task->woken != TIMELINE_NONE && self->to->arrows[task->woken].to == TIMELINE_NONE)
        self->to->arrows[task->woken].to = self->event;
    task->woken = TIMELINE_NONE;
    task->polled = true;
    task->poll = open_span(self, SPAN_POLL, event->task, self->event);
    self->depth = 0;
    self->step = self->event;
}

static void task_suspended(struct making *self, const struct qp_event *event, struct task *task)
{
    struct span *idle;
    uint64_t future;
    close_span(self, &task->poll, SPAN_OVER, 0);
    task->idle = open_span(self, SPAN_IDLE, event->task, self->event);
    if (self->failed)
        return;
    idle = &self->to->spans[task->idle];
    idle->first_wait = self->to->wait_count;
    for (future = task->first_waiting; future; future = future_at(self, future)->next_waiting)
        add_wait(self, idle, future);
}

/* The future of the target that waits for what was last touched in this step, by another than itself. */
static struct future *cause_of(struct making *self, const struct task *target, uint64_t *number)
{
    struct future *best = NULL;
    size_t latest = 0;
    uint64_t next;
    for (next = target->first_waiting; next; next = future_at(self, next)->next_waiting) {
        struct future *future = future_at(self, next);
        const struct object *object = object_at(self, future->object);
        if (object && object->touched >= self->step && object->touched > latest) {
            latest = object->touched;
            best = future;
            *number = next;
        }
    }
    return best;
}

static void task_woken(struct making *self, const struct qp_event *event)
{
    uint64_t number = 0, target_number = event->fields[0];
    struct task *target = task_at(self, target_number);
    struct future *future;
    if (!target)
        return;
    if (target->ready == TIMELINE_NONE)
        target->ready = open_span(self, SPAN_READY, target_number, self->event);
    future = event->task ? cause_of(self, target, &number) : NULL;
    if (future)
        add_change(self, (struct change){.kind = CHANGE_WOKEN, .object = future->object, .id = number});
    if (!event->task || event->task == target_number || !target->polled)
        return;
    target->woken = add_arrow(self, (struct arrow){.kind = ARROW_WAKE,
                                                   .from = self->event,
                                                   .to = TIMELINE_NONE,
                                                   .from_task = event->task,
                                                   .to_task = target_number,
                                                   .object = future ? future->object : 0});
    if (future)
        future->woken = target->woken;
}

static void task_spawned(struct making *self, const struct qp_event *event)
{
    task_at(self, event->fields[0]);
    if (event->task)
        add_arrow(self, (struct arrow){.kind = ARROW_SPAWN,
                                       .from = self->event,
                                       .to = self->event,
                                       .from_task = event->task,
                                       .to_task = event->fields[0]});
}

static void task_aborted(struct making *self, const struct qp_event *event)
{
    if (event->task && event->task != event->fields[0])
        add_arrow(self, (struct arrow){.kind = ARROW_ABORT,
                                       .from = self->event,
                                       .to = self->event,
                                       .from_task = event->task,
                                       .to_task = event->fields[0]});
}

static void task_unwinding(struct making *self, const struct qp_event *event)
{
    struct task *target = task_at(self, event->fields[1]);
    if (!target || target->release != TIMELINE_NONE)
        return;
    close_span(self, &target->poll, SPAN_OVER, 0);
    close_span(self, &target->ready, SPAN_OVER, 0);
    close_span(self, &target->idle, SPAN_OVER, 0);
    target->release = open_span(self, SPAN_RELEASE, event->fields[1], self->event);
    if (!self->failed)
        self->to->spans[target->release].status = event->fields[0];
    self->step = self->event;
}

static void task_ended(struct making *self, struct task *task)
{
    uint64_t status = task->release == TIMELINE_NONE ? 0 : self->to->spans[task->release].status;
    close_span(self, &task->poll, SPAN_OVER, 0);
    close_span(self, &task->ready, SPAN_OVER, 0);
    close_span(self, &task->idle, SPAN_OVER, 0);
    close_span(self, &task->work, SPAN_OVER, 0);
    close_span(self, &task->release, SPAN_OVER, status);
}

static void value_goes(struct making *self, const struct qp_event *event, uint64_t number);

static void hear_task(struct making *self, const struct qp_event *event)
{
    struct task *task = task_at(self, event->task);
    switch (event->kind) {
    case QP_EVENT_TASK_SPAWNED:
        task_spawned(self, event);
        break;
    case QP_EVENT_TASK_WOKEN:
        task_woken(self, event);
        break;
    case QP_EVENT_TASK_ABORTED:
        task_aborted(self, event);
        break;
    case QP_EVENT_TASK_UNWINDING:
        task_unwinding(self, event);
        break;
    case QP_EVENT_TASK_JOINED:
        value_goes(self, event, event->fields[2]);
        break;
    case QP_EVENT_TASK_POLLED:
        if (task)
            task_polled(self, event, task);
        break;
    case QP_EVENT_TASK_SUSPENDED:
        if (task)
            task_suspended(self, event, task);
        break;
    case QP_EVENT_TASK_COMPLETED:
    case QP_EVENT_TASK_PANICKED:
    case QP_EVENT_TASK_CANCELLED:
    case QP_EVENT_TASK_FAILED:
        if (task)
            task_ended(self, task);
        break;
    default:
        break;
    }
}

static void hear_work(struct making *self, const struct qp_event *event)
{
    struct task *task = task_at(self, event->fields[0]);
    if (!task)
        return;
    if (event->kind == QP_EVENT_BLOCKING_QUEUED && task->ready == TIMELINE_NONE)
        task->ready = open_span(self, SPAN_READY, event->fields[0], self->event);
    if (event->kind == QP_EVENT_BLOCKING_STARTED) {
        close_span(self, &task->ready, SPAN_OVER, 0);
        task->work = open_span(self, SPAN_WORK, event->fields[0], self->event);
    }
    if (event->kind == QP_EVENT_BLOCKING_FINISHED)
        close_span(self, &task->work, SPAN_OVER, event->fields[1] ? QP_PANICKED : QP_OK);
}

/* ---- values ---- */

/* `travels`: its way is worth an arrow; that of a lock's value is not. */
static void value_comes(struct making *self, const struct qp_event *event, uint64_t task, bool travels)
{
    struct value *value = value_at(self, event->fields[0]);
    if (value)
        *value = (struct value){.from = self->event, .task = task, .object = event->object, .travels = travels};
}

/* It leaves where it was: taken, given back, or dropped. */
static void value_goes(struct making *self, const struct qp_event *event, uint64_t number)
{
    struct value *value = value_at(self, number);
    if (!value || value->left)
        return;
    if (value->inside)
        add_change(self, (struct change){.kind = CHANGE_OUT, .object = value->object, .id = number});
    value->inside = false;
    value->left = true;
    if (value->travels)
        add_arrow(self, (struct arrow){.kind = ARROW_VALUE,
                                       .from = value->from,
                                       .to = self->event,
                                       .from_task = value->task,
                                       .to_task = event->task,
                                       .object = value->object,
                                       .value = number});
}

static void hear_value(struct making *self, const struct qp_event *event)
{
    struct future *sending;
    switch (event->kind) {
    case QP_EVENT_VALUE_SENT:
        value_comes(self, event, event->task, true);
        sending = future_at(self, event->future);
        if (sending)
            sending->value = event->fields[0];
        break;
    case QP_EVENT_VALUE_SET:
        value_comes(self, event, event->task, false);
        value_enters(self, event->fields[0], event->object);
        break;
    case QP_EVENT_VALUE_QUEUED:
        value_enters(self, event->fields[0], event->object);
        break;
    default:
        value_goes(self, event, event->fields[0]);
        break;
    }
}

/* ---- objects ---- */

static void object_made(struct making *self, const struct qp_event *event)
{
    struct timeline *to = self->to;
    size_t number = (size_t)event->object;
    if (!event->object || event->object > self->most)
        return;
    if (!array_reserve(&to->objects, &self->object_room, number + 1, sizeof *to->objects)) {
        self->failed = true;
        return;
    }
    to->objects[number] = (struct timeline_object){event->text ? event->text : "object", event->fields[0]};
    if (number >= to->object_count)
        to->object_count = number + 1;
}

/* A call that never waits: of a send that was taken, the value is inside. */
static void called(struct making *self, const struct qp_event *event, const struct qp_event *before)
{
    if (event->fields[0] == QP_OK && before && before->kind == QP_EVENT_VALUE_SENT && before->object == event->object)
        value_enters(self, before->fields[0], event->object);
}

static void hear_object(struct making *self, const struct qp_event *event, const struct qp_event *before)
{
    struct change change = {.object = event->object, .id = event->fields[0], .task = event->task};
    switch (event->kind) {
    case QP_EVENT_OBJECT_CREATED:
        object_made(self, event);
        return;
    case QP_EVENT_CALLED:
        called(self, event, before);
        return;
    case QP_EVENT_OBJECT_CLOSED:
        change.kind = CHANGE_CLOSE;
        break;
    case QP_EVENT_OBJECT_DESTROYED:
        change.kind = CHANGE_GONE;
        break;
    case QP_EVENT_END_CREATED:
    case QP_EVENT_END_DROPPED:
        change.kind = event->kind == QP_EVENT_END_CREATED ? CHANGE_END : CHANGE_UNEND;
        change.count = event->fields[1];
        break;
    case QP_EVENT_HOLD_ACQUIRED:
        change.kind = CHANGE_HOLD;
        change.count = event->fields[1];
        change.style = event->fields[2];
        break;
    case QP_EVENT_HOLD_RELEASED:
    case QP_EVENT_HOLD_FORGOTTEN:
        change.kind = CHANGE_RELEASE;
        change.count = event->kind == QP_EVENT_HOLD_FORGOTTEN ? event->fields[1] : 0;
        break;
    case QP_EVENT_HOLD_GIVEN:
        change.kind = CHANGE_GIVE;
        change.task = event->fields[1];
        break;
    case QP_EVENT_PERMITS_ADDED:
        change.kind = CHANGE_PERMITS;
        change.count = event->fields[0];
        break;
    default:
        return;
    }
    add_change(self, change);
}

/* What may be the reason why somebody is woken: anything that happens to an object but a look at it by a poll. */
static void touch(struct making *self, const struct qp_event *event)
{
    struct object *object;
    if (event->kind >= QP_EVENT_FUTURE_CREATED && event->kind <= QP_EVENT_FUTURE_READY)
        return;
    object = object_at(self, event->object);
    if (object)
        *object = (struct object){self->event, event->task};
}

/* ---- from beginning to end ---- */

static void hear(struct making *self, const struct qp_event *event, const struct qp_event *before)
{
    touch(self, event);
    if (event->kind <= QP_EVENT_DEFERRED_OVER)
        hear_task(self, event);
    if (event->kind == QP_EVENT_TASK_RESULT)
        value_comes(self, event, event->fields[1], true);
    else if (event->kind >= QP_EVENT_FUTURE_CREATED && event->kind <= QP_EVENT_FUTURE_INNER)
        hear_future(self, event);
    else if (event->kind >= QP_EVENT_VALUE_SENT && event->kind <= QP_EVENT_VALUE_SET)
        hear_value(self, event);
    else if (event->kind >= QP_EVENT_BLOCKING_QUEUED && event->kind <= QP_EVENT_BLOCKING_FINISHED)
        hear_work(self, event);
    else if (event->kind == QP_EVENT_CLOCK_ADVANCED)
        self->to->stands_still = true;
    else
        hear_object(self, event, before);
}

/* The wait around each wait: the nearest future around it that has a span. */
static void find_parents(struct making *self)
{
    struct timeline *to = self->to;
    size_t i, steps;
    size_t *span_of = calloc((size_t)self->most + 1, sizeof *span_of); /* by future, + 1 */
    if (!span_of) {
        self->failed = true;
        return;
    }
    for (i = 0; i < to->span_count; i++)
        if (to->spans[i].kind == SPAN_WAIT)
            span_of[to->spans[i].future] = i + 1;
    for (i = 0; i < to->span_count; i++) {
        uint64_t around = to->spans[i].kind == SPAN_WAIT ? future_at(self, to->spans[i].future)->parent : 0;
        for (steps = 0; around && !span_of[around] && steps < self->most; steps++)
            around = future_at(self, around)->parent;
        if (around && span_of[around] && span_of[around] != i + 1)
            to->spans[i].parent = span_of[around] - 1;
    }
    free(span_of);
}

bool timeline_make(struct timeline *timeline, const struct qp_events *events)
{
    struct making self = {.to = timeline, .most = events->count};
    const struct qp_event *event, *before = NULL;
    *timeline = (struct timeline){0};
    self.failed = !begin(&self);
    for (; (event = qp_events_at(events, self.event)) != NULL && !self.failed; self.event++) {
        hear(&self, event, before);
        before = event;
    }
    if (!self.failed)
        find_parents(&self);
    end(&self);
    if (self.failed)
        timeline_free(timeline);
    return !self.failed;
}

void timeline_free(struct timeline *timeline)
{
    free(timeline->spans);
    free(timeline->waits);
    free(timeline->arrows);
    free(timeline->changes);
    free(timeline->objects);
    *timeline = (struct timeline){0};
}

bool timeline_is_channel(const struct timeline_object *object)
{
    return object->kind && (strcmp(object->kind, "channel") == 0 || strcmp(object->kind, "unbounded channel") == 0 ||
                            strcmp(object->kind, "oneshot") == 0);
}
