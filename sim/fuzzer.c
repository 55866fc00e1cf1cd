/* Fuzzing: see fuzzer.h for the state. */
#include "sim/fuzzer.h"
#include <stdlib.h>
#include <string.h>

/* ---- the guided strategy ---- */

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_guided_strategy *self = (struct qp_guided_strategy *)strategy;
    self->next = 0;
    self->tail->ops->begin(self->tail, seed);
}

/* The tail's strategy is asked all the same: it learns from what it sees. */
static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_guided_strategy *self = (struct qp_guided_strategy *)strategy;
    uint32_t answer = self->tail->ops->choose(self->tail, choice);
    return self->next < self->count ? self->choices[self->next++] % choice->count : answer;
}

static const struct qp_strategy_ops guided_ops = {.name = "guided", .begin = begin, .choose = choose};

/* ---- changes ---- */

static uint32_t draw(struct qp_fuzzer *self, size_t count)
{
    return qp_random_draw(&self->random, (uint32_t)count);
}

static void change_values(struct qp_fuzzer *self, size_t count)
{
    for (uint32_t times = 1 + draw(self, 4); times > 0; times--)
        self->list[draw(self, count)] = draw(self, 4) ? draw(self, 4) : draw(self, 65536);
}

static void make_plain(struct qp_fuzzer *self, size_t count)
{
    size_t at = draw(self, count), length = 1 + draw(self, count - at);
    memset(self->list + at, 0, length * sizeof *self->list);
}

static size_t leave_out(struct qp_fuzzer *self, size_t count)
{
    size_t at = draw(self, count), length = 1 + draw(self, count - at);
    if (length > 8)
        length = 8;
    memmove(self->list + at, self->list + at + length, (count - at - length) * sizeof *self->list);
    return count - length;
}

/* Puts something in, or says a part twice. */
static size_t put_in(struct qp_fuzzer *self, size_t count)
{
    size_t at = draw(self, count), length = 1 + draw(self, 8);
    bool again = draw(self, 2);
    if (length > count - at)
        length = count - at;
    if (count + length > QP_FUZZ_CHOICES_MOST)
        return count;
    memmove(self->list + at + length, self->list + at, (count - at) * sizeof *self->list);
    for (size_t i = 0; i < length && !again; i++)
        self->list[at + i] = draw(self, 4);
    return count + length;
}

static void exchange(struct qp_fuzzer *self, size_t count)
{
    size_t a = draw(self, count), b = draw(self, count);
    uint32_t kept = self->list[a];
    self->list[a] = self->list[b];
    self->list[b] = kept;
}

/* The beginning of this one, and the end of the other. */
static size_t cross(struct qp_fuzzer *self, size_t count, const struct qp_fuzz_input *other)
{
    size_t at = draw(self, count + 1), from, length;
    if (!other->count)
        return at;
    from = draw(self, other->count);
    length = other->count - from;
    if (length > QP_FUZZ_CHOICES_MOST - at)
        length = QP_FUZZ_CHOICES_MOST - at;
    memcpy(self->list + at, other->choices + from, length * sizeof *self->list);
    return at + length;
}

static size_t change(struct qp_fuzzer *self, size_t count, const struct qp_fuzz_input *other)
{
    switch (draw(self, 8)) {
    case 0:
        make_plain(self, count);
        return count;
    case 1:
        return leave_out(self, count);
    case 2:
        return put_in(self, count);
    case 3:
        exchange(self, count);
        return count;
    case 4:
        return cross(self, count, other);
    case 5:
        return draw(self, count + 1); /* what follows is anew */
    default:
        change_values(self, count);
        return count;
    }
}

/* Returns how long the new list is. */
static size_t make_list(struct qp_fuzzer *self, const struct qp_fuzz_input inputs[2])
{
    size_t count = inputs[0].count < QP_FUZZ_CHOICES_MOST ? inputs[0].count : QP_FUZZ_CHOICES_MOST;
    if (count)
        memcpy(self->list, inputs[0].choices, count * sizeof *self->list);
    for (uint32_t times = 1 + draw(self, 3); times > 0 && count > 0; times--)
        count = change(self, count, &inputs[1]);
    return count;
}

/* ---- executing ---- */

bool qp_fuzzer_init(struct qp_fuzzer *self, struct qp_explorer *explorer, uint8_t *seen)
{
    memset(self, 0, sizeof *self);
    self->explorer = explorer;
    self->coverage.seen = seen;
    self->guided.strategy.ops = &guided_ops;
    self->list = malloc(QP_FUZZ_CHOICES_MOST * sizeof *self->list);
    qp_random_strategy_init(&self->random);
    return self->list != NULL;
}

void qp_fuzzer_end(struct qp_fuzzer *self)
{
    free(self->list);
    self->list = NULL;
}

static bool execute(struct qp_fuzzer *self, size_t length, struct qp_explore_tally *tally)
{
    struct qp_explorer *explorer = self->explorer;
    uint32_t fresh;
    bool kept;
    self->guided.choices = self->list;
    self->guided.count = length;
    qp_coverage_begin(&self->coverage);
    kept = qp_explorer_guided(explorer, &self->guided.strategy, &self->guided.tail,
                              ((uint64_t)draw(self, UINT32_MAX) << 32) | draw(self, UINT32_MAX), qp_coverage_event,
                              &self->coverage);
    tally->executions++;
    tally->steps += explorer->result.steps;
    fresh = qp_coverage_end(&self->coverage);
    if (fresh && kept && !explorer->result.truncated && self->keep)
        self->keep(self->context, explorer->result.choices, explorer->result.choice_count, fresh);
    return kept;
}

bool qp_fuzzer_job(struct qp_fuzzer *self, uint64_t seed, const struct qp_fuzz_input inputs[2], uint64_t count,
                   struct qp_explore_tally *tally)
{
    bool kept = true;
    self->random.strategy.ops->begin(&self->random.strategy, seed);
    if (!count) {
        size_t length = inputs[0].count < QP_FUZZ_CHOICES_MOST ? inputs[0].count : QP_FUZZ_CHOICES_MOST;
        memcpy(self->list, inputs[0].choices, length * sizeof *self->list);
        return execute(self, length, tally);
    }
    for (; count > 0 && kept && tally->steps < QP_FUZZ_STEPS; count--)
        kept = execute(self, make_list(self, inputs), tally);
    return kept;
}
