/*
 * A program that is edited: what `replay --drift` is tested with. Each of these is another edit of it.
 *
 *     EDIT_YIELD   suspends once more, in two of its functions
 *     EDIT_TASK    has a task more, spawned first, which does nothing
 *     EDIT_LINES   stands on other lines
 *     EDIT_LESS    suspends once less
 *     EDIT_MENDED  is right
 *     EDIT_GONE    has a task less
 */
#include <quipu/quipu.h>
#include <stdlib.h>

#ifdef EDIT_LINES
#line 1013
#endif

/* A yield of its own kind, so that its text is that of any other. */
static void rest(void)
{
    qp_await(qp_yield());
}

static void idles(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        rest();
}

static void begin(struct qp_handle *idle)
{
#ifdef EDIT_TASK
    *idle = qp_spawn(idles, NULL);
#else
    (void)idle;
    (void)idles;
#endif
}

static void end(struct qp_handle *idle)
{
#ifdef EDIT_TASK
    qp_await(qp_join(idle, NULL));
#else
    (void)idle;
#endif
}

/* ---- a schedule ---- */

static int value;

static void counts(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++) {
#ifdef EDIT_YIELD
        if (i == 1)
            rest();
#endif
        value++;
#ifdef EDIT_LESS
        if (i == 3)
            break;
#endif
        rest();
    }
}

static void looks(void *arg)
{
    int seen[3];
    (void)arg;
    for (int i = 0; i < 3; i++) {
        seen[i] = value;
        rest();
    }
#ifdef EDIT_MENDED
    seen[1] = seen[0];
#endif
    QP_ASSERT(!(seen[0] == 1 && seen[1] == 3 && seen[2] == 3));
}

QP_SCENARIO(looks_thrice, "nobody sees one, three and three")
{
    struct qp_handle idle, tasks[3];
    value = 0;
    begin(&idle);
    tasks[0] = qp_spawn(counts, NULL);
#ifdef EDIT_GONE
    tasks[1] = qp_spawn(idles, NULL);
    (void)looks;
#else
    tasks[1] = qp_spawn(looks, NULL);
#endif
    tasks[2] = qp_spawn(idles, NULL);
    for (int i = 0; i < 3; i++)
        qp_await(qp_join(&tasks[i], NULL));
    end(&idle);
}

/* ---- a cancellation ---- */

static int kept;

static void takes(void *arg)
{
    int taken = 0;
#ifdef EDIT_YIELD
    rest();
#endif
    while (qp_await(qp_recv((struct qp_receiver *)arg, &taken)) == QP_OK) {
#ifdef EDIT_MENDED
        kept += taken;
        rest();
#else
        rest(); /* cancelled here, it has what it took */
        kept += taken;
#endif
    }
}

static void gives(void *arg)
{
    for (int i = 1; i <= 3; i++)
        qp_await(qp_send((struct qp_sender *)arg, &i));
}

QP_BEARS(what_is_taken_is_kept, QP_FAULT_CANCEL)
QP_SCENARIO(what_is_taken_is_kept, "whoever is cancelled, nothing is lost")
{
    struct qp_sender *tx;
    struct qp_receiver *rx;
    struct qp_handle idle, giver, taker;
    int left;
    kept = 0;
    QP_ASSERT(qp_channel_create(&qp_int, 1, &tx, &rx) == QP_OK);
    begin(&idle);
    giver = qp_spawn(gives, tx);
    qp_sender_give(tx, &giver);
    taker = qp_spawn(takes, rx);
    if (qp_await(qp_join(&taker, NULL)) != QP_OK)
        rest();
    while (qp_await(qp_recv(rx, &left)) == QP_OK)
        kept += left;
    if (qp_await(qp_join(&giver, NULL)) == QP_OK)
        QP_ASSERT_EQ(kept, 6);
    end(&idle);
}

/* ---- timers ---- */

static int order;

static void naps(void *arg)
{
    for (int i = 0; i < 2; i++) {
#ifdef EDIT_YIELD
        rest();
#endif
        qp_await(qp_sleep_ms(5));
    }
    order = order * 10 + *(int *)arg;
}

QP_SCENARIO(wakes_in_order, "who naps first wakes first")
{
    static int names[] = {1, 2, 3};
    struct qp_handle idle, tasks[3];
    order = 0;
    begin(&idle);
    for (int i = 0; i < 3; i++)
        tasks[i] = qp_spawn(naps, &names[i]);
    for (int i = 0; i < 3; i++)
        qp_await(qp_join(&tasks[i], NULL));
#ifndef EDIT_MENDED
    QP_ASSERT(order != 231);
#endif
    end(&idle);
}

/* ---- a crash ---- */

static void sets(void *arg)
{
    rest();
    *(int *)arg = 1;
}

static void needs(void *arg)
{
#ifdef EDIT_YIELD
    rest();
#endif
    rest();
    rest();
    rest();
#ifndef EDIT_MENDED
    if (!*(int *)arg)
        abort();
#endif
    (void)arg;
}

QP_SCENARIO(crashes, "what is needed is there in time")
{
    struct qp_handle idle, tasks[2];
    int there = 0;
    begin(&idle);
    tasks[0] = qp_spawn(sets, &there);
    tasks[1] = qp_spawn(needs, &there);
    for (int i = 0; i < 2; i++)
        qp_await(qp_join(&tasks[i], NULL));
    end(&idle);
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
