/*
 * The names of operations that the scheduler itself has to know: whose table has one of these, by its address, is the
 * library's own, whatever others call theirs.
 */
#ifndef SCHEDULER_OPS_H
#define SCHEDULER_OPS_H

extern const char qp_op_sleep[], qp_op_timeout[], qp_op_timeout_join[], qp_op_race[];

/*
 * These are cancel-safe. One that was dropped is, but for its base, as it was before its first poll; while it is
 * pending its wait (the second member) stands in the queue.
 */
extern const char qp_op_recv[], qp_op_oneshot_recv[];

#endif
