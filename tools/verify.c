/*
 * `quipu verify`: whether a scenario is deterministic: each seed is run in two fresh processes, with another
 * environment and another layout of addresses, and the two traces must be the same to the byte.
 */
#include "tools/ambient.h"
#include "tools/command.h"
#include "tools/diff.h"
#include "tools/selection.h"
#include "traces/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USUAL_SEEDS = 5, PADDING = 9973, PATH = 64 };

struct verification {
    struct arguments *arguments;
    char folder[PATH], paths[2][PATH + 32];
    char padding[PADDING];
    size_t scenarios, runs, different;
};

/* In the second process there is more in the environment, so that the stack lies elsewhere, and more on the heap. */
static void change_layout(struct verification *self)
{
    memset(self->padding, 'x', sizeof self->padding - 1);
    setenv("QUIPU_VERIFY_PADDING", self->padding, 1);
    setenv("TZ", "Pacific/Kiritimati", 1);
    setenv("LC_ALL", "C", 1);
}

static int run_in_child(struct verification *self, const struct qp_scenario_run *run, uint64_t seed, int which)
{
    char number[32], params[MOST_PARAMS][96];
    const char *line[14 + 2 * MOST_PARAMS] = {
        self->arguments->program, "run",     run->scenario->name, "--seed",    number,        "--trace",
        self->paths[which],       "--quiet", "--no-check",        "--ambient", ambient_name()};
    size_t count = 11;
    int nowhere;
    snprintf(number, sizeof number, "%" PRIu64, seed);
    for (size_t i = 0; i < run->param_count; i++) {
        snprintf(params[i], sizeof params[i], "%.64s=%" PRId64, run->params[i].name, run->params[i].value);
        line[count++] = "--param";
        line[count++] = params[i];
    }
    if (which)
        change_layout(self);
    nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0)
        dup2(nowhere, STDOUT_FILENO);
    execv("/proc/self/exe", (char *const *)(uintptr_t)line);
    execvp(line[0], (char *const *)(uintptr_t)line);
    _exit(127);
}

/* False: a sentence was printed. */
static bool run_one(struct verification *self, const struct qp_scenario_run *run, uint64_t seed, int which)
{
    int status = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0)
        run_in_child(self, run, seed, which);
    if (child < 0 || waitpid(child, &status, 0) < 0) {
        complain("cannot start a process: %s", strerror(errno));
        return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) <= EXIT_FAILED)
        return true;
    complain("%s with seed %" PRIu64 " did not come to its end", run->scenario->name, seed);
    return false;
}

static bool compare(struct verification *self, const struct qp_scenario_run *run, uint64_t seed)
{
    const char *names[] = {"the first process", "the second process"};
    struct qp_trace a = {0}, b = {0};
    char error[512];
    bool loaded = qp_trace_load(&a, self->paths[0], error, sizeof error) &&
                  qp_trace_load(&b, self->paths[1], error, sizeof error);
    if (!loaded) {
        complain("%s", error);
    } else if (a.digest != b.digest || a.count != b.count) {
        printf("%s with seed %" PRIu64 " is not the same twice:\n", run->scenario->name, seed);
        compare_traces(names, &a, &b);
        self->different++;
    }
    qp_trace_free(&a);
    qp_trace_free(&b);
    return loaded;
}

static bool verify_scenario(struct verification *self, const struct qp_scenario_run *run)
{
    const struct arguments *arguments = self->arguments;
    uint64_t seed = arguments->first_seed, last = arguments->has_seeds ? arguments->last_seed : USUAL_SEEDS - 1;
    size_t before = self->different;
    for (;; seed++) {
        if (!run_one(self, run, seed, 0) || !run_one(self, run, seed, 1) || !compare(self, run, seed))
            return false;
        self->runs++;
        if (seed == last || self->different > before)
            break;
    }
    self->scenarios++;
    if (!arguments->quiet && self->different == before)
        printf("%-38s the same twice, seeds %" PRIu64 "..%" PRIu64 "\n", run->scenario->name, arguments->first_seed,
               last);
    return true;
}

static int verify_all(struct verification *self)
{
    struct qp_param_value params[MOST_PARAMS];
    struct qp_scenario_run run;
    size_t i;
    for (i = 0; selection_at(self->arguments, i, &run, params); i++)
        if (!verify_scenario(self, &run))
            return EXIT_BAD_INPUT;
    printf("%zu scenarios, %zu seeds run twice, %zu scenarios that differ\n", self->scenarios, self->runs,
           self->different);
    return self->different ? EXIT_FAILED : EXIT_FINE;
}

static int verify(struct arguments *arguments)
{
    struct verification *self;
    int status;
    if (!selection_makes_sense(arguments, "verify"))
        return EXIT_BAD_INPUT;
    self = calloc(1, sizeof *self);
    if (!self)
        return complain("out of memory");
    self->arguments = arguments;
    snprintf(self->folder, sizeof self->folder, "/tmp/quipu-verify-XXXXXX");
    if (!mkdtemp(self->folder)) {
        free(self);
        return complain("cannot make a folder in /tmp: %s", strerror(errno));
    }
    for (int i = 0; i < 2; i++)
        snprintf(self->paths[i], sizeof self->paths[i], "%s/%d.jsonl", self->folder, i);
    status = verify_all(self);
    for (int i = 0; i < 2; i++)
        unlink(self->paths[i]);
    rmdir(self->folder);
    free(self);
    return status;
}

const struct command verify_command = {
    "verify", "NAME...|--all [--seed N|--seeds A..B] [--param NAME=VALUE] [--ambient MODE] [--quiet]",
    " --all --seed --seeds --param --ambient:catch|virtual|allow --quiet ",
    "Runs each seed in two fresh processes, with another environment and another layout of addresses, and holds the "
    "two\n"
    "traces against one another. A program that looks at an address, the real clock or real entropy is found by the "
    "first\n"
    "event that differs.\n\n"
    "  --all             every scenario of this program\n"
    "  --seed N          one seed\n"
    "  --seeds A..B      each seed from A to B; 0..4 where none are given\n"
    "  --param NAME=VALUE  sets an integer parameter that the scenario declares; may be repeated\n"
    "  --ambient MODE    what a program gets that asks for the real clock, real sleep or entropy: catch, the run ends "
    "with\n"
    "                    what to use instead; virtual, it is served from the simulation; allow, it is real\n"
    "  --quiet           prints only what differs, and the sums\n"
    "Exit status 0: the same; 1: they differ; 2: usage, or a run that did not come to its end.\n",
    verify};
