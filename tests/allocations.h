/*
 * The process's memory, counted, and failing on demand: malloc and its family of this program, whoever calls them.
 *
 * Where the C library is not glibc, or a sanitizer has the allocator, nothing is counted and nothing fails, and
 * allocations_are_counted() says so.
 */
#ifndef TESTS_ALLOCATIONS_H
#define TESTS_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

bool allocations_are_counted(void);

/* Blocks that were allocated by any thread and not freed. */
long allocations_live(void);

/* On the calling thread: the nth allocation from now on fails, from 1, and with `all` each after it. 0: none does. */
void allocations_fail(size_t nth, bool all);

/* On the calling thread: those that follow are not among them, while this is on. Returns what it was. */
bool allocations_spare(bool spare);

/* How many there were on this thread since then. */
size_t allocations_since(void);

#endif
