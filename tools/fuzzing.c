/*
 * `quipu fuzz`: changes lists of choices until its time is up, keeps those whose executions had a new shape, and tells
 * of each bug once.
 *
 * State: for each scenario its corpus, what edges were seen (shared with the workers), and what was counted. A job is
 * some executions from one list, or from none; lists that were loaded are executed first. Who is fuzzed next is whoever
 * had the least, and a scenario counts for more with each of its bugs, so that one that always fails does not take all
 * the time.
 */
#include "tools/corpus.h"
#include "tools/explore.h"
#include "tools/output.h"
#include "tools/selection.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { USUAL_SECONDS = 60, JOB = 64, LINE = 160 };

static const char *const USUAL_CORPUS = "quipu-corpus";

struct fuzzed {
    struct qp_scenario_run run;
    struct qp_param_value params[MOST_PARAMS];
    struct corpus corpus;
    uint64_t jobs, executions, steps;
    size_t next; /* of the lists, in turn */
};

struct fuzzing {
    struct arguments *arguments;
    struct workers workers;
    struct shard shard;
    struct fuzzed *all;
    size_t count;
    uint8_t *seen; /* QP_COVERAGE_EDGES bytes for each scenario */
    struct qp_random_strategy random;
    bool terminal;
    double began, deadline, last_line;
    uint64_t executions;
    size_t fresh; /* bugs that were not known */
};

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* ---- giving jobs out ---- */

static struct fuzzed *least_fuzzed(struct fuzzing *self)
{
    struct fuzzed *least = &self->all[0];
    for (size_t i = 1; i < self->count; i++) {
        struct fuzzed *one = &self->all[i];
        if (one->jobs * (1 + 8 * one->corpus.bug_count) < least->jobs * (1 + 8 * least->corpus.bug_count))
            least = one;
    }
    return least;
}

/* The list to begin with; NULL: none. Loaded ones come first; then mostly one that was tried least, of some. */
static struct corpus_list *choose_list(struct fuzzing *self, struct corpus *corpus)
{
    struct corpus_list *best = NULL;
    for (size_t i = 0; i < corpus->count; i++)
        if (corpus->lists[i].loaded)
            return &corpus->lists[i];
    if (!corpus->count || qp_random_draw(&self->random, 4) == 0)
        return NULL;
    for (int i = 0; i < 4; i++) {
        struct corpus_list *list = &corpus->lists[qp_random_draw(&self->random, (uint32_t)corpus->count)];
        if (!best || list->tried < best->tried)
            best = list;
    }
    return best;
}

static struct qp_fuzz_input another(struct fuzzing *self, const struct corpus *corpus)
{
    const struct corpus_list *list;
    if (!corpus->count)
        return (struct qp_fuzz_input){0};
    list = &corpus->lists[qp_random_draw(&self->random, (uint32_t)corpus->count)];
    return (struct qp_fuzz_input){list->choices, list->count};
}

static bool give_one(struct fuzzing *self)
{
    struct fuzzed *one = least_fuzzed(self);
    struct corpus_list *list = choose_list(self, &one->corpus);
    bool once = list && list->loaded;
    struct qp_fuzz_input inputs[2] = {{0}};
    struct block block = {.kind = BLOCK_FUZZ, .scenario = (size_t)(one - self->all), .count = once ? 0 : JOB};
    block.first = (uint64_t)qp_random_draw(&self->random, UINT32_MAX) << 32 | qp_random_draw(&self->random, UINT32_MAX);
    if (list) {
        inputs[0] = (struct qp_fuzz_input){list->choices, list->count};
        inputs[1] = another(self, &one->corpus);
    }
    for (int i = 0; i < 2; i++)
        block.input_counts[i] = (uint32_t)inputs[i].count;
    if (!workers_give(&self->workers, &block, inputs))
        return false;
    if (list) {
        list->loaded = false;
        list->tried++;
    }
    one->jobs++;
    return true;
}

/* ---- taking them back ---- */

static bool take_lists(struct fuzzed *one, const struct found *found)
{
    size_t at = 0;
    while (at + 2 <= found->list_words) {
        size_t count = found->lists[at + 1];
        if (count > found->list_words - at - 2)
            return true; /* cut off */
        if (!corpus_add(&one->corpus, found->lists + at + 2, count))
            return false;
        at += count + 2;
    }
    return true;
}

static void hide_line(const struct fuzzing *self)
{
    if (self->terminal && !self->arguments->quiet)
        fputs("\r\033[K", stderr);
}

static void take_failure(struct fuzzing *self, struct fuzzed *one, const struct found *found)
{
    const char *text = found->text ? found->text : "";
    bool fresh;
    const struct corpus_bug *bug = corpus_note(&one->corpus, &found->key, text, &fresh);
    if (!bug || !fresh) {
        if (bug && found->trace[0] && !strstr(bug->text, found->trace))
            unlink(found->trace); /* the bug has its own */
        return;
    }
    self->fresh++;
    hide_line(self);
    printf("%s: a new bug after %" PRIu64 " executions, %.1f s\n%s\n", one->run.scenario->name, one->executions,
           seconds_now() - self->began, text);
    fflush(stdout);
}

static bool take_back(struct fuzzing *self, struct found *found)
{
    struct fuzzed *one = &self->all[found->block.scenario];
    bool kept = take_lists(one, found);
    one->executions += found->tally.executions;
    one->steps += found->tally.steps;
    self->executions += found->tally.executions;
    if (found->failed)
        take_failure(self, one, found);
    found_free(found);
    return kept;
}

/* ---- what is said ---- */

static uint32_t edges_of(const struct fuzzing *self, size_t index)
{
    return qp_coverage_count(self->seen + index * QP_COVERAGE_EDGES);
}

static void say_how_far(struct fuzzing *self)
{
    double now = seconds_now(), elapsed = now - self->began;
    size_t lists = 0, bugs = 0;
    if (self->arguments->quiet || now - self->last_line < (self->terminal ? 0.5 : 10))
        return;
    self->last_line = now;
    for (size_t i = 0; i < self->count; i++) {
        lists += self->all[i].corpus.count;
        bugs += self->all[i].corpus.bug_count;
    }
    fprintf(stderr, "%s%" PRIu64 " executions, %.0f a second, %zu lists kept, %zu bugs (%zu new), %.0f s left%s",
            self->terminal ? "\r\033[K" : "", self->executions, (double)self->executions / (elapsed + 1e-9), lists,
            bugs, self->fresh, now < self->deadline ? self->deadline - now : 0.0, self->terminal ? "" : "\n");
}

static void say_all(const struct fuzzing *self)
{
    size_t failing = 0, again = 0;
    for (size_t i = 0; i < self->count; i++) {
        const struct fuzzed *one = &self->all[i];
        size_t seen = 0;
        for (size_t k = 0; k < one->corpus.bug_count; k++) {
            seen += one->corpus.bugs[k].times > 0;
            again += one->corpus.bugs[k].times > 0 && one->corpus.bugs[k].known;
        }
        failing += seen > 0;
        if (!self->arguments->quiet || seen)
            printf("%-38s %9" PRIu64 " executions, %6u edges, %5zu lists, %zu bugs\n", one->run.scenario->name,
                   one->executions, edges_of(self, i), one->corpus.count, one->corpus.bug_count);
    }
    printf("%zu scenarios, %zu failed: %zu new bugs, %zu known ones seen again; %" PRIu64 " executions in %.1f s%s\n",
           self->count, failing, self->fresh, again, self->executions, seconds_now() - self->began,
           interrupted ? ", interrupted" : "");
}

static bool add_bugs(const struct corpus *corpus, cJSON *array)
{
    for (size_t i = 0; array && i < corpus->bug_count; i++) {
        const struct corpus_bug *bug = &corpus->bugs[i];
        cJSON *object = cJSON_CreateObject();
        if (!object || !cJSON_AddItemToArray(array, object) || !cJSON_AddBoolToObject(object, "new", !bug->known) ||
            !add_json_unsigned(object, "times", bug->times) || !cJSON_AddStringToObject(object, "text", bug->text))
            return false;
    }
    return array != NULL;
}

static bool add_json(const struct fuzzing *self, size_t index, cJSON *array)
{
    const struct fuzzed *one = &self->all[index];
    cJSON *object = cJSON_CreateObject();
    return object && cJSON_AddItemToArray(array, object) &&
           cJSON_AddStringToObject(object, "name", one->run.scenario->name) &&
           add_json_unsigned(object, "executions", one->executions) && add_json_unsigned(object, "steps", one->steps) &&
           add_json_unsigned(object, "edges", edges_of(self, index)) &&
           add_json_unsigned(object, "lists", one->corpus.count) &&
           add_bugs(&one->corpus, cJSON_AddArrayToObject(object, "bugs"));
}

static bool report(const struct fuzzing *self)
{
    cJSON *array;
    if (!self->arguments->json_file)
        return true;
    array = cJSON_CreateArray();
    for (size_t i = 0; array && i < self->count; i++) {
        if (!add_json(self, i, array)) {
            cJSON_Delete(array);
            array = NULL;
        }
    }
    return write_json(self->arguments->json_file, array) == EXIT_FINE;
}

/* ---- from beginning to end ---- */

/* False: a sentence was printed, and it ended early. */
static bool fuzz_all(struct fuzzing *self)
{
    bool fine = true;
    while (fine && !interrupted && seconds_now() < self->deadline) {
        struct found *found;
        while (workers_busy(&self->workers) < self->workers.count && give_one(self))
            continue;
        found = workers_wait(&self->workers, 200);
        if (found)
            fine = take_back(self, found);
        say_how_far(self);
    }
    hide_line(self);
    return fine;
}

static bool any_failed(const struct fuzzing *self)
{
    for (size_t i = 0; i < self->count; i++)
        for (size_t k = 0; k < self->all[i].corpus.bug_count; k++)
            if (self->all[i].corpus.bugs[k].times)
                return true;
    return false;
}

static bool open_all(struct fuzzing *self, const char *folder)
{
    self->count = selection_count(self->arguments);
    self->all = calloc(self->count ? self->count : 1, sizeof *self->all);
    if (!self->all || !self->count) {
        complain(self->all ? "this program has no scenarios" : "out of memory");
        return false;
    }
    self->seen = mmap(NULL, self->count * QP_COVERAGE_EDGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->seen == MAP_FAILED) {
        self->seen = NULL;
        complain("out of memory");
        return false;
    }
    for (size_t i = 0; i < self->count; i++) {
        selection_at(self->arguments, i, &self->all[i].run, self->all[i].params);
        if (!corpus_open(&self->all[i].corpus, folder, self->all[i].run.scenario->name))
            return false;
    }
    return true;
}

static void release(struct fuzzing *self)
{
    for (size_t i = 0; i < self->count; i++)
        corpus_close(&self->all[i].corpus);
    if (self->seen)
        munmap(self->seen, self->count * QP_COVERAGE_EDGES);
    free(self->all);
}

static bool begin(struct fuzzing *self)
{
    const struct arguments *arguments = self->arguments;
    self->workers.arguments = arguments;
    self->workers.seen = self->seen;
    self->workers.names_traces = true;
    self->workers.folder = arguments->out ? arguments->out : explore_folder;
    qp_random_strategy_init(&self->random);
    self->random.strategy.ops->begin(&self->random.strategy,
                                     arguments->first_seed + self->shard.index * 0x9e3779b97f4a7c15u);
    if (!workers_begin(&self->workers, explore_jobs(arguments)))
        return false;
    signal(SIGINT, interrupt);
    signal(SIGTERM, interrupt);
    self->began = self->last_line = seconds_now();
    self->deadline = self->began + (double)(arguments->seconds ? arguments->seconds : USUAL_SECONDS);
    return true;
}

/* What makes sense for explore may not for fuzz. */
static bool options_make_sense(const struct arguments *arguments, struct qp_explore_options *options)
{
    if (!explore_options(arguments, options))
        return false;
    if (strcmp(options->strategy, "exhaustive") == 0 || options->cancel == QP_CANCEL_EACH ||
        options->cancel == QP_CANCEL_PAIRS) {
        complain("fuzz draws at random: %s is for explore",
                 options->cancel == QP_CANCEL_NONE || options->cancel == QP_CANCEL_RANDOM ? "an exhaustive search"
                                                                                          : arguments->cancel_text);
        return false;
    }
    return true;
}

static int fuzz(struct arguments *arguments)
{
    struct fuzzing self = {.arguments = arguments, .terminal = isatty(STDERR_FILENO)};
    int status = EXIT_BAD_INPUT;
    if (!selection_makes_sense(arguments, "fuzz") || !options_make_sense(arguments, &self.workers.options) ||
        !shard_find(arguments, &self.shard) || !can_write(arguments->json_file))
        return EXIT_BAD_INPUT;
    if (open_all(&self, arguments->corpus ? arguments->corpus : USUAL_CORPUS) && begin(&self)) {
        bool fine = fuzz_all(&self);
        workers_end(&self.workers);
        say_all(&self);
        if (report(&self) && fine)
            status = any_failed(&self) ? EXIT_FAILED : EXIT_FINE;
    }
    release(&self);
    return status;
}

const struct command fuzz_command = {
    "fuzz",
    "NAME...|--all [--time SECONDS] [--corpus DIR] [--strategy S] [--seed N] [--cancel MODE] [--faults LIST] "
    "[--param NAME=VALUE] [--jobs N] [--shard I/N] [--ambient MODE] [--out DIR] [--view] [--json FILE] [--no-check] "
    "[--quiet]",
    " --all --time --corpus --strategy:random|pct|pos|surw|portfolio --depth --seed --cancel:none|random "
    "--faults:spurious|yield|clock|late|delay|panic|alloc|spurious,yield --param --jobs --shard "
    "--ambient:catch|virtual|allow --out --view --json= "
    "--no-check "
    "--quiet ",
    "Changes lists of choices at random, executes them, and goes on from those whose executions had a shape that was "
    "not\n"
    "seen before: which step at which await point follows which, and what happens in it. Runs until its time is up. "
    "Each\n"
    "bug is told once, by its minimised story, also when it is run again with the same corpus.\n\n"
    "  --all             every scenario of this program\n"
    "  --time SECONDS    how long; 60\n"
    "  --corpus DIR      where lists and bugs are kept, a folder for each scenario; quipu-corpus. They are tried "
    "first\n"
    "  --strategy S      what goes on behind the end of a list: random, pct, pos, surw, portfolio\n"
    "  --depth N         of pct: how many orderings a bug may need, to 16; 3\n"
    "  --seed N          what the changes are drawn from; 0\n"
    "  --cancel MODE     none, or random: waits are cancelled too\n"
    "  --faults LIST     what is injected, as in explore\n"
    "  --param NAME=VALUE  sets an integer parameter that the scenario declares; may be repeated\n"
    "  --jobs N          processes; one for each processor. One that crashes or hangs is a finding, and replaced\n"
    "  --shard I/N       draws other changes than the other shards; read otherwise from what CI systems set, as in "
    "explore\n"
    "  --ambient MODE    what a program gets that asks for the real clock, real sleep or entropy: catch, the run ends "
    "with\n"
    "                    what to use instead; virtual, it is served from the simulation; allow, it is real\n"
    "  --out DIR         where the trace of a bug goes, as DIR/NAME-STORY.jsonl; quipu-out\n"
    "  --view            writes a page of it too, beside the trace: see view\n"
    "  --json FILE       what was found, for machines\n"
    "  --no-check        does not hold what happens against the contracts of the surface; runs faster\n"
    "  --quiet           prints only bugs, and the sums\n"
    "Ctrl-C ends it with the report so far. Exit status 0: nothing failed; 1: something did, known or new; 2: usage.\n",
    fuzz};
