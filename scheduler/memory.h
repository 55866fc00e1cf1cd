/*
 * Memory of a runtime, or of the process where there is none.
 *
 * What was allocated with a runtime is released with the same one and the same size.
 */
#ifndef SCHEDULER_MEMORY_H
#define SCHEDULER_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct qp_runtime;

/* Returns owned, not cleared; NULL where there is no more. */
void *qp_allocate(struct qp_runtime *runtime, size_t size);
void qp_release(struct qp_runtime *runtime, void *memory, size_t size);

/*
 * The same for what is made and ends again and again. A runtime keeps the blocks until it ends, unless a sanitizer
 * watches them.
 */
void *qp_allocate_again(struct qp_runtime *runtime, size_t size);
void qp_release_again(struct qp_runtime *runtime, void *memory, size_t size);

/* Gives a runtime's blocks back. */
void qp_spare_release(struct qp_runtime *runtime);

/*
 * Clears a few hundred bytes. The compiler is not told how many they are: of a size that it knows it makes an
 * instruction that takes longer to begin than the library's memset takes for all of it.
 */
static inline void qp_clear(void *memory, size_t size)
{
    __asm__("" : "+r"(size));
    memset(memory, 0, size);
}

/*
 * Copies what was most likely written just before, word by word, as it was written: wider, or by the processor's own
 * copying, each piece would wait until all of what it reads has reached the cache. Nor is the compiler to make one call
 * of all of it.
 */
static inline void qp_copy_fresh(void *to, const void *from, size_t size)
{
    size_t i;
    for (i = 0; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
        memcpy((char *)to + i, (const char *)from + i, sizeof(uint64_t));
        __asm__("" : "+r"(i));
    }
    for (; i < size; i++)
        ((char *)to)[i] = ((const char *)from)[i];
}

#define QP_CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define QP_CONTAINER_CONST(pointer, type, member) \
    ((const type *)(const void *)((const char *)(pointer)-offsetof(type, member)))

#endif
