/*
 * The weighted random walk: see strategy.h.
 *
 * State: `steps` has for each task and object, and for each task and the object 0 (which stands for all its steps), how
 * many steps of that task touched that object in this execution, and how many at most in those before.
 */
#include "sim/strategy.h"
#include <stdlib.h>
#include <string.h>

/* The entry of a task and an object, made where there is none; NULL: there is no room near it. */
static struct qp_surw_steps *steps_of(struct qp_surw_strategy *self, uint64_t task, uint64_t object)
{
    size_t at = (size_t)(task * 31 + object * 17);
    for (size_t i = 0; i < QP_SURW_PROBES; i++) {
        struct qp_surw_steps *steps = &self->steps[(at + i) % QP_SURW_STEPS];
        if (!steps->task)
            *steps = (struct qp_surw_steps){.task = task, .object = object};
        if (steps->task == task && steps->object == object)
            return steps;
    }
    return NULL;
}

static void learn(struct qp_strategy *strategy)
{
    struct qp_surw_strategy *self = (struct qp_surw_strategy *)strategy;
    for (size_t i = 0; i < QP_SURW_STEPS; i++)
        if (self->steps[i].made > self->steps[i].before)
            self->steps[i].before = self->steps[i].made;
}

/* Of the objects that several tasks were seen to touch one, each equally likely; 0: none, all steps are interesting. */
static uint64_t select_object(struct qp_surw_strategy *self)
{
    uint64_t selected = 0, owner[64] = {0}, shared = 0;
    uint32_t found = 0;
    for (size_t i = 0; i < QP_SURW_STEPS; i++) {
        const struct qp_surw_steps *steps = &self->steps[i];
        if (!steps->before || !steps->object || steps->object >= 64 || shared >> steps->object & 1)
            continue;
        if (!owner[steps->object] || owner[steps->object] == steps->task) {
            owner[steps->object] = steps->task;
            continue;
        }
        shared |= (uint64_t)1 << steps->object;
        if (!qp_random_draw(&self->random, ++found))
            selected = steps->object;
    }
    return qp_random_draw(&self->random, 4) ? selected : 0;
}

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_surw_strategy *self = (struct qp_surw_strategy *)strategy;
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    for (size_t i = 0; i < QP_SURW_STEPS; i++)
        self->steps[i].made = 0;
    self->selected = select_object(self);
    self->unfair = (struct qp_unfair){0};
    self->intended = self->touched = 0;
}

/* The running task's step touches an object: counted once a step. */
static void event(struct qp_strategy *strategy, const struct qp_event *happened)
{
    struct qp_surw_strategy *self = (struct qp_surw_strategy *)strategy;
    struct qp_surw_steps *steps;
    if (happened->kind == QP_EVENT_TASK_POLLED)
        self->touched = 0;
    if (!happened->object || !happened->task || happened->object >= 64 || self->touched >> happened->object & 1)
        return;
    self->touched |= (uint64_t)1 << happened->object;
    steps = steps_of(self, happened->task, happened->object);
    if (steps)
        steps->made++;
    if (happened->task == self->intended && happened->object == self->selected)
        self->intended = 0;
}

/* The interesting steps that a task has left; a little for those that have none, so that they come to their end. */
static uint32_t weight(struct qp_surw_strategy *self, uint64_t task)
{
    enum { MOST = 1 << 12, EACH = 8 };
    const struct qp_surw_steps *steps = steps_of(self, task, self->selected);
    uint64_t left = steps && steps->before > steps->made ? steps->before - steps->made : 0;
    return 1 + EACH * (left < MOST ? (uint32_t)left : MOST);
}

/* The task that is to make the next interesting step, as long as it is ready and has not made it. */
static bool find_intended(const struct qp_surw_strategy *self, const struct qp_choice *choice, uint32_t *index)
{
    for (*index = 0; self->intended && *index < choice->count; ++*index)
        if (qp_choice_task(choice, *index) == self->intended)
            return true;
    return false;
}

static uint32_t draw_by_weight(struct qp_surw_strategy *self, const struct qp_choice *choice)
{
    uint64_t total = 0, drawn;
    uint32_t i;
    for (i = 0; i < choice->count; i++)
        total += weight(self, qp_choice_task(choice, i));
    drawn = qp_random_draw(&self->random, total < UINT32_MAX ? (uint32_t)total : UINT32_MAX);
    for (i = 0; i + 1 < choice->count && drawn >= weight(self, qp_choice_task(choice, i)); i++)
        drawn -= weight(self, qp_choice_task(choice, i));
    return i;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_surw_strategy *self = (struct qp_surw_strategy *)strategy;
    struct qp_surw_steps *steps;
    uint32_t chosen;
    if (choice->kind != QP_CHOICE_TASK || qp_unfair_is_over(&self->unfair, choice))
        return qp_random_draw(&self->random, choice->count);
    if (!find_intended(self, choice, &chosen))
        chosen = draw_by_weight(self, choice);
    self->intended = self->selected ? qp_choice_task(choice, chosen) : 0;
    steps = steps_of(self, qp_choice_task(choice, chosen), 0);
    if (steps)
        steps->made++;
    return chosen;
}

static const struct qp_strategy_ops surw_ops = {
    .name = "surw", .begin = begin, .choose = choose, .learn = learn, .event = event};

void qp_surw_strategy_init(struct qp_surw_strategy *self)
{
    memset(self, 0, sizeof *self);
    self->strategy.ops = &surw_ops;
    qp_random_strategy_init(&self->random);
}
