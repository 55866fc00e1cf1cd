/* A program of which some schedules crash, and that is not deterministic: what the exploration's test is made with. */
#include <quipu/quipu.h>
#include <stdlib.h>

static int order;

static void first(void *arg)
{
    (void)arg;
    order = 1;
}

static void second(void *arg)
{
    (void)arg;
    if (order == 0)
        abort();
}

QP_SCENARIO(crashes, "the process is gone when the second comes first")
{
    struct qp_handle handles[2];
    int i;
    order = 0;
    handles[0] = qp_spawn(first, NULL);
    handles[1] = qp_spawn(second, NULL);
    for (i = 0; i < 2; i++)
        qp_await(qp_join(&handles[i], NULL));
}

QP_SCENARIO(looks_at_an_address, "what it writes into the trace hangs on where its stack lies")
{
    int here;
    qp_log("%p", (void *)&here);
}

QP_SCENARIO(fine, "nothing happens")
{
    qp_await(qp_yield());
}

int main(int argc, char **argv)
{
    return quipu_main(argc, argv);
}
