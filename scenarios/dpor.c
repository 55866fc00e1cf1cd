/*
 * Small programs whose classes of executions can be counted: what an exhaustive search has to explore, and no more.
 *
 * In the programs of cells each step touches one. Main waits by the clock, which moves when nobody can run: so it
 * orders nobody. The numbers are those of Abdulla et al., 2014: readers 2^n; lastzero (n + 3) 2^(n - 2); increments n!.
 *
 * The last two are of channels and locks, as others measure themselves by them: see bench/.
 */
#include <quipu/quipu.h>

enum { MOST = 32 };

static int cells[MOST + 1];

static int read_cell(int index)
{
    qp_touch(&cells[index], false);
    return cells[index];
}

static void write_cell(int index, int value)
{
    qp_touch(&cells[index], true);
    cells[index] = value;
}

static void begin(void)
{
    int i;
    for (i = 0; i <= MOST; i++)
        cells[i] = 0;
}

/* Lets all that were spawned come to their end. */
static void wait_for_all(void)
{
    qp_await(qp_sleep_ms(1));
}

static int64_t size(void)
{
    int64_t n = qp_param("n");
    QP_ASSERT(n >= 1 && n <= MOST);
    return n;
}

/* ---- one writer, n readers ---- */

static void write_one(void *arg)
{
    (void)arg;
    write_cell(0, 1);
}

static void read_one(void *arg)
{
    (void)arg;
    QP_ASSERT(read_cell(0) >= 0);
}

QP_PARAM(dpor_readers, n, 3)
QP_SCENARIO(dpor_readers, "one task writes a cell that n others read: 2^n classes of executions")
{
    int64_t n = size(), i;
    begin();
    qp_spawn(write_one, NULL);
    for (i = 0; i < n; i++)
        qp_spawn(read_one, NULL);
    wait_for_all();
}

/* ---- the last zero ---- */

static void increment_from_the_left(void *arg)
{
    const int *cell = arg;
    int index = (int)(cell - cells), left = read_cell(index - 1);
    qp_await(qp_yield());
    write_cell(index, left + 1);
}

static void look_for_zero(void *arg)
{
    int index = (int)((const int *)arg - cells);
    while (read_cell(index) != 0) {
        index--;
        qp_await(qp_yield());
    }
}

QP_PARAM(dpor_lastzero, n, 3)
QP_SCENARIO(dpor_lastzero, "n tasks each write what is left of them plus one, and one looks for the last zero")
{
    int64_t n = size(), i;
    begin();
    qp_spawn(look_for_zero, &cells[n]);
    for (i = 1; i <= n; i++)
        qp_spawn(increment_from_the_left, &cells[i]);
    wait_for_all();
    QP_ASSERT(cells[1] == 1);
}

/* ---- increments of one cell ---- */

static void increment(void *arg)
{
    (void)arg;
    write_cell(0, cells[0] + 1);
}

QP_PARAM(dpor_increments, n, 3)
QP_SCENARIO(dpor_increments, "n tasks increment one cell: n! classes of executions")
{
    int64_t n = size(), i;
    begin();
    for (i = 0; i < n; i++)
        qp_spawn(increment, NULL);
    wait_for_all();
    QP_ASSERT_EQ(cells[0], n);
}

/* ---- where sleeping alone is not enough ---- */

static void write_x(void *arg)
{
    (void)arg;
    write_cell(0, 1);
}

static void read_y_then_x(void *arg)
{
    (void)arg;
    read_cell(1);
    qp_await(qp_yield());
    read_cell(0);
}

static void read_z_then_x(void *arg)
{
    int z;
    (void)arg;
    z = read_cell(2);
    qp_await(qp_yield());
    if (z == 0)
        read_cell(0);
}

static void write_y_and_z(void *arg)
{
    (void)arg;
    write_cell(1, 1);
    qp_await(qp_yield());
    write_cell(2, 1);
}

QP_SCENARIO(dpor_sleepers, "readers and writers whose races sleep: an algorithm that is not optimal is blocked here")
{
    begin();
    qp_spawn(write_x, NULL);
    qp_spawn(read_y_then_x, NULL);
    qp_spawn(read_z_then_x, NULL);
    qp_spawn(write_y_and_z, NULL);
    wait_for_all();
}

/* ---- two producers of two messages each, and a consumer, over a channel of capacity one ---- */

static void produce_two(void *arg)
{
    struct qp_sender *sender = arg;
    int i;
    for (i = 0; i < 2; i++)
        QP_ASSERT_EQ(qp_await(qp_send(sender, &i)), QP_OK);
}

static void consume_four(void *arg)
{
    struct qp_receiver *receiver = arg;
    int value, count = 0;
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        count++;
    QP_ASSERT_EQ(count, 4);
}

QP_SCENARIO(dpor_channel, "two producers of two messages each and a consumer, over a channel of capacity one")
{
    struct qp_sender *senders[2];
    struct qp_receiver *receiver;
    struct qp_handle tasks[3];
    int i;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 1, &senders[0], &receiver), QP_OK);
    senders[1] = qp_sender_clone(senders[0]);
    QP_ASSERT(senders[1]);
    for (i = 0; i < 2; i++) {
        tasks[i] = qp_spawn(produce_two, senders[i]);
        qp_sender_give(senders[i], &tasks[i]);
    }
    tasks[2] = qp_spawn(consume_four, receiver);
    qp_receiver_give(receiver, &tasks[2]);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&tasks[i], NULL)), QP_OK);
}

/* ---- three tasks that lock one mutex twice each ---- */

static void lock_twice(void *arg)
{
    struct qp_guard guard;
    int i;
    for (i = 0; i < 2; i++) {
        QP_ASSERT_EQ(qp_await(qp_lock((struct qp_mutex *)arg, &guard)), QP_OK);
        ++*(int *)qp_guard_value(&guard);
        qp_unlock(&guard);
    }
}

QP_SCENARIO(dpor_mutex, "three tasks that lock one mutex twice each")
{
    struct qp_handle tasks[3];
    int count = 0, i;
    struct qp_mutex *mutex = qp_mutex_create("counter", &qp_int, &count);
    QP_ASSERT(mutex);
    for (i = 0; i < 3; i++)
        tasks[i] = qp_spawn(lock_twice, mutex);
    for (i = 0; i < 3; i++)
        QP_ASSERT_EQ(qp_await(qp_join(&tasks[i], NULL)), QP_OK);
}
