/* Resumable functions: see quipu/resumable.h for the state. A function's struct stays its own; only the base is ours.
 */
#include "scheduler/poll.h"
#include "scheduler/runtime.h"
#include <quipu/resumable.h>

static enum qp_status polled(struct qp_resumable *self, struct qp_waker *waker)
{
    enum qp_status status;
    qp_thread.site = self->site;
    status = qp_poll(self->awaiting, waker);
    if (status != QP_PENDING) {
        self->awaiting = NULL;
        self->site = NULL;
        qp_thread.site = NULL;
    }
    return status;
}

QP_COLD static enum qp_status polled_told(struct qp_resumable *self, struct qp_waker *waker)
{
    qp_tell_awaited(self->site);
    return polled(self, waker);
}

enum qp_status qp_resumable_await(struct qp_resumable *self, struct qp_future *future, const struct qp_site *site,
                                  struct qp_waker *waker)
{
    self->awaiting = future;
    self->site = site;
    return QP_TRACING ? polled_told(self, waker) : polled(self, waker);
}

enum qp_status qp_resumable_again(struct qp_resumable *self, struct qp_waker *waker)
{
    return polled(self, waker);
}

void qp_resumable_drop(struct qp_future *future)
{
    struct qp_resumable *self = (struct qp_resumable *)future;
    struct qp_future *awaiting = self->awaiting;
    self->awaiting = NULL;
    qp_future_drop(awaiting);
    if (self->release)
        self->release(self);
}

const struct qp_object *qp_resumable_object(const struct qp_future *future)
{
    const struct qp_future *awaiting = ((const struct qp_resumable *)future)->awaiting;
    return awaiting && awaiting->ops->object ? awaiting->ops->object(awaiting) : NULL;
}

struct qp_future *qp_resumable_inner(const struct qp_future *future, size_t index)
{
    return index == 0 ? ((const struct qp_resumable *)future)->awaiting : NULL;
}
