/*
 * Optimal DPOR: see dpor.h.
 *
 * State: the path, a stack of nodes. A node is a step of a task, with the sleep set and the wakeup tree of the place
 * where it was chosen, or a draw, with the alternatives that are left. Steps know what they touched; when an execution
 * is over its races are found by vector clocks, and for each the reversal is put into the wakeup tree before the first
 * of the two.
 *
 * Tasks and objects are known by keys that do not hang on the order of steps: a task by its spawner and the how manieth
 * it is of that one, an object by its creator likewise.
 */
#include "sim/dpor.h"
#include <stdlib.h>
#include <string.h>

struct access {
    uint64_t key;
    bool writes;
};

struct footprint {
    struct access *items;
    size_t count, room;
    bool all; /* depends on every other step */
};

/* A branch of a wakeup tree: the step of this task comes next. */
struct branch {
    uint64_t task;
    struct footprint footprint;
    uint32_t *draws;
    size_t draw_count;
    struct branch *first, *next;
};

struct sleeper {
    uint64_t task;
    struct footprint footprint;
    struct sleeper *next;
};

struct qp_dpor_node {
    bool is_draw, has_begun, is_over;
    uint32_t count, first, value; /* of a draw; the first that was taken of it */
    uint64_t task;                /* of a step: its key */
    struct footprint footprint;
    uint32_t *draws; /* that were made in it */
    size_t draw_count, draw_room;
    struct sleeper *sleeping;
    struct branch *wakeups;        /* what is still to be taken here, first to last */
    struct branch *current;        /* what is taken; its own branches go to the next node. NULL: nothing was planned */
    size_t before, waker, barrier; /* nodes + 1: its task's step before, who woke it; 0: none */
    uint64_t proc, tick;           /* in the clocks: the index of its task, and the how manieth step of that */
    uint64_t *clock;
    uint64_t hash, early_draws;
};

struct qp_dpor_task {
    uint64_t key, spawned, created; /* how many tasks it spawned, objects it made */
    size_t last, waker;             /* nodes + 1 */
    bool blocking, ready;
    size_t barrier; /* a timer woke it: after all nodes before this one */
};

/* ---- memory ---- */

static void *grown(struct qp_dpor *self, void *items, size_t size, size_t needed, size_t *room)
{
    size_t more = *room ? *room : 16;
    void *larger;
    if (needed <= *room)
        return items;
    while (more < needed)
        more *= 2;
    larger = realloc(items, more * size);
    if (!larger) {
        self->failed = true;
        return items;
    }
    memset((char *)larger + *room * size, 0, (more - *room) * size);
    *room = more;
    return larger;
}

static void footprint_copy(struct qp_dpor *self, struct footprint *to, const struct footprint *from)
{
    *to = (struct footprint){.count = from->count, .room = from->count, .all = from->all};
    to->items = malloc((from->count + 1) * sizeof *to->items);
    if (to->items && from->count) {
        memcpy(to->items, from->items, from->count * sizeof *to->items);
    } else if (!to->items) {
        to->count = to->room = 0;
        self->failed = true;
    }
}

static void branches_free(struct branch *branch)
{
    while (branch) {
        struct branch *next = branch->next;
        branches_free(branch->first);
        free(branch->footprint.items);
        free(branch->draws);
        free(branch);
        branch = next;
    }
}

static void sleepers_free(struct sleeper *sleeper)
{
    while (sleeper) {
        struct sleeper *next = sleeper->next;
        free(sleeper->footprint.items);
        free(sleeper);
        sleeper = next;
    }
}

static void step_forget(struct qp_dpor_node *node)
{
    node->footprint.count = 0;
    node->footprint.all = false;
    node->draw_count = 0;
    free(node->clock);
    node->clock = NULL;
}

static void node_free(struct qp_dpor_node *node)
{
    free(node->footprint.items);
    free(node->draws);
    free(node->clock);
    sleepers_free(node->sleeping);
    branches_free(node->wakeups);
    branches_free(node->current);
    memset(node, 0, sizeof *node);
}

/* ---- dependence ---- */

static bool depend(const struct footprint *a, const struct footprint *b)
{
    if (a->all || b->all)
        return true;
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++)
            if (a->items[i].key == b->items[k].key && (a->items[i].writes || b->items[k].writes))
                return true;
    return false;
}

static void add_access(struct qp_dpor *self, uint64_t key, bool writes)
{
    struct footprint *footprint;
    if (!self->step)
        return;
    footprint = &self->nodes[self->step - 1].footprint;
    for (size_t i = 0; i < footprint->count; i++) {
        if (footprint->items[i].key == key) {
            footprint->items[i].writes = footprint->items[i].writes || writes;
            return;
        }
    }
    footprint->items = grown(self, footprint->items, sizeof *footprint->items, footprint->count + 1, &footprint->room);
    if (footprint->count < footprint->room)
        footprint->items[footprint->count++] = (struct access){key, writes};
}

/* ---- keys ---- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t z = (a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2))) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

enum { KEY_TASK = 1, KEY_OBJECT, KEY_STATE, KEY_WAKE };
enum { BLOCKING = 2 }; /* a style of tasks */

static struct qp_dpor_task *task_at(struct qp_dpor *self, uint64_t task)
{
    static struct qp_dpor_task nobody;
    self->tasks = grown(self, self->tasks, sizeof *self->tasks, (size_t)task + 1, &self->task_room);
    return task < self->task_room ? &self->tasks[task] : &nobody;
}

static uint64_t key_of_task(struct qp_dpor *self, uint64_t task)
{
    return task_at(self, task)->key;
}

static void name_task(struct qp_dpor *self, uint64_t parent, uint64_t child)
{
    uint64_t nth = ++task_at(self, parent)->spawned, key = mix(task_at(self, parent)->key, nth);
    *task_at(self, child) = (struct qp_dpor_task){.key = mix(KEY_TASK, key), .waker = self->step};
}

static void name_object(struct qp_dpor *self, uint64_t task, uint64_t object)
{
    uint64_t nth = ++task_at(self, task)->created;
    self->objects = grown(self, self->objects, sizeof *self->objects, (size_t)object + 1, &self->object_room);
    if (object < self->object_room)
        self->objects[object] = mix(mix(KEY_OBJECT, task_at(self, task)->key), nth);
}

/* ---- the path ---- */

static struct qp_dpor_node *push(struct qp_dpor *self)
{
    self->nodes = grown(self, self->nodes, sizeof *self->nodes, self->depth + 1, &self->room);
    if (self->depth == self->room)
        return NULL;
    self->at = self->depth + 1;
    memset(&self->nodes[self->depth], 0, sizeof *self->nodes);
    return &self->nodes[self->depth++];
}

static struct qp_dpor_node *last_step(struct qp_dpor *self)
{
    return self->step ? &self->nodes[self->step - 1] : NULL;
}

static bool is_asleep(const struct sleeper *sleeper, uint64_t task)
{
    for (; sleeper; sleeper = sleeper->next)
        if (sleeper->task == task)
            return true;
    return false;
}

static void put_to_sleep(struct qp_dpor *self, struct qp_dpor_node *node, uint64_t task,
                         const struct footprint *footprint)
{
    struct sleeper *sleeper = malloc(sizeof *sleeper);
    if (!sleeper) {
        self->failed = true;
        return;
    }
    sleeper->task = task;
    footprint_copy(self, &sleeper->footprint, footprint);
    sleeper->next = node->sleeping;
    node->sleeping = sleeper;
}

/* Who slept before the last step, and has nothing to do with it, sleeps on. Its plan goes on, too. */
static void inherit(struct qp_dpor *self, struct qp_dpor_node *node, const struct qp_dpor_node *parent)
{
    const struct sleeper *sleeper;
    struct branch *current;
    if (!parent)
        return;
    for (sleeper = parent->sleeping; sleeper; sleeper = sleeper->next)
        if (sleeper->task != parent->task && !depend(&sleeper->footprint, &parent->footprint))
            put_to_sleep(self, node, sleeper->task, &sleeper->footprint);
    current = parent->current;
    if (!current)
        return;
    node->wakeups = current->first;
    current->first = NULL;
}

/* The next branch becomes the current one. */
static void take_branch(struct qp_dpor_node *node)
{
    node->current = node->wakeups;
    node->wakeups = node->current->next;
    node->current->next = NULL;
    node->task = node->current->task;
}

/* The first of those that can run and do not sleep; the first of all, and the execution is blocked, where all sleep. */
static uint32_t choose_freely(struct qp_dpor *self, struct qp_dpor_node *node, const uint64_t *keys, uint32_t count)
{
    uint32_t i;
    for (i = 0; i < count; i++)
        if (!is_asleep(node->sleeping, keys[i]))
            break;
    if (i == count) {
        if (!self->blocked_at)
            self->blocked_at = self->depth;
        i = 0;
    }
    node->task = keys[i];
    return i;
}

static uint32_t index_of(const uint64_t *keys, uint32_t count, uint64_t key)
{
    uint32_t i = 0;
    while (i < count && keys[i] != key)
        i++;
    return i;
}

/* A branch of which nothing is known but whose step it is. Returns where the next one goes. */
static struct branch **add_branch(struct qp_dpor *self, struct branch **place, uint64_t task)
{
    *place = calloc(1, sizeof **place);
    if (!*place) {
        self->failed = true;
        return place;
    }
    (*place)->task = task;
    (*place)->footprint.all = true;
    return &(*place)->next;
}

/* All that can run are to be taken here, and nobody sleeps: the reduction begins anew. */
static void take_all(struct qp_dpor *self, struct qp_dpor_node *node, const uint64_t *keys, uint32_t count)
{
    struct branch **last = &node->wakeups;
    branches_free(node->wakeups);
    node->wakeups = NULL;
    sleepers_free(node->sleeping);
    node->sleeping = NULL;
    for (uint32_t i = 0; i < count; i++)
        last = add_branch(self, last, keys[i]);
}

/* The step that comes next is at this place of the path. */
static void choose_place(struct qp_dpor *self, size_t place)
{
    struct qp_dpor_node *node;
    self->planned = 0;
    self->step = self->at;
    node = &self->nodes[self->step - 1];
    node->has_begun = false;
    node->early_draws = mix(self->epoch, self->early_draws);
    if (self->timing)
        self->barrier = place;
    self->timing = false;
    self->early_draws = 0;
}

/* A step begins: that of the path, or a new one. */
static uint32_t next_step(struct qp_dpor *self, const uint64_t *keys, uint32_t count)
{
    struct qp_dpor_node *node;
    const struct qp_dpor_node *parent;
    uint32_t index;
    size_t place = self->at;
    if (self->nodes && self->at < self->depth) {
        node = &self->nodes[self->at++];
        index = node->is_draw ? count : index_of(keys, count, node->task);
        step_forget(node);
    } else {
        size_t above = self->step;
        node = push(self);
        if (!node)
            return 0;
        parent = above ? &self->nodes[above - 1] : NULL;
        inherit(self, node, parent);
        if (self->timing)
            take_all(self, node, keys, count);
        if (node->wakeups) {
            take_branch(node);
            index = index_of(keys, count, node->task);
        } else {
            index = choose_freely(self, node, keys, count);
        }
    }
    choose_place(self, place);
    if (index < count)
        return index;
    self->failed = true; /* the program does not do the same again */
    return 0;
}

static uint32_t next_draw(struct qp_dpor *self, const struct qp_choice *choice)
{
    uint32_t count = choice->count;
    bool timing =
        choice->kind == QP_CHOICE_TIMER_FIRST || choice->kind == QP_CHOICE_TIMER || choice->kind == QP_CHOICE_BLOCKING;
    bool early = timing || (choice->kind == QP_CHOICE_CANCEL && choice->moment == QP_MOMENT_WOKEN && last_step(self) &&
                            last_step(self)->has_begun);
    struct qp_dpor_node *node, *step = last_step(self);
    const struct branch *plan = step ? step->current : NULL;
    if (self->nodes && self->at < self->depth) {
        node = &self->nodes[self->at++];
    } else {
        node = push(self);
        if (!node)
            return 0;
        step = last_step(self);
        node->is_draw = true;
        node->count = count;
        node->first = !early && plan && self->planned < plan->draw_count ? plan->draws[self->planned] : 0;
        if (self->inner)
            node->first = self->inner->ops->choose(self->inner, choice);
        node->first = node->value = node->first < count ? node->first : 0;
    }
    self->timing = self->timing || timing;
    if (timing && choice->kind != QP_CHOICE_TIMER) { /* whose timer it was is seen by whom it wakes */
        self->epoch = mix(self->epoch, mix(choice->kind, node->value));
    } else if (early && !timing) {
        self->early_draws = mix(self->early_draws, mix(choice->kind, node->value));
    } else if (step && !early) {
        self->planned++;
        step->draws = grown(self, step->draws, sizeof *step->draws, step->draw_count + 1, &step->draw_room);
        if (step->draw_count < step->draw_room)
            step->draws[step->draw_count++] = node->value;
    }
    return node->is_draw && node->value < count ? node->value : 0;
}

/* The step that somebody else chose. */
static uint32_t follow(struct qp_dpor *self, const uint64_t *keys, uint32_t index)
{
    size_t place = self->at;
    struct qp_dpor_node *node = push(self);
    if (!node)
        return 0;
    node->task = keys[index];
    choose_place(self, place);
    return index;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_dpor *self = (struct qp_dpor *)strategy;
    uint64_t few[64] = {0}, *keys = few;
    uint32_t i, index;
    if (choice->kind != QP_CHOICE_TASK)
        return next_draw(self, choice);
    if (choice->count > sizeof few / sizeof *few)
        keys = malloc(choice->count * sizeof *keys);
    if (!keys) {
        self->failed = true;
        return 0;
    }
    for (i = 0; i < choice->count; i++)
        keys[i] = key_of_task(self, qp_choice_task(choice, i));
    if (self->inner)
        index = follow(self, keys, self->inner->ops->choose(self->inner, choice));
    else
        index = next_step(self, keys, choice->count);
    if (keys != few)
        free(keys);
    return index;
}

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_dpor *self = (struct qp_dpor *)strategy;
    if (self->inner)
        self->inner->ops->begin(self->inner, seed);
    while (self->inner && self->depth > 0)
        node_free(&self->nodes[--self->depth]);
    self->at = self->step = self->barrier = self->planned = 0;
    self->timing = false;
    self->early_draws = self->epoch = 0;
    self->closing = false;
    self->blocked_at = 0;
    if (self->tasks)
        memset(self->tasks, 0, self->task_room * sizeof *self->tasks);
}

static const struct qp_strategy_ops dpor_ops = {.name = "dpor", .begin = begin, .choose = choose};

void qp_dpor_init(struct qp_dpor *self)
{
    *self = (struct qp_dpor){.strategy.ops = &dpor_ops};
}

void qp_dpor_end(struct qp_dpor *self)
{
    while (self->depth > 0)
        node_free(&self->nodes[--self->depth]);
    free(self->nodes);
    free(self->tasks);
    free(self->objects);
    free(self->classes);
}

/* ---- what happens in a step ---- */

void qp_dpor_touch(void *dpor, const void *state, bool writing)
{
    add_access(dpor, mix(KEY_STATE, (uint64_t)(uintptr_t)state), writing);
}

/* Whoever wakes a task first is why it runs: two who do are not to be exchanged. */
void qp_dpor_woken_again(void *dpor, uint64_t task)
{
    struct qp_dpor *self = dpor;
    uint64_t key = key_of_task(self, task);
    if (!self->closing && self->step && self->nodes[self->step - 1].task != key)
        add_access(self, mix(KEY_WAKE, key), true);
}

/* Whose step begins now: it may have been the only one that could, so that nobody was asked. */
static void step_begins(struct qp_dpor *self, uint64_t task)
{
    struct qp_dpor_task *which = task_at(self, task);
    struct qp_dpor_node *node = last_step(self);
    if (!node || node->task != which->key || node->has_begun)
        next_step(self, &which->key, 1);
    node = last_step(self);
    if (!node)
        return;
    node->has_begun = true;
    node->is_over = false;
    which->ready = false;
    node->before = which->last;
    node->waker = which->waker;
    node->barrier = self->barrier > which->barrier ? self->barrier : which->barrier;
    which->last = self->step;
    add_access(self, which->key, false);
}

/* Blocking work ends between the steps. */
static bool is_running(struct qp_dpor *self, uint64_t task)
{
    const struct qp_dpor_node *node = last_step(self);
    return task_at(self, task)->blocking ||
           (node && node->has_begun && !node->is_over && node->task == key_of_task(self, task));
}

/* By a task, or by a timer: when that fires, is a draw of its own. */
static void woken(struct qp_dpor *self, const struct qp_event *event)
{
    struct qp_dpor_task *task = task_at(self, event->fields[0]);
    task->waker = event->task ? self->step : 0;
    if (event->task)
        qp_dpor_woken_again(self, event->fields[0]);
    else
        self->epoch = mix(self->epoch, task->key);
    task->barrier = event->task ? 0 : self->at;
    task->ready = true;
}

static void task_event(struct qp_dpor *self, const struct qp_event *event)
{
    switch (event->kind) {
    case QP_EVENT_TASK_SPAWNED:
        name_task(self, event->task, event->fields[0]);
        task_at(self, event->fields[0])->blocking = event->fields[1] == BLOCKING;
        break;
    case QP_EVENT_TASK_POLLED:
        step_begins(self, event->task);
        break;
    case QP_EVENT_TASK_SUSPENDED:
        if (is_running(self, event->task))
            last_step(self)->is_over = true;
        break;
    case QP_EVENT_TASK_UNWINDING:
        if (!is_running(self, event->fields[1]))
            step_begins(self, event->fields[1]); /* it was aborted, and its turn has come */
        add_access(self, key_of_task(self, event->fields[1]), true);
        break;
    case QP_EVENT_TASK_COMPLETED:
    case QP_EVENT_TASK_PANICKED:
    case QP_EVENT_TASK_CANCELLED:
    case QP_EVENT_TASK_FAILED:
        task_at(self, event->task)->ready = false;
        add_access(self, key_of_task(self, event->task), true);
        break;
    case QP_EVENT_TASK_WOKEN:
        woken(self, event);
        break;
    case QP_EVENT_TASK_ABORTED:
        if (event->task == event->fields[0] && !is_running(self, event->task))
            step_begins(self, event->task); /* injected: its turn has come */
        add_access(self, key_of_task(self, event->fields[0]), true);
        break;
    case QP_EVENT_TASK_DETACHED:
    case QP_EVENT_TASK_JOINED:
    case QP_EVENT_TASK_ASKED:
        add_access(self, key_of_task(self, event->fields[0]), event->kind != QP_EVENT_TASK_ASKED);
        break;
    default:
        break;
    }
}

/* Instead of the step that ended main, this task's might have come. */
static void come_before_the_end(struct qp_dpor *self, struct qp_dpor_node *node, uint64_t task)
{
    struct branch **last = &node->wakeups;
    if (task == node->task || is_asleep(node->sleeping, task))
        return;
    for (; *last; last = &(*last)->next)
        if ((*last)->task == task)
            return;
    add_branch(self, last, task);
}

/* Main is over: whoever has not run by now never will. */
static void closes(struct qp_dpor *self)
{
    struct qp_dpor_node *node = last_step(self);
    self->closing = true;
    if (!node)
        return;
    node->footprint.all = true;
    for (size_t i = 0; i < self->task_room; i++)
        if (self->tasks[i].ready && self->tasks[i].waker != self->step)
            come_before_the_end(self, node, self->tasks[i].key);
}

void qp_dpor_event(void *dpor, const struct qp_event *event)
{
    struct qp_dpor *self = dpor;
    if (self->closing)
        return;
    if (event->kind <= QP_EVENT_TASK_ASKED)
        task_event(self, event);
    else if (event->kind == QP_EVENT_RUNTIME_CLOSING)
        closes(self);
    else if (event->kind == QP_EVENT_CLOCK_ADVANCED || event->kind == QP_EVENT_BLOCKING_STARTED ||
             event->kind == QP_EVENT_BLOCKING_FINISHED)
        self->barrier = self->at;
    else if (event->kind == QP_EVENT_OBJECT_CREATED)
        name_object(self, event->task, event->object);
    else if (event->kind == QP_EVENT_FUTURE_ASKED && event->fields[2])
        add_access(self, key_of_task(self, event->fields[2]), false);
    if (event->object && event->object < self->object_room)
        add_access(self, self->objects[event->object], true);
}

/* ---- happens before ---- */

struct race {
    size_t earlier, later;
};

struct order {
    struct qp_dpor *dpor;
    struct race *races;
    size_t race_count, race_room;
    size_t *steps; /* the nodes that are steps */
    size_t count;
    uint64_t *procs; /* the keys of the tasks that ran, in order */
    size_t proc_count;
};

static struct qp_dpor_node *step_at(const struct order *order, size_t index)
{
    return &order->dpor->nodes[order->steps[index]];
}

static bool happens_before(const struct qp_dpor_node *a, const struct qp_dpor_node *b)
{
    return b->clock[a->proc] >= a->tick;
}

static void join_clock(const struct order *order, struct qp_dpor_node *node, const struct qp_dpor_node *other)
{
    for (size_t i = 0; i < order->proc_count; i++)
        if (other->clock[i] > node->clock[i])
            node->clock[i] = other->clock[i];
}

static uint64_t proc_of(struct order *order, uint64_t task)
{
    size_t i = 0;
    while (i < order->proc_count && order->procs[i] != task)
        i++;
    if (i == order->proc_count)
        order->procs[order->proc_count++] = task;
    return i;
}

/* What comes before it whatever else: its task's step before, who woke it, all before the clock last moved. */
static void begin_clock(const struct order *order, size_t index)
{
    struct qp_dpor_node *node = step_at(order, index), *nodes = order->dpor->nodes;
    node->hash = mix(mix(node->task, node->tick), node->early_draws);
    for (size_t i = 0; i < node->draw_count; i++)
        node->hash = mix(node->hash, node->draws[i]);
    if (node->before)
        join_clock(order, node, &nodes[node->before - 1]);
    if (node->waker)
        join_clock(order, node, &nodes[node->waker - 1]);
    for (size_t i = 0; i < index && order->steps[i] < node->barrier; i++) {
        join_clock(order, node, step_at(order, i));
        node->hash += mix(step_at(order, i)->hash, 5);
    }
}

static struct branch *new_branch(struct qp_dpor *self, const struct qp_dpor_node *node)
{
    struct branch *branch = calloc(1, sizeof *branch);
    if (!branch) {
        self->failed = true;
        return NULL;
    }
    branch->task = node->task;
    footprint_copy(self, &branch->footprint, &node->footprint);
    branch->draws = malloc((node->draw_count + 1) * sizeof *branch->draws);
    if (branch->draws && node->draw_count)
        memcpy(branch->draws, node->draws, node->draw_count * sizeof *branch->draws);
    branch->draw_count = branch->draws ? node->draw_count : 0;
    return branch;
}

/* ---- wakeup trees ---- */

/* The first step of a task in a sequence; count: none. */
static size_t first_of(struct qp_dpor_node *const *steps, size_t count, uint64_t task)
{
    size_t i = 0;
    while (i < count && steps[i]->task != task)
        i++;
    return i;
}

/* Whether a task may come first in what is, up to order, this sequence. */
static bool is_initial(struct qp_dpor_node *const *steps, size_t count, uint64_t task)
{
    size_t at = first_of(steps, count, task);
    for (size_t i = 0; i < at; i++)
        if (at < count && happens_before(steps[i], steps[at]))
            return false;
    return at < count;
}

static bool is_independent(struct qp_dpor_node *const *steps, size_t count, uint64_t task,
                           const struct footprint *footprint)
{
    for (size_t i = 0; i < count; i++)
        if (steps[i]->task == task || depend(&steps[i]->footprint, footprint))
            return false;
    return true;
}

static void append_all(struct qp_dpor *self, struct branch **first, struct qp_dpor_node *const *steps, size_t count)
{
    while (*first)
        first = &(*first)->next;
    for (size_t i = 0; i < count; i++) {
        *first = new_branch(self, steps[i]);
        if (!*first)
            return;
        first = &(*first)->first;
    }
}

/* Puts a sequence into the tree, unless what is there already leads to it. */
static void insert(struct qp_dpor *self, struct branch **first, struct qp_dpor_node **steps, size_t count)
{
    struct branch *branch;
    while (count > 0) {
        /* cppcheck-suppress uninitvar ; the tree's memory is cleared when it is taken */
        for (branch = *first; branch; branch = branch->next) {
            size_t at = first_of(steps, count, branch->task);
            if (is_initial(steps, count, branch->task)) {
                memmove(steps + at, steps + at + 1, (count - at - 1) * sizeof *steps);
                count--;
                break;
            }
            if (is_independent(steps, count, branch->task, &branch->footprint))
                break;
        }
        if (!branch) {
            append_all(self, first, steps, count);
            return;
        }
        if (!branch->first)
            return; /* a leaf: whatever follows from there includes it */
        first = &branch->first;
    }
}

/* The two steps in the other order: what does not hang on the first, and then the second. */
static void reverse(const struct order *order, size_t earlier, size_t later)
{
    struct qp_dpor *self = order->dpor;
    struct qp_dpor_node *first = step_at(order, earlier), **steps = malloc(order->count * sizeof *steps);
    const struct sleeper *sleeper;
    size_t count = 0, i;
    if (!steps) {
        self->failed = true;
        return;
    }
    for (i = earlier + 1; i < order->count; i++)
        if (!happens_before(first, step_at(order, i)))
            steps[count++] = step_at(order, i);
    steps[count++] = step_at(order, later);
    for (sleeper = first->sleeping; sleeper; sleeper = sleeper->next)
        if (is_initial(steps, count, sleeper->task) || is_independent(steps, count, sleeper->task, &sleeper->footprint))
            break;
    if (!sleeper)
        insert(self, &first->wakeups, steps, count);
    free(steps);
}

/* Those before it on which a step depends directly; each that nothing else orders is a race. */
static void find_races(struct order *order, size_t index)
{
    struct qp_dpor_node *node = step_at(order, index);
    size_t i;
    for (i = index; i-- > 0;) {
        struct qp_dpor_node *other = step_at(order, i);
        if (!depend(&other->footprint, &node->footprint))
            continue;
        node->hash += mix(other->hash, 7);
        if (happens_before(other, node))
            continue; /* by what was joined so far: by others that come after it */
        order->races = grown(order->dpor, order->races, sizeof *order->races, order->race_count + 1, &order->race_room);
        if (order->race_count < order->race_room)
            order->races[order->race_count++] = (struct race){i, index};
        join_clock(order, node, other);
    }
    node->clock[node->proc] = node->tick;
}

static void note_class(struct qp_dpor *self, uint64_t hash)
{
    size_t i;
    if (self->class_count * 2 >= self->class_room) {
        uint64_t *old = self->classes;
        size_t old_room = self->class_room, room = old_room ? old_room * 2 : 1024;
        uint64_t *classes = calloc(room, sizeof *classes);
        if (!classes) {
            self->failed = true;
            return;
        }
        self->classes = classes;
        self->class_room = room;
        for (i = 0; i < old_room; i++) {
            size_t place = (size_t)old[i] & (room - 1);
            while (old[i] && classes[place])
                place = (place + 1) & (room - 1);
            if (old[i])
                classes[place] = old[i];
        }
        free(old);
    }
    hash += !hash;
    for (i = (size_t)hash & (self->class_room - 1); self->classes[i]; i = (i + 1) & (self->class_room - 1)) {
        if (self->classes[i] == hash) {
            self->redundant++;
            return;
        }
    }
    self->classes[i] = hash;
    self->class_count++;
}

static void find_order(struct qp_dpor *self, struct order *order)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < self->depth; i++)
        if (!self->nodes[i].is_draw)
            order->steps[order->count++] = i;
    for (size_t i = 0; i < order->count; i++) {
        struct qp_dpor_node *node = step_at(order, i);
        node->tick = node->before ? self->nodes[node->before - 1].tick + 1 : 1;
        node->proc = proc_of(order, node->task);
    }
    for (size_t i = 0; i < order->count; i++) {
        struct qp_dpor_node *node = step_at(order, i);
        free(node->clock);
        node->clock = calloc(order->proc_count, sizeof *node->clock);
        if (!node->clock) {
            self->failed = true;
            return;
        }
    }
    for (size_t i = 0; i < order->count && !self->failed; i++) {
        begin_clock(order, i);
        find_races(order, i);
    }
    for (size_t i = 0; i < order->race_count && !self->failed; i++)
        reverse(order, order->races[i].earlier, order->races[i].later);
    for (size_t i = 0; i < order->count; i++)
        hash += mix(step_at(order, i)->hash, 11);
    note_class(self, hash);
}

static void analyse(struct qp_dpor *self)
{
    struct order order = {.dpor = self};
    order.steps = malloc((self->depth + 1) * sizeof *order.steps);
    order.procs = malloc((self->depth + 1) * sizeof *order.procs);
    if (order.steps && order.procs)
        find_order(self, &order);
    else
        self->failed = true;
    free(order.steps);
    free(order.procs);
    free(order.races);
}

/* ---- the next execution ---- */

static bool has_another(struct qp_dpor *self, struct qp_dpor_node *node)
{
    if (node->is_draw) {
        uint32_t next = (node->value + 1) % node->count;
        node->value = next;
        return next != node->first;
    }
    put_to_sleep(self, node, node->task, &node->footprint);
    branches_free(node->current);
    node->current = NULL;
    step_forget(node);
    if (!node->wakeups)
        return false;
    take_branch(node);
    return true;
}

bool qp_dpor_next(struct qp_dpor *self)
{
    self->executions++;
    if (self->blocked_at) {
        self->blocked++;
        while (self->depth >= self->blocked_at)
            node_free(&self->nodes[--self->depth]);
    } else if (!self->failed) {
        analyse(self);
    }
    if (self->inner)
        return !self->failed;
    while (!self->failed && self->depth > 0) {
        if (has_another(self, &self->nodes[self->depth - 1]))
            return true;
        node_free(&self->nodes[--self->depth]);
    }
    return false;
}
