/* Minimising: see shrink.h for the state. Every candidate is executed; what it chose in fact is what is kept. */
#include "sim/shrink.h"
#include <stdlib.h>
#include <string.h>

enum {
    FEW = 2,            /* all lists of so few of them are tried */
    FEW_MOST = 4000,    /* as long as this many executions do for it, */
    FEW_STEPS = 400000, /* of so many steps together */
};

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

/*
 * How long the last execution was, which went by these choices; UINT64_MAX: it cannot be told. Only what fails is
 * recorded, and so executed once more, where that is cheap.
 */
static uint64_t length_of(struct qp_shrink *self, const uint32_t *choices, size_t count)
{
    struct qp_events events;
    if (!self->recorder || !self->story)
        return self->result->steps;
    if (!self->execute && !fails(self, choices, count, self->recorder))
        return UINT64_MAX;
    events = qp_recorder_events(self->recorder);
    return self->story(&events);
}

/* Keeps what the last execution chose. */
static bool keep(struct qp_shrink *self, uint64_t length)
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
    self->length = length;
    memcpy(self->counts, self->tried, sizeof self->counts);
    return true;
}

static bool is_smaller(const struct qp_shrink *self, uint64_t length)
{
    size_t count = trimmed(self->result->choices, self->result->choice_count);
    uint64_t odd = count_odd(self->result->choices, count);
    uint64_t now = QP_SHRINK_ODD * odd + length, before = QP_SHRINK_ODD * self->odd + self->length;
    if (now != before)
        return now < before;
    return odd != self->odd ? odd < self->odd : count < self->count;
}

/* Whether it may go on. */
static bool has_time(const struct qp_shrink *self)
{
    return self->executions < self->most && self->total_steps <= QP_SHRINK_STEPS;
}

/* Tries a candidate; true when it is the smallest now. */
static bool try_list(struct qp_shrink *self, const uint32_t *choices, size_t count)
{
    uint64_t length;
    if (!has_time(self))
        return false;
    if (!fails(self, choices, count, self->execute ? self->recorder : NULL))
        return false;
    length = length_of(self, choices, count);
    return length != UINT64_MAX && is_smaller(self, length) && keep(self, length);
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

/* All lists that go on from `at` with so many choices out of the ordinary, or fewer. */
static bool lists_of_few(struct qp_shrink *self, uint32_t list[QP_SHRINK_PLACES], size_t at, unsigned few,
                         uint64_t most)
{
    uint32_t counts[QP_SHRINK_PLACES];
    bool any = try_list(self, list, at);
    memcpy(counts, self->tried, sizeof counts);
    for (size_t i = at; few && i < QP_SHRINK_PLACES && counts[i] && self->executions < most; i++) {
        for (uint32_t value = 1; value < counts[i] && self->executions < most; value++) {
            list[i] = value;
            any = lists_of_few(self, list, i + 1, few - 1, most) || any;
        }
        list[i] = 0;
    }
    return any;
}

static uint64_t few_executions(const struct qp_shrink *self)
{
    uint64_t each = self->result->steps + 1;
    return FEW_STEPS / each < FEW_MOST ? FEW_STEPS / each : FEW_MOST;
}

/* A small failure is looked for from nothing, too: the one that was found need not lead to it. */
static bool from_nothing(struct qp_shrink *self)
{
    uint32_t list[QP_SHRINK_PLACES];
    uint64_t most = self->executions + few_executions(self);
    bool any = false;
    for (unsigned few = 1; few <= FEW && few <= self->odd + 1; few++) {
        memset(list, 0, sizeof list);
        any = lists_of_few(self, list, 0, few, most) || any;
    }
    return any;
}

bool qp_shrink_begin(struct qp_shrink *self, const uint32_t *choices, size_t count)
{
    uint64_t length;
    self->executions = self->total_steps = 0;
    self->choices = NULL;
    self->recorder = NULL;
    if (!fails(self, choices, count, NULL))
        return false;
    if (self->story && self->result->steps <= QP_SHRINK_TOLD) {
        self->recorder = qp_recorder_create(0);
        if (!self->recorder || !fails(self, choices, count, self->recorder))
            return false;
    }
    length = length_of(self, choices, count);
    return length != UINT64_MAX && keep(self, length);
}

/* Until no part of the list can go. */
static void reduce(struct qp_shrink *self)
{
    bool any = true;
    while (any && has_time(self)) {
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

void qp_shrink_all(struct qp_shrink *self)
{
    reduce(self);
    while (has_time(self) && from_nothing(self))
        reduce(self);
}

bool qp_shrink_again(struct qp_shrink *self, struct qp_recorder *recorder)
{
    return fails(self, self->choices, self->count, recorder);
}

void qp_shrink_end(struct qp_shrink *self)
{
    free(self->choices);
    self->choices = NULL;
    qp_recorder_destroy(self->recorder);
    self->recorder = NULL;
}
