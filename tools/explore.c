/*
 * `quipu explore`: looks for an execution that fails, by many strategies, in many processes, and tells its smallest
 * form. Blocks are given in order, those of all scenarios in turn: see explore.h for the state.
 */
#include "tools/explore.h"
#include "sim/strategy.h"
#include "tools/coverage.h"
#include "tools/selection.h"
#include "traces/events.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USUAL_RUNS = 10000 };
const char *const explore_folder = "quipu-out";

static volatile sig_atomic_t interrupted;

/* The first ends the exploration with the report so far, a second the process. */
static void interrupt(int signal_number)
{
    interrupted = 1;
    signal(signal_number, SIG_DFL);
}

/* ---- giving blocks out ---- */

/* An exhaustive search is one block, of whichever shard has the scenario. */
uint64_t blocks_of(const struct exploration *self, const struct target *target)
{
    if (self->exhaustive)
        return shard_has(&self->shard, (uint64_t)(target - self->targets));
    if (self->runs == UINT64_MAX)
        return UINT64_MAX;
    return shard_share(&self->shard, (self->runs + QP_EXPLORE_BLOCK - 1) / QP_EXPLORE_BLOCK);
}

static struct block next_block(const struct exploration *self, size_t index)
{
    uint64_t number = self->targets[index].count * self->shard.count + self->shard.index;
    struct block block = {.scenario = index, .first = number * QP_EXPLORE_BLOCK, .count = QP_EXPLORE_BLOCK};
    if (self->exhaustive) {
        block.kind = BLOCK_EXHAUSTIVE;
        block.count = self->runs;
    } else if (self->runs - block.first < block.count) {
        block.count = self->runs - block.first;
    }
    return block;
}

static bool give_one(struct exploration *self, size_t index)
{
    struct target *target = &self->targets[index];
    struct block block = next_block(self, index);
    if (target->done || target->count >= blocks_of(self, target))
        return false;
    if (target->count == target->room) {
        size_t room = target->room ? target->room * 2 : 16;
        struct given *blocks = realloc(target->blocks, room * sizeof *blocks);
        if (!blocks)
            return false;
        target->blocks = blocks;
        target->room = room;
    }
    if (!workers_give(&self->workers, &block, NULL))
        return false;
    if (!target->count)
        target->began = seconds_now();
    target->blocks[target->count++] = (struct given){0};
    return true;
}

/* Keeps every worker busy, with the scenarios in turn. */
static void give_out(struct exploration *self)
{
    size_t tried = 0;
    while (workers_busy(&self->workers) < self->workers.count && tried < self->count) {
        tried = give_one(self, self->next) ? 0 : tried + 1;
        self->next = (self->next + 1) % self->count;
    }
}

/* ---- taking them back ---- */

static void count(struct target *target, struct given *given)
{
    struct found *found = given->found;
    target->tally.executions += found->tally.executions;
    target->tally.steps += found->tally.steps;
    target->tally.redundant += found->tally.redundant;
    target->tally.blocked += found->tally.blocked;
    target->tally.excused += found->tally.excused;
    target->tally.excused_by |= found->tally.excused_by;
    coverage_add(&target->tally, &found->tally);
    target->complete = found->complete;
    if (found->failed) {
        target->failure = found;
        return;
    }
    found_free(found);
    given->found = NULL;
}

/* No more is looked for in it. */
static void close_target(struct exploration *self, struct target *target)
{
    self->failures += target->failure != NULL;
    if (target->failure)
        workers_keep(&self->workers, target->failure, target->run.scenario->name);
}

static void finish(struct exploration *self, struct target *target)
{
    target->done = true;
    target->seconds = seconds_now() - target->began;
    close_target(self, target);
    self->left--;
}

/* What is known when every block before one is back. */
static void look_at(struct exploration *self, struct target *target)
{
    while (!target->done && target->whole < target->count && target->blocks[target->whole].back) {
        count(target, &target->blocks[target->whole++]);
        if (target->failure || target->whole == blocks_of(self, target))
            finish(self, target);
    }
}

static void take_back(struct exploration *self, struct found *found)
{
    struct target *target = &self->targets[found->block.scenario];
    size_t index = self->exhaustive ? 0 : (size_t)(found->block.first / QP_EXPLORE_BLOCK / self->shard.count);
    struct given *given = &target->blocks[index];
    self->executions += found->tally.executions;
    self->steps += found->tally.steps;
    self->blocks_back++;
    given->back = true;
    given->found = found;
    look_at(self, target);
}

/* It was left before it was done: all that is back counts, with the first failure there is. */
static void count_rest(struct exploration *self, struct target *target)
{
    for (; target->whole < target->count && !target->failure; target->whole++)
        if (target->blocks[target->whole].back)
            count(target, &target->blocks[target->whole]);
    close_target(self, target);
    if (target->count)
        target->seconds = seconds_now() - target->began;
}

/* ---- from beginning to end ---- */

/* Those that are done are told in order. */
static void say_done(struct exploration *self, size_t *shown)
{
    for (; *shown < self->count && self->targets[*shown].done; ++*shown) {
        hide_progress(self);
        say_target(self, &self->targets[*shown]);
        fflush(stdout);
    }
}

static void explore_all(struct exploration *self)
{
    size_t shown = 0;
    while (self->left && !interrupted && seconds_now() < self->deadline) {
        struct found *found;
        give_out(self);
        found = workers_wait(&self->workers, 200);
        if (found)
            take_back(self, found);
        say_done(self, &shown);
        say_progress(self);
    }
    hide_progress(self);
    self->interrupted = interrupted;
    for (; shown < self->count; shown++) {
        struct target *target = &self->targets[shown];
        if (!target->done)
            count_rest(self, target);
        say_target(self, target);
    }
}

static bool parse_cancel(const char *text, enum qp_explore_cancel *cancel)
{
    static const char *const names[] = {"none", "each", "pairs", "random"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!text || strcmp(text, names[i]) == 0) {
            *cancel = (enum qp_explore_cancel)i;
            return true;
        }
    }
    complain("--cancel takes none, each, pairs or random, not '%s'", text);
    return false;
}

/* The kind of choice that a word names; -1: none. Cancellations have an option of their own. */
static int fault_named(const char *text, size_t length)
{
    for (int kind = 0; kind < QP_CHOICE_KINDS; kind++) {
        const char *name = kind == QP_CHOICE_CANCEL ? NULL : qp_fault_name((uint64_t)kind);
        if (name && strlen(name) == length && strncmp(text, name, length) == 0)
            return kind;
    }
    return -1;
}

/* "yield,spurious" */
static bool parse_faults(const char *text, uint32_t *faults)
{
    if (text && strcmp(text, "none") == 0)
        return true;
    while (text && *text) {
        size_t length = strcspn(text, ",");
        int kind = fault_named(text, length);
        if (kind < 0) {
            complain("--faults takes none, or a list of yield, spurious, clock, late, delay, retry, panic and alloc, "
                     "not '%s'",
                     text);
            return false;
        }
        *faults |= 1u << kind;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool is_searched_for(const struct exploration *self)
{
    bool each = self->options.cancel == QP_CANCEL_NONE || self->options.cancel == QP_CANCEL_EACH;
    if (!self->exhaustive || (each && !self->options.faults && strcmp(self->options.strategy, "exhaustive") == 0))
        return true;
    complain("an exhaustive search takes --cancel each, and no other --cancel, no --faults and no other --strategy");
    return false;
}

bool explore_options(const struct arguments *arguments, struct qp_explore_options *options)
{
    const char *usual = arguments->exhaustive ? "exhaustive" : "portfolio";
    const char *strategy = arguments->strategy ? arguments->strategy : usual;
    if (strcmp(strategy, "exhaustive") != 0 && !qp_explore_strategy_is_known(strategy)) {
        complain("there is no strategy '%s': random, pct, pos, surw, portfolio, exhaustive", strategy);
        return false;
    }
    if (arguments->jobs > WORKERS_MOST) {
        complain("--jobs takes at most %d", WORKERS_MOST);
        return false;
    }
    if (arguments->depth > QP_PCT_DEPTH_MOST) {
        complain("--depth takes at most %d", QP_PCT_DEPTH_MOST);
        return false;
    }
    *options = (struct qp_explore_options){.seed = arguments->first_seed,
                                           .strategy = strategy,
                                           .depth = arguments->depth ? (uint32_t)arguments->depth : 3,
                                           .declared = !arguments->cancel_text && !arguments->faults &&
                                                       !arguments->exhaustive && strcmp(strategy, "exhaustive") != 0,
                                           .check = !arguments->no_check};
    return parse_cancel(arguments->cancel_text, &options->cancel) && parse_faults(arguments->faults, &options->faults);
}

static bool options_make_sense(struct exploration *self)
{
    struct arguments *arguments = self->arguments;
    self->exhaustive = arguments->exhaustive || (arguments->strategy && strcmp(arguments->strategy, "exhaustive") == 0);
    self->runs = arguments->runs ? arguments->runs : arguments->seconds || self->exhaustive ? UINT64_MAX : USUAL_RUNS;
    self->folder = arguments->out ? arguments->out : explore_folder;
    return explore_options(arguments, &self->options) && shard_find(arguments, &self->shard) && is_searched_for(self) &&
           can_write(arguments->json_file) && can_write(arguments->junit) &&
           (!arguments->out || make_folder(arguments->out));
}

static bool find_targets(struct exploration *self)
{
    self->count = selection_count(self->arguments);
    self->targets = calloc(self->count ? self->count : 1, sizeof *self->targets);
    if (!self->targets || !self->count) {
        complain(self->targets ? "this program has no scenarios" : "out of memory");
        return false;
    }
    for (size_t i = 0; i < self->count; i++) {
        selection_at(self->arguments, i, &self->targets[i].run, self->targets[i].params);
        self->targets[i].done = !blocks_of(self, &self->targets[i]); /* all of it is another shard's */
        self->left += !self->targets[i].done;
    }
    return true;
}

size_t explore_jobs(const struct arguments *arguments)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (arguments->jobs)
        return (size_t)arguments->jobs;
    return processors < 1 ? 1 : processors > WORKERS_MOST ? WORKERS_MOST : (size_t)processors;
}

static bool start_workers(struct exploration *self)
{
    self->workers.arguments = self->arguments;
    self->workers.options = self->options;
    self->workers.folder = self->folder;
    return workers_begin(&self->workers, explore_jobs(self->arguments));
}

static void release(struct exploration *self)
{
    for (size_t i = 0; i < self->count; i++) {
        struct target *target = &self->targets[i];
        for (size_t k = 0; k < target->count; k++)
            found_free(target->blocks[k].found);
        free(target->blocks);
    }
    free(self->targets);
}

static int explore(struct arguments *arguments)
{
    struct exploration self = {.arguments = arguments, .terminal = isatty(STDERR_FILENO)};
    int status;
    if (!selection_makes_sense(arguments, "explore") || !options_make_sense(&self))
        return EXIT_BAD_INPUT;
    if (!find_targets(&self) || !start_workers(&self)) {
        free(self.targets);
        return EXIT_BAD_INPUT;
    }
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    self.began = self.last_line = seconds_now();
    self.deadline = arguments->seconds ? self.began + (double)arguments->seconds : 1e300;
    explore_all(&self);
    workers_end(&self.workers);
    say_sums(&self);
    status = !report_to_files(&self) ? EXIT_BAD_INPUT : self.failures ? EXIT_FAILED : EXIT_FINE;
    release(&self);
    return status;
}

const struct command explore_command = {
    "explore",
    "NAME...|--all [--strategy S] [--seed N] [--runs N] [--time SECONDS] [--exhaustive] [--cancel MODE] "
    "[--faults LIST] "
    "[--param NAME=VALUE] [--jobs N] [--shard I/N] [--ambient MODE] [--out DIR] [--view] [--most N] [--json FILE] "
    "[--junit FILE] "
    "[--no-check] [--quiet]",
    " --all --strategy:random|pct|pos|surw|portfolio|exhaustive --depth --seed --runs --time --exhaustive "
    "--cancel:none|each|pairs|random --faults:spurious|yield|clock|late|delay|retry|panic|alloc|spurious,yield --param "
    "--jobs --shard --ambient:catch|virtual|allow --out --view --most --json= "
    "--junit "
    "--no-check --quiet ",
    "Looks for an execution that fails. What it finds is made as small as it can be, and told: which contract or "
    "assertion\n"
    "broke, the story with a column for each task, and the command that replays it.\n\n"
    "  --all             every scenario of this program\n"
    "  --strategy S      random, pct, pos, surw, portfolio (which takes another for each execution), exhaustive\n"
    "  --depth N         of pct: how many orderings a bug may need, to 16; 3\n"
    "  --seed N          where to begin; 0. The same seed gives the same result, with any number of jobs\n"
    "  --runs N          cases of each scenario; 10000\n"
    "  --time SECONDS    until so much time has passed, for all of them together\n"
    "  --exhaustive      every schedule; with --runs at most so many executions\n"
    "  --cancel MODE     none; each: every case again with each wait cancelled in turn, at each moment and by each\n"
    "                    boundary around it; pairs: with each two; random. A disturbed execution must give back what\n"
    "                    it holds and break no contract; the scenario's own assertions count where it bears that\n"
    "  --faults LIST     of: spurious, a task that waits is polled without a cause; yield, a task suspends before an\n"
    "                    await; clock, time passes although tasks are ready; late, due timers are late; delay, "
    "blocking\n"
    "                    work starts late; retry, a cancel-safe wait is dropped and begun again; panic, a task panics "
    "at\n"
    "                    an await; alloc, an allocation fails. How likely each is, is drawn for each case. Without\n"
    "                    --faults and --cancel what a scenario says it bears is injected; none: nothing is\n"
    "  --param NAME=VALUE  sets an integer parameter that the scenario declares; may be repeated\n"
    "  --jobs N          processes; one for each processor. One that crashes is a finding, and replaced\n"
    "  --shard I/N       the part of the I-th of N machines: every N-th block of cases, or, exhaustively, scenario. "
    "Read\n"
    "                    otherwise from what GitLab, Buildkite, CircleCI, Slurm arrays and Kubernetes indexed jobs "
    "(with\n"
    "                    QUIPU_SHARDS) set. All shards together do what one machine would; merge joins what --json "
    "wrote\n"
    "  --ambient MODE    what a program gets that asks for the real clock, real sleep or entropy: catch, the run ends "
    "with\n"
    "                    what to use instead; virtual, it is served from the simulation; allow, it is real\n"
    "  --out DIR         where the trace of a failure goes, as DIR/NAME.jsonl\n"
    "  --view            writes a page of it too, as DIR/NAME.html: see view\n"
    "  --most N          how many executions the minimising of a failure may take; 20000, and 400 of one that crashes\n"
    "  --json FILE       what was found, for machines\n"
    "  --junit FILE      the same as JUnit XML\n"
    "  --no-check        does not hold what happens against the contracts of the surface; runs faster\n"
    "  --quiet           prints only what failed, and the sums\n"
    "Ctrl-C ends it with the report so far. Exit status 0: nothing failed; 1: something did; 2: usage.\n",
    explore};
