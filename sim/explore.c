/* Exploring: see explore.h for the state. */
#include "sim/explore.h"
#include "traces/fnv.h"
#include <stdlib.h>
#include <string.h>

/* ---- strategies ---- */

static const char *const names[] = {"random", "pct", "pos", "surw", "portfolio"};

bool qp_explore_strategy_is_known(const char *name)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static struct qp_strategy *find_strategy(struct qp_explorer *self, const char *name)
{
    struct qp_strategy *all[] = {&self->random.strategy, &self->pct.strategy, &self->pos.strategy, &self->surw.strategy,
                                 &self->portfolio.strategy};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i]->ops->name, name) == 0)
            return all[i];
    return &self->portfolio.strategy;
}

static void init_strategies(struct qp_explorer *self)
{
    qp_random_strategy_init(&self->random);
    qp_pct_strategy_init(&self->pct, self->options.depth);
    qp_pos_strategy_init(&self->pos);
    qp_surw_strategy_init(&self->surw);
    qp_portfolio_strategy_init(&self->portfolio);
    self->strategy = find_strategy(self, self->options.strategy);
    qp_cancel_strategy_init(&self->cancel, self->strategy, 0);
}

static void end_strategies(struct qp_explorer *self)
{
    qp_pct_strategy_end(&self->pct);
    qp_pos_strategy_end(&self->pos);
    qp_portfolio_strategy_end(&self->portfolio);
}

static void inject_declared(struct qp_explorer *self, uint32_t faults)
{
    self->options.faults |= faults & ~(uint32_t)QP_FAULT_CANCEL;
    if (faults & QP_FAULT_CANCEL)
        self->options.cancel = QP_CANCEL_RANDOM;
}

bool qp_explorer_init(struct qp_explorer *self, const struct qp_scenario_run *run,
                      const struct qp_explore_options *options)
{
    memset(self, 0, sizeof *self);
    self->options = *options;
    self->run = *run;
    self->checker = options->check ? qp_checker_create() : NULL;
    if (options->check && !self->checker)
        return false;
    if (options->declared)
        inject_declared(self, run->scenario->declared);
    self->faults =
        self->options.faults | (self->options.cancel != QP_CANCEL_NONE ? QP_FAULT_CANCEL | QP_FAULT_RETRY : 0);
    qp_sim_init(&self->sim);
    init_strategies(self);
    return true;
}

void qp_explorer_end(struct qp_explorer *self)
{
    end_strategies(self);
    qp_sim_end(&self->sim);
    qp_checker_destroy(self->checker);
}

/* What a strategy has learned goes with the block. */
void qp_explorer_begin_block(struct qp_explorer *self)
{
    if (self->strategy->ops->learn) {
        end_strategies(self);
        init_strategies(self);
    } else {
        qp_cancel_strategy_init(&self->cancel, self->strategy, 0);
    }
    self->look = true;
}

/* ---- what was seen ---- */

static size_t place_of(struct qp_explore_tally *tally, const struct qp_site *site)
{
    size_t i = 0;
    while (i < tally->point_count && tally->points[i].site != site)
        i++;
    if (i == QP_EXPLORE_POINTS)
        return i - 1;
    if (i == tally->point_count)
        tally->points[tally->point_count++] = (struct qp_explore_point){.site = site};
    return i;
}

static struct qp_explore_point *find_point(struct qp_explorer *self, const struct qp_site *site)
{
    size_t at = ((uintptr_t)site >> 4) % QP_EXPLORE_PLACES;
    if (self->places[at].site != site || !self->places[at].at) {
        self->places[at].site = site;
        self->places[at].at = place_of(self->tally, site) + 1;
    }
    return &self->tally->points[self->places[at].at - 1];
}

/* The tally may be another than before, or may have been cleared: its points lie elsewhere. */
static void count_into(struct qp_explorer *self, struct qp_explore_tally *tally)
{
    if (!tally->point_count)
        memset(self->places, 0, sizeof self->places);
    self->tally = tally;
}

static void see(void *context, const struct qp_choice *choice, uint32_t chosen)
{
    struct qp_explorer *self = context;
    struct qp_explore_point *point;
    if (!self->tally)
        return;
    point = find_point(self, choice->site);
    for (uint32_t i = 1; i < choice->count; i++) {
        const struct qp_cancellation *way = &choice->cancellations[i - 1];
        point->ways[way->moment][way->boundary].seen++;
        point->ways[way->moment][way->boundary].cancelled += i == chosen;
    }
}

static void pass_by(void *context, const struct qp_site *site)
{
    struct qp_explorer *self = context;
    self->heard++;
    if (self->tally && site)
        find_point(self, site);
}

static void hear(void *context, const struct qp_event *event)
{
    struct qp_explorer *self = context;
    self->heard++;
    if (self->dpor)
        qp_dpor_event(self->dpor, event);
    if (self->strategy->ops->event)
        self->strategy->ops->event(self->strategy, event);
    if (self->also)
        self->also(self->also_context, event);
}

/* ---- executions ---- */

/* Seeds that are near one another are not alike: the strategies spread them. */
static uint64_t seed_of(const struct qp_explorer *self, uint64_t number)
{
    return self->options.seed + number * 0x9e3779b97f4a7c15u;
}

/* Its own strategy, with what is injected on top. */
static struct qp_strategy *prepare(struct qp_explorer *self, uint64_t at, uint64_t and_at)
{
    self->cancel.at = at;
    self->cancel.and_at = and_at;
    self->cancel.one_in = self->options.cancel == QP_CANCEL_RANDOM ? 16 : 0;
    self->cancel.faulty = self->options.faults;
    self->cancel.seen = see;
    self->cancel.context = self;
    return self->faults ? &self->cancel.strategy : self->strategy;
}

/* Whether somebody wants each event of the execution of that seed; the checker is content with less. */
static bool has_listeners(const struct qp_explorer *self, uint64_t seed)
{
    const struct qp_strategy_ops *ops = self->strategy->ops;
    return self->dpor || self->also || (self->look && !self->checker) ||
           (ops->event && (!ops->listens || ops->listens(self->strategy, seed)));
}

static bool execute(struct qp_explorer *self, struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_sim_config config = {.seed = seed,
                                   .strategy = strategy,
                                   .faults = self->faults,
                                   .aborts_only = self->dpor != NULL,
                                   .awaited = pass_by,
                                   .awaited_context = self};
    struct qp_watch watch = {.checker = self->checker};
    if (has_listeners(self, seed)) {
        watch.also = hear;
        watch.also_context = self;
    }
    self->look = false;
    if (self->dpor) {
        config.touch = qp_dpor_touch;
        config.woken_again = qp_dpor_woken_again;
        config.touch_context = self->dpor;
    }
    return qp_execute_watched(&self->sim, &self->run, &config, &watch, &self->result);
}

bool qp_explorer_guided(struct qp_explorer *self, struct qp_strategy *strategy, struct qp_strategy **tail,
                        uint64_t seed, qp_event_fn listen, void *context)
{
    bool kept;
    if (self->progress)
        self->progress[3]++;
    *tail = prepare(self, 0, 0);
    self->also = listen;
    self->also_context = context;
    kept = execute(self, strategy, seed);
    self->also = NULL;
    return kept;
}

/* Counts an execution that held only because the scenario does not bear what was injected. */
static void count_excused(struct qp_explorer *self)
{
    uint32_t by = qp_scenario_is_excused(&self->run, &self->result);
    if (by && (self->result.outcome == QP_FAILED || self->result.outcome == QP_DEADLOCK)) {
        self->tally->excused++;
        self->tally->excused_by |= by;
    }
}

static bool execute_counted(struct qp_explorer *self, uint64_t number, uint64_t at, uint64_t and_at)
{
    struct qp_explore_which which = {number, at, and_at};
    bool kept;
    if (self->progress) {
        self->progress[0] = number;
        self->progress[1] = at;
        self->progress[2] = and_at;
        self->progress[3]++;
    }
    kept = execute(self, prepare(self, at, and_at), seed_of(self, number));
    self->tally->executions++;
    self->tally->steps += self->result.steps;
    if (kept)
        count_excused(self);
    else
        self->failed = which;
    return kept;
}

/* With a second cancellation after the first, at each moment in turn. */
static bool second_cancellations(struct qp_explorer *self, uint64_t number, uint64_t at)
{
    uint64_t moments = self->cancel.moments, and_at;
    for (and_at = at + 1; and_at <= moments; and_at++)
        if (!execute_counted(self, number, at, and_at))
            return false;
    return true;
}

static bool cancellations(struct qp_explorer *self, uint64_t number)
{
    uint64_t moments = self->cancel.moments, at;
    for (at = 1; at <= moments; at++) {
        if (!execute_counted(self, number, at, 0))
            return false;
        if (self->options.cancel == QP_CANCEL_PAIRS && !second_cancellations(self, number, at))
            return false;
    }
    return true;
}

bool qp_explorer_case(struct qp_explorer *self, uint64_t number, struct qp_explore_tally *tally)
{
    bool kept;
    count_into(self, tally);
    kept = execute_counted(self, number, 0, 0);
    if (self->strategy->ops->learn)
        self->strategy->ops->learn(self->strategy);
    if (kept && (self->options.cancel == QP_CANCEL_EACH || self->options.cancel == QP_CANCEL_PAIRS))
        kept = cancellations(self, number);
    self->tally = NULL;
    return kept;
}

/* ---- exhaustively ---- */

/* For each task the most ways in which it could be cancelled in one execution. False: out of memory. */
static bool note_ways(const struct qp_cancel_strategy *cancel, struct qp_task_values *most)
{
    for (uint64_t task = 0; task < cancel->of_tasks->room; task++) {
        const uint64_t *ways = qp_task_value(cancel->of_tasks, task);
        uint64_t *all = qp_task_value(most, task);
        if (!ways || !all)
            return false;
        if (*ways > *all)
            *all = *ways;
    }
    return true;
}

/* With the `at`-th way to cancel one task taken; 0: none, and `ways` are noted. False: that was not all. */
static bool every_schedule(struct qp_explorer *self, uint64_t task, uint64_t at, uint64_t most,
                           struct qp_task_values *ways)
{
    struct qp_dpor dpor;
    bool complete = true;
    qp_dpor_init(&dpor);
    self->dpor = &dpor;
    self->strategy = self->cancel.inner = &dpor.strategy;
    self->cancel.task = task;
    do {
        if (self->tally->executions == most || !execute_counted(self, self->tally->executions, at, 0) ||
            (!at && !note_ways(&self->cancel, ways)))
            complete = false;
    } while (complete && qp_dpor_next(&dpor));
    complete = complete && !dpor.failed;
    self->tally->redundant += dpor.redundant;
    self->tally->blocked += dpor.blocked;
    self->dpor = NULL;
    qp_dpor_end(&dpor);
    return complete;
}

/* An execution that is cancelled was not until then, and there is one that goes on without: so those have all ways. */
static bool every_cancellation(struct qp_explorer *self, uint64_t most)
{
    struct qp_task_values made = {0}, ways = {0};
    uint64_t task, at;
    bool complete;
    self->cancel.of_tasks = &made;
    complete = every_schedule(self, 0, 0, most, &ways);
    for (task = 0; complete && task < ways.room; task++)
        for (at = 1; complete && at <= *qp_task_value(&ways, task); at++)
            complete = every_schedule(self, task, at, most, &ways);
    self->cancel.of_tasks = NULL;
    free(made.values);
    free(ways.values);
    return complete;
}

bool qp_explorer_every(struct qp_explorer *self, uint64_t most, struct qp_explore_tally *tally, bool *failed)
{
    bool complete;
    count_into(self, tally);
    self->failed.number = UINT64_MAX;
    self->faults &= ~(uint32_t)QP_FAULT_RETRY;
    complete = every_cancellation(self, most);
    *failed = self->failed.number != UINT64_MAX;
    self->tally = NULL;
    return complete;
}

/* ---- failures ---- */

/* Of the first line, where every number counts as one '#'. */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = qp_fnv_start;
    bool in_number = false;
    for (; *text && *text != '\n'; text++) {
        bool digit = *text >= '0' && *text <= '9';
        if (!digit || !in_number)
            hash = qp_fnv_add(hash, (unsigned char)(digit ? '#' : *text));
        in_number = digit;
    }
    return hash;
}

struct qp_failure_key qp_failure_key(const struct qp_sim_result *result, const struct qp_checker *checker)
{
    const struct qp_violation *first = checker ? qp_checker_at(checker, 0) : NULL;
    struct qp_failure_key key = {result->outcome, first ? (int)first->id : -1, 0};
    if (!first)
        key.text = hash_text(result->report);
    return key;
}

bool qp_failure_same(const struct qp_failure_key *a, const struct qp_failure_key *b)
{
    if (a->rule >= 0 || b->rule >= 0)
        return a->rule == b->rule;
    return a->outcome == b->outcome && a->text == b->text;
}
