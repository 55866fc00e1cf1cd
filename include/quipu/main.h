/*
 * A program whose main is an async function.
 *
 *     static int async_main(int argc, char **argv) { qp_await(qp_sleep(1.0)); return 0; }
 *     QP_MAIN(async_main)
 *
 * It runs on the real clock (real.h). With QUIPU_SEED=<number> in the environment the unchanged binary runs simulated,
 * on virtual time, with that seed. QUIPU_TRACE=<file> writes its trace, either way.
 *
 * On the real clock SIGINT (Ctrl-C) and SIGTERM cancel async_main at its await point, unless some task waits for them
 * (io.h): all that is owned is released, and the process ends with 130 or 143. The next one ends it at once.
 *
 * On the real clock SIGUSR1 lists every task with its await point and every object on stderr, and the program goes on
 * (real.h, list_on_signal), unless it was caught or ignored before, or some task waits for it.
 */
#ifndef QUIPU_MAIN_H
#define QUIPU_MAIN_H

#include <quipu/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef int (*qp_main_fn)(int argc, char **argv);

#define QP_MAIN(async_main)                           \
    int main(int argc, char **argv)                   \
    {                                                 \
        return qp_main_run((async_main), argc, argv); \
    }

/* Runs it, and returns the process's exit status: what it returned, 1 if it failed, 2 for bad input. */
int qp_main_run(qp_main_fn function, int argc, char **argv);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
