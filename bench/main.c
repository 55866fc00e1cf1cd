/*
 * quipu-bench [NAME...] [--json FILE] [--runs N] [--count N] [--list]: the median and the minimum of repeated runs.
 *
 * Each benchmark is first run with growing counts until a run takes a tenth of a second, then `runs` times with that
 * count. A NAME that is the whole name of one means that one, any other all those whose names hold it. With --count
 * each is run once, that many times, and nothing is measured: for tools that count instructions.
 */
#include "bench/bench.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { USUAL_RUNS = 11, MOST_RUNS = 101 };

struct options {
    char **names;
    int count;
    int runs;
    uint64_t exactly; /* 0: as many as take a tenth of a second */
    bool list;
    const char *alone; /* the figure that this process is for */
    const char *json;
};

struct summary {
    double median, minimum;
};

void bench_fail(const char *what)
{
    fprintf(stderr, "quipu-bench: %s\n", what);
    exit(1);
}

static double clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

double bench_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

double bench_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* ---- measuring ---- */

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static struct summary summarise(double *each, int count)
{
    qsort(each, (size_t)count, sizeof each[0], by_value);
    return (struct summary){each[count / 2], each[0]};
}

static double timed(const struct benchmark *benchmark, uint64_t count)
{
    double start = bench_now_ns();
    benchmark->run(count);
    return bench_now_ns() - start;
}

static struct summary measure(const struct benchmark *benchmark, int runs)
{
    double each[MOST_RUNS] = {0};
    uint64_t count = 1, batch = benchmark->batch ? benchmark->batch() : 1;
    int i;
    while (timed(benchmark, count) < 1e8)
        count *= 2;
    for (i = 0; i < runs; i++)
        each[i] = timed(benchmark, count) / (double)(count * batch);
    return summarise(each, runs);
}

/* What the figure is in a process of its own: the child writes it to its standard output. */
static double take_alone(const struct figure *figure)
{
    int ends[2], status;
    double value;
    pid_t child;
    if (pipe(ends) != 0 || (child = fork()) < 0)
        bench_fail("no process for a figure of its own");
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "quipu-bench", "--alone", figure->name, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    if (read(ends[0], &value, sizeof value) != (ssize_t)sizeof value)
        value = -1;
    close(ends[0]);
    if (waitpid(child, &status, 0) != child || status != 0)
        bench_fail("a figure's process failed");
    return value;
}

/* False: it cannot be taken here. */
static bool take(const struct figure *figure, int runs, struct summary *summary)
{
    double each[MOST_RUNS] = {0};
    int i;
    if (figure->alone)
        runs = 1;
    else
        figure->take(); /* warms the caches and the pools */
    for (i = 0; i < runs; i++)
        if ((each[i] = figure->alone ? take_alone(figure) : figure->take()) < 0)
            return false;
    *summary = summarise(each, runs);
    return true;
}

/* ---- which, and how they are shown ---- */

static bool is_a_name(const char *text)
{
    const struct benchmark *const *benchmarks;
    const struct figure *const *figures;
    size_t i;
    for (benchmarks = all_benchmarks; *benchmarks; benchmarks++)
        for (i = 0; (*benchmarks)[i].name; i++)
            if (strcmp((*benchmarks)[i].name, text) == 0)
                return true;
    for (figures = all_figures; *figures; figures++)
        for (i = 0; (*figures)[i].name; i++)
            if (strcmp((*figures)[i].name, text) == 0)
                return true;
    return false;
}

static bool wanted(const struct options *options, const char *name)
{
    int i;
    for (i = 0; i < options->count; i++)
        if (is_a_name(options->names[i]) ? strcmp(name, options->names[i]) == 0
                                         : strstr(name, options->names[i]) != NULL)
            return true;
    return options->count == 0;
}

static void show(const char *name, const char *unit, struct summary summary, cJSON *json)
{
    cJSON *row = json ? cJSON_AddObjectToObject(json, name) : NULL;
    printf("%-50s %12.1f %12.1f  %s\n", name, summary.median, summary.minimum, unit);
    fflush(stdout);
    if (!row)
        return;
    cJSON_AddNumberToObject(row, "median", summary.median);
    cJSON_AddNumberToObject(row, "minimum", summary.minimum);
    cJSON_AddStringToObject(row, "unit", unit);
}

static void run_benchmark(const struct options *options, const struct benchmark *benchmark, cJSON *json)
{
    char unit[80];
    if (options->list) {
        puts(benchmark->name);
    } else if (options->exactly) {
        benchmark->run(options->exactly);
    } else {
        snprintf(unit, sizeof unit, "ns per %s", benchmark->unit);
        show(benchmark->name, unit, measure(benchmark, options->runs), json);
    }
}

static void run_figure(const struct options *options, const struct figure *figure, cJSON *json)
{
    struct summary summary;
    if (options->list)
        puts(figure->name);
    else if (!options->exactly && take(figure, options->runs, &summary))
        show(figure->name, figure->unit, summary, json);
}

static void run_all(const struct options *options, cJSON *json)
{
    const struct benchmark *const *benchmarks;
    const struct figure *const *figures;
    size_t i;
    if (!options->list && !options->exactly)
        printf("%-50s %12s %12s\n", "", "median", "minimum");
    for (benchmarks = all_benchmarks; *benchmarks; benchmarks++)
        for (i = 0; (*benchmarks)[i].name; i++)
            if (wanted(options, (*benchmarks)[i].name))
                run_benchmark(options, &(*benchmarks)[i], json);
    for (figures = all_figures; *figures; figures++)
        for (i = 0; (*figures)[i].name; i++)
            if (wanted(options, (*figures)[i].name))
                run_figure(options, &(*figures)[i], json);
}

static void write_json(const cJSON *json, const char *path)
{
    char *text = cJSON_Print(json);
    FILE *file = text ? fopen(path, "w") : NULL;
    if (!file || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0)
        bench_fail("the figures could not be written");
    cJSON_free(text);
}

/* ---- the child's side of take_alone ---- */

static int take_one(const char *name)
{
    const struct figure *const *figures;
    size_t i;
    for (figures = all_figures; *figures; figures++)
        for (i = 0; (*figures)[i].name; i++)
            if (strcmp((*figures)[i].name, name) == 0) {
                double value = (*figures)[i].take();
                return write(STDOUT_FILENO, &value, sizeof value) == (ssize_t)sizeof value ? 0 : 1;
            }
    bench_fail("no figure has that name");
}

/* ---- the command line ---- */

static QP_NORETURN void usage(void)
{
    fprintf(stderr, "usage: quipu-bench [NAME...] [--json FILE] [--runs N] [--count N] [--list]\n");
    exit(2);
}

static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || value < 1 || value > most) {
        fprintf(stderr, "quipu-bench: '%s' is no number from 1 to %llu\n", text, (unsigned long long)most);
        exit(2);
    }
    return value;
}

/* False: there is no such option that takes a value. */
static bool set(struct options *options, const char *option, const char *value)
{
    if (strcmp(option, "--json") == 0)
        options->json = value;
    else if (strcmp(option, "--runs") == 0)
        options->runs = (int)number(value, MOST_RUNS);
    else if (strcmp(option, "--count") == 0)
        options->exactly = number(value, UINT64_MAX);
    else if (strcmp(option, "--alone") == 0)
        options->alone = value;
    else
        return false;
    return true;
}

static struct options parse(int argc, char **argv)
{
    struct options options = {.names = argv, .runs = USUAL_RUNS};
    int i;
    for (i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (argv[i][0] != '-')
            argv[options.count++] = argv[i];
        else if (strcmp(argv[i], "--list") == 0)
            options.list = true;
        else if (!value || !set(&options, argv[i++], value))
            usage();
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    cJSON *json = options.json ? cJSON_CreateObject() : NULL;
    if (options.alone)
        return take_one(options.alone);
    run_all(&options, json);
    if (json)
        write_json(json, options.json);
    cJSON_Delete(json);
    return 0;
}
