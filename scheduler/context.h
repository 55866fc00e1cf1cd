/*
 * The context switch: one implementation for each architecture, and one by ucontext for the rest.
 *
 * A suspended context is one pointer, into its own stack. Registers that the calling convention lets a function keep
 * are saved there. The floating-point control words are not: they belong to the thread, not to a task.
 */
#ifndef SCHEDULER_CONTEXT_H
#define SCHEDULER_CONTEXT_H

#include "scheduler/sanitizer.h"

/* A sanitizer's own code in a function may need a register that the switch does not leave it. */
#if defined(QP_WITH_ASAN) || defined(QP_WITH_TSAN)
#define QP_CONTEXT_INLINE __attribute__((unused, noinline, no_sanitize("address", "thread")))
#else
#define QP_CONTEXT_INLINE inline __attribute__((always_inline))
#endif

/* Suspends the running context into *from and goes on with `to`, which is used up. */
#if defined(__x86_64__) && !defined(QUIPU_UCONTEXT)

/*
 * Here it is no function of its own: a call that no return ends would spoil what the processor foretells of all returns
 * behind it. What is saved is where to go on and rbp; the compiler sees to the other registers. Whoever calls it is
 * compiled without a red zone.
 */
#ifdef __CET__
#define QP_CONTEXT_LANDING "\n\tendbr64"
#else
#define QP_CONTEXT_LANDING
#endif
#ifdef __AVX512F__
#define QP_CONTEXT_WIDE                                                                                           \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27", \
        "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", "k7"
#else
#define QP_CONTEXT_WIDE
#endif
static QP_CONTEXT_INLINE void qp_context_switch(void **from, void *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, (%0)\n\t"
                     "movq 8(%1), %%rbp\n\t"
                     "leaq 16(%1), %%rsp\n\t"
                     "jmpq *(%1)\n"
                     "1:" QP_CONTEXT_LANDING
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",
                       "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15", "cc", "memory" QP_CONTEXT_WIDE);
}

#else
void qp_context_switch(void **from, void *to);
#endif

/* Makes a context that will call entry(arg) on the stack below `top` (aligned to 16). entry never returns. */
void *qp_context_make(void *top, void (*entry)(void *arg), void *arg);

#endif
