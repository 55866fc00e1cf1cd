/*
 * Blocking work, on libuv's threads.
 *
 * A thread that has run a piece says so itself, before libuv does, whose callback comes an iteration of the loop and a
 * lock later; and for a while the runtime looks for that before it sleeps, where another processor can run the work:
 * to be woken takes longer than most of what is done so.
 *
 * Invariants: a piece is libuv's from submit until its callback, and freed when both have happened: the callback, and
 * that it was withdrawn or told of. Until the latter it is in `pieces`; one that was run is in the inbox `ran` too.
 * Work without a piece is in the list of what could not be placed. That work has started is known, and told, when it
 * cannot be withdrawn any more, or is over.
 */
#define _GNU_SOURCE /* sched_getaffinity */
#include "scheduler/real/real.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_NS = 25000, /* how long the runtime looks before it sleeps */
    LOOKS = 32,          /* between two looks at the clock */
    MOST_MISSES = 10     /* after n in a row it looks only each 2^n-th time */
};

struct piece {
    uv_work_t request;
    struct qp_real *real;
    struct qp_work *work; /* NULL: withdrawn, or told of */
    bool told;            /* that it has started */
    bool returned;        /* by libuv */
    struct piece *prev, *next;
    struct qp_inbox_item item; /* in `ran` */
};

static void unlink_piece(struct work *self, struct piece *piece)
{
    *(piece->prev ? &piece->prev->next : &self->pieces) = piece->next;
    if (piece->next)
        piece->next->prev = piece->prev;
    piece->work = NULL;
}

static void tell_that_it_started(struct piece *piece)
{
    if (!piece->told)
        qp_work_started(piece->real->runtime, piece->work);
    piece->told = true;
}

static void take_time(int64_t duration_ns)
{
    struct timespec left = {.tv_sec = (time_t)(duration_ns / 1000000000), .tv_nsec = (long)(duration_ns % 1000000000)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* On the thread that ran it. The piece is not touched again. */
static void has_run(struct work *self, struct piece *piece)
{
    struct qp_real *real = piece->real;
    qp_inbox_push(&self->ran, &piece->item); /* which is never closed */
    if (atomic_load(&self->sleeping) && atomic_exchange(&self->sleeping, false))
        uv_async_send(&real->wake);
}

/* On one of libuv's threads. */
static void run_piece(uv_work_t *request)
{
    struct piece *piece = request->data;
    struct qp_work *work = piece->work;
    work->run(work);
    if (piece->real->options.blocking_takes_time)
        take_time(work->duration_ns);
    has_run(&piece->real->work, piece);
}

/* On the runtime's. */
static void piece_returns(uv_work_t *request, int status)
{
    struct piece *piece = request->data;
    (void)status;
    piece->real->work.pending--;
    piece->returned = true;
    if (!piece->work)
        free(piece);
}

/* Here and now, for want of anything better. */
static void run_unplaced(struct qp_real *self)
{
    struct qp_work *work;
    while ((work = self->work.unplaced) != NULL) {
        self->work.unplaced = work->next;
        qp_work_started(self->runtime, work);
        work->run(work);
        qp_work_finished(self->runtime, work);
    }
}

void qp_real_deliver_work(struct qp_real *self)
{
    struct qp_inbox_item *item;
    if (qp_inbox_has_come(&self->work.ran))
        qp_inbox_gather(&self->work.ran, NULL);
    while ((item = qp_inbox_next(&self->work.ran)) != NULL) {
        struct piece *piece = QP_CONTAINER(item, struct piece, item);
        struct qp_work *work = piece->work;
        tell_that_it_started(piece);
        unlink_piece(&self->work, piece);
        if (piece->returned)
            free(piece);
        qp_work_finished(self->runtime, work);
    }
    run_unplaced(self);
}

unsigned qp_real_processors(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    return online > 0 ? (unsigned)online : 1;
}

bool qp_real_work_doze(struct qp_real *self)
{
    atomic_store(&self->work.sleeping, true);
    if (!qp_inbox_has_come_for_sure(&self->work.ran))
        return true;
    atomic_store(&self->work.sleeping, false);
    return false;
}

void qp_real_work_awake(struct qp_real *self)
{
    atomic_store(&self->work.sleeping, false);
}

/* Tells the processor that this thread waits for another one. */
static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whether a piece was run, or something was sent, within that time. */
static bool looks_for(const struct qp_real *self, int64_t duration_ns)
{
    uint64_t begin = uv_hrtime();
    do {
        unsigned i;
        for (i = 0; i < LOOKS; i++) {
            if (qp_inbox_has_come(&self->work.ran) || qp_remote_has_come(self->runtime))
                return true;
            relax();
        }
    } while (uv_hrtime() - begin < (uint64_t)duration_ns);
    return false;
}

bool qp_real_work_comes(struct qp_real *self, int64_t left_ns)
{
    struct work *work = &self->work;
    if (!work->pieces || self->processors < 2 || left_ns <= 0)
        return false;
    if (work->skips) {
        work->skips--;
        return false;
    }
    if (looks_for(self, left_ns < PATIENCE_NS ? left_ns : PATIENCE_NS)) {
        work->misses = 0;
        return true;
    }
    work->misses += work->misses < MOST_MISSES;
    work->skips = (1u << work->misses) - 1;
    return false;
}

/* False: there is no memory, or no thread to run it on. */
static bool place(struct qp_real *self, struct qp_work *work)
{
    struct piece *piece = malloc(sizeof *piece);
    if (!piece)
        return false;
    *piece = (struct piece){.real = self, .work = work, .next = self->work.pieces};
    piece->request.data = piece;
    if (uv_queue_work(self->loop, &piece->request, run_piece, piece_returns) != 0) {
        free(piece);
        return false;
    }
    if (piece->next)
        piece->next->prev = piece;
    self->work.pieces = piece;
    self->work.pending++;
    return true;
}

/* What cannot be placed is run by the runtime's own thread, but not before whoever spawns it goes on. */
void qp_real_submit(void *context, struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_real *self = context;
    struct qp_work **last = &self->work.unplaced;
    (void)runtime;
    if (place(self, work))
        return;
    while (*last)
        last = &(*last)->next;
    work->next = NULL;
    *last = work;
}

static bool take_unplaced(struct work *self, const struct qp_work *work)
{
    struct qp_work **link = &self->unplaced;
    while (*link && *link != work)
        link = &(*link)->next;
    if (!*link)
        return false;
    *link = work->next;
    return true;
}

static struct piece *find(const struct work *self, const struct qp_work *work)
{
    struct piece *piece = self->pieces;
    while (piece && piece->work != work)
        piece = piece->next;
    return piece;
}

bool qp_real_withdraw(void *context, struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_real *self = context;
    struct piece *piece = find(&self->work, work);
    (void)runtime;
    if (!piece)
        return take_unplaced(&self->work, work);
    if (piece->returned || uv_cancel((uv_req_t *)&piece->request) != 0) {
        tell_that_it_started(piece);
        return false;
    }
    unlink_piece(&self->work, piece); /* its callback is still to come */
    return true;
}
