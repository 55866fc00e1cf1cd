/*
 * The context switch by ucontext, for architectures without one of their own. Slow: it makes system calls.
 *
 * A suspended context is a pointer to the ucontext_t in the frame of qp_context_switch on its stack, or, for one that
 * has not run, at the top of it.
 */
#include "scheduler/context.h"
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

struct start {
    ucontext_t context;
    void (*entry)(void *arg);
    void *arg;
};

static void begin(unsigned high, unsigned low)
{
    struct start *start = (struct start *)(((uintptr_t)high << 16 << 16) | low);
    start->entry(start->arg);
}

void qp_context_switch(void **from, void *to)
{
    ucontext_t here;
    here.uc_stack = (stack_t){.ss_sp = NULL}; /* AddressSanitizer would believe what stands there by chance */
    *from = &here;
    swapcontext(&here, to);
}

void *qp_context_make(void *top, void (*entry)(void *arg), void *arg)
{
    enum { LEAST = 16384 }; /* ucontext wants a size; what is below `top` has at least that */
    struct start *start = (struct start *)(((uintptr_t)top - sizeof *start) & ~(uintptr_t)63);
    uintptr_t address = (uintptr_t)start;
    getcontext(&start->context);
    start->context.uc_stack.ss_sp = (char *)start - LEAST / 2;
    start->context.uc_stack.ss_size = LEAST / 2;
    start->context.uc_link = NULL;
    start->entry = entry;
    start->arg = arg;
    makecontext(&start->context, (void (*)(void))begin, 2, (unsigned)(address >> 16 >> 16), (unsigned)address);
    return &start->context;
}
