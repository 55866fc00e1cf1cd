/*
 * What the machine takes for what nobody can do without: the yardstick for tasks with stacks. Pages lie as far apart as
 * stacks of the usual size, and are visited at the offsets at which these begin.
 */
#include "bench/runtime.h"
#include "bench/tables.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGES = 100000, STACK_PAGES = 17, COLOURS = 20, LINE = 64 };

static size_t stride(void)
{
    return (size_t)sysconf(_SC_PAGESIZE) * STACK_PAGES;
}

static volatile char *map_pages(void)
{
    void *memory =
        mmap(NULL, stride() * PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        bench_fail("out of memory");
    return memory;
}

/* The pages in their order, or in any. */
static uint32_t *make_order(bool shuffled)
{
    uint32_t *order = bench_allocate(PAGES * sizeof *order), i;
    for (i = 0; i < PAGES; i++)
        order[i] = i;
    for (i = PAGES; shuffled && i > 1; i--) {
        uint32_t other = (uint32_t)bench_random(i), taken = order[other];
        order[other] = order[i - 1];
        order[i - 1] = taken;
    }
    return order;
}

/* Three lines of each page, one page after the other: the next one's address depends on what was read. */
static double visit_all(volatile char *pages, bool shuffled)
{
    uint32_t *order = make_order(shuffled);
    double start = bench_now_ns(), each;
    size_t i, step = stride(), zero = 0;
    for (i = 0; i < PAGES; i++) {
        volatile char *lines = pages + order[i] * step + (size_t)order[i] % COLOURS * 2 * LINE + zero;
        zero = (size_t)lines[0];
        lines[LINE] = lines[2 * (ptrdiff_t)LINE] = 0;
    }
    each = (bench_now_ns() - start) / PAGES;
    free(order);
    return each;
}

static double touch_fresh(void)
{
    volatile char *pages = map_pages();
    double each = visit_all(pages, false);
    munmap((void *)(uintptr_t)pages, stride() * PAGES);
    return each;
}

static double visit_again(bool shuffled)
{
    volatile char *pages = map_pages();
    double each;
    visit_all(pages, false);
    each = visit_all(pages, shuffled);
    munmap((void *)(uintptr_t)pages, stride() * PAGES);
    return each;
}

static double visit_in_order(void)
{
    return visit_again(false);
}

static double visit_shuffled(void)
{
    return visit_again(true);
}

const struct figure machine_figures[] = {
    {"machine: 100,000 fresh pages", "ns per page", touch_fresh, false},
    {"machine: 100,000 pages, again", "ns per page", visit_in_order, false},
    {"machine: 100,000 pages, in any order", "ns per page", visit_shuffled, false},
    {0},
};
