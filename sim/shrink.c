/* Minimising: see shrink.h for the state. Every candidate is executed; what it chose in fact is what is kept. */
#include "sim/shrink.h"
#include <stdlib.h>
#include <string.h>

enum { ODD_COST = 2 }; /* a choice out of the ordinary is worth so many steps */

static uint64_t count_odd(const uint32_t *choices, size_t count)
{
    uint64_t odd = 0;
    for (size_t i = 0; i < count; i++)
        odd += choices[i] != 0;
    return odd;
}

/* Behind the last odd choice all are first alternatives, which a replay takes by itself. */
static size_t trimmed(const uint32_t *choices, size_t count)
{
    while (count > 0 && !choices[count - 1])
        count--;
    return count;
}

static bool execute_here(struct qp_shrink *self, struct qp_replay_strategy *replay, struct qp_recorder *recorder)
{
    struct qp_scenario_run run = *self->run;
    struct qp_sim_config config = {.strategy = &replay->strategy, .faults = self->faults};
    struct qp_watch watch = {.recorder = recorder, .checker = self->checker};
    return qp_execute_watched(self->sim, &run, &config, &watch, self->result);
}

static bool fails(struct qp_shrink *self, const uint32_t *choices, size_t count, struct qp_recorder *recorder)
{
    struct qp_replay_strategy replay;
    struct qp_failure_key key;
    bool kept;
    qp_replay_strategy_init(&replay, choices, count);
    memset(self->tried, 0, sizeof self->tried);
    replay.counts = self->tried;
    replay.room = QP_SHRINK_PLACES;
    self->executions++;
    if (self->progress)
        ++*self->progress;
    if (self->execute)
        kept = self->execute(self->execute_context, self->run, &replay, self->faults, recorder, self->result);
    else
        kept = execute_here(self, &replay, recorder);
    if (kept || self->result->truncated)
        return false;
    self->total_steps += self->result->steps;
    key = qp_failure_key(self->result, self->checker);
    return qp_failure_same(&key, &self->key);
}

/* Keeps what the last execution chose. */
static bool keep(struct qp_shrink *self)
{
    size_t count = trimmed(self->result->choices, self->result->choice_count);
    uint32_t *choices = malloc((count + 1) * sizeof *choices);
    if (!choices)
        return false;
    if (count)
        memcpy(choices, self->result->choices, count * sizeof *choices);
    free(self->choices);
    self->choices = choices;
    self->count = count;
    self->odd = count_odd(choices, count);
    self->steps = self->result->steps;
    memcpy(self->counts, self->tried, sizeof self->counts);
    return true;
}

static bool is_smaller(const struct qp_shrink *self)
{
    size_t count = trimmed(self->result->choices, self->result->choice_count);
    uint64_t odd = count_odd(self->result->choices, count);
    uint64_t now = ODD_COST * odd + self->result->steps, before = ODD_COST * self->odd + self->steps;
    if (now != before)
        return now < before;
    return odd != self->odd ? odd < self->odd : count < self->count;
}

/* Tries a candidate; true when it is the smallest now. */
static bool try_list(struct qp_shrink *self, const uint32_t *choices, size_t count)
{
    if (self->executions >= self->most || self->total_steps > QP_SHRINK_STEPS)
        return false;
    return fails(self, choices, count, NULL) && is_smaller(self) && keep(self);
}

/* With room for a few more than it has, all plain. */
static uint32_t *copy(const struct qp_shrink *self)
{
    uint32_t *choices = calloc(self->count + QP_SHRINK_PLACES, sizeof *choices);
    if (choices)
        memcpy(choices, self->choices, self->count * sizeof *choices);
    return choices;
}

/* Some of the list, from `at`, becomes plain (`cut`: is left out). */
static bool try_without(struct qp_shrink *self, size_t at, size_t length, bool cut)
{
    uint32_t *choices = copy(self);
    size_t count = self->count;
    bool smaller = false;
    if (length > count - at)
        length = count - at;
    if (choices && cut) {
        memmove(choices + at, choices + at + length, (count - at - length) * sizeof *choices);
        smaller = try_list(self, choices, count - length);
    } else if (choices && count_odd(choices + at, length)) {
        memset(choices + at, 0, length * sizeof *choices);
        smaller = try_list(self, choices, count);
    }
    free(choices);
    return smaller;
}

/* Every piece of a length, from the back: what comes late hangs on what came before. */
static bool pieces(struct qp_shrink *self, size_t length, bool cut)
{
    bool any = false;
    size_t at = self->count;
    while (at > 0) {
        at = at > length ? at - length : 0;
        if (at < self->count && try_without(self, at, length, cut))
            any = true;
        if (at > self->count)
            at = self->count;
    }
    return any;
}

/* One choice takes another alternative, and what follows is plain, or as it was: the failure may come earlier. */
static bool other_values(struct qp_shrink *self)
{
    bool any = false;
    for (size_t i = 0; i < QP_SHRINK_PLACES && self->counts[i]; i++) {
        for (uint32_t value = 1; value < self->counts[i]; value++) {
            uint32_t *choices = copy(self);
            size_t count = i < self->count ? self->count : i + 1;
            if (!choices)
                break;
            choices[i] = value;
            any = try_list(self, choices, count) || any;
            if (i + 1 < count)
                any = try_list(self, choices, i + 1) || any;
            free(choices);
        }
    }
    return any;
}

/* Two choices of which the second comes to nothing when the first is left out, and the other way round. */
static bool cut_and_clear(struct qp_shrink *self)
{
    bool any = false;
    for (size_t i = 0; i < self->count && self->count < 64; i++) {
        for (size_t j = 0; j < self->count; j++) {
            uint32_t *choices = i != j && self->choices[j] ? copy(self) : NULL;
            if (!choices)
                continue;
            choices[j] = 0;
            memmove(choices + i, choices + i + 1, (self->count - i - 1) * sizeof *choices);
            any = try_list(self, choices, self->count - 1) || any;
            free(choices);
            if (i >= self->count)
                break;
        }
    }
    return any;
}

bool qp_shrink_begin(struct qp_shrink *self, const uint32_t *choices, size_t count)
{
    self->executions = self->total_steps = 0;
    self->choices = NULL;
    return fails(self, choices, count, NULL) && keep(self);
}

void qp_shrink_all(struct qp_shrink *self)
{
    bool any = true;
    while (any && self->executions < self->most && self->total_steps <= QP_SHRINK_STEPS) {
        size_t length = self->count;
        any = false;
        for (; length > 0; length /= 2) {
            any = pieces(self, length, false) || any;
            any = pieces(self, length, true) || any;
        }
        any = other_values(self) || any;
        if (!any)
            any = cut_and_clear(self);
    }
}

bool qp_shrink_again(struct qp_shrink *self, struct qp_recorder *recorder)
{
    return fails(self, self->choices, self->count, recorder);
}

void qp_shrink_end(struct qp_shrink *self)
{
    free(self->choices);
    self->choices = NULL;
}
