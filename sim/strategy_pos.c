/*
 * Partial order sampling: see strategy.h. A priority of 0 is one that has yet to be drawn. `touched` has a bit for each
 * object that a task has touched so far, by its number; `step` for those of the steps since the last choice.
 */
#include "sim/strategy.h"
#include <stdlib.h>

static uint64_t bit_of(uint64_t object)
{
    return object ? (uint64_t)1 << (object & 63) : 0;
}

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_pos_strategy *self = (struct qp_pos_strategy *)strategy;
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    self->unfair = (struct qp_unfair){0};
    self->step = self->last = 0;
    self->priorities.run++;
    self->touched.run++;
}

static void event(struct qp_strategy *strategy, const struct qp_event *happened)
{
    struct qp_pos_strategy *self = (struct qp_pos_strategy *)strategy;
    uint64_t bit = bit_of(happened->object), *touched = bit ? qp_task_value(&self->touched, happened->task) : NULL;
    self->step |= bit;
    if (touched)
        *touched |= bit;
}

/* Whether the next step of this task may race with the steps since the last choice, or comes behind them. */
static bool races(struct qp_pos_strategy *self, const struct qp_choice *choice, uint32_t index)
{
    uint64_t task = qp_choice_task(choice, index);
    const uint64_t *touched = qp_task_value(&self->touched, task);
    return task == self->last || ((touched ? *touched : 0) | bit_of(qp_choice_object(choice, index))) & self->step;
}

static void draw_anew(struct qp_pos_strategy *self, const struct qp_choice *choice)
{
    for (uint32_t i = 0; i < choice->count; i++) {
        uint64_t *priority =
            races(self, choice, i) ? qp_task_value(&self->priorities, qp_choice_task(choice, i)) : NULL;
        if (priority)
            *priority = 0;
    }
    self->step = 0;
}

static uint32_t highest(struct qp_pos_strategy *self, const struct qp_choice *choice)
{
    uint64_t most = 0;
    uint32_t best = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        uint64_t *priority = qp_task_value(&self->priorities, qp_choice_task(choice, i));
        if (priority && !*priority)
            *priority = 1 + (uint64_t)qp_random_draw(&self->random, UINT32_MAX);
        if (!priority || *priority <= most)
            continue;
        most = *priority;
        best = i;
    }
    return best;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_pos_strategy *self = (struct qp_pos_strategy *)strategy;
    uint32_t chosen;
    if (choice->kind != QP_CHOICE_TASK || qp_unfair_is_over(&self->unfair, choice))
        return qp_random_draw(&self->random, choice->count);
    draw_anew(self, choice);
    chosen = highest(self, choice);
    self->last = qp_choice_task(choice, chosen);
    return chosen;
}

static const struct qp_strategy_ops pos_ops = {.name = "pos", .begin = begin, .choose = choose, .event = event};

void qp_pos_strategy_init(struct qp_pos_strategy *self)
{
    *self = (struct qp_pos_strategy){.strategy.ops = &pos_ops};
    qp_random_strategy_init(&self->random);
}

void qp_pos_strategy_end(struct qp_pos_strategy *self)
{
    free(self->priorities.values);
    free(self->touched.values);
}
