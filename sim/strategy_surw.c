/* The weighted random walk: see strategy.h. */
#include "sim/strategy.h"
#include <stdlib.h>

/* What this execution had is what the next one expects, where it is more. */
static void learn(struct qp_surw_strategy *self)
{
    uint64_t task;
    for (task = 1; task <= self->tasks; task++) {
        const uint64_t *made = qp_task_value(&self->made, task);
        uint64_t *before = qp_task_value(&self->before, task);
        if (made && before && *made > *before)
            *before = *made;
    }
}

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_surw_strategy *self = (struct qp_surw_strategy *)strategy;
    learn(self);
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    self->made.run++;
}

/* The steps that a task has left, at least one. */
static uint32_t weight(struct qp_surw_strategy *self, uint64_t task)
{
    enum { MOST = 1 << 12 };
    const uint64_t *made = qp_task_value(&self->made, task), *before = qp_task_value(&self->before, task);
    uint64_t left = made && before && *before > *made ? *before - *made : 1;
    return left < MOST ? (uint32_t)left : MOST;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_surw_strategy *self = (struct qp_surw_strategy *)strategy;
    uint64_t total = 0, drawn, task = 0, *made;
    uint32_t i;
    if (choice->kind != QP_CHOICE_TASK)
        return qp_random_draw(&self->random, choice->count);
    for (i = 0; i < choice->count; i++)
        total += weight(self, qp_choice_task(choice, i));
    drawn = qp_random_draw(&self->random, total < UINT32_MAX ? (uint32_t)total : UINT32_MAX);
    for (i = 0; i < choice->count; i++) {
        task = qp_choice_task(choice, i);
        if (drawn < weight(self, task))
            break;
        drawn -= weight(self, task);
    }
    made = qp_task_value(&self->made, task);
    if (made)
        ++*made;
    if (task > self->tasks)
        self->tasks = task;
    return i < choice->count ? i : choice->count - 1;
}

static const struct qp_strategy_ops surw_ops = {"surw", begin, choose};

void qp_surw_strategy_init(struct qp_surw_strategy *self)
{
    *self = (struct qp_surw_strategy){.strategy = {&surw_ops}};
    qp_random_strategy_init(&self->random);
}

void qp_surw_strategy_end(struct qp_surw_strategy *self)
{
    free(self->made.values);
    free(self->before.values);
}
