/* Tells which task overflowed its stack, where the system would only say "segmentation fault". */
#ifndef SCHEDULER_OVERFLOW_H
#define SCHEDULER_OVERFLOW_H

struct qp_coroutine;

/* Watches this thread, where nobody else handles SIGSEGV; the second call does nothing. */
void qp_overflow_watch(void);

/* Undoes that, as far as it is this thread's own. */
void qp_overflow_forget(void);

/* Prints which task overflowed, and stops the program. Usable in a signal handler. */
void qp_overflow_report(const struct qp_coroutine *coroutine);

#endif
