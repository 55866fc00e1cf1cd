/* The random strategy: xoshiro256++ (Blackman and Vigna), seeded by splitmix64. The same numbers on every machine. */
#include "sim/strategy.h"

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t next(uint64_t state[4])
{
    const uint64_t result = rotate(state[0] + state[3], 23) + state[0];
    const uint64_t t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotate(state[3], 45);
    return result;
}

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
    for (i = 0; i < 4; i++)
        self->state[i] = splitmix(&seed);
}

/* Lemire's multiplication; its bias, below count / 2^32, does not matter to a schedule. */
uint32_t qp_random_draw(struct qp_random_strategy *self, uint32_t count)
{
    return (uint32_t)(((next(self->state) >> 32) * count) >> 32);
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    return qp_random_draw((struct qp_random_strategy *)strategy, choice->count);
}

static const struct qp_strategy_ops random_ops = {"random", begin, choose, NULL, NULL};

void qp_random_strategy_init(struct qp_random_strategy *self)
{
    self->strategy.ops = &random_ops;
    begin(&self->strategy, 0);
}
