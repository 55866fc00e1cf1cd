/* What is injected, at given moments or at random ones, on top of another strategy: see strategy.h for the state. */
#include "sim/strategy.h"
#include <quipu/task.h>

/* In each execution some kinds of faults are rare, some are not, and some do not happen (swarm testing). */
static void draw_chances(struct qp_cancel_strategy *self)
{
    static const uint32_t chances[] = {0, 0, 4, 16, 16, 16, 64, 256};
    for (int kind = 0; kind < QP_CHOICE_KINDS; kind++)
        self->chances[kind] = chances[qp_random_draw(&self->random, sizeof chances / sizeof *chances)];
}

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_cancel_strategy *self = (struct qp_cancel_strategy *)strategy;
    self->moments = 0;
    if (self->of_tasks)
        self->of_tasks->run++;
    self->random.strategy.ops->begin(&self->random.strategy, ~seed);
    if (self->faulty)
        draw_chances(self);
    self->inner->ops->begin(self->inner, seed);
    strategy->tasks = self->inner->tasks;
}

/* Any but the first alternative is one. */
static uint32_t fault(struct qp_cancel_strategy *self, const struct qp_choice *choice)
{
    uint32_t one_in = self->faulty >> choice->kind & 1 ? self->chances[choice->kind] : 0;
    if (!one_in || qp_random_draw(&self->random, one_in))
        return 0;
    return 1 + (choice->count > 2 ? qp_random_draw(&self->random, choice->count - 1) : 0);
}

/* How many ways to cancel a wait there were before this one, of those that are numbered together; these are added. */
static uint64_t count_ways(struct qp_cancel_strategy *self, const struct qp_choice *choice)
{
    uint64_t *count = self->of_tasks ? qp_task_value(self->of_tasks, qp_task_id()) : NULL;
    uint64_t first = count ? *count : self->moments;
    if (count)
        *count += choice->count - 1;
    self->moments += choice->count - 1;
    return first;
}

/* The number's place among these; 0: it is not one of them. */
static uint32_t place_of(uint64_t number, uint64_t first, const struct qp_choice *choice)
{
    return number > first && number - first < choice->count ? (uint32_t)(number - first) : 0;
}

/* Which of the ways to cancel this wait is to be taken; 0: none. */
static uint32_t cancellation(struct qp_cancel_strategy *self, const struct qp_choice *choice)
{
    uint64_t first = count_ways(self, choice);
    if (!self->of_tasks || self->task == qp_task_id()) {
        uint32_t place = place_of(self->at, first, choice);
        if (!place)
            place = place_of(self->and_at, first, choice);
        if (place)
            return place;
    }
    if (!self->one_in || qp_random_draw(&self->random, self->one_in))
        return 0;
    return 1 + qp_random_draw(&self->random, choice->count - 1);
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_cancel_strategy *self = (struct qp_cancel_strategy *)strategy;
    uint32_t chosen;
    if (choice->kind == QP_CHOICE_CANCEL || choice->kind == QP_CHOICE_RETRY) {
        chosen = cancellation(self, choice);
        if (!chosen && choice->kind == QP_CHOICE_RETRY)
            chosen = fault(self, choice);
        if (self->seen)
            self->seen(self->context, choice, chosen);
        return chosen;
    }
    if (choice->kind >= QP_CHOICE_YIELD)
        return fault(self, choice);
    return self->inner->ops->choose(self->inner, choice);
}

static const struct qp_strategy_ops cancel_ops = {.name = "cancel", .begin = begin, .choose = choose};

void qp_cancel_strategy_init(struct qp_cancel_strategy *self, struct qp_strategy *inner, uint64_t at)
{
    *self = (struct qp_cancel_strategy){.strategy.ops = &cancel_ops, .inner = inner, .at = at};
    qp_random_strategy_init(&self->random);
}
