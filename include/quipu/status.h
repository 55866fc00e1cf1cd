/*
 * What an operation answered.
 *
 * Every await, every try_ and every constructor that can fail gives one of these. A status never carries more than its
 * name: what a failure has to say beyond that (which task was cancelled, with what message it panicked) is in
 * qp_error_message(), in task.h.
 */
#ifndef QUIPU_STATUS_H
#define QUIPU_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#if defined(__GNUC__)
#define QP_MUST_CHECK __attribute__((warn_unused_result))
#define QP_NORETURN __attribute__((noreturn))
#define QP_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define QP_MUST_CHECK
#define QP_NORETURN
#define QP_PRINTF(text, first)
#endif

/* name, text */
#define QP_STATUS_MAP(X)                                                        \
    X(OK, "ok")                                                                 \
    X(PENDING, "pending")                                                       \
    X(TIMEOUT, "operation timed out")                                           \
    X(CLOSED, "channel closed: no more messages")                               \
    X(SEND_FAILED, "channel send failed")                                       \
    X(FULL, "channel full")                                                     \
    X(EMPTY, "channel empty")                                                   \
    X(USED, "already used")                                                     \
    X(BUSY, "held or waited for by another")                                    \
    X(NO_PERMITS, "no permits available")                                       \
    X(SEMAPHORE_CLOSED, "failed to acquire semaphore permit: semaphore closed") \
    X(NO_ARMS, "a race needs at least one arm")                                 \
    X(CANCELLED, "task was cancelled")                                          \
    X(PANICKED, "task panicked")                                                \
    X(NOMEM, "out of memory")                                                   \
    X(DEADLOCK, "every task waits and nothing can wake one")                    \
    X(FAILED, "an assertion failed")                                            \
    X(MISUSE, "the library was misused")                                        \
    X(LIMIT, "the step limit was reached")                                      \
    X(INVALID, "invalid argument")                                              \
    X(REFUSED, "the system refuses to wait for it")

enum qp_status {
#define X(name, text) QP_##name,
    QP_STATUS_MAP(X)
#undef X
};

/* The status's name, "TIMEOUT". Never NULL, also for a number that is no status. */
const char *qp_status_name(enum qp_status status);

/* The status in words, "operation timed out". Never NULL. */
const char *qp_status_text(enum qp_status status);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
