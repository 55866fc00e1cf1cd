/*
 * Planted: ladders. The same mistake among more and more tasks: how a search copes with what is rare.
 *
 * reorder_N: N - 1 tasks set two values, one after the other, and one task looks at both (Burckhardt et al., 2010).
 * twostage_N: values are written under two locks, one after the other, and read in between.
 */
#include <quipu/quipu.h>

enum { MOST = 128 };

struct pair {
    int first, second;
};

static void set_both(void *arg)
{
    struct pair *self = arg;
    self->first = 1;
    qp_await(qp_yield()); /* the mistake: the two belong together */
    self->second = -1;
}

static void look_at_both(void *arg)
{
    const struct pair *self = arg;
    QP_ASSERT((self->first == 0 && self->second == 0) || (self->first == 1 && self->second == -1));
}

static void reorder(int tasks)
{
    struct pair self = {0, 0};
    struct qp_handle handles[MOST];
    int i;
    for (i = 0; i < tasks - 1; i++)
        handles[i] = qp_spawn(set_both, &self);
    handles[i] = qp_spawn(look_at_both, &self);
    for (i = 0; i < tasks; i++)
        qp_await(qp_join(&handles[i], NULL));
}

struct stages {
    struct qp_mutex *first, *second;
};

static void set_in_stages(void *arg)
{
    const struct stages *self = arg;
    struct qp_guard guard;
    int first;
    qp_await(qp_lock(self->first, &guard));
    first = *(int *)qp_guard_value(&guard) = 1;
    qp_unlock(&guard); /* the mistake: others come between the stages */
    qp_await(qp_yield());
    qp_await(qp_lock(self->second, &guard));
    *(int *)qp_guard_value(&guard) = first + 1;
    qp_unlock(&guard);
}

static void look_at_stages(void *arg)
{
    const struct stages *self = arg;
    struct qp_guard guard;
    int first, second;
    qp_await(qp_lock(self->first, &guard));
    first = *(int *)qp_guard_value(&guard);
    qp_unlock(&guard);
    if (!first)
        return;
    qp_await(qp_lock(self->second, &guard));
    second = *(int *)qp_guard_value(&guard);
    qp_unlock(&guard);
    QP_ASSERT_EQ(second, first + 1);
}

static void twostage(int tasks)
{
    int zero = 0, i;
    struct stages self = {qp_mutex_create("first", &qp_int, &zero), qp_mutex_create("second", &qp_int, &zero)};
    struct qp_handle handles[MOST];
    QP_ASSERT(self.first && self.second);
    for (i = 0; i < tasks; i++)
        handles[i] = i % 2 ? qp_spawn(look_at_stages, &self) : qp_spawn(set_in_stages, &self);
    for (i = 0; i < tasks; i++)
        qp_await(qp_join(&handles[i], NULL));
}

#define RUNG(ladder, tasks)                                          \
    QP_SCENARIO(ladder##_##tasks, #ladder " among " #tasks " tasks") \
    {                                                                \
        ladder(tasks);                                               \
    }

RUNG(reorder, 3)
RUNG(reorder, 5)
RUNG(reorder, 10)
RUNG(reorder, 20)
RUNG(reorder, 50)
RUNG(reorder, 100)
RUNG(twostage, 2)
RUNG(twostage, 10)
RUNG(twostage, 20)
RUNG(twostage, 50)
RUNG(twostage, 100)
