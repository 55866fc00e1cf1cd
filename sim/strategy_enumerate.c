/* The enumerating strategy: see strategy.h. The path is followed as far as it goes; what is new takes the first. */
#include "sim/strategy.h"
#include <stdlib.h>

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_enumerate_strategy *self = (struct qp_enumerate_strategy *)strategy;
    (void)seed;
    self->next = 0;
}

static bool grow(struct qp_enumerate_strategy *self)
{
    size_t room = self->room ? self->room * 2 : 64;
    uint32_t *choices = realloc(self->choices, room * sizeof *choices), *counts;
    if (choices)
        self->choices = choices;
    counts = choices ? realloc(self->counts, room * sizeof *counts) : NULL;
    if (!counts)
        return false;
    self->counts = counts;
    self->room = room;
    return true;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_enumerate_strategy *self = (struct qp_enumerate_strategy *)strategy;
    if (self->next == self->depth) {
        if (self->depth == self->room && !grow(self)) {
            self->overflowed = true;
            return 0;
        }
        self->choices[self->depth] = 0;
        self->counts[self->depth++] = choice->count;
    }
    return self->choices[self->next++];
}

static const struct qp_strategy_ops enumerate_ops = {.name = "enumerate", .begin = begin, .choose = choose};

void qp_enumerate_strategy_init(struct qp_enumerate_strategy *self)
{
    *self = (struct qp_enumerate_strategy){.strategy.ops = &enumerate_ops};
}

bool qp_enumerate_next(struct qp_enumerate_strategy *self)
{
    while (self->depth && self->choices[self->depth - 1] + 1 == self->counts[self->depth - 1])
        self->depth--;
    if (!self->depth)
        return false;
    self->choices[self->depth - 1]++;
    return true;
}

void qp_enumerate_strategy_end(struct qp_enumerate_strategy *self)
{
    free(self->choices);
    free(self->counts);
}
