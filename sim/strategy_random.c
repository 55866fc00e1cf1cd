/* The random strategy, seeded by splitmix64: see strategy.h for its stream. */
#include "sim/strategy.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_random_strategy *self = (struct qp_random_strategy *)strategy;
    int i;
    strategy->tasks = self;
    for (i = 0; i < 4; i++)
        self->state[i] = splitmix(&seed);
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    return qp_random_draw((struct qp_random_strategy *)strategy, choice->count);
}

static const struct qp_strategy_ops random_ops = {.name = "random", .begin = begin, .choose = choose};

void qp_random_strategy_init(struct qp_random_strategy *self)
{
    self->strategy.ops = &random_ops;
    begin(&self->strategy, 0);
}
