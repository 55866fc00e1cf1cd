/* Arrays that grow by doubling, and those that are indexed by the numbers of a trace. */
#ifndef TOOLS_ARRAY_H
#define TOOLS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes sure that the array has room for `needed` items of `size` bytes; what is new is zero. `items` is the address of
 * the pointer to the first. False: out of memory, and the array is as it was.
 */
bool array_reserve(void *items, size_t *room, size_t needed, size_t size);

#endif
