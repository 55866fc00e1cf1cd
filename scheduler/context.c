/* The first context of a new stack, laid out as the architecture's switch expects to find one. No state. */
#include "scheduler/context.h"
#include <stdint.h>
#include <string.h>

#if !defined(QUIPU_UCONTEXT) && (defined(__x86_64__) || defined(__aarch64__))

void qp_context_start(void);

void *qp_context_make(void *top, void (*entry)(void *arg), void *arg)
{
#if defined(__x86_64__)
    enum { GO_ON = 0, ARGUMENT = 2, ENTRY = 3, WORDS = 4 }; /* the second word is rbp */
    const int function = ENTRY, argument = ARGUMENT;
#else
    enum { GO_ON = 11, WORDS = 20 }; /* x30 is the twelfth word, x19 and x20 the first two */
    const int function = 0, argument = 1;
#endif
    uintptr_t *words = (uintptr_t *)top - WORDS;
    memset(words, 0, WORDS * sizeof *words);
    words[GO_ON] = (uintptr_t)qp_context_start;
    words[function] = (uintptr_t)entry;
    words[argument] = (uintptr_t)arg;
    return words;
}

#endif
