/*
 * Scenarios: small programs, each of which holds one property under every schedule.
 *
 *     QP_PARAM(no_job_is_lost, jobs, 10)
 *     QP_SCENARIO(no_job_is_lost, "every job is counted once, whoever is cancelled")
 *     {
 *         int64_t jobs = qp_param("jobs");
 *         ...
 *         QP_ASSERT(counted == jobs);
 *     }
 *
 *     int main(int argc, char **argv) { return quipu_main(argc, argv); }
 *
 * The body is an async function, task 1. The run fails if an assertion fails, if it ends in a deadlock, if the body
 * panics, if the library is misused, or if memory is still held at the end.
 */
#ifndef QUIPU_SCENARIO_H
#define QUIPU_SCENARIO_H

#include <quipu/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct qp_scenario_param { /* private */
    const char *scenario, *name;
    int64_t value;
    struct qp_scenario_param *next;
};

struct qp_scenario {
    const char *name;    /* a C identifier, unique in the program */
    const char *summary; /* one line */
    const char *file;
    void (*body)(void);
    struct qp_scenario *next; /* private */
};

#if !defined(__GNUC__)
#error "registering a scenario at program start needs a compiler that knows __attribute__((constructor))"
#endif

/* Registers the body that follows. */
#define QP_SCENARIO(name_, summary_)                                                               \
    static void name_##_body(void);                                                                \
    static struct qp_scenario name_##_scenario = {#name_, summary_, __FILE__, name_##_body, NULL}; \
    __attribute__((constructor)) static void name_##_register(void)                                \
    {                                                                                              \
        qp_scenario_register(&name_##_scenario);                                                   \
    }                                                                                              \
    static void name_##_body(void)

/* Declares an integer parameter of a scenario, with its default; --param name=value sets another. */
#define QP_PARAM(scenario_, name_, value_)                                                              \
    static struct qp_scenario_param scenario_##_##name_##_param = {#scenario_, #name_, (value_), NULL}; \
    __attribute__((constructor)) static void scenario_##_##name_##_register(void)                       \
    {                                                                                                   \
        qp_param_register(&scenario_##_##name_##_param);                                                \
    }

/* Inside a scenario: the value of a parameter that it declares. Misuse for any other name. */
int64_t qp_param(const char *name);

/*
 * Inside a scenario: it must end in a deadlock, or in misuse, whose report holds this text (borrowed), and fails if it
 * ends in any other way. For scenarios that show what is reported.
 */
void qp_expect(enum qp_status outcome, const char *text);

void qp_scenario_register(struct qp_scenario *scenario);
void qp_param_register(struct qp_scenario_param *param);

/* The registered scenarios and parameters, ordered by name; NULL-terminated by `next`. */
const struct qp_scenario *qp_scenario_first(void);
const struct qp_scenario *qp_scenario_find(const char *name);
const struct qp_scenario_param *qp_param_first(void);

/*
 * The whole command line (`list`, `run`, `replay`, ...) for whatever scenarios the program holds. Returns the exit
 * status: 0 fine; 1 a scenario failed; 2 usage or bad input, with a sentence on stderr; 3 a replay diverged.
 */
int quipu_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
