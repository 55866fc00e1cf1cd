/*
 * quipu-bench [NAME...] [--json FILE]: ns per operation, the median and the minimum of repeated runs.
 *
 * Each benchmark is first run with growing counts until a run takes a tenth of a second, then RUNS times with that
 * count. The clock is the monotonic one.
 */
#include "bench/bench.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 11 };

static const struct benchmark *const files[] = {simulation_benchmarks, checking_benchmarks, runtime_benchmarks};

struct figures {
    double median, minimum; /* ns per operation */
};

void bench_fail(const char *what)
{
    fprintf(stderr, "quipu-bench: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double timed(const struct benchmark *benchmark, uint64_t count)
{
    double start = now_ns();
    benchmark->run(count);
    return now_ns() - start;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static struct figures measure(const struct benchmark *benchmark)
{
    double each[RUNS];
    uint64_t count = 1, batch = benchmark->batch ? benchmark->batch() : 1;
    int i;
    while (timed(benchmark, count) < 1e8)
        count *= 2;
    for (i = 0; i < RUNS; i++)
        each[i] = timed(benchmark, count) / (double)(count * batch);
    qsort(each, RUNS, sizeof each[0], by_value);
    return (struct figures){each[RUNS / 2], each[0]};
}

static int wanted(const struct benchmark *benchmark, int count, char **names)
{
    int i;
    for (i = 0; i < count; i++)
        if (strstr(benchmark->name, names[i]))
            return 1;
    return count == 0;
}

static void keep(cJSON *json, const struct benchmark *benchmark, struct figures figures)
{
    cJSON *row = json ? cJSON_AddObjectToObject(json, benchmark->name) : NULL;
    if (!row)
        return;
    cJSON_AddNumberToObject(row, "median_ns", figures.median);
    cJSON_AddNumberToObject(row, "minimum_ns", figures.minimum);
    cJSON_AddStringToObject(row, "unit", benchmark->unit);
}

static void write_json(const cJSON *json, const char *path)
{
    char *text = cJSON_Print(json);
    FILE *file = text ? fopen(path, "w") : NULL;
    if (!file || fputs(text, file) == EOF || fclose(file) != 0)
        bench_fail("the figures could not be written");
    cJSON_free(text);
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    cJSON *json = NULL;
    size_t i;
    if (argc >= 3 && strcmp(argv[argc - 2], "--json") == 0) {
        path = argv[argc - 1];
        argc -= 2;
        json = cJSON_CreateObject();
    }
    for (i = 1; i < (size_t)argc; i++)
        if (argv[i][0] == '-') {
            fprintf(stderr, "quipu-bench: usage: quipu-bench [NAME...] [--json FILE]\n");
            return 2;
        }
    printf("%-34s %12s %12s  %s\n", "", "median ns", "minimum ns", "per");
    for (i = 0; i < sizeof files / sizeof files[0]; i++) {
        const struct benchmark *benchmark;
        for (benchmark = files[i]; benchmark->name; benchmark++) {
            struct figures figures;
            if (!wanted(benchmark, argc - 1, argv + 1))
                continue;
            figures = measure(benchmark);
            printf("%-34s %12.1f %12.1f  %s", benchmark->name, figures.median, figures.minimum, benchmark->unit);
            if (benchmark->batch)
                printf(" (of %llu)", (unsigned long long)benchmark->batch());
            putchar('\n');
            fflush(stdout);
            keep(json, benchmark, figures);
        }
    }
    if (json)
        write_json(json, path);
    cJSON_Delete(json);
    return 0;
}
