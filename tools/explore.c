/*
 * `quipu explore`: looks for an execution that fails, by many strategies, in many processes, and tells its smallest
 * form.
 *
 * State: for each scenario which blocks were given out and which came back. Blocks are given in order, those of all
 * scenarios in turn; a failure counts when every block before it has come back, so that the result does not hang on who
 * was faster.
 */
#include "tools/coverage.h"
#include "tools/output.h"
#include "tools/selection.h"
#include "tools/workers.h"
#include "traces/events.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { USUAL_RUNS = 10000, LINE = 96 };

/* A block that was given out, and what came of it. */
struct given {
    bool back;
    uint64_t executions, steps;
    struct found *failure; /* owned; NULL: it did not fail */
};

struct target {
    struct qp_scenario_run run;
    struct given *blocks;
    size_t count, room; /* given out */
    size_t whole;       /* the blocks from the first that are back without a gap */
    struct qp_explore_tally tally;
    const struct found *failure; /* the first, when all before it are back */
    bool done, complete;         /* complete: every schedule was executed */
    double began, seconds;
};

struct exploration {
    struct arguments *arguments;
    struct qp_explore_options options;
    struct workers workers;
    struct target *targets;
    size_t count, left, next;
    uint64_t runs; /* cases of each; UINT64_MAX: as many as there is time for */
    bool exhaustive, terminal;
    double began, deadline, last_line;
    uint64_t executions, steps;
    size_t failures;
    int status;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* ---- giving blocks out ---- */

static uint64_t blocks_of(const struct exploration *self)
{
    if (self->exhaustive)
        return 1;
    return self->runs == UINT64_MAX ? UINT64_MAX : (self->runs + QP_EXPLORE_BLOCK - 1) / QP_EXPLORE_BLOCK;
}

static struct block next_block(const struct exploration *self, size_t index)
{
    const struct target *target = &self->targets[index];
    struct block block = {.scenario = index, .first = target->count * QP_EXPLORE_BLOCK, .count = QP_EXPLORE_BLOCK};
    if (self->exhaustive) {
        block.exhaustive = true;
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
    if (target->done || target->count >= blocks_of(self))
        return false;
    if (target->count == target->room) {
        size_t room = target->room ? target->room * 2 : 16;
        struct given *blocks = realloc(target->blocks, room * sizeof *blocks);
        if (!blocks)
            return false;
        target->blocks = blocks;
        target->room = room;
    }
    if (!workers_give(&self->workers, &block))
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

static void finish(struct exploration *self, struct target *target)
{
    target->done = true;
    target->seconds = seconds_now() - target->began;
    self->left--;
}

/* What is known when every block before one is back. */
static void look_at(struct exploration *self, struct target *target)
{
    while (!target->done && target->whole < target->count && target->blocks[target->whole].back) {
        const struct given *given = &target->blocks[target->whole++];
        target->tally.executions += given->executions;
        target->tally.steps += given->steps;
        target->failure = given->failure;
        if (target->failure || target->whole == blocks_of(self))
            finish(self, target);
    }
}

static void take_back(struct exploration *self, const struct found *found)
{
    struct target *target = &self->targets[found->block.scenario];
    size_t index = found->block.exhaustive ? 0 : (size_t)(found->block.first / QP_EXPLORE_BLOCK);
    struct given *given = &target->blocks[index];
    given->executions = found->tally.executions;
    given->steps = found->tally.steps;
    coverage_add(&target->tally, &found->tally);
    self->executions += found->tally.executions; /* also those behind a failure, which nobody needs */
    self->steps += found->tally.steps;
    target->complete = found->complete;
    target->tally.redundant += found->tally.redundant;
    target->tally.blocked += found->tally.blocked;
    given->back = true;
    if (found->failed && (given->failure = malloc(sizeof *found)) != NULL)
        *given->failure = *found;
    else
        free(found->text);
    look_at(self, target);
}

/* ---- what is said ---- */

static const char *proved(const struct exploration *self, const struct target *target)
{
    if (target->failure)
        return "failed";
    if (target->complete)
        return "complete";
    return self->exhaustive ? "bounded" : "sampled";
}

static void say_failure(const struct exploration *self, const struct target *target)
{
    const struct found *failure = target->failure;
    if (failure->crashed)
        printf("    case %" PRIu64 " %s%s (strategy %s, seed %" PRIu64 ")\n", failure->which.number,
               failure->crashed < 0 ? "hung" : "crashed: ", failure->crashed < 0 ? "" : strsignal(failure->crashed),
               self->options.strategy, self->options.seed);
    else
        printf("    found in case %" PRIu64 " (strategy %s, seed %" PRIu64 ")\n%s", failure->which.number,
               self->options.strategy, self->options.seed, failure->text ? failure->text : "");
}

static void say_target(const struct exploration *self, const struct target *target)
{
    if (self->arguments->quiet && !target->failure)
        return;
    printf("%-38s %9" PRIu64 " executions  %s", target->run.scenario->name, target->tally.executions,
           target->failure ? "FAILED" : proved(self, target));
    if (self->exhaustive && !target->failure)
        printf(" (%" PRIu64 " redundant, %" PRIu64 " blocked)", target->tally.redundant, target->tally.blocked);
    if (self->options.cancel != QP_CANCEL_NONE)
        printf(", %zu of %zu await points cancelled", coverage_cancelled(&target->tally), target->tally.point_count);
    putchar('\n');
    if (target->failure)
        say_failure(self, target);
    else if (self->arguments->name_count && self->options.cancel != QP_CANCEL_NONE)
        coverage_print(stdout, &target->tally, true);
}

static void say_progress(struct exploration *self)
{
    double now = seconds_now(), elapsed = now - self->began;
    char line[LINE];
    if (self->arguments->quiet || now - self->last_line < (self->terminal ? 0.2 : 10))
        return;
    self->last_line = now;
    snprintf(line, sizeof line, "%zu of %zu scenarios done, %" PRIu64 " executions, %.0f a second, %zu failed",
             self->count - self->left, self->count, self->executions, (double)self->executions / (elapsed + 1e-9),
             self->failures);
    if (self->terminal)
        fprintf(stderr, "\r\033[K%s", line);
    else
        fprintf(stderr, "%s\n", line);
}

/* ---- for machines ---- */

static bool add_target(const struct exploration *self, const struct target *target, cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    cJSON *coverage;
    if (!object || !cJSON_AddItemToArray(array, object))
        return false;
    if (target->failure && target->failure->text && !cJSON_AddStringToObject(object, "failure", target->failure->text))
        return false;
    return cJSON_AddStringToObject(object, "name", target->run.scenario->name) &&
           cJSON_AddStringToObject(object, "strategy", self->exhaustive ? "exhaustive" : self->options.strategy) &&
           cJSON_AddStringToObject(object, "proved", target->failure ? "sampled" : proved(self, target)) &&
           add_json_unsigned(object, "executions", target->tally.executions) &&
           add_json_unsigned(object, "redundant", target->tally.redundant) &&
           add_json_unsigned(object, "blocked", target->tally.blocked) &&
           add_json_unsigned(object, "steps", target->tally.steps) &&
           add_json_unsigned(object, "await_points", target->tally.point_count) &&
           add_json_unsigned(object, "cancelled_points", coverage_cancelled(&target->tally)) &&
           (coverage = cJSON_AddObjectToObject(object, "coverage")) != NULL &&
           coverage_json(&target->tally, coverage) && add_json_unsigned(object, "failures", target->failure != NULL);
}

static int report_json(const struct exploration *self)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && i < self->count; i++) {
        if (!add_target(self, &self->targets[i], array)) {
            cJSON_Delete(array);
            array = NULL;
        }
    }
    return write_json(self->arguments->json_file, array);
}

static bool report_junit(const struct exploration *self)
{
    struct junit junit;
    if (!junit_begin(&junit, self->arguments->junit))
        return false;
    for (size_t i = 0; i < self->count; i++) {
        const struct target *target = &self->targets[i];
        const struct found *failure = target->failure;
        junit_case(&junit, "quipu explore", target->run.scenario->name, target->seconds,
                   failure ? JUNIT_FAILED : JUNIT_PASSED, failure ? "an execution failed" : "",
                   failure && failure->text ? failure->text : "");
    }
    return junit_end(&junit, "quipu explore");
}

/* ---- from beginning to end ---- */

static void explore_all(struct exploration *self)
{
    static struct found found;
    size_t i, shown = 0;
    while (self->left && !interrupted && seconds_now() < self->deadline) {
        give_out(self);
        if (workers_wait(&self->workers, 200, &found))
            take_back(self, &found);
        for (; shown < self->count && self->targets[shown].done; shown++) {
            if (self->terminal && !self->arguments->quiet)
                fputs("\r\033[K", stderr);
            self->failures += self->targets[shown].failure != NULL;
            say_target(self, &self->targets[shown]);
            fflush(stdout);
        }
        say_progress(self);
    }
    if (self->terminal && !self->arguments->quiet)
        fputs("\r\033[K", stderr);
    for (i = shown; i < self->count; i++) {
        look_at(self, &self->targets[i]);
        self->failures += self->targets[i].failure != NULL;
        say_target(self, &self->targets[i]);
    }
}

static void say_sums(const struct exploration *self)
{
    double seconds = seconds_now() - self->began;
    printf("%zu scenarios, %zu failed; %" PRIu64 " executions of %" PRIu64 " steps in %.1f s", self->count,
           self->failures, self->executions, self->steps, seconds);
    if (interrupted)
        printf(", interrupted");
    else if (self->left)
        printf(", until the time was over");
    putchar('\n');
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
            complain("--faults takes none, or a list of yield, spurious and clock, not '%s'", text);
            return false;
        }
        *faults |= 1u << kind;
        text += length + (text[length] == ',');
    }
    return true;
}

static bool options_make_sense(struct exploration *self)
{
    struct arguments *arguments = self->arguments;
    const char *strategy = arguments->strategy ? arguments->strategy : "portfolio";
    self->exhaustive = arguments->exhaustive || strcmp(strategy, "exhaustive") == 0;
    if (!self->exhaustive && !qp_explore_strategy_is_known(strategy)) {
        complain("there is no strategy '%s': random, pct, pos, surw, portfolio, exhaustive", strategy);
        return false;
    }
    if (arguments->jobs > WORKERS_MOST) {
        complain("--jobs takes at most %d", WORKERS_MOST);
        return false;
    }
    self->options = (struct qp_explore_options){.seed = arguments->first_seed,
                                                .strategy = strategy,
                                                .depth = arguments->depth ? (uint32_t)arguments->depth : 3,
                                                .declared = !arguments->cancel_text && !arguments->faults,
                                                .check = !arguments->no_check};
    self->runs = arguments->runs ? arguments->runs : arguments->seconds || self->exhaustive ? UINT64_MAX : USUAL_RUNS;
    return parse_cancel(arguments->cancel_text, &self->options.cancel) &&
           parse_faults(arguments->faults, &self->options.faults) && (!arguments->out || make_folder(arguments->out));
}

static bool find_targets(struct exploration *self)
{
    struct qp_param_value params[MOST_PARAMS];
    struct qp_scenario_run run;
    while (selection_at(self->arguments, self->count, &run, params))
        self->count++;
    self->targets = calloc(self->count ? self->count : 1, sizeof *self->targets);
    if (!self->targets || !self->count) {
        complain(self->targets ? "this program has no scenarios" : "out of memory");
        return false;
    }
    for (size_t i = 0; i < self->count; i++)
        selection_at(self->arguments, i, &self->targets[i].run, params);
    self->left = self->count;
    return true;
}

static size_t jobs_of(const struct arguments *arguments)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (arguments->jobs)
        return (size_t)arguments->jobs;
    return processors < 1 ? 1 : processors > WORKERS_MOST ? WORKERS_MOST : (size_t)processors;
}

static void release(struct exploration *self)
{
    for (size_t i = 0; i < self->count; i++) {
        struct target *target = &self->targets[i];
        for (size_t k = 0; k < target->count; k++) {
            if (target->blocks[k].failure)
                free(target->blocks[k].failure->text);
            free(target->blocks[k].failure);
        }
        free(target->blocks);
    }
    free(self->targets);
}

static int report(struct exploration *self)
{
    int status = self->failures ? EXIT_FAILED : EXIT_FINE;
    say_sums(self);
    if (self->arguments->json_file && report_json(self) != EXIT_FINE)
        status = EXIT_BAD_INPUT;
    if (self->arguments->junit && !report_junit(self))
        status = EXIT_BAD_INPUT;
    return status;
}

static int explore(struct arguments *arguments)
{
    struct exploration self = {.arguments = arguments, .terminal = isatty(STDERR_FILENO)};
    int status;
    if (!selection_makes_sense(arguments, "explore") || !options_make_sense(&self))
        return EXIT_BAD_INPUT;
    if (!find_targets(&self) || !workers_begin(&self.workers, arguments, &self.options, jobs_of(arguments))) {
        free(self.targets);
        return EXIT_BAD_INPUT;
    }
    signal(SIGINT, interrupt);
    self.began = self.last_line = seconds_now();
    self.deadline = arguments->seconds ? self.began + (double)arguments->seconds : 1e300;
    explore_all(&self);
    workers_end(&self.workers);
    status = report(&self);
    release(&self);
    return status;
}

const struct command explore_command = {
    "explore",
    "NAME...|--all [--strategy S] [--seed N] [--runs N] [--time SECONDS] [--exhaustive] [--cancel MODE] "
    "[--faults LIST] "
    "[--param NAME=VALUE] [--jobs N] [--out DIR] [--json FILE] [--junit FILE] [--no-check] [--quiet]",
    " --all --strategy:random|pct|pos|surw|portfolio|exhaustive --depth --seed --runs --time --exhaustive "
    "--cancel:none|each|pairs|random --faults:spurious|yield|clock|spurious,yield --param --jobs --out --json= "
    "--junit "
    "--no-check --quiet ",
    "Looks for an execution that fails. What it finds is made as small as it can be, and told: which contract or "
    "assertion\n"
    "broke, the story with a column for each task, and the command that replays it.\n\n"
    "  --all             every scenario of this program\n"
    "  --strategy S      random, pct, pos, surw, portfolio (which takes another for each execution), exhaustive\n"
    "  --depth N         of pct: how many orderings a bug may need; 3\n"
    "  --seed N          where to begin; 0. The same seed gives the same result, with any number of jobs\n"
    "  --runs N          cases of each scenario; 10000\n"
    "  --time SECONDS    until so much time has passed, for all of them together\n"
    "  --exhaustive      every schedule; with --runs at most so many executions\n"
    "  --cancel MODE     none; each: every case again with each wait cancelled in turn, at each moment and by each\n"
    "                    boundary around it; pairs: with each two; random. A disturbed execution must give back what\n"
    "                    it holds and break no contract; the scenario's own assertions count where it bears that\n"
    "  --faults LIST     of: spurious, a task that waits is polled without a cause; yield, a task suspends before an\n"
    "                    await; clock, time passes up to the next deadline although tasks are ready. How likely each\n"
    "                    is, is drawn for each case. Without --faults and --cancel what a scenario declares that it\n"
    "                    bears is injected; none: nothing is\n"
    "  --param NAME=VALUE  sets an integer parameter that the scenario declares; may be repeated\n"
    "  --jobs N          processes; one for each processor. One that crashes is a finding, and replaced\n"
    "  --out DIR         where the trace of a failure goes, as DIR/NAME.jsonl\n"
    "  --json FILE       what was found, for machines\n"
    "  --junit FILE      the same as JUnit XML\n"
    "  --no-check        does not hold what happens against the contracts of the surface; runs faster\n"
    "  --quiet           prints only what failed, and the sums\n"
    "Ctrl-C ends it with the report so far. Exit status 0: nothing failed; 1: something did; 2: usage.\n",
    explore};
