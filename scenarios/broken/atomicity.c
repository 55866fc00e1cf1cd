/*
 * Planted: what belongs together is taken apart by an await. Read and write back, check and act, take and use.
 */
#include <quipu/quipu.h>

enum { MOST = 8 };

static void run_together(qp_async_fn function, void *arg, int count)
{
    struct qp_handle handles[MOST];
    int i;
    for (i = 0; i < count; i++)
        handles[i] = qp_spawn(function, arg);
    for (i = 0; i < count; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&handles[i], NULL)), QP_OK);
}

/* ---- a lost update ---- */

static void increment(void *arg)
{
    int *counter = arg, value = *counter;
    qp_await(qp_yield()); /* the mistake: it may have changed */
    *counter = value + 1;
}

QP_SCENARIO(lost_update, "a counter is read, and written back after an await")
{
    int counter = 0;
    run_together(increment, &counter, 2);
    QP_ASSERT_EQ(counter, 2);
}

/* ---- check, then act ---- */

struct account {
    struct qp_mutex *balance;
};

static int read_balance(const struct account *self)
{
    QP_SCOPED(qp_unlock) struct qp_guard guard = {0};
    qp_await(qp_lock(self->balance, &guard));
    return *(int *)qp_guard_value(&guard);
}

static void withdraw(void *arg)
{
    struct account *self = arg;
    struct qp_guard guard;
    if (read_balance(self) < 80)
        return;
    qp_await(qp_yield());
    qp_await(qp_lock(self->balance, &guard)); /* the mistake: what was checked was under another guard */
    *(int *)qp_guard_value(&guard) -= 80;
    qp_unlock(&guard);
}

QP_SCENARIO(check_then_act, "money is withdrawn when there was enough of it a moment ago")
{
    struct account self = {qp_mutex_create("balance", &qp_int, &(int){100})};
    QP_ASSERT(self.balance);
    run_together(withdraw, &self, 2);
    QP_ASSERT(read_balance(&self) >= 0);
}

/* ---- initialised twice ---- */

struct lazy {
    bool ready;
    int made;
};

static void use_lazily(void *arg)
{
    struct lazy *self = arg;
    if (!self->ready) {
        qp_await(qp_sleep_ms(1)); /* the mistake: nobody else is kept from doing the same */
        self->made++;
        self->ready = true;
    }
}

QP_SCENARIO(initialised_twice, "what is made at its first use is made by everybody who finds it missing")
{
    struct lazy self = {false, 0};
    struct qp_handle first = qp_spawn(use_lazily, &self), second;
    qp_await(qp_sleep_ms((int64_t)qp_random(3)));
    second = qp_spawn(use_lazily, &self);
    qp_await(qp_join(&first, NULL));
    qp_await(qp_join(&second, NULL));
    QP_ASSERT_EQ(self.made, 1);
}

/* ---- a reader that becomes a writer ---- */

static void upgrade(void *arg)
{
    struct qp_rwlock *lock = arg;
    struct qp_guard guard;
    int seen;
    qp_await(qp_read(lock, &guard));
    seen = *(int *)qp_guard_value(&guard);
    qp_unlock(&guard);
    if (seen)
        return;
    qp_await(qp_yield());
    qp_await(qp_write(lock, &guard)); /* the mistake: it does not look again */
    ++*(int *)qp_guard_value(&guard);
    qp_unlock(&guard);
}

QP_SCENARIO(upgrade_without_looking, "a lock is taken for writing because of what was read under the one before")
{
    struct qp_rwlock *lock = qp_rwlock_create("once", &qp_int, &(int){0});
    struct qp_guard guard;
    QP_ASSERT(lock);
    run_together(upgrade, lock, 3);
    QP_ASSERT_EQ(qp_try_read(lock, &guard), QP_OK);
    QP_ASSERT_EQ(*(int *)qp_guard_value(&guard), 1);
}

/* ---- a queue that is stolen from ---- */

struct deque {
    int items[MOST], top, bottom, taken[MOST];
};

static void take_own(void *arg)
{
    struct deque *self = arg;
    while (self->bottom > self->top) {
        int item = self->items[self->bottom - 1];
        qp_await(qp_yield()); /* the mistake: a thief may take the last one now */
        self->bottom--;
        self->taken[item]++;
    }
}

static void steal(void *arg)
{
    struct deque *self = arg;
    if (self->bottom <= self->top)
        return;
    self->taken[self->items[self->top]]++;
    qp_await(qp_yield());
    self->top++;
}

QP_SCENARIO(work_stealing, "the owner and a thief take the last item of a queue")
{
    struct deque self = {{0, 1, 2}, 0, 3, {0}};
    struct qp_handle owner = qp_spawn(take_own, &self), thief = qp_spawn(steal, &self);
    int i;
    qp_await(qp_join(&owner, NULL));
    qp_await(qp_join(&thief, NULL));
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(self.taken[i], 1);
}

/* ---- a reference counted thing ---- */

struct shared {
    int references;
    bool freed;
};

static void release(void *arg)
{
    struct shared *self = arg;
    int left = self->references - 1;
    qp_await(qp_yield()); /* the mistake: two may see the same count */
    self->references = left;
    if (left == 0) {
        QP_ASSERT(!self->freed);
        self->freed = true;
    }
}

QP_SCENARIO(counted_wrongly, "two references are given up at the same time")
{
    struct shared self = {2, false};
    run_together(release, &self, 2);
    QP_ASSERT(self.freed);
}

/* ---- a stack with the ABA problem ---- */

struct stack {
    int next[4], head; /* indices; -1: none */
    bool in_use[4];
};

static int stack_pop(struct stack *self, bool slowly)
{
    int head = self->head, next;
    if (head < 0)
        return -1;
    next = self->next[head];
    if (slowly)
        qp_await(qp_yield());
    if (self->head != head) /* the mistake: that it is the same one does not say that its next is */
        return -1;
    self->head = next;
    QP_ASSERT(!self->in_use[head]);
    self->in_use[head] = true;
    return head;
}

static void stack_push(struct stack *self, int item)
{
    self->in_use[item] = false;
    self->next[item] = self->head;
    self->head = item;
}

static void pop_slowly(void *arg)
{
    stack_pop(arg, true);
}

static void pop_two_push_one(void *arg)
{
    struct stack *self = arg;
    int first = stack_pop(self, false), second;
    qp_await(qp_yield());
    second = stack_pop(self, false);
    if (first >= 0)
        stack_push(self, first);
    (void)second;
    qp_await(qp_yield());
}

QP_SCENARIO(stack_aba, "the top of a stack is the same one again, and what is below it is not")
{
    struct stack self = {{1, 2, 3, -1}, 0, {false}};
    struct qp_handle slow = qp_spawn(pop_slowly, &self), fast = qp_spawn(pop_two_push_one, &self);
    qp_await(qp_join(&slow, NULL));
    qp_await(qp_join(&fast, NULL));
    QP_ASSERT(self.head < 0 || !self.in_use[self.head]);
}

/* ---- a limit on how many ---- */

struct limiter {
    int admitted, most;
};

static void come_in(void *arg)
{
    struct limiter *self = arg;
    if (self->admitted >= self->most)
        return;
    qp_await(qp_sleep_ms((int64_t)qp_random(2)));
    self->admitted++; /* the mistake: others were counted meanwhile */
    QP_ASSERT(self->admitted <= self->most);
}

QP_SCENARIO(limit_exceeded, "whoever finds room is let in, a moment later")
{
    struct limiter self = {0, 2};
    run_together(come_in, &self, 3);
}
