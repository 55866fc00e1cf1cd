/*
 * Workers: see workers.h. Each has two pipes, for blocks and for what was found, and four numbers in shared memory: how
 * many executions it began, and which one it is in. A worker whose parent is gone reads the end of its pipe, and ends.
 */
#include "tools/workers.h"
#include "tools/failure.h"
#include "tools/selection.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NUMBERS = 4, HANG_SECONDS = 20, MOST_SHRINKING = 20000, PATH_SIZE = 1024 };

static const size_t SHARED_SIZE = (size_t)WORKERS_MOST * NUMBERS * sizeof(uint64_t);

/* ---- pipes ---- */

static bool write_all(int file, const void *data, size_t size)
{
    const char *at = data;
    while (size > 0) {
        ssize_t written = write(file, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

static bool read_all(int file, void *data, size_t size)
{
    char *at = data;
    while (size > 0) {
        ssize_t got = read(file, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* ---- in the worker ---- */

struct job {
    const struct arguments *arguments;
    const struct qp_explore_options *options;
    volatile uint64_t *progress;
    struct qp_explorer explorer;
    struct qp_scenario_run run;
    struct qp_param_value params[MOST_PARAMS];
    size_t scenario; /* that the explorer is for, + 1; 0: none */
};

/* The execution failed: tells of it, in the smallest form. */
static void tell_of(struct job *job, struct found *found)
{
    struct qp_explorer *explorer = &job->explorer;
    size_t count = explorer->result.choice_count, size = 0;
    uint32_t *choices = malloc((count + 1) * sizeof *choices);
    char path[PATH_SIZE];
    struct failure failure = {.program = job->arguments->program,
                              .run = &job->run,
                              .sim = &explorer->sim,
                              .checker = explorer->checker,
                              .faults = explorer->faults,
                              .seed = job->options->seed,
                              .choices = choices,
                              .choice_count = count,
                              .most = MOST_SHRINKING,
                              .key = qp_failure_key(&explorer->result, explorer->checker)};
    FILE *memory = open_memstream(&found->text, &size);
    if (choices && memory) {
        memcpy(choices, explorer->result.choices, count * sizeof *choices);
        snprintf(path, sizeof path, "%s/%s.jsonl", job->arguments->out ? job->arguments->out : "",
                 job->run.scenario->name);
        failure.trace = job->arguments->out ? path : NULL;
        tell_failure(memory, &failure);
    }
    if (memory)
        fclose(memory);
    free(choices);
    found->text_length = (uint32_t)size;
    found->lines = failure.lines;
    found->first_lines = failure.first_lines;
}

static bool prepare(struct job *job, size_t scenario)
{
    if (job->scenario == scenario + 1)
        return true;
    if (job->scenario)
        qp_explorer_end(&job->explorer);
    job->scenario = 0;
    if (!selection_at(job->arguments, scenario, &job->run, job->params) ||
        !qp_explorer_init(&job->explorer, &job->run, job->options))
        return false;
    job->explorer.progress = job->progress;
    job->scenario = scenario + 1;
    return true;
}

static void explore_cases(struct job *job, struct found *found)
{
    const struct block *block = &found->block;
    uint64_t number;
    qp_explorer_begin_block(&job->explorer);
    for (number = block->first; number < block->first + block->count && !found->failed; number++)
        found->failed = !qp_explorer_case(&job->explorer, number, &found->tally);
    found->which = job->explorer.failed;
    if (found->failed)
        tell_of(job, found);
}

static void explore_all(struct job *job, struct found *found)
{
    found->complete = qp_explorer_every(&job->explorer, found->block.count, &found->tally, &found->failed);
    if (found->failed)
        tell_of(job, found);
}

static void work(struct job *job, int from, int to)
{
    struct found *found = calloc(1, sizeof *found);
    struct block block;
    while (found && read_all(from, &block, sizeof block)) {
        memset(found, 0, sizeof *found);
        found->block = block;
        if (!prepare(job, block.scenario))
            break;
        if (block.exhaustive)
            explore_all(job, found);
        else
            explore_cases(job, found);
        if (!write_all(to, found, sizeof *found) || !write_all(to, found->text, found->text_length))
            break;
        free(found->text);
    }
    _exit(0);
}

/* ---- in the parent ---- */

static bool start(struct workers *self, size_t index)
{
    struct worker *worker = &self->all[index];
    int down[2], up[2];
    memset(worker, 0, sizeof *worker);
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
        struct job *job = calloc(1, sizeof *job);
        for (size_t i = 0; i < self->count; i++) {
            if (i != index && self->all[i].pid > 0) {
                close(self->all[i].to);
                close(self->all[i].from);
            }
        }
        close(down[1]);
        close(up[0]);
        signal(SIGINT, SIG_IGN);
        if (!job)
            _exit(1);
        job->arguments = self->arguments;
        job->options = &self->options;
        job->progress = self->progress + index * NUMBERS;
        work(job, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    worker->to = down[1];
    worker->from = up[0];
    return worker->pid > 0;
}

static void stop(struct worker *worker)
{
    if (worker->pid <= 0)
        return;
    close(worker->to);
    close(worker->from);
    kill(worker->pid, SIGKILL);
    waitpid(worker->pid, NULL, 0);
    worker->pid = 0;
}

bool workers_begin(struct workers *self, const struct arguments *arguments, const struct qp_explore_options *options,
                   size_t count)
{
    memset(self, 0, sizeof *self);
    self->arguments = arguments;
    self->options = *options;
    self->count = count;
    signal(SIGPIPE, SIG_IGN);
    self->progress = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (self->progress == MAP_FAILED) {
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

void workers_end(struct workers *self)
{
    for (size_t i = 0; i < self->count; i++)
        stop(&self->all[i]);
    munmap((void *)(uintptr_t)self->progress, SHARED_SIZE);
}

bool workers_give(struct workers *self, const struct block *block)
{
    for (size_t i = 0; i < self->count; i++) {
        struct worker *worker = &self->all[i];
        if (worker->busy || worker->pid <= 0)
            continue;
        worker->busy = true;
        worker->block = *block;
        worker->since = seconds_now();
        worker->last_seen = self->progress[i * NUMBERS + 3];
        if (write_all(worker->to, block, sizeof *block))
            return true;
        worker->busy = false;
    }
    return false;
}

size_t workers_busy(const struct workers *self)
{
    size_t busy = 0;
    for (size_t i = 0; i < self->count; i++)
        busy += self->all[i].busy;
    return busy;
}

/* It is gone, or was ended because it hung: what it was in is what it found. */
static void bury(struct workers *self, size_t index, bool hung, struct found *found)
{
    struct worker *worker = &self->all[index];
    const volatile uint64_t *progress = self->progress + index * NUMBERS;
    int status = 0;
    memset(found, 0, sizeof *found);
    found->block = worker->block;
    found->failed = true;
    found->which = (struct qp_explore_which){progress[0], progress[1], progress[2]};
    found->tally.executions = 1;
    if (hung)
        kill(worker->pid, SIGKILL);
    waitpid(worker->pid, &status, 0);
    found->crashed = hung ? -1 : WIFSIGNALED(status) ? WTERMSIG(status) : SIGABRT;
    close(worker->to);
    close(worker->from);
    start(self, index);
}

static bool receive(struct workers *self, size_t index, struct found *found)
{
    struct worker *worker = &self->all[index];
    if (!read_all(worker->from, found, sizeof *found)) {
        bury(self, index, false, found);
        return true;
    }
    worker->busy = false;
    found->text = found->text_length ? malloc(found->text_length + 1) : NULL;
    if (found->text) {
        read_all(worker->from, found->text, found->text_length);
        found->text[found->text_length] = '\0';
    }
    return true;
}

static bool hangs(struct workers *self, size_t index)
{
    struct worker *worker = &self->all[index];
    uint64_t seen = self->progress[index * NUMBERS + 3];
    if (!worker->busy)
        return false;
    if (seen != worker->last_seen) {
        worker->last_seen = seen;
        worker->since = seconds_now();
    }
    return seconds_now() - worker->since > HANG_SECONDS;
}

bool workers_wait(struct workers *self, int milliseconds, struct found *found)
{
    struct pollfd files[WORKERS_MOST];
    for (size_t i = 0; i < self->count; i++)
        files[i] = (struct pollfd){.fd = self->all[i].busy ? self->all[i].from : -1, .events = POLLIN};
    if (poll(files, self->count, milliseconds) > 0)
        for (size_t i = 0; i < self->count; i++)
            if (files[i].revents)
                return receive(self, i, found);
    for (size_t i = 0; i < self->count; i++) {
        if (hangs(self, i)) {
            bury(self, i, true, found);
            return true;
        }
    }
    return false;
}
