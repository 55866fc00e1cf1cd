/*
 * The contract of an async function of your own: what cancelling it does to the state that it guards.
 *
 *     static const struct qp_contract deposit_contract = {
 *         .name = "deposit", .promise = QP_PROMISE_CANCEL_SAFE, .digest = digest_account, .state = &account};
 *     ...
 *     qp_await(qp_held_to(&deposit_contract, qp_async(deposit, &order)));
 *
 * Where the run is watched (quipu run, explore, check) the state is digested before the function's first poll and again
 * when it has been cancelled; `quipu explore --cancel each` cancels it at every await inside. In production it costs a
 * branch.
 */
#ifndef QUIPU_CONTRACT_H
#define QUIPU_CONTRACT_H

#include <quipu/future.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The numbers are part of the trace's format. */
enum qp_promise {
    QP_PROMISE_CANCEL_SAFE,     /* cancelled, it has changed nothing: the digest is what it was */
    QP_PROMISE_LOSSY,           /* the same, but for what the digest leaves out: that may be lost */
    QP_PROMISE_NOT_CANCEL_SAFE, /* whoever cancels it must mend what it guards; nothing is judged */
    /*
     * Durable once spawned: who cancels it only stops waiting. The tasks that it spawned go on, and when the last of
     * them has ended nothing that it began is left undone: the digest, which says how much is, is 0. Judged then, or at
     * once where it had none; not at all where one of them panicked, or was aborted by somebody else than the function.
     */
    QP_PROMISE_DURABLE
};

struct qp_contract {
    const char *name;
    enum qp_promise promise;
    /*
     * A number that is another when the state is another. Of what only this function changes: others run in between.
     * Of a durable one: how much was begun and is not done.
     */
    uint64_t (*digest)(const void *state);
    const void *state; /* borrowed; of a durable one until the tasks that it spawned have ended */
    /*
     * Of one that is cancel-safe: the size of the future that it is given; 0: unknown. Exploration then also drops that
     * future while it waits, and begins it again from a copy of what it was before its first poll; nothing that can be
     * observed may differ. For what does not count time: a wait that is begun again takes its time again.
     */
    size_t future_size;
};

struct qp_contract_future { /* private */
    struct qp_future future;
    struct qp_future *inner;
    const struct qp_contract *contract;
    void *copy;                 /* of the future, before its first poll; NULL: none */
    struct qp_durable *durable; /* NULL: nothing is followed */
};

/* Waits for `future` and gives its status; cancelling it cancels `future`. Borrows both. */
#define qp_held_to(contract, future) qp_contract_init(QP_NEW(struct qp_contract_future), (contract), (future))
struct qp_future *qp_contract_init(struct qp_contract_future *self, const struct qp_contract *contract,
                                   struct qp_future *future);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
