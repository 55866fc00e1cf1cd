/* PCT: see strategy.h. A task's priority is drawn when it is first ready; those that fell have the lowest numbers. */
#include "sim/strategy.h"
#include <stdlib.h>

enum { FALLEN = QP_PCT_DEPTH_MOST + 1 }; /* priorities below it are of those that fell */

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_pct_strategy *self = (struct qp_pct_strategy *)strategy;
    uint32_t i;
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    self->unfair = (struct qp_unfair){0};
    self->priorities.run++;
    for (i = 0; i + 1 < self->depth; i++)
        self->changes[i] = self->length ? 1 + qp_random_draw(&self->random, (uint32_t)self->length) : 0;
}

static uint64_t priority_of(struct qp_pct_strategy *self, uint64_t task)
{
    uint64_t *priority = qp_task_value(&self->priorities, task);
    if (!priority)
        return FALLEN;
    if (!*priority)
        *priority = FALLEN + 1 + (uint64_t)qp_random_draw(&self->random, UINT32_MAX);
    return *priority;
}

static void lower_if_it_is_time(struct qp_pct_strategy *self, uint64_t task)
{
    uint32_t i;
    for (i = 0; i + 1 < self->depth; i++) {
        uint64_t *priority = self->changes[i] == self->unfair.choices ? qp_task_value(&self->priorities, task) : NULL;
        if (priority)
            *priority = i + 1;
    }
}

static uint32_t highest(struct qp_pct_strategy *self, const struct qp_choice *choice)
{
    uint64_t most = 0;
    uint32_t best = 0, i;
    for (i = 0; i < choice->count; i++) {
        uint64_t priority = priority_of(self, qp_choice_task(choice, i));
        if (priority <= most)
            continue;
        most = priority;
        best = i;
    }
    return best;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_pct_strategy *self = (struct qp_pct_strategy *)strategy;
    uint32_t chosen;
    if (choice->kind != QP_CHOICE_TASK)
        return qp_random_draw(&self->random, choice->count);
    if (qp_unfair_is_over(&self->unfair, choice))
        return qp_random_draw(&self->random, choice->count);
    chosen = highest(self, choice);
    lower_if_it_is_time(self, qp_choice_task(choice, chosen));
    return chosen;
}

static void learn(struct qp_strategy *strategy)
{
    struct qp_pct_strategy *self = (struct qp_pct_strategy *)strategy;
    uint64_t made = self->unfair.choices;
    if (made > self->length)
        self->length = made < QP_UNFAIR_CHOICES ? made : QP_UNFAIR_CHOICES;
}

static const struct qp_strategy_ops pct_ops = {.name = "pct", .begin = begin, .choose = choose, .learn = learn};

void qp_pct_strategy_init(struct qp_pct_strategy *self, uint32_t depth)
{
    *self = (struct qp_pct_strategy){.strategy.ops = &pct_ops};
    self->depth = depth < 1 ? 1 : depth > QP_PCT_DEPTH_MOST ? QP_PCT_DEPTH_MOST : depth;
    qp_random_strategy_init(&self->random);
}

void qp_pct_strategy_end(struct qp_pct_strategy *self)
{
    free(self->priorities.values);
}
