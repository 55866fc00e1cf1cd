/*
 * The context switch: one implementation for each architecture, and one by ucontext for the rest.
 *
 * A suspended context is one pointer, into its own stack. Registers that the calling convention lets a function keep
 * are saved there. The floating-point control words are not: they belong to the thread, not to a task.
 */
#ifndef SCHEDULER_CONTEXT_H
#define SCHEDULER_CONTEXT_H

/* Suspends the running context into *from and goes on with `to`, which is used up. */
void qp_context_switch(void **from, void *to);

/* Makes a context that will call entry(arg) on the stack below `top` (aligned to 16). entry never returns. */
void *qp_context_make(void *top, void (*entry)(void *arg), void *arg);

#endif
