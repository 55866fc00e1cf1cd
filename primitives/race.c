/*
 * race and join_all.
 *
 * State: the futures, each of which knows by itself whether it is done. Invariants: they are polled and dropped in
 * order; an arm behind one that is ready is not polled in that pass; no arm outlives the race.
 * Cancelled at any moment: each arm that is not ready is dropped, in order; no on_win runs.
 */
#include "scheduler/ops.h"
#include "scheduler/poll.h"
#include <quipu/race.h>

/* ---- race ---- */

static void drop_arms(const struct qp_race_future *self)
{
    size_t i;
    for (i = 0; i < self->count; i++)
        qp_future_drop(self->arms[i].future);
}

/* An arm is ready: its on_win runs. */
static void win(const struct qp_race_future *self, size_t index, enum qp_status status)
{
    const struct qp_race_arm *arm = &self->arms[index];
    QP_EMIT(RACE_WON, .future = self->future.id, .op = "race", .fields = {index, (uint64_t)status});
    if (arm->on_win)
        arm->on_win(arm->context, status);
}

/* Notes which arm won, and tells what stands there then. */
static void give_winner(const struct qp_race_future *self, size_t index, enum qp_status status)
{
    if (!self->winner)
        return;
    *self->winner = index;
    QP_EMIT(STATUS_GIVEN, .future = self->future.id, .op = "race", .fields = {*self->winner, (uint64_t)status});
}

static enum qp_status race_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_race_future *self = (struct qp_race_future *)future;
    size_t i;
    for (i = 0; i < self->count; i++) {
        enum qp_status status = qp_poll(self->arms[i].future, waker);
        if (status == QP_PENDING)
            continue;
        win(self, i, status);
        drop_arms(self);
        give_winner(self, i, status);
        return status;
    }
    return self->count ? QP_PENDING : QP_NO_ARMS;
}

static void race_drop(struct qp_future *future)
{
    drop_arms((struct qp_race_future *)future);
}

static struct qp_future *race_inner(const struct qp_future *future, size_t index)
{
    const struct qp_race_future *self = (const struct qp_race_future *)future;
    return index < self->count ? self->arms[index].future : NULL;
}

static const struct qp_future_ops race_ops = {qp_op_race, race_poll, race_drop, NULL, race_inner};

struct qp_future *qp_race_init(struct qp_race_future *self, const struct qp_race_arm *arms, size_t count,
                               size_t *winner)
{
    self->arms = arms;
    self->count = count;
    self->winner = winner;
    return qp_future_init(&self->future, &race_ops);
}

/* ---- join_all ---- */

/* Notes the status of a future that is ready, and tells what stands there then. */
static void give_status(const struct qp_join_all_future *self, size_t index, enum qp_status status)
{
    if (!self->statuses)
        return;
    self->statuses[index] = status;
    QP_EMIT(STATUS_GIVEN, .future = self->future.id, .op = "join_all",
            .fields = {index, (uint64_t)self->statuses[index]});
}

/* The first future in order that did not give QP_OK decides; it is kept as a number in `stage` of the base. */
static enum qp_status join_all_poll(struct qp_future *future, struct qp_waker *waker)
{
    struct qp_join_all_future *self = (struct qp_join_all_future *)future;
    size_t i, pending = 0;
    for (i = 0; i < self->count; i++) {
        enum qp_status status;
        if (self->futures[i]->state == QP_FUTURE_DONE)
            continue;
        status = qp_poll(self->futures[i], waker);
        if (status == QP_PENDING) {
            pending++;
            continue;
        }
        give_status(self, i, status);
        if (status != QP_OK && (self->first_failed == SIZE_MAX || i < self->first_failed)) {
            self->first_failed = i;
            future->stage = (uint8_t)status;
        }
    }
    return pending ? QP_PENDING : (enum qp_status)future->stage;
}

static void join_all_drop(struct qp_future *future)
{
    struct qp_join_all_future *self = (struct qp_join_all_future *)future;
    size_t i;
    for (i = 0; i < self->count; i++)
        qp_future_drop(self->futures[i]);
}

static struct qp_future *join_all_inner(const struct qp_future *future, size_t index)
{
    const struct qp_join_all_future *self = (const struct qp_join_all_future *)future;
    return index < self->count ? self->futures[index] : NULL;
}

static const struct qp_future_ops join_all_ops = {"join_all", join_all_poll, join_all_drop, NULL, join_all_inner};

struct qp_future *qp_join_all_init(struct qp_join_all_future *self, struct qp_future *const *futures,
                                   enum qp_status *statuses, size_t count)
{
    self->futures = futures;
    self->statuses = statuses;
    self->count = count;
    self->first_failed = SIZE_MAX;
    return qp_future_init(&self->future, &join_all_ops);
}
