/* A fuzzer's bytes: see strategy.h. */
#include "sim/strategy.h"

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    (void)seed;
    ((struct qp_bytes_strategy *)strategy)->next = 0;
}

static uint32_t next(struct qp_bytes_strategy *self)
{
    return self->next < self->count ? self->bytes[self->next++] : 0;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_bytes_strategy *self = (struct qp_bytes_strategy *)strategy;
    uint32_t number = next(self);
    int i;
    if (choice->count > 256)
        for (i = 0; i < 3; i++)
            number = number << 8 | next(self);
    return number % choice->count;
}

static const struct qp_strategy_ops bytes_ops = {.name = "bytes", .begin = begin, .choose = choose};

void qp_bytes_strategy_init(struct qp_bytes_strategy *self, const uint8_t *bytes, size_t count)
{
    *self = (struct qp_bytes_strategy){.strategy.ops = &bytes_ops, .bytes = bytes, .count = count};
}
