/* Misuse of the interface: the program is wrong, and hears which parties are at it. */
#ifndef SCHEDULER_MISUSE_H
#define SCHEDULER_MISUSE_H

#include <quipu/future.h>

struct qp_task;

/*
 * Ends the run with a sentence where one is under way, and otherwise the process (by abort, after printing it). Called
 * before anything was changed. Does not return.
 */
QP_NORETURN void qp_misuse(const char *format, ...) QP_PRINTF(1, 2);

/* "task 3 'writer'", or "no task", in a buffer that the next four calls leave alone. */
const char *qp_task_label(uint64_t task);

/* The task that a waker wakes, likewise. */
const char *qp_waker_label(const struct qp_waker *waker);

/* " since scenarios/bank.c:41", or "", likewise. */
const char *qp_site_label(const char *before, const struct qp_site *site);

#endif
