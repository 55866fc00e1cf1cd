/*
 * Stacks: pooled for each thread, guarded, coloured.
 *
 * Below each stack lies a page that must not be touched; it costs no mapping of its own where the kernel can do that, a
 * few thousand mappings otherwise, and beyond these the check at each suspension remains. Stacks of one size lie an odd
 * number of pages apart and begin at different offsets in their first page, so that the hot ends of many do not fight
 * for the same cache lines; a task that waits in a shallow function touches that one page.
 */
#ifndef SCHEDULER_STACK_H
#define SCHEDULER_STACK_H

#include <stdbool.h>
#include <stddef.h>

/* Lies at the top of its own memory. */
struct qp_stack {
    struct qp_stack_slab *slab;
    unsigned rank, index;      /* its size's; its own in the slab */
    char *bottom;              /* the lowest byte that may be used */
    char *top;                 /* where the first frame begins, aligned to 16 */
    size_t size;               /* in bytes, a power of two */
    const void *caller_bottom; /* what the sanitizer must know of the stack to return to */
    size_t caller_size;
};

#define QP_STACK_USUAL ((size_t)64 * 1024)
#define QP_STACK_LEAST ((size_t)16 * 1024)
#define QP_STACK_MOST ((size_t)256 * 1024 * 1024)

/* Returns owned: a stack of at least `size` bytes (0: the usual); NULL where there is no memory. */
struct qp_stack *qp_stack_take(size_t size);

/* Gives it back to the pool; what stood on it is gone. */
void qp_stack_give_back(struct qp_stack *stack);

/* Whether an address lies in the guard below the stack. */
bool qp_stack_guards(const struct qp_stack *stack, const void *address);

#endif
