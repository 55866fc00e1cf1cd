/*
 * Waiting for the system: until a descriptor can be read or written, until a signal comes.
 *
 *     while ((got = read(fd, buffer, sizeof buffer)) < 0 && errno == EAGAIN)
 *         QP_ASSERT_EQ(qp_await(qp_io_readable(fd)), QP_OK);
 *
 * These only wait: what is read, and by what call, is the program's own affair. They are there on the real clock. Under
 * simulation there is nothing to wait for, and awaiting one is misuse: a program that is to run there keeps its
 * descriptors behind a small interface of its own, with a stream in memory as the other implementation
 * (examples/kv_server/stream.h).
 *
 * All of them are cancel-safe: cancelled at any moment nothing was consumed, and the wait may be begun again.
 */
#ifndef QUIPU_IO_H
#define QUIPU_IO_H

#include <quipu/future.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum qp_io_event { QP_IO_READABLE, QP_IO_WRITABLE, QP_IO_SIGNAL };

/* What an environment serves (env.h), in the future's memory. */
struct qp_io_wait {
    struct qp_wait wait;    /* the environment's, while it has it */
    void *place;            /* likewise */
    int number;             /* of the descriptor, or the signal */
    enum qp_io_event event; /* what is waited for */
    bool over;              /* it has happened; the environment does not have it any more */
};

struct qp_runtime;
struct qp_io_future { /* private */
    struct qp_future future;
    struct qp_runtime *runtime; /* whose environment has the wait */
    struct qp_io_wait io;
};

/*
 * Waits until reading from the descriptor, or writing to it, would not block: there are bytes or room, or the other end
 * is gone, or it has failed. Whether that is so is asked of the system at the first poll and told at a later one. Any
 * number may wait for the same descriptor, in both directions; all that wait for a direction are woken, in the order in
 * which they came. The descriptor is made non-blocking. It is borrowed until then: it must not be closed meanwhile.
 * QP_REFUSED: it is none, or a regular file, or one that a joined loop waits for by itself; qp_error_message() says so.
 * QP_NOMEM.
 */
#define qp_io_readable(fd) qp_io_init(QP_NEW(struct qp_io_future), QP_IO_READABLE, (fd))
#define qp_io_writable(fd) qp_io_init(QP_NEW(struct qp_io_future), QP_IO_WRITABLE, (fd))

/*
 * Waits until the process gets this signal; all that wait are woken. While somebody waits, SIGINT and SIGTERM do not
 * end a program with QP_MAIN; when nobody does, they do again. Any other signal that was once waited for does nothing
 * by itself until the runtime has ended: one that comes while nobody waits is kept, once, for the next who does.
 * QP_REFUSED: not a number of a signal that can be caught, or another runtime of the process waits for signals.
 */
#define qp_io_signal(number) qp_io_init(QP_NEW(struct qp_io_future), QP_IO_SIGNAL, (number))

struct qp_future *qp_io_init(struct qp_io_future *self, enum qp_io_event event, int number);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
