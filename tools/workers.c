/*
 * Workers: see workers.h. Each has two pipes, for blocks and for what was found, and a window: its explorer, whose
 * choices and progress can be read when the process is gone. A worker whose parent is gone reads the end of its pipe,
 * and ends.
 */
#include "tools/workers.h"
#include "tools/failure.h"
#include "tools/pipes.h"
#include "tools/selection.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBERS = 4, HANG_SECONDS = 10, MOST_SHRINKING = 20000, MOST_ISOLATED = 400, MOST_HUNG = 25 };
enum { PATH_SIZE = 1024, WINDOW_CHOICES = 1 << 18, MOST_LIST_WORDS = 1 << 20 };

struct worker_window {
    struct qp_explorer explorer;
    volatile uint64_t progress[NUMBERS]; /* the case, its cancellations, and how many executions there were */
    uint32_t choices[WINDOW_CHOICES];
};

void found_free(struct found *found)
{
    if (!found)
        return;
    free(found->text);
    free(found->lists);
    free(found);
}

/* ---- in the worker ---- */

struct job {
    const struct workers *workers;
    struct worker_window *window;
    struct qp_explorer *explorer; /* in the window */
    struct qp_fuzzer fuzzer;
    struct qp_scenario_run run;
    struct qp_param_value params[MOST_PARAMS];
    size_t scenario; /* that the explorer is for, + 1; 0: none */
    uint32_t *inputs[2];
    struct found *found; /* while a block is worked on */
};

static uint64_t most_shrinking(int ending)
{
    return !ending ? MOST_SHRINKING : ending == ISOLATED_HUNG ? MOST_HUNG : MOST_ISOLATED;
}

/* Several processes may find something of one scenario at once; only the first case of them is told. */
static void draft_of(char draft[PATH_SIZE], const struct job *job)
{
    const struct block *block = &job->found->block;
    snprintf(draft, PATH_SIZE, "%s/%s-%ld-%d-%" PRIu64 ".jsonl", job->workers->drafts, job->run.scenario->name,
             (long)getpid(), (int)block->kind, block->first);
}

/* Makes small what fails by these choices, and tells of it. */
static void tell_of(struct job *job, const uint32_t *choices, size_t count, struct isolated *isolated)
{
    struct qp_explorer *explorer = job->explorer;
    struct found *found = job->found;
    char path[PATH_SIZE] = "", draft[PATH_SIZE];
    size_t size = 0;
    uint64_t usual = most_shrinking(found->crashed);
    uint64_t given = job->workers->arguments->most ? job->workers->arguments->most : usual;
    struct failure failure = {.program = job->workers->arguments->program,
                              .run = &job->run,
                              .sim = &explorer->sim,
                              .checker = isolated ? NULL : explorer->checker,
                              .isolated = isolated,
                              .faults = explorer->faults,
                              .seed = job->workers->options.seed,
                              .choices = choices,
                              .choice_count = count,
                              .most = usual < given ? usual : given,
                              .progress = &job->window->progress[3],
                              .view = job->workers->arguments->view,
                              .key = found->key};
    FILE *memory = open_memstream(&found->text, &size);
    if (!memory)
        return;
    if (!make_folder(job->workers->folder)) {
        failure.trace = NULL; /* it goes nowhere */
    } else if (job->workers->names_traces) {
        failure.folder = job->workers->folder;
    } else if (make_folder(job->workers->drafts)) {
        snprintf(path, sizeof path, "%s/%s.jsonl", job->workers->folder, job->run.scenario->name);
        draft_of(draft, job);
        failure.trace = path;
        failure.draft = draft;
    }
    tell_failure(memory, &failure);
    fclose(memory);
    found->text_length = (uint32_t)size;
    found->lines = failure.lines;
    found->first_lines = failure.first_lines;
    if (failure.path[0])
        snprintf(found->trace, sizeof found->trace, "%s", failure.draft ? failure.draft : failure.path);
}

/* The execution that the explorer made last failed. */
static void tell_of_last(struct job *job)
{
    const struct qp_sim_result *result = &job->explorer->result;
    uint32_t *choices = malloc((result->choice_count + 1) * sizeof *choices);
    if (choices) {
        memcpy(choices, result->choices, result->choice_count * sizeof *choices);
        job->found->key = qp_failure_key(result, job->explorer->checker);
        tell_of(job, choices, result->choice_count, NULL);
    }
    free(choices);
}

/* It ended its process: it is executed in others, until it is small. */
static void tell_of_crash(struct job *job)
{
    struct isolated isolated = {0};
    struct qp_sim_result *result = calloc(1, sizeof *result);
    if (result && isolated_begin(&isolated)) {
        result->outcome = QP_FAILED;
        snprintf(result->report, sizeof result->report, "%s", ending_name(job->found->crashed));
        job->found->key = qp_failure_key(result, NULL);
        tell_of(job, job->inputs[0], job->found->block.input_counts[0], &isolated);
    }
    isolated_end(&isolated);
    free(result);
}

static void keep_list(void *context, const uint32_t *choices, size_t count, uint32_t fresh)
{
    struct job *job = context;
    struct found *found = job->found;
    uint32_t *lists;
    if (count > QP_FUZZ_CHOICES_MOST)
        count = QP_FUZZ_CHOICES_MOST;
    if (found->list_words + count + 2 > MOST_LIST_WORDS)
        return;
    lists = realloc(found->lists, (found->list_words + count + 2) * sizeof *lists);
    if (!lists)
        return;
    lists[found->list_words] = fresh;
    lists[found->list_words + 1] = (uint32_t)count;
    memcpy(lists + found->list_words + 2, choices, count * sizeof *lists);
    found->lists = lists;
    found->list_words += (uint32_t)count + 2;
}

static void forget(struct job *job)
{
    if (!job->scenario)
        return;
    qp_fuzzer_end(&job->fuzzer);
    qp_explorer_end(job->explorer);
    job->scenario = 0;
}

static bool prepare(struct job *job, size_t scenario)
{
    const struct workers *workers = job->workers;
    if (job->scenario == scenario + 1)
        return true;
    forget(job);
    if (!selection_at(workers->arguments, scenario, &job->run, job->params) ||
        !qp_explorer_init(job->explorer, &job->run, &workers->options))
        return false;
    qp_sim_lend(&job->explorer->sim, job->window->choices, WINDOW_CHOICES);
    job->explorer->progress = job->window->progress;
    job->scenario = scenario + 1;
    if (!workers->seen)
        return true;
    if (!qp_fuzzer_init(&job->fuzzer, job->explorer, workers->seen + scenario * QP_COVERAGE_EDGES))
        return false;
    job->fuzzer.keep = keep_list;
    job->fuzzer.context = job;
    return true;
}

static void explore_cases(struct job *job)
{
    struct found *found = job->found;
    uint64_t number, end = found->block.first + found->block.count;
    qp_explorer_begin_block(job->explorer);
    for (number = found->block.first; number < end && !found->failed; number++)
        found->failed = !qp_explorer_case(job->explorer, number, &found->tally);
    found->which = job->explorer->failed;
    if (found->failed)
        tell_of_last(job);
}

static void explore_all(struct job *job)
{
    struct found *found = job->found;
    found->complete = qp_explorer_every(job->explorer, found->block.count, &found->tally, &found->failed);
    if (found->failed)
        tell_of_last(job);
}

static void fuzz(struct job *job)
{
    struct found *found = job->found;
    struct qp_fuzz_input inputs[2];
    for (int i = 0; i < 2; i++)
        inputs[i] = (struct qp_fuzz_input){job->inputs[i], found->block.input_counts[i]};
    found->failed = !qp_fuzzer_job(&job->fuzzer, found->block.first, inputs, found->block.count, &found->tally);
    if (found->failed)
        tell_of_last(job);
}

static bool fails_again(struct job *job)
{
    struct qp_explorer *explorer = job->explorer;
    struct qp_replay_strategy replay;
    struct qp_sim_config config = {.strategy = &replay.strategy, .faults = explorer->faults};
    struct qp_watch watch = {.checker = explorer->checker};
    qp_replay_strategy_init(&replay, job->inputs[0], job->found->block.input_counts[0]);
    job->found->tally.executions++;
    return !qp_execute_watched(&explorer->sim, &job->run, &config, &watch, &explorer->result);
}

static void again(struct job *job)
{
    struct found *found = job->found;
    found->crashed = found->block.crashed;
    if (found->crashed) {
        found->failed = true;
        tell_of_crash(job);
    } else if ((found->failed = fails_again(job)) != false) {
        tell_of_last(job);
    }
}

static void work_on(struct job *job)
{
    switch (job->found->block.kind) {
    case BLOCK_CASES:
        explore_cases(job);
        break;
    case BLOCK_EXHAUSTIVE:
        explore_all(job);
        break;
    case BLOCK_FUZZ:
        fuzz(job);
        break;
    case BLOCK_AGAIN:
        again(job);
        break;
    }
}

static bool take_inputs(struct job *job, int from)
{
    for (int i = 0; i < 2; i++) {
        size_t size = job->found->block.input_counts[i] * sizeof(uint32_t);
        free(job->inputs[i]);
        job->inputs[i] = malloc(size + 1);
        if (!job->inputs[i] || !read_all(from, job->inputs[i], size))
            return false;
    }
    return true;
}

QP_NORETURN static void work(struct job *job, int from, int to)
{
    struct found *found = job->found = calloc(1, sizeof *found);
    struct block block;
    while (found && read_all(from, &block, sizeof block)) {
        memset(found, 0, sizeof *found);
        found->block = block;
        if (!take_inputs(job, from) || !prepare(job, block.scenario))
            break;
        work_on(job);
        if (!write_all(to, found, sizeof *found) || !write_all(to, found->text, found->text_length) ||
            !write_all(to, found->lists, found->list_words * sizeof(uint32_t)))
            break;
        free(found->text);
        free(found->lists);
    }
    _exit(0);
}

/* ---- in the parent ---- */

QP_NORETURN static void begin_work(struct workers *self, size_t index, int from, int to)
{
    struct job *job = calloc(1, sizeof *job);
    struct rlimit none = {0, 0};
    for (size_t i = 0; i < self->count; i++) {
        if (i != index && self->all[i].pid > 0) {
            close(self->all[i].to);
            close(self->all[i].from);
        }
    }
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    setrlimit(RLIMIT_CORE, &none);
    if (!job)
        _exit(1);
    job->workers = self;
    job->window = &self->windows[index];
    job->explorer = &job->window->explorer;
    work(job, from, to);
}

static bool start(struct workers *self, size_t index)
{
    struct worker *worker = &self->all[index];
    int down[2], up[2];
    worker->busy = false;
    worker->pid = 0;
    if (pipe(down) != 0)
        return false;
    if (pipe(up) != 0) {
        close(down[0]);
        close(down[1]);
        return false;
    }
    fflush(stdout);
    worker->pid = fork();
    if (worker->pid == 0) {
        close(down[1]);
        close(up[0]);
        begin_work(self, index, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    worker->to = down[1];
    worker->from = up[0];
    return worker->pid > 0;
}

static void stop(struct worker *worker)
{
    found_free(worker->buried);
    worker->buried = NULL;
    if (worker->pid <= 0)
        return;
    close(worker->to);
    close(worker->from);
    kill(worker->pid, SIGKILL);
    waitpid(worker->pid, NULL, 0);
    worker->pid = 0;
}

bool workers_begin(struct workers *self, size_t count)
{
    self->count = count;
    snprintf(self->drafts, sizeof self->drafts, "%s/.drafts-%ld", self->folder, (long)getpid());
    signal(SIGPIPE, SIG_IGN);
    self->windows =
        mmap(NULL, count * sizeof *self->windows, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->windows == MAP_FAILED) {
        complain("out of memory");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!start(self, i)) {
            complain("cannot start a process: %s", strerror(errno));
            workers_end(self);
            return false;
        }
    }
    return true;
}

static void remove_drafts(const struct workers *self)
{
    DIR *folder = opendir(self->drafts);
    const struct dirent *entry;
    char path[PATH_SIZE + sizeof entry->d_name];
    while (folder && (entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof path, "%s/%s", self->drafts, entry->d_name);
        if (entry->d_name[0] != '.')
            unlink(path);
    }
    if (folder)
        closedir(folder);
    rmdir(self->drafts);
}

void workers_keep(const struct workers *self, const struct found *found, const char *scenario)
{
    char trace[PATH_SIZE], page[FAILURE_PATH], draft_page[FAILURE_PATH];
    if (!found->trace[0])
        return;
    snprintf(trace, sizeof trace, "%s/%s.jsonl", self->folder, scenario);
    failure_page(page, sizeof page, trace);
    failure_page(draft_page, sizeof draft_page, found->trace);
    if (rename(found->trace, trace) != 0)
        complain("cannot write %s: %s", trace, strerror(errno));
    if (self->arguments->view && rename(draft_page, page) != 0 && errno != ENOENT) /* where it could not be made */
        complain("cannot write %s: %s", page, strerror(errno));
}

void workers_end(struct workers *self)
{
    for (size_t i = 0; i < self->count; i++)
        stop(&self->all[i]);
    remove_drafts(self);
    munmap(self->windows, self->count * sizeof *self->windows);
}

/* A number that grows while it works: executions, and within one the choices and events. */
static uint64_t how_far(const struct worker_window *window)
{
    const struct qp_explorer *explorer = &window->explorer;
    return window->progress[3] + *(const volatile uint64_t *)&explorer->heard +
           *(const volatile size_t *)&explorer->sim.count;
}

static bool give(struct workers *self, size_t index, const struct block *block, const struct qp_fuzz_input inputs[2])
{
    struct worker *worker = &self->all[index];
    worker->busy = true;
    worker->block = *block;
    worker->since = seconds_now();
    worker->last_seen = how_far(&self->windows[index]);
    if (!write_all(worker->to, block, sizeof *block))
        return worker->busy = false;
    for (int i = 0; inputs && i < 2; i++)
        if (!write_all(worker->to, inputs[i].choices, inputs[i].count * sizeof(uint32_t)))
            return worker->busy = false;
    return true;
}

bool workers_give(struct workers *self, const struct block *block, const struct qp_fuzz_input inputs[2])
{
    for (size_t i = 0; i < self->count; i++)
        if (!self->all[i].busy && self->all[i].pid > 0 && give(self, i, block, inputs))
            return true;
    return false;
}

size_t workers_busy(const struct workers *self)
{
    size_t busy = 0;
    for (size_t i = 0; i < self->count; i++)
        busy += self->all[i].busy;
    return busy;
}

static int end_of(int pid, bool hung)
{
    int status = 0;
    if (hung)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (hung)
        return ISOLATED_HUNG;
    return WIFSIGNALED(status) ? WTERMSIG(status) : ISOLATED_EXIT + WEXITSTATUS(status);
}

/* It is gone, or was ended because it hung: what it was in is what it found. */
static struct found *what_ended(const struct workers *self, size_t index, int ending)
{
    const struct worker_window *window = &self->windows[index];
    struct found *found = calloc(1, sizeof *found);
    if (!found)
        return NULL;
    found->block = self->all[index].block;
    found->failed = true;
    found->crashed = ending;
    found->which = (struct qp_explore_which){window->progress[0], window->progress[1], window->progress[2]};
    found->tally.executions = 1;
    if (found->block.kind == BLOCK_CASES && found->which.number >= found->block.first)
        found->tally.executions += found->which.number - found->block.first;
    return found;
}

/* Its successor makes small what it was in. False: it cannot; what is known is all there will be. */
static bool look_again(struct workers *self, size_t index, const struct found *found)
{
    const struct worker_window *window = &self->windows[index];
    struct block block = {.kind = BLOCK_AGAIN, .scenario = found->block.scenario, .crashed = found->crashed};
    struct qp_fuzz_input inputs[2] = {{0}};
    uint32_t *choices;
    bool given;
    size_t count = window->explorer.sim.count;
    if (count > WINDOW_CHOICES)
        return false;
    choices = malloc((count + 1) * sizeof *choices);
    if (!choices)
        return false;
    memcpy(choices, window->choices, count * sizeof *choices);
    inputs[0] = (struct qp_fuzz_input){choices, count};
    block.input_counts[0] = (uint32_t)count;
    given = give(self, index, &block, inputs);
    free(choices);
    return given;
}

static struct found *bury(struct workers *self, size_t index, bool hung)
{
    struct worker *worker = &self->all[index];
    struct found *found = worker->buried;
    int ending = end_of(worker->pid, hung);
    worker->buried = NULL;
    close(worker->to);
    close(worker->from);
    if (found) {
        start(self, index);
        return found;
    }
    found = what_ended(self, index, ending);
    if (!start(self, index) || !found || !look_again(self, index, found))
        return found;
    worker->buried = found;
    return NULL;
}

/* What a successor told of what ended the one before belongs to what that one found. */
static struct found *with_buried(struct worker *worker, struct found *found)
{
    struct found *buried = worker->buried;
    if (!buried)
        return found;
    worker->buried = NULL;
    buried->text = found->text;
    buried->text_length = found->text_length;
    buried->lines = found->lines;
    buried->first_lines = found->first_lines;
    buried->key = found->key;
    memcpy(buried->trace, found->trace, sizeof buried->trace);
    found->text = NULL;
    found_free(found);
    return buried;
}

static bool receive_all(int from, struct found *found)
{
    char *text = NULL;
    uint32_t *lists = NULL;
    if (!read_all(from, found, sizeof *found)) {
        found->text = NULL;
        found->lists = NULL;
        return false;
    }
    text = malloc(found->text_length + 1);
    lists = malloc((found->list_words + 1) * sizeof *lists);
    found->text = text;
    found->lists = lists;
    if (!text || !lists || !read_all(from, text, found->text_length) ||
        !read_all(from, lists, found->list_words * sizeof *lists))
        return false;
    text[found->text_length] = '\0';
    return true;
}

static struct found *receive(struct workers *self, size_t index)
{
    struct worker *worker = &self->all[index];
    struct found *found = calloc(1, sizeof *found);
    if (!found || !receive_all(worker->from, found)) {
        found_free(found);
        return bury(self, index, false);
    }
    worker->busy = false;
    return with_buried(worker, found);
}

static bool hangs(struct workers *self, size_t index)
{
    struct worker *worker = &self->all[index];
    uint64_t seen = how_far(&self->windows[index]);
    if (!worker->busy)
        return false;
    if (seen != worker->last_seen) {
        worker->last_seen = seen;
        worker->since = seconds_now();
    }
    return seconds_now() - worker->since > HANG_SECONDS;
}

struct found *workers_wait(struct workers *self, int milliseconds)
{
    struct pollfd files[WORKERS_MOST];
    for (size_t i = 0; i < self->count; i++)
        files[i] = (struct pollfd){.fd = self->all[i].busy ? self->all[i].from : -1, .events = POLLIN};
    if (poll(files, self->count, milliseconds) > 0)
        for (size_t i = 0; i < self->count; i++)
            if (files[i].revents)
                return receive(self, i);
    for (size_t i = 0; i < self->count; i++)
        if (hangs(self, i))
            return bury(self, i, true);
    return NULL;
}
