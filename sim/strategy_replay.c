/* The replay strategy: see strategy.h for the state. */
#include "sim/strategy.h"

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_replay_strategy *self = (struct qp_replay_strategy *)strategy;
    (void)seed;
    self->next = 0;
    self->misfits = 0;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_replay_strategy *self = (struct qp_replay_strategy *)strategy;
    uint32_t chosen = self->next < self->count ? self->choices[self->next] : UINT32_MAX;
    if (self->next < self->room)
        self->counts[self->next] = choice->count;
    self->next++;
    if (chosen < choice->count)
        return chosen;
    self->misfits++;
    return 0;
}

static const struct qp_strategy_ops replay_ops = {.name = "replay", .begin = begin, .choose = choose};

void qp_replay_strategy_init(struct qp_replay_strategy *self, const uint32_t *choices, size_t count)
{
    self->strategy = (struct qp_strategy){.ops = &replay_ops};
    self->counts = NULL;
    self->room = 0;
    self->choices = choices;
    self->count = count;
    begin(&self->strategy, 0);
}
