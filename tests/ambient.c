/*
 * Programs that ask for what is around them: the real clock, real sleep, real entropy. One scenario for each function,
 * which must be caught; what is served from the simulation instead; and that outside a simulation all is as ever.
 */
#define _GNU_SOURCE
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static struct timespec timespec;
static struct timeval timeval;
static unsigned char bytes[16];
static volatile double number;

static const struct timespec moment = {0, 1000};

/* A task of its own makes the call: the sentence names it. */
#define CAUGHT(name, call)                                                 \
    static void name##_caller(void *arg)                                   \
    {                                                                      \
        (void)arg;                                                         \
        number += (double)(call);                                          \
    }                                                                      \
    QP_SCENARIO(caught_##name, #name " in a simulated program is told of") \
    {                                                                      \
        struct qp_handle task;                                             \
        qp_expect(QP_MISUSE, "task 2 '" #name "_caller' calls " #name);    \
        task = qp_spawn(name##_caller, NULL);                              \
        qp_await(qp_join(&task, NULL));                                    \
    }

CAUGHT(time, time(NULL))
CAUGHT(clock, clock())
CAUGHT(gettimeofday, gettimeofday(&timeval, NULL))
CAUGHT(clock_gettime, clock_gettime(CLOCK_MONOTONIC, &timespec))
CAUGHT(timespec_get, timespec_get(&timespec, TIME_UTC))
CAUGHT(sleep, sleep(1))
CAUGHT(usleep, usleep(1))
CAUGHT(nanosleep, nanosleep(&moment, NULL))
CAUGHT(clock_nanosleep, clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL))
CAUGHT(rand, rand())
CAUGHT(random, random())
CAUGHT(lrand48, lrand48())
CAUGHT(mrand48, mrand48())
CAUGHT(drand48, drand48())
CAUGHT(getrandom, getrandom(bytes, sizeof bytes, 0))
CAUGHT(getentropy, getentropy(bytes, sizeof bytes))
#if __GLIBC_PREREQ(2, 36)
CAUGHT(arc4random, arc4random())
CAUGHT(arc4random_buf, (arc4random_buf(bytes, sizeof bytes), 0))
CAUGHT(arc4random_uniform, arc4random_uniform(6))
#endif

static void work(void *arg)
{
    (void)arg;
    sleep(2);
}

/* With --ambient virtual. */
QP_SCENARIO(served, "clocks show virtual time, sleeping awaits it, entropy is drawn from the seed")
{
    struct timespec before, after;
    time_t began = time(NULL);
    struct qp_handle task;
    int i, drawn = 0;
    QP_ASSERT(clock_gettime(CLOCK_MONOTONIC, &before) == 0 && before.tv_sec == 0 && before.tv_nsec == 0);
    QP_ASSERT(usleep(1500000) == 0 && sleep(3) == 0 && nanosleep(&moment, NULL) == 0);
    QP_ASSERT(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    QP_ASSERT_EQ(after.tv_sec, 4);
    QP_ASSERT_EQ(after.tv_nsec, 500001000);
    QP_ASSERT_EQ(time(NULL) - began, 4);
    QP_ASSERT(gettimeofday(&timeval, NULL) == 0 && timeval.tv_sec == began + 4 && timeval.tv_usec == 500001);
    after.tv_sec = 10;
    after.tv_nsec = 0;
    QP_ASSERT(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &after, NULL) == 0);
    QP_ASSERT_EQ(qp_now(), 10000000000);
    task = qp_spawn_blocking(work, NULL);
    QP_ASSERT_EQ(qp_await(qp_join(&task, NULL)), QP_OK);
    QP_ASSERT_EQ(qp_now(), 12000000000);
    for (i = 0; i < 50; i++)
        drawn += rand() % 2 + (int)(random() % 2) + (int)(drand48() * 2);
    QP_ASSERT(drawn > 30 && drawn < 120);
    QP_ASSERT(getrandom(bytes, sizeof bytes, 0) == sizeof bytes && getentropy(bytes, sizeof bytes) == 0);
    qp_log("%d %u", drawn, bytes[0]);
}

/* With --ambient allow it is not the same twice. */
QP_SCENARIO(entropy, "what is drawn from outside the seed")
{
    QP_ASSERT(getrandom(bytes, sizeof bytes, 0) == sizeof bytes);
    qp_log("%u %u %u %u", bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* No simulation runs here, nor on the real clock: all is the C library's. */
static bool is_real(void)
{
    struct timespec before, after;
    int first;
    if (time(NULL) < 1600000000 || clock_gettime(CLOCK_MONOTONIC, &before) != 0 || usleep(2000) != 0 ||
        clock_gettime(CLOCK_MONOTONIC, &after) != 0 || getentropy(bytes, sizeof bytes) != 0)
        return false;
    srand(7);
    first = rand();
    srand(7);
    return rand() == first && (after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 2000000;
}

int main(int argc, char **argv)
{
    if (!is_real()) {
        fprintf(stderr, "outside a simulation something is not as it was\n");
        return 9;
    }
    return quipu_main(argc, argv);
}
