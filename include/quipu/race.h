/*
 * Waiting for the first of several futures, or for all of them.
 *
 * Every wake-up polls all that are still pending, so each must bear a poll without cause, as every future must.
 */
#ifndef QUIPU_RACE_H
#define QUIPU_RACE_H

#include <quipu/future.h>

#ifdef __cplusplus
#include <initializer_list>
extern "C" {
#endif
#pragma GCC visibility push(default)

/* One arm of a race: a future (borrowed until the race is over) and what to do when it wins. */
struct qp_race_arm {
    struct qp_future *future;
    void (*on_win)(void *context, enum qp_status status); /* may be NULL; must not await */
    void *context;
};

/* An arm, as an initialiser: with nothing to do when it wins, and with something. */
#define qp_arm(future_)       \
    {                         \
        (future_), NULL, NULL \
    }
#define qp_arm_on(future_, on_win_, context_) \
    {                                         \
        (future_), (on_win_), (context_)      \
    }

struct qp_race_future { /* private */
    struct qp_future future;
    const struct qp_race_arm *arms;
    size_t count;
    size_t *winner;
};

/*
 * Polls the arms in order at every wake-up; the first that is ready wins, and ties go to the earlier one. Arms after it
 * are not polled in that pass: behind an arm that is ready at once none ever starts. The winner's on_win alone runs,
 * while the losers still exist; then every arm is dropped, in order, and the race gives the winner's status, with its
 * index in `winner` (may be NULL). No arm at all is QP_NO_ARMS.
 * Cancelled: every arm is dropped, in order.
 *
 *     size_t first;
 *     qp_await(qp_race(&first, qp_arm(qp_recv(rx, &job)), qp_arm_on(qp_sleep(1.0), on_quiet, self)));
 */
#ifdef __cplusplus
#define qp_race(winner, ...) \
    qp_race_list(QP_NEW(struct qp_race_future), std::initializer_list<qp_race_arm>{__VA_ARGS__}, (winner))
#else
#define qp_race(winner, ...)                                                               \
    qp_race_init(QP_NEW(struct qp_race_future), (const struct qp_race_arm[]){__VA_ARGS__}, \
                 sizeof((const struct qp_race_arm[]){__VA_ARGS__}) / sizeof(struct qp_race_arm), (winner))
#endif

/* The same of `count` arms in an array that stays until the race is over. */
struct qp_future *qp_race_init(struct qp_race_future *self, const struct qp_race_arm *arms, size_t count,
                               size_t *winner);

struct qp_join_all_future { /* private */
    struct qp_future future;
    struct qp_future *const *futures;
    size_t first_failed;
    enum qp_status *statuses;
    size_t count;
};

/*
 * Waits until all of `count` futures are ready: QP_OK if each gave that, otherwise what the first in order gave that
 * did not. `statuses` (may be NULL) gets each one's. None at all is QP_OK. Cancelled: each that is pending is dropped.
 */
#define qp_join_all(futures, statuses, count) \
    qp_join_all_init(QP_NEW(struct qp_join_all_future), (futures), (statuses), (count))
struct qp_future *qp_join_all_init(struct qp_join_all_future *self, struct qp_future *const *futures,
                                   enum qp_status *statuses, size_t count);

#pragma GCC visibility pop
#ifdef __cplusplus
}
static inline struct qp_future *qp_race_list(struct qp_race_future *self,
                                             const std::initializer_list<qp_race_arm> &arms, size_t *winner)
{
    return qp_race_init(self, arms.begin(), arms.size(), winner);
}
#endif
#endif
