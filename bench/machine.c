/*
 * What the machine takes for what nobody can do without: the yardstick for tasks with stacks. Pages lie as far apart as
 * stacks of the usual size, and are visited at the offsets at which these begin.
 */
#include "bench/tables.h"
#include <stddef.h>
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

/* Three lines of each page, one page after the other: the next one's address depends on what was read. */
static double visit_all(volatile char *pages)
{
    double start = bench_now_ns();
    size_t i, step = stride(), zero = 0;
    for (i = 0; i < PAGES; i++) {
        volatile char *lines = pages + i * step + i % COLOURS * 2 * LINE + zero;
        zero = (size_t)lines[0];
        lines[LINE] = lines[2 * (ptrdiff_t)LINE] = 0;
    }
    return (bench_now_ns() - start) / PAGES;
}

static double touch_fresh(void)
{
    volatile char *pages = map_pages();
    double each = visit_all(pages);
    munmap((void *)(uintptr_t)pages, stride() * PAGES);
    return each;
}

static double visit_again(void)
{
    volatile char *pages = map_pages();
    double each;
    visit_all(pages);
    each = visit_all(pages);
    munmap((void *)(uintptr_t)pages, stride() * PAGES);
    return each;
}

const struct figure machine_figures[] = {
    {"machine: 100,000 fresh pages", "ns per page", touch_fresh, false},
    {"machine: 100,000 pages, again", "ns per page", visit_again, false},
    {0},
};
