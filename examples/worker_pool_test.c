/* The worker pool's race tests: what holds under every schedule. */
#define main worker_pool_main /* the program's own is left aside */
#include "worker_pool.c"      /* NOLINT(bugprone-suspicious-include): its inside is what is tested */
#undef main

static int collect(struct pool *pool)
{
    int words, lines = 0;
    while (qp_await(qp_recv(pool->counts, &words)) == QP_OK) {
        QP_ASSERT_EQ(words, 4);
        lines++;
    }
    return lines;
}

QP_PARAM(every_line_is_counted, lines, 3)
QP_SCENARIO(every_line_is_counted, "each line that was submitted is counted once, and then the results end")
{
    struct pool pool;
    struct source source = {.count = (int)qp_param("lines")};
    QP_ASSERT(pool_start(&pool, 2, 1));
    source.lines = pool.lines;
    struct qp_handle submitting = submit_in_background(&source);
    QP_ASSERT_EQ(collect(&pool), source.count);
    QP_ASSERT_EQ(qp_await(qp_join(&submitting, NULL)), QP_OK);
}

QP_SCENARIO(submitting_waits_for_room, "with room for two and two workers, at most six lines are under way")
{
    struct pool pool;
    struct source source = {.count = 12};
    int words;
    QP_ASSERT(pool_start(&pool, 2, 2));
    source.lines = pool.lines;
    struct qp_handle submitting = submit_in_background(&source);
    for (int collected = 0; collected < source.count; collected++) {
        qp_await(qp_sleep_ms(5)); /* slower than the workers */
        qp_touch(&source.submitted, false);
        QP_ASSERT(source.submitted - collected <= 2 + 2 + 2); /* before, in and behind the workers */
        QP_ASSERT_EQ(qp_await(qp_recv(pool.counts, &words)), QP_OK);
    }
    QP_ASSERT_EQ(qp_await(qp_join(&submitting, NULL)), QP_OK);
}

QP_SCENARIO(one_worker_dies, "a worker that is cancelled loses the line that it is at, and nothing else")
{
    struct pool pool;
    struct source source = {.count = 4};
    QP_ASSERT(pool_start(&pool, 2, 1));
    source.lines = pool.lines;
    struct qp_handle submitting = submit_in_background(&source);
    qp_await(qp_sleep_ms((int64_t)qp_random(3)));
    qp_abort(&pool.handles[0]);
    int counted = collect(&pool);
    QP_ASSERT(counted == source.count || counted == source.count - 1);
    QP_ASSERT_EQ(qp_await(qp_join(&submitting, NULL)), QP_OK);
}

QP_SCENARIO(all_workers_die, "with no worker left, submitting fails and the results end")
{
    struct pool pool;
    struct source source = {.count = 4};
    QP_ASSERT(pool_start(&pool, 2, 1));
    source.lines = pool.lines;
    struct qp_handle submitting = submit_in_background(&source);
    qp_await(qp_yield());
    qp_abort(&pool.handles[0]);
    qp_abort(&pool.handles[1]);
    QP_ASSERT(collect(&pool) <= source.count);
    QP_ASSERT_EQ(qp_await(qp_join(&submitting, NULL)), QP_OK);
}

QP_SCENARIO(submitter_gives_up, "a line whose submitter gave up is counted if and only if it was submitted")
{
    struct pool pool;
    struct source source = {.count = 4};
    QP_ASSERT(pool_start(&pool, 1, 1));
    source.lines = pool.lines;
    struct qp_handle submitting = submit_in_background(&source);
    qp_await(qp_sleep_ms(1));
    qp_abort(&submitting);
    int counted = collect(&pool);
    enum qp_status ended = qp_await(qp_join(&submitting, NULL));
    QP_ASSERT(ended == QP_OK || ended == QP_CANCELLED);
    QP_ASSERT_EQ(counted, source.submitted);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
