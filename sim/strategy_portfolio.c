/* The portfolio: see strategy.h. Which strategy, and the chances, are drawn from the execution's seed. */
#include "sim/strategy.h"
#include <string.h>

/* Of two alternatives the first, always nearly, mostly, evenly, rarely; 0: as the strategy says. */
static const uint32_t chances[] = {0, 0, 0, 250, 200, 128, 56, 6};
enum { CHANCES = sizeof chances / sizeof *chances };

static struct qp_strategy *draw_strategy(struct qp_portfolio_strategy *self)
{
    switch (qp_random_draw(&self->random, 8)) {
    case 0:
    case 1:
    case 2:
        return &self->random.strategy;
    case 3:
        return &self->pos.strategy;
    case 4:
        return &self->surw.strategy;
    default:
        self->pct.depth = 1 + qp_random_draw(&self->random, 5);
        return &self->pct.strategy;
    }
}

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_portfolio_strategy *self = (struct qp_portfolio_strategy *)strategy;
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    self->chosen = draw_strategy(self);
    memset(self->first, 0, sizeof self->first);
    self->first[QP_CHOICE_TIMER_FIRST] = chances[qp_random_draw(&self->random, CHANCES)];
    self->first[QP_CHOICE_BLOCKING] = chances[qp_random_draw(&self->random, CHANCES)];
    if (self->chosen != &self->random.strategy)
        self->chosen->ops->begin(self->chosen, ((uint64_t)qp_random_draw(&self->random, UINT32_MAX) << 32) | 1);
    strategy->tasks = self->chosen->tasks;
}

static bool listens(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_portfolio_strategy *self = (struct qp_portfolio_strategy *)strategy;
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    return draw_strategy(self)->ops->event != NULL;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_portfolio_strategy *self = (struct qp_portfolio_strategy *)strategy;
    uint32_t first = self->first[choice->kind];
    if (first && choice->count == 2)
        return qp_random_draw(&self->random, 256) >= first;
    return self->chosen->ops->choose(self->chosen, choice);
}

/* Whatever made the execution: the others learn from it only what they have seen. */
static void learn(struct qp_strategy *strategy)
{
    struct qp_portfolio_strategy *self = (struct qp_portfolio_strategy *)strategy;
    if (self->chosen->ops->learn)
        self->chosen->ops->learn(self->chosen);
}

static void event(struct qp_strategy *strategy, const struct qp_event *happened)
{
    struct qp_portfolio_strategy *self = (struct qp_portfolio_strategy *)strategy;
    if (self->chosen->ops->event)
        self->chosen->ops->event(self->chosen, happened);
}

static const struct qp_strategy_ops portfolio_ops = {
    .name = "portfolio", .begin = begin, .choose = choose, .learn = learn, .event = event, .listens = listens};

void qp_portfolio_strategy_init(struct qp_portfolio_strategy *self)
{
    memset(self, 0, sizeof *self);
    self->strategy.ops = &portfolio_ops;
    qp_random_strategy_init(&self->random);
    qp_pct_strategy_init(&self->pct, 3);
    qp_pos_strategy_init(&self->pos);
    qp_surw_strategy_init(&self->surw);
    self->chosen = &self->random.strategy;
}

void qp_portfolio_strategy_end(struct qp_portfolio_strategy *self)
{
    qp_pct_strategy_end(&self->pct);
    qp_pos_strategy_end(&self->pos);
}
