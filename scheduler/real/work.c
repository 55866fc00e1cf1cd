/*
 * Blocking work, on libuv's threads.
 *
 * Invariants: a piece belongs to libuv from submit until its callback, also when it was withdrawn, and is then told of
 * and freed. Work without a piece is in the list of what could not be placed. That work has started is known, and told,
 * when it cannot be withdrawn any more, or is over.
 */
#include "scheduler/real/real.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct piece {
    uv_work_t request;
    struct qp_real *real;
    struct qp_work *work; /* NULL: withdrawn */
    bool told;            /* that it has started */
    bool over;
    struct piece *next;
};

static void unlink_piece(struct work *self, struct piece *piece)
{
    struct piece **link = &self->pieces;
    while (*link && *link != piece)
        link = &(*link)->next;
    if (*link)
        *link = piece->next;
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

/* On one of libuv's threads. */
static void run_piece(uv_work_t *request)
{
    const struct piece *piece = request->data;
    struct qp_work *work = piece->work;
    work->run(work);
    if (piece->real->options.blocking_takes_time)
        take_time(work->duration_ns);
}

/* On the runtime's. */
static void piece_is_over(uv_work_t *request, int status)
{
    struct piece *piece = request->data;
    struct work *self = &piece->real->work;
    (void)status;
    self->pending--;
    if (!piece->work) {
        free(piece);
        return;
    }
    unlink_piece(self, piece);
    piece->over = true;
    piece->next = NULL;
    *(self->first_over ? &self->last_over->next : &self->first_over) = piece;
    self->last_over = piece;
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
    struct piece *piece;
    while ((piece = self->work.first_over) != NULL) {
        struct qp_work *work = piece->work;
        self->work.first_over = piece->next;
        tell_that_it_started(piece);
        free(piece);
        qp_work_finished(self->runtime, work);
    }
    run_unplaced(self);
}

/* False: there is no memory, or no thread to run it on. */
static bool place(struct qp_real *self, struct qp_work *work)
{
    struct piece *piece = malloc(sizeof *piece);
    if (!piece)
        return false;
    *piece = (struct piece){.real = self, .work = work, .next = self->work.pieces};
    piece->request.data = piece;
    if (uv_queue_work(self->loop, &piece->request, run_piece, piece_is_over) != 0) {
        free(piece);
        return false;
    }
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
    if (piece)
        return piece;
    for (piece = self->first_over; piece && piece->work != work; piece = piece->next)
        continue;
    return piece;
}

bool qp_real_withdraw(void *context, struct qp_runtime *runtime, struct qp_work *work)
{
    struct qp_real *self = context;
    struct piece *piece = find(&self->work, work);
    (void)runtime;
    if (!piece)
        return take_unplaced(&self->work, work);
    if (piece->over || uv_cancel((uv_req_t *)&piece->request) != 0) {
        tell_that_it_started(piece);
        return false;
    }
    unlink_piece(&self->work, piece);
    piece->work = NULL; /* its callback is still to come */
    return true;
}
