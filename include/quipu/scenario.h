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
#pragma GCC visibility push(default)

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
    struct qp_scenario *next;       /* private */
    unsigned declared, not_assumed; /* private: faults that it bears, and those that it does not */
    const char *timed;              /* private: what of its outcome only virtual time decides; NULL: nothing */
};

/* What exploration may inject into a run. Bits; SPEC.md, section 5, says what each is. */
enum qp_fault {
    QP_FAULT_YIELD = 1 << 5,
    QP_FAULT_SPURIOUS = 1 << 6,
    QP_FAULT_CANCEL = 1 << 7,
    QP_FAULT_CLOCK = 1 << 8,
    QP_FAULT_RETRY = 1 << 9,
    QP_FAULT_PANIC = 1 << 10,
    QP_FAULT_ALLOC = 1 << 11,
    QP_FAULT_LATE = 1 << 12,
    QP_FAULT_DELAY = 1 << 13
};

struct qp_scenario_faults { /* private */
    const char *scenario;
    unsigned bears, assumes_no;
    struct qp_scenario_faults *next;
};

#if !defined(__GNUC__)
#error "registering a scenario at program start needs a compiler that knows __attribute__((constructor))"
#endif

/* Registers the body that follows. */
#define QP_SCENARIO(name_, summary_)                                                                           \
    static void name_##_body(void);                                                                            \
    static struct qp_scenario name_##_scenario = {#name_, summary_, __FILE__, name_##_body, NULL, 0, 0, NULL}; \
    __attribute__((constructor)) static void name_##_register(void)                                            \
    {                                                                                                          \
        qp_scenario_register(&name_##_scenario);                                                               \
    }                                                                                                          \
    static void name_##_body(void)

/* Declares an integer parameter of a scenario, with its default; --param name=value sets another. */
#define QP_PARAM(scenario_, name_, value_)                                                              \
    static struct qp_scenario_param scenario_##_##name_##_param = {#scenario_, #name_, (value_), NULL}; \
    __attribute__((constructor)) static void scenario_##_##name_##_register(void)                       \
    {                                                                                                   \
        qp_param_register(&scenario_##_##name_##_param);                                                \
    }

/*
 * Declares what a scenario bears, bits of enum qp_fault: what it asserts, and that it comes to an end, counts also in
 * executions into which these were injected, and exploration injects them without being asked to. Or what it assumes
 * not to happen: what it asserts does not count there. Contracts, leaks and misuse always count. Where nothing is
 * declared a scenario bears polls without a cause and suspensions, which it may be asked to by --faults.
 */
#define QP_BEARS(scenario_, faults_) QP_DECLARE_FAULTS(scenario_, bears, (faults_), 0)
#define QP_ASSUMES_NO(scenario_, faults_) QP_DECLARE_FAULTS(scenario_, assumes_no, 0, (faults_))
#define QP_DECLARE_FAULTS(scenario_, what_, bears_, assumes_no_)                                                 \
    static struct qp_scenario_faults scenario_##_##what_##_faults = {#scenario_, (bears_), (assumes_no_), NULL}; \
    __attribute__((constructor)) static void scenario_##_##what_##_register_faults(void)                         \
    {                                                                                                            \
        qp_scenario_faults_register(&scenario_##_##what_##_faults);                                              \
    }

struct qp_scenario_timing { /* private */
    const char *scenario, *what;
    struct qp_scenario_timing *next;
};

/*
 * What a scenario asserts holds on both clocks, but for time. Virtual time passes only while everybody waits; on the
 * real clock a wait may be over late by any amount. So there QP_ASSERT_TIME, which is exact on the virtual clock,
 * asserts that a moment or a duration is not less than it should be. Whatever else depends on nobody being late, or on
 * when blocking work starts, is asserted by QP_ASSERT_TIMED, which asserts nothing on the real clock. A scenario that
 * does so declares by QP_TIMED, in a few words that `list` shows, what of its outcome that is.
 */
#define QP_ASSERT_TIME(time_ns, expected_ns) \
    qp_assert_time(QP_SITE(#time_ns " == " #expected_ns), (time_ns), (expected_ns))
#define QP_ASSERT_TIMED(condition) (qp_asserts_timing() ? QP_ASSERT(condition) : (void)0)
#define QP_TIMED(scenario_, what_)                                                     \
    static struct qp_scenario_timing scenario_##_timing = {#scenario_, (what_), NULL}; \
    __attribute__((constructor)) static void scenario_##_register_timing(void)         \
    {                                                                                  \
        qp_scenario_timing_register(&scenario_##_timing);                              \
    }

/* Private: what the two call. The second is misuse in a scenario that does not declare it. */
void qp_assert_time(const struct qp_site *site, int64_t time_ns, int64_t expected_ns);
bool qp_asserts_timing(void);

/* Inside a scenario: the value of a parameter that it declares. Misuse for any other name. */
int64_t qp_param(const char *name);

/*
 * Inside a scenario: it must end in a deadlock, or in misuse, whose report holds this text (borrowed), and fails if it
 * ends in any other way. For scenarios that show what is reported.
 */
void qp_expect(enum qp_status outcome, const char *text);

void qp_scenario_register(struct qp_scenario *scenario);
void qp_param_register(struct qp_scenario_param *param);
void qp_scenario_faults_register(struct qp_scenario_faults *faults);
void qp_scenario_timing_register(struct qp_scenario_timing *timing);

/* The registered scenarios and parameters, ordered by name; NULL-terminated by `next`. */
const struct qp_scenario *qp_scenario_first(void);
const struct qp_scenario *qp_scenario_find(const char *name);
const struct qp_scenario_param *qp_param_first(void);

/*
 * The whole command line (`list`, `run`, `replay`, ...) for whatever scenarios the program holds. Returns the exit
 * status: 0 fine; 1 a scenario failed; 2 usage or bad input, with a sentence on stderr; 3 a replay diverged.
 */
int quipu_main(int argc, char **argv);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
