/*
 * Minimising, over all programs with a planted mistake: the story of the smallest failure is at most a third as long as
 * that of the first one, or nothing of it can go: whichever single choice out of the ordinary is made plain, whichever
 * choice is left out, and wherever its list is cut off, it does not fail in this way, or is no smaller. It replays.
 */
#include "sim/shrink.h"
#include "support.h"
#include "tools/story.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 2, MOST_CASES = 10000, MOST_EXECUTIONS = 20000 };

/* One failure, and how it is executed. */
struct found {
    struct qp_explorer explorer;
    struct qp_recorder *recorder;
    struct qp_failure_key key;
    uint32_t *choices;
    size_t count;
};

/* What an execution was: its choices that are not the first alternative, its lines, the digest of its events. */
struct size {
    uint64_t odd, lines, digest;
};

/* Whether this list fails in the same way, and how large that is. */
static bool fails(struct found *self, const uint32_t *choices, size_t count, struct size *size)
{
    struct qp_explorer *explorer = &self->explorer;
    struct qp_replay_strategy replay;
    struct qp_sim_config config = {.strategy = &replay.strategy, .faults = explorer->faults};
    struct qp_watch watch = {.recorder = self->recorder, .checker = explorer->checker};
    struct qp_failure_key key;
    struct qp_events events;
    *size = (struct size){0};
    qp_replay_strategy_init(&replay, choices, count);
    if (qp_execute_watched(&explorer->sim, &explorer->run, &config, &watch, &explorer->result))
        return false;
    key = qp_failure_key(&explorer->result, explorer->checker);
    events = qp_recorder_events(self->recorder);
    *size = (struct size){.lines = count_story(&events), .digest = qp_recorder_digest(self->recorder)};
    for (size_t i = 0; i < explorer->result.choice_count; i++)
        size->odd += explorer->result.choices[i] != 0;
    return qp_failure_same(&key, &self->key);
}

static bool is_smaller(const struct size *a, const struct size *b)
{
    uint64_t now = QP_SHRINK_ODD * a->odd + a->lines, before = QP_SHRINK_ODD * b->odd + b->lines;
    return now < before || (now == before && a->odd < b->odd);
}

/* The list without one of its choices, with it made plain, or plain from there on; in memory of the caller's. */
enum reduction { LEFT_OUT, PLAIN, PLAIN_FROM_HERE, REDUCTIONS };

static void reduce(const struct qp_shrink *shrink, enum reduction how, size_t at, uint32_t *list)
{
    size_t after = shrink->count - at - 1;
    memcpy(list, shrink->choices, shrink->count * sizeof *list);
    if (how == LEFT_OUT) {
        memmove(list + at, list + at + 1, after * sizeof *list);
        list[shrink->count - 1] = 0;
    } else {
        memset(list + at, 0, (how == PLAIN ? 1 : shrink->count - at) * sizeof *list);
    }
}

/* Whether nothing can go. */
static bool is_minimal(struct found *self, const struct qp_shrink *shrink, const struct size *size)
{
    uint32_t *list = malloc((shrink->count + 1) * sizeof *list);
    struct size other;
    bool minimal = true;
    assert_non_null(list);
    for (size_t at = 0; at < shrink->count && minimal; at++) {
        for (int how = 0; how < REDUCTIONS && minimal; how++) {
            reduce(shrink, (enum reduction)how, at, list);
            minimal = !fails(self, list, shrink->count, &other) || !is_smaller(&other, size);
        }
    }
    free(list);
    return minimal;
}

/* The first case that fails becomes `self`'s failure. */
static void find(struct found *self, const struct qp_scenario *scenario, uint64_t seed)
{
    struct qp_explore_options options = {
        .seed = seed, .strategy = "portfolio", .depth = 3, .declared = true, .check = true};
    struct qp_explore_tally *tally = calloc(1, sizeof *tally);
    struct qp_scenario_run run = {.scenario = scenario};
    bool kept = true;
    assert_non_null(tally);
    assert_true(qp_explorer_init(&self->explorer, &run, &options));
    for (uint64_t number = 0; number < MOST_CASES && kept; number++) {
        if (number % QP_EXPLORE_BLOCK == 0)
            qp_explorer_begin_block(&self->explorer);
        kept = qp_explorer_case(&self->explorer, number, tally);
    }
    free(tally);
    if (kept)
        fail_msg("%s did not fail, from seed %" PRIu64, scenario->name, seed);
    self->key = qp_failure_key(&self->explorer.result, self->explorer.checker);
    self->count = self->explorer.result.choice_count;
    self->choices = malloc((self->count + 1) * sizeof *self->choices);
    assert_non_null(self->choices);
    if (self->count)
        memcpy(self->choices, self->explorer.result.choices, self->count * sizeof *self->choices);
}

static void forget(struct found *self)
{
    free(self->choices);
    self->choices = NULL;
    qp_explorer_end(&self->explorer);
}

static void check_small(struct found *self, struct qp_shrink *shrink, const struct size *first)
{
    const char *name = self->explorer.run.scenario->name;
    struct size last, again = {0};
    bool minimal;
    if (!fails(self, shrink->choices, shrink->count, &last) || !fails(self, shrink->choices, shrink->count, &again))
        fail_msg("what was made of the failure of %s does not fail in the same way", name);
    assert_true(last.digest == again.digest);
    assert_true(last.odd == shrink->odd && last.lines == shrink->length);
    assert_false(is_smaller(first, &last));
    minimal = is_minimal(self, shrink, &last);
    printf("%-28s %4" PRIu64 " -> %-3" PRIu64 " %5" PRIu64 " -> %-4" PRIu64 " %s\n", name, first->odd, last.odd,
           first->lines, last.lines, minimal ? "minimal" : "");
    if (!minimal && last.lines * 3 > first->lines)
        fail_msg("the failure of %s is not small: more of it can go", name);
}

static void shrink_first(struct found *self, const struct qp_scenario *scenario, uint64_t seed)
{
    struct qp_sim_result *result = malloc(sizeof *result);
    struct qp_shrink shrink = {.story = count_story, .most = MOST_EXECUTIONS, .result = result};
    struct size first;
    assert_non_null(result);
    find(self, scenario, seed);
    shrink.sim = &self->explorer.sim;
    shrink.run = &self->explorer.run;
    shrink.checker = self->explorer.checker;
    shrink.faults = self->explorer.faults;
    shrink.key = self->key;
    assert_true(fails(self, self->choices, self->count, &first));
    assert_true(qp_shrink_begin(&shrink, self->choices, self->count));
    qp_shrink_all(&shrink);
    check_small(self, &shrink, &first);
    qp_shrink_end(&shrink);
    free(result);
    forget(self);
}

static void test_planted_mistakes(void **state)
{
    struct found *found = calloc(1, sizeof *found);
    size_t count = 0;
    (void)state;
    assert_non_null(found);
    found->recorder = qp_recorder_create(0);
    assert_non_null(found->recorder);
    printf("%-28s %11s %13s\n", "planted mistake", "odd choices", "lines");
    for (const struct qp_scenario *scenario = qp_scenario_first(); scenario; scenario = scenario->next) {
        for (uint64_t seed = 0; seed < SEEDS; seed++)
            shrink_first(found, scenario, seed);
        count++;
    }
    assert_true(count >= 25);
    qp_recorder_destroy(found->recorder);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_planted_mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
