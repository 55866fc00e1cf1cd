/*
 * Isolated executions: see isolated.h.
 *
 * The window is memory that both processes see: the process's environment, so that its choices can be counted when it
 * is gone, the choices themselves, and how far it came. Its events come through a pipe, each with its text behind it;
 * what they point to is the same memory in both, for one was forked from the other.
 */
#include "tools/isolated.h"
#include "sim/watch.h"
#include "tools/pipes.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHOICES = 1 << 18, PLACES = QP_SHRINK_PLACES, CAME_TO_ITS_END = 77, NAME = 96 };

/* A process hangs when it has used so much of the processor without an event, or when so much time has passed. */
static const double CPU_SECONDS = 0.5, WALL_SECONDS = 10;

struct isolated_window {
    struct qp_sim sim;
    volatile uint64_t events, steps;
    int64_t time_ns;
    uint64_t seq;
    uint32_t counts[PLACES];
    uint32_t choices[CHOICES];
};

/* ---- how it ended ---- */

const char *ending_name(int ending)
{
    static char name[NAME];
    if (ending == ISOLATED_HUNG)
        return "hung: a step does not come to its end";
    if (ending >= ISOLATED_EXIT)
        snprintf(name, sizeof name, "crashed: the process left by exit(%d)", ending - ISOLATED_EXIT);
    else
        snprintf(name, sizeof name, "crashed: %s", strsignal(ending));
    return name;
}

bool ending_is_known(const char *report)
{
    return report && (strncmp(report, "crashed: ", 9) == 0 || strncmp(report, "hung: ", 6) == 0);
}

/* ---- in the process ---- */

struct listener {
    struct isolated_window *window;
    struct qp_strategy *strategy;
    int to; /* where events go; -1: nowhere */
};

/* What is executed, and how. */
struct order {
    const struct qp_scenario_run *run;
    struct qp_strategy *strategy;
    uint32_t faults;
    bool recorded;
};

static void put(int file, const void *data, size_t size)
{
    if (!write_all(file, data, size))
        _exit(CAME_TO_ITS_END);
}

static void hear(void *context, const struct qp_event *event)
{
    struct listener *self = context;
    uint32_t length = event->text ? (uint32_t)strlen(event->text) + 1 : 0;
    self->window->events++;
    self->window->steps += event->kind == QP_EVENT_TASK_POLLED;
    self->window->time_ns = event->time_ns;
    self->window->seq = event->seq;
    if (self->strategy->ops->event)
        self->strategy->ops->event(self->strategy, event);
    if (self->to < 0)
        return;
    put(self->to, event, sizeof *event);
    put(self->to, &length, sizeof length);
    put(self->to, event->text, length);
}

/* What it prints is not asked for, and a core of each attempt neither. */
static void be_silent(void)
{
    struct rlimit none = {0, 0};
    int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    setrlimit(RLIMIT_CORE, &none);
}

QP_NORETURN static void execute_here(struct isolated_window *window, const struct order *order, int to)
{
    struct listener listener = {window, order->strategy, to};
    struct qp_scenario_run copy = *order->run;
    struct qp_sim_config config = {.strategy = order->strategy, .faults = order->faults};
    struct qp_watch watch = {.also = hear, .also_context = &listener};
    struct qp_sim_result *result = malloc(sizeof *result);
    be_silent();
    qp_sim_init(&window->sim);
    qp_sim_lend(&window->sim, window->choices, CHOICES);
    if (result)
        qp_execute_watched(&window->sim, &copy, &config, &watch, result);
    _exit(CAME_TO_ITS_END);
}

/* ---- in the parent ---- */

bool isolated_begin(struct isolated *self)
{
    void *memory = mmap(NULL, sizeof *self->window, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    self->window = memory == MAP_FAILED ? NULL : memory;
    return self->window != NULL;
}

void isolated_end(struct isolated *self)
{
    if (self->window)
        munmap(self->window, sizeof *self->window);
    self->window = NULL;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now = {0};
    return clock_gettime(clock, &now) == 0 ? (double)now.tv_sec + (double)now.tv_nsec / 1e9 : 0;
}

struct child {
    pid_t pid;
    int from;
    clockid_t cpu;
    uint64_t events; /* at the last look at which there were new ones */
    double wall_then, cpu_then;
};

static bool hangs(struct child *self, const struct isolated_window *window)
{
    double wall = seconds_of(CLOCK_MONOTONIC), cpu = seconds_of(self->cpu);
    if (window->events != self->events) {
        self->events = window->events;
        self->wall_then = wall;
        self->cpu_then = cpu;
    }
    return cpu - self->cpu_then > CPU_SECONDS || wall - self->wall_then > WALL_SECONDS;
}

/* One event. False: there are no more. */
static bool take_event(int from, struct qp_recorder *recorder)
{
    struct qp_event event;
    uint32_t length;
    char *text = NULL;
    if (!read_all(from, &event, sizeof event) || !read_all(from, &length, sizeof length))
        return false;
    if (length && (!(text = malloc(length)) || !read_all(from, text, length))) {
        free(text);
        return false;
    }
    event.text = text;
    if (recorder)
        qp_recorder_event(recorder, &event);
    free(text);
    return true;
}

/* Reads until the process has closed its end: it is gone. Returns whether it had to be ended. */
static bool follow(struct child *child, struct isolated *self, struct qp_recorder *recorder)
{
    struct pollfd file = {.fd = child->from, .events = POLLIN};
    for (;;) {
        if (poll(&file, 1, 50) > 0) {
            if (!take_event(child->from, recorder))
                return false;
        } else if (hangs(child, self->window)) {
            kill(child->pid, SIGKILL);
            return true;
        }
    }
}

static bool start(struct child *child, const struct isolated *self, const struct order *order)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    fflush(NULL);
    child->pid = fork();
    if (child->pid == 0) {
        close(ends[0]);
        execute_here(self->window, order, order->recorded ? ends[1] : -1);
    }
    close(ends[1]);
    child->from = ends[0];
    if (child->pid < 0) {
        close(ends[0]);
        return false;
    }
    if (clock_getcpuclockid(child->pid, &child->cpu) != 0)
        child->cpu = CLOCK_MONOTONIC;
    child->events = 0;
    child->wall_then = seconds_of(CLOCK_MONOTONIC);
    child->cpu_then = 0;
    return true;
}

static int wait_for(struct child *child, bool hung)
{
    int status = 0;
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    close(child->from);
    if (hung)
        return ISOLATED_HUNG;
    if (WIFSIGNALED(status))
        return WTERMSIG(status);
    return WEXITSTATUS(status) == CAME_TO_ITS_END ? 0 : ISOLATED_EXIT + WEXITSTATUS(status);
}

/* The last event is told by the parent: the process could not. */
static void tell_ending(const struct isolated_window *window, struct qp_recorder *recorder, const char *name)
{
    struct qp_event event = {.seq = window->seq + 1,
                             .time_ns = window->time_ns,
                             .kind = QP_EVENT_FAILURE,
                             .fields = {QP_FAILED},
                             .text = name};
    qp_recorder_event(recorder, &event);
}

static void fill(const struct isolated_window *window, int ending, struct qp_sim_result *result)
{
    memset(result, 0, sizeof *result);
    result->outcome = QP_FAILED;
    result->time_ns = window->time_ns;
    result->steps = window->steps;
    result->choices = window->choices;
    result->choice_count = window->sim.count < CHOICES ? window->sim.count : CHOICES;
    result->truncated = window->sim.count > CHOICES;
    result->injected = window->sim.injected;
    snprintf(result->report, sizeof result->report, "%s", ending_name(ending));
}

bool isolated_execute_by(struct isolated *self, const struct qp_scenario_run *run, struct qp_strategy *strategy,
                         uint32_t faults, struct qp_recorder *recorder, struct qp_sim_result *result)
{
    struct order order = {run, strategy, faults, recorder != NULL};
    struct isolated_window *window = self->window;
    struct child child;
    bool hung;
    int ending;
    memset(window, 0, offsetof(struct isolated_window, choices));
    if (recorder)
        qp_recorder_clear(recorder);
    if (!start(&child, self, &order))
        return true;
    hung = follow(&child, self, recorder);
    ending = wait_for(&child, hung);
    if (!ending)
        return true;
    fill(window, ending, result);
    if (recorder)
        tell_ending(window, recorder, result->report);
    return false;
}

bool isolated_execute(void *context, const struct qp_scenario_run *run, struct qp_replay_strategy *replay,
                      uint32_t faults, struct qp_recorder *recorder, struct qp_sim_result *result)
{
    struct isolated *self = context;
    uint32_t *counts = replay->counts;
    size_t room = replay->room;
    bool ended;
    replay->counts = self->window->counts;
    replay->room = PLACES;
    ended = isolated_execute_by(self, run, &replay->strategy, faults, recorder, result);
    replay->counts = counts;
    replay->room = room;
    if (!ended && counts)
        memcpy(counts, self->window->counts, (room < PLACES ? room : PLACES) * sizeof *counts);
    return ended;
}
