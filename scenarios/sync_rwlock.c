/*
 * The readers-writer lock.
 *
 * Property: many read or one writes. Waits are served in the order in which they came, so that a writer goes before
 * the readers behind it, and all readers before the next writer are let in together. When a waiting writer is
 * cancelled the readers behind it come in at once if others read; who was let in and is cancelled before it runs passes
 * the lock on.
 */
#include <quipu/quipu.h>

enum { MOST = 16 };

static void settle(void)
{
    qp_await(qp_sleep_ms(1));
}

static struct qp_rwlock *new_lock(void)
{
    int zero = 0;
    struct qp_rwlock *lock = qp_rwlock_create("lock", &qp_int, &zero);
    QP_ASSERT(lock);
    return lock;
}

static int value_of(struct qp_rwlock *lock)
{
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    QP_ASSERT_EQ(qp_try_read(lock, &guard), QP_OK);
    return *(int *)qp_guard_value(&guard);
}

/* Who comes is written down: 'r' or 'w' when it is let in. */
struct house {
    struct qp_rwlock *lock;
    int readers, writers, together; /* inside now; and the most readers at once */
    char order[MOST];
    int entered;
    int64_t stay_ms;
};

static void visit(struct house *self, bool writing)
{
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    int *count = writing ? &self->writers : &self->readers;
    QP_ASSERT_EQ(writing ? qp_await(qp_write(self->lock, &guard)) : qp_await(qp_read(self->lock, &guard)), QP_OK);
    self->order[self->entered++] = writing ? 'w' : 'r';
    ++*count;
    if (self->readers > self->together)
        self->together = self->readers;
    QP_ASSERT(!self->writers || (self->writers == 1 && !self->readers));
    qp_await(qp_sleep_ms(self->stay_ms));
    QP_ASSERT(!self->writers || (self->writers == 1 && !self->readers));
    --*count;
}

static void read_it(void *arg)
{
    visit(arg, false);
}

static void write_it(void *arg)
{
    visit(arg, true);
}

/* Spawns them one after the other, each when the one before has got as far as it can. */
static void spawn_in_order(struct house *self, const char *kinds, struct qp_handle *handles)
{
    int i;
    for (i = 0; kinds[i]; i++) {
        handles[i] = kinds[i] == 'w' ? qp_spawn(write_it, self) : qp_spawn(read_it, self);
        settle();
    }
}

static void join_all(struct qp_handle *handles, int count)
{
    int i;
    for (i = 0; i < count; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

static void expect_order(const struct house *self, const char *order)
{
    int i;
    for (i = 0; order[i]; i++)
        QP_ASSERT_EQ(self->order[i], order[i]);
    QP_ASSERT_EQ(self->entered, i);
}

/* ---- who comes in ---- */

QP_SCENARIO(rwlock_readers_together, "whoever reads comes in beside others that read")
{
    struct house self = {.lock = new_lock(), .stay_ms = 10};
    struct qp_handle handles[3];
    spawn_in_order(&self, "rrr", handles);
    QP_ASSERT_EQ(self.together, 3);
    join_all(handles, 3);
}

QP_SCENARIO(rwlock_order, "readers and writers are served in the order in which they came, readers in a row together")
{
    struct house self = {.lock = new_lock(), .stay_ms = 10};
    struct qp_handle handles[7];
    spawn_in_order(&self, "wrrwrwr", handles);
    join_all(handles, 7);
    expect_order(&self, "wrrwrwr");
    QP_ASSERT_EQ(self.together, 2);
}

QP_SCENARIO(rwlock_writer_first, "a writer that waits goes before the readers that come after it, try_read too")
{
    struct house self = {.lock = new_lock(), .stay_ms = 10};
    struct qp_handle handles[3];
    struct qp_guard guard;
    spawn_in_order(&self, "rwr", handles);
    QP_ASSERT_EQ(self.entered, 1);
    QP_ASSERT_EQ(qp_try_read(self.lock, &guard), QP_BUSY);
    join_all(handles, 3);
    expect_order(&self, "rwr");
}

QP_SCENARIO(rwlock_try, "try_read and try_write get a lock that is open, and never pass one who waits")
{
    struct house self = {.lock = new_lock(), .stay_ms = 1};
    struct qp_guard first, second;
    struct qp_handle writer;
    QP_ASSERT_EQ(qp_try_read(self.lock, &first), QP_OK);
    QP_ASSERT_EQ(qp_try_read(self.lock, &second), QP_OK);
    qp_unlock(&second);
    QP_ASSERT_EQ(qp_try_write(self.lock, &second), QP_BUSY);
    writer = qp_spawn(write_it, &self);
    settle();
    QP_ASSERT_EQ(qp_try_read(self.lock, &second), QP_BUSY);
    qp_unlock(&first); /* it is the writer's now */
    QP_ASSERT_EQ(qp_try_read(self.lock, &second), QP_BUSY);
    QP_ASSERT_EQ(qp_try_write(self.lock, &second), QP_BUSY);
    QP_ASSERT_EQ(qp_await(qp_join(&writer, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_try_write(self.lock, &second), QP_OK);
    QP_ASSERT_EQ(qp_try_read(self.lock, &first), QP_BUSY);
    qp_unlock(&second);
}

static void read_twice(void *arg)
{
    struct qp_guard first, second;
    qp_await(qp_read(arg, &first));
    qp_await(qp_sleep_ms(2));
    qp_await(qp_read(arg, &second));
}

QP_SCENARIO(rwlock_read_again, "a second read by who reads, with a writer waiting, is a deadlock, and reported as one")
{
    struct house self = {.lock = new_lock()};
    struct qp_handle reader, writer;
    qp_expect(QP_DEADLOCK, "rwlock 'lock'");
    reader = qp_spawn(read_twice, self.lock);
    settle();
    writer = qp_spawn(write_it, &self);
    qp_await(qp_join(&reader, NULL));
    qp_await(qp_join(&writer, NULL));
}

/* ---- cancelled ---- */

QP_SCENARIO(rwlock_writer_cancelled,
            "when a waiting writer is cancelled the readers behind it come in beside the others")
{
    struct house self = {.lock = new_lock(), .stay_ms = 100};
    struct qp_handle handles[4];
    spawn_in_order(&self, "rwrr", handles);
    QP_ASSERT_EQ(self.entered, 1);
    qp_abort(&handles[1]);
    settle();
    QP_ASSERT_EQ(self.readers, 3);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    join_all(&handles[2], 2);
}

QP_SCENARIO(rwlock_writer_cancelled_behind_writer, "behind a writer that holds it nobody comes in before it is done")
{
    struct house self = {.lock = new_lock(), .stay_ms = 100};
    struct qp_handle handles[4];
    spawn_in_order(&self, "wwrr", handles);
    qp_abort(&handles[1]);
    settle();
    QP_ASSERT_EQ(self.readers, 0);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_OK);
    join_all(&handles[2], 2);
    expect_order(&self, "wrr");
    QP_ASSERT_EQ(self.together, 2);
}

QP_SCENARIO(rwlock_granted_writer_cancelled,
            "a writer that was let in and is cancelled before it runs lets in the next")
{
    struct house self = {.lock = new_lock(), .stay_ms = 10};
    struct qp_handle handles[3];
    struct qp_guard guard;
    QP_ASSERT_EQ(qp_await(qp_read(self.lock, &guard)), QP_OK);
    spawn_in_order(&self, "wrr", handles);
    qp_unlock(&guard);
    qp_abort(&handles[0]);
    settle();
    QP_ASSERT_EQ(self.readers, 2);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    join_all(&handles[1], 2);
}

QP_SCENARIO(rwlock_granted_reader_cancelled, "a reader that was let in and is cancelled before it runs makes room")
{
    struct house self = {.lock = new_lock(), .stay_ms = 10};
    struct qp_handle handles[3];
    struct qp_guard guard;
    QP_ASSERT_EQ(qp_await(qp_write(self.lock, &guard)), QP_OK);
    spawn_in_order(&self, "rrw", handles);
    qp_unlock(&guard);
    qp_abort(&handles[0]);
    qp_abort(&handles[1]);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[2], NULL)), QP_OK);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[0], NULL)), QP_CANCELLED);
    QP_ASSERT_EQ(qp_await(qp_join(&handles[1], NULL)), QP_CANCELLED);
    expect_order(&self, "w");
}

static void visit_in_time(void *arg)
{
    struct qp_rwlock *lock = arg;
    int i;
    for (i = 0; i < 3; i++) {
        QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
        bool writing = qp_random(2);
        struct qp_future *wait = writing ? qp_write(lock, &guard) : qp_read(lock, &guard);
        int before;
        if (qp_await(qp_timeout_ms(2, wait)) != QP_OK)
            continue;
        before = *(int *)qp_guard_value(&guard);
        qp_await(qp_sleep_ms(1));
        QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), before);
        if (writing)
            qp_guard_set(&guard, &(int){before + 1});
    }
}

QP_SCENARIO(rwlock_cancelled_whenever,
            "timeouts tied with releases, and an abort at any time: the lock is open at last")
{
    struct qp_rwlock *lock = new_lock();
    struct qp_handle handles[4];
    int i;
    for (i = 0; i < 4; i++)
        handles[i] = qp_spawn(visit_in_time, lock);
    qp_await(qp_sleep_ms((int64_t)qp_random(6)));
    qp_abort(&handles[qp_random(4)]);
    for (i = 0; i < 4; i++)
        qp_await(qp_join(&handles[i], NULL));
    QP_ASSERT(value_of(lock) >= 0);
}

/* ---- the guards ---- */

static void hold_and_panic(void *arg)
{
    struct qp_guard guard;
    qp_await(qp_write(arg, &guard));
    qp_guard_set(&guard, &(int){1});
    qp_await(qp_yield());
    qp_panic("in the middle");
}

QP_SCENARIO(rwlock_not_poisoned, "a panic while writing releases the lock, and readers find what was written")
{
    struct qp_rwlock *lock = new_lock();
    struct qp_handle writer = qp_spawn(hold_and_panic, lock);
    QP_ASSERT_EQ(qp_await(qp_join(&writer, NULL)), QP_PANICKED);
    QP_ASSERT_EQ(value_of(lock), 1);
}

QP_SCENARIO(rwlock_guard_keeps_it, "a reader's guard keeps the lock and its value alive when the owner gave it up")
{
    struct qp_rwlock *lock = new_lock();
    struct qp_guard guard;
    QP_ASSERT_EQ(qp_await(qp_read(lock, &guard)), QP_OK);
    qp_rwlock_drop(lock);
    QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), 0);
    qp_unlock(&guard);
}

QP_SCENARIO(rwlock_reader_sets, "a reader that sets the value is told that it may not")
{
    struct qp_rwlock *lock = new_lock();
    struct qp_guard guard;
    qp_expect(QP_MISUSE, "which only reads");
    QP_ASSERT_EQ(qp_await(qp_read(lock, &guard)), QP_OK);
    qp_guard_set(&guard, &(int){1});
}
