/*
 * The checker: what it adds to an execution that is told to it event by event, which it does not judge where it has
 * heard all of it before, and does in the rows that say "judged anew"; and how fast it judges a recorded one, from
 * memory and from a file.
 */
#include "bench/programs.h"
#include "bench/tables.h"
#include "traces/checker.h"
#include "traces/recorder.h"
#include "traces/writer.h"
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct qp_checker *new_checker(void)
{
    struct qp_checker *checker = qp_checker_create();
    if (!checker)
        bench_fail("out of memory");
    return checker;
}

static void must_hold(const struct qp_checker *checker)
{
    if (qp_checker_count(checker) || qp_checker_is_full(checker))
        bench_fail("the checker found something");
}

/* ---- online ---- */

static uint64_t told;

static void only_told(void *context, const struct qp_event *event)
{
    (void)context;
    told += event->seq;
}

/* `anew`: each execution is judged, also where all of it was heard before. */
static void run_checked(uint64_t count, qp_async_fn program, bool anew)
{
    struct qp_checker *checker = new_checker();
    qp_checker_remember(checker, !anew);
    run_program_checked(count, program, checker);
    qp_checker_destroy(checker);
}

static void yields_told(uint64_t count)
{
    run_program(count, program_yields, only_told, NULL);
}

static void yields_checked(uint64_t count)
{
    run_checked(count, program_yields, false);
}

static void yields_judged(uint64_t count)
{
    run_checked(count, program_yields, true);
}

static void channel_told(uint64_t count)
{
    run_program(count, program_channel, only_told, NULL);
}

static void channel_checked(uint64_t count)
{
    run_checked(count, program_channel, false);
}

static void channel_judged(uint64_t count)
{
    run_checked(count, program_channel, true);
}

static void locks_told(uint64_t count)
{
    run_program(count, program_locks, only_told, NULL);
}

static void locks_checked(uint64_t count)
{
    run_checked(count, program_locks, false);
}

static void locks_judged(uint64_t count)
{
    run_checked(count, program_locks, true);
}

/* ---- what is asked: an execution that is checked costs at most twice one that nobody hears of ---- */

/*
 * Both are measured in turn many times, and the least of each counts: what else the machine does makes either longer.
 * So many executions, by a new checker, as `quipu explore` makes of a scenario unless it is told how many.
 */
static double times_the_bare_one(qp_async_fn program)
{
    enum { TURNS = 10, EXECUTIONS = 10000 };
    double bare = 0, checked = 0;
    int i;
    for (i = 0; i < TURNS; i++) {
        double start = bench_cpu_ns(), between, end;
        run_program(EXECUTIONS, program, NULL, NULL);
        between = bench_cpu_ns();
        run_checked(EXECUTIONS, program, false);
        end = bench_cpu_ns();
        bare = i && bare < between - start ? bare : between - start;
        checked = i && checked < end - between ? checked : end - between;
    }
    return checked / bare;
}

static double yields_ratio(void)
{
    return times_the_bare_one(program_yields);
}

static double channel_ratio(void)
{
    return times_the_bare_one(program_channel);
}

static double locks_ratio(void)
{
    return times_the_bare_one(program_locks);
}

/* ---- offline: one long run ---- */

enum { MESSAGES = 20000 };

static void produce(void *arg)
{
    int i;
    for (i = 0; i < MESSAGES; i++)
        qp_await(qp_send((struct qp_sender *)arg, &i));
}

static void long_run(void *arg)
{
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    struct qp_handle producer;
    int value;
    (void)arg;
    if (qp_channel_create(&qp_int, 4, &sender, &receiver) != QP_OK)
        return;
    producer = qp_spawn(produce, sender);
    qp_sender_give(sender, &producer);
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        continue;
    qp_await(qp_join(&producer, NULL));
}

static struct qp_recorder *long_recording(void)
{
    static struct qp_recorder *recorder;
    if (recorder)
        return recorder;
    recorder = qp_recorder_create(0);
    if (!recorder)
        bench_fail("out of memory");
    run_program(1, long_run, qp_recorder_event, recorder);
    return recorder;
}

/* `count` events, in as many passes over the recording as that takes. */
static void check_from_memory(uint64_t count)
{
    struct qp_events events = qp_recorder_events(long_recording());
    struct qp_checker *checker = new_checker();
    size_t at = 0;
    for (; count > 0; count--) {
        qp_checker_event(checker, qp_events_at(&events, at));
        if (++at < events.count)
            continue;
        qp_checker_finish(checker, true);
        must_hold(checker);
        qp_checker_reset(checker);
        at = 0;
    }
    must_hold(checker);
    qp_checker_destroy(checker);
}

static char path[] = "/tmp/quipu-bench-XXXXXX";

static void remove_file(void)
{
    unlink(path);
}

/* How many events it has. */
static uint64_t long_file(void)
{
    static uint64_t count;
    struct qp_events events;
    struct qp_trace_meta meta = {.library = "", .scenario = "long_run", .strategy = "random"};
    char error[512];
    int file;
    if (count)
        return count;
    events = qp_recorder_events(long_recording());
    file = mkstemp(path);
    if (file < 0)
        bench_fail("cannot make a file in /tmp");
    close(file);
    atexit(remove_file);
    if (!qp_trace_write(path, &meta, &events, error, sizeof error))
        bench_fail(error);
    return count = events.count;
}

static void check_from_file(uint64_t count)
{
    struct qp_checker *checker = new_checker();
    for (; count > 0; count--) {
        qp_checker_reset(checker);
        if (!qp_checker_read(checker, path))
            bench_fail("the checker found something");
    }
    qp_checker_destroy(checker);
}

const struct benchmark checking_benchmarks[] = {
    {"check: 2 tasks of 3 yields, only told", "execution", yields_told, NULL},
    {"check: 2 tasks of 3 yields, checked", "execution", yields_checked, NULL},
    {"check: 2 tasks of 3 yields, judged anew", "execution", yields_judged, NULL},
    {"check: 2x2 messages, only told", "execution", channel_told, NULL},
    {"check: 2x2 messages, checked", "execution", channel_checked, NULL},
    {"check: 2x2 messages, judged anew", "execution", channel_judged, NULL},
    {"check: 3 tasks lock twice, only told", "execution", locks_told, NULL},
    {"check: 3 tasks lock twice, checked", "execution", locks_checked, NULL},
    {"check: 3 tasks lock twice, judged anew", "execution", locks_judged, NULL},
    {"check: a recording in memory", "event", check_from_memory, NULL},
    {"check: a trace from its file", "event", check_from_file, long_file},
    {0},
};

const struct figure checking_figures[] = {
    {"check: 2 tasks of 3 yields, ratio", "times unchecked", yields_ratio, false},
    {"check: 2x2 messages, ratio", "times unchecked", channel_ratio, false},
    {"check: 3 tasks lock twice, ratio", "times unchecked", locks_ratio, false},
    {0},
};
