/* Partial order sampling: see strategy.h. A priority of 0 is one that has yet to be drawn. */
#include "sim/strategy.h"
#include <stdlib.h>

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_pos_strategy *self = (struct qp_pos_strategy *)strategy;
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    self->made = 0;
    self->priorities.run++;
}

static uint32_t highest(struct qp_pos_strategy *self, const struct qp_choice *choice)
{
    uint64_t most = 0;
    uint32_t best = 0, i;
    for (i = 0; i < choice->count; i++) {
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

/* Its next step is another one; and so is whatever its step may change for those that wait for the same. */
static void draw_anew(struct qp_pos_strategy *self, const struct qp_choice *choice, uint32_t chosen)
{
    uint64_t object = qp_choice_object(choice, chosen);
    uint32_t i;
    for (i = 0; i < choice->count; i++) {
        bool races = i == chosen || (object && qp_choice_object(choice, i) == object);
        uint64_t *priority = races ? qp_task_value(&self->priorities, qp_choice_task(choice, i)) : NULL;
        if (priority)
            *priority = 0;
    }
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_pos_strategy *self = (struct qp_pos_strategy *)strategy;
    uint32_t chosen;
    if (choice->kind != QP_CHOICE_TASK || ++self->made > QP_UNFAIR_CHOICES)
        return qp_random_draw(&self->random, choice->count);
    chosen = highest(self, choice);
    draw_anew(self, choice, chosen);
    return chosen;
}

static const struct qp_strategy_ops pos_ops = {"pos", begin, choose};

void qp_pos_strategy_init(struct qp_pos_strategy *self)
{
    *self = (struct qp_pos_strategy){.strategy = {&pos_ops}};
    qp_random_strategy_init(&self->random);
}

void qp_pos_strategy_end(struct qp_pos_strategy *self)
{
    free(self->priorities.values);
}
