/*
 * Exploration as an assertion of cmocka's, in an ordinary test of its.
 *
 *     static void no_job_is_lost(void *arg) { ... assert_int_equal(sum, 6); }
 *
 *     static void test_jobs(void **state)
 *     {
 *         qp_assert_explored(no_job_is_lost, *state);
 *         qp_assert_explored_with(no_job_is_lost, *state, .runs = 200, .cancel = QP_CANCEL_EACH);
 *     }
 *
 * A test fails when an execution does. Its message is the report of explore.h: the seed and the case, the contract that
 * was broken and what it says, the story of the smallest execution that fails so, and what shows it again.
 *
 * cmocka's assertions leave a test by a jump, which must not leave a task. Those below are therefore made anew: inside
 * a task they end the execution, as QP_ASSERT does, and everywhere else they are cmocka's. With QUIPU_CMOCKA_PLAIN
 * defined before this header they stay as they are, and tasks must use QP_ASSERT; those not named here are never for
 * tasks.
 */
#ifndef QUIPU_CMOCKA_H
#define QUIPU_CMOCKA_H

#include <quipu/explore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* behind those that it needs */
#include <cmocka.h>

/* Explores function(arg), under the function's name. Fails the test unless every execution holds. */
#define qp_assert_explored(function, arg) qp_cmocka_explored(#function, (function), (arg), NULL, __FILE__, __LINE__)

/* The same with fields of struct qp_exploration behind the argument: .runs = 200, .cancel = QP_CANCEL_EACH */
#define qp_assert_explored_with(function, arg, ...) \
    qp_cmocka_explored(#function, (function), (arg), &(struct qp_exploration){__VA_ARGS__}, __FILE__, __LINE__)

/* The same for a scenario of the program, by its name, a string; `how` is a struct qp_exploration or NULL. */
#define qp_assert_scenario_explored(name, how) qp_cmocka_explored((name), NULL, NULL, (how), __FILE__, __LINE__)

/* ---- details ---- */

/* A line at a time: cmocka cuts what is long. */
static inline void qp_cmocka_print(const char *text)
{
    while (*text) {
        int length = (int)strcspn(text, "\n");
        print_error("%.*s\n", length, text);
        text += length + (text[length] == '\n');
    }
}

static inline void qp_cmocka_explored(const char *name, qp_async_fn function, void *arg,
                                      const struct qp_exploration *how, const char *file, int line)
{
    struct qp_explored explored;
    enum qp_status status =
        function ? qp_explore(name, function, arg, how, &explored) : qp_explore_scenario(name, how, &explored);
    if (status != QP_OK)
        qp_cmocka_print(explored.report);
    qp_explored_end(&explored);
    if (status != QP_OK)
        _fail(file, line);
}

#if !defined(QUIPU_CMOCKA_PLAIN)

static inline void qp_cmocka_strings(const struct qp_site *site, const char *a, const char *b, bool equal)
{
    if ((strcmp(a, b) == 0) != equal)
        qp_fail(site, "assertion failed: %s (\"%s\" and \"%s\")", site->expr, a, b);
}

static inline void qp_cmocka_true(const struct qp_site *site, bool holds)
{
    if (!holds)
        qp_fail(site, "assertion failed: %s", site->expr);
}

/* ---- cmocka's assertions, for tasks too ---- */

#undef assert_true
#undef assert_false
#undef assert_non_null
#undef assert_null
#undef assert_ptr_equal
#undef assert_int_equal
#undef assert_int_not_equal
#undef assert_string_equal
#undef assert_string_not_equal
#undef assert_memory_equal
#undef fail
#undef fail_msg

#define assert_true(c)                                 \
    (qp_task_id() ? qp_cmocka_true(QP_SITE(#c), !!(c)) \
                  : _assert_true(cast_to_largest_integral_type(c), #c, __FILE__, __LINE__))
#define assert_false(c)                                        \
    (qp_task_id() ? qp_cmocka_true(QP_SITE("!(" #c ")"), !(c)) \
                  : _assert_true(!cast_to_largest_integral_type(c), #c, __FILE__, __LINE__))
#define assert_non_null(c)                             \
    (qp_task_id() ? qp_cmocka_true(QP_SITE(#c), !!(c)) \
                  : _assert_true(cast_ptr_to_largest_integral_type(c), #c, __FILE__, __LINE__))
#define assert_null(c)                                         \
    (qp_task_id() ? qp_cmocka_true(QP_SITE("!(" #c ")"), !(c)) \
                  : _assert_true(!cast_ptr_to_largest_integral_type(c), #c, __FILE__, __LINE__))
#define assert_ptr_equal(a, b)                                                                                    \
    (qp_task_id() ? qp_cmocka_true(QP_SITE(#a " == " #b), (const void *)(a) == (const void *)(b))                 \
                  : _assert_int_equal(cast_ptr_to_largest_integral_type(a), cast_ptr_to_largest_integral_type(b), \
                                      __FILE__, __LINE__))
#define assert_int_equal(a, b)                                                    \
    (qp_task_id()                                                                 \
         ? qp_assert_equal(QP_SITE(#a " == " #b), (long long)(a), (long long)(b)) \
         : _assert_int_equal(cast_to_largest_integral_type(a), cast_to_largest_integral_type(b), __FILE__, __LINE__))
#define assert_int_not_equal(a, b)                                                                            \
    (qp_task_id() ? qp_cmocka_true(QP_SITE(#a " != " #b), (long long)(a) != (long long)(b))                   \
                  : _assert_int_not_equal(cast_to_largest_integral_type(a), cast_to_largest_integral_type(b), \
                                          __FILE__, __LINE__))
#define assert_string_equal(a, b)                                                \
    (qp_task_id() ? qp_cmocka_strings(QP_SITE(#a " equals " #b), (a), (b), true) \
                  : _assert_string_equal((a), (b), __FILE__, __LINE__))
#define assert_string_not_equal(a, b)                                                   \
    (qp_task_id() ? qp_cmocka_strings(QP_SITE(#a " differs from " #b), (a), (b), false) \
                  : _assert_string_not_equal((a), (b), __FILE__, __LINE__))
#define assert_memory_equal(a, b, size)                                                      \
    (qp_task_id() ? qp_cmocka_true(QP_SITE(#a " equals " #b), memcmp((a), (b), (size)) == 0) \
                  : _assert_memory_equal((const char *)(a), (const char *)(b), (size), __FILE__, __LINE__))
#define fail() (qp_task_id() ? qp_fail(QP_SITE("fail()"), "fail()") : _fail(__FILE__, __LINE__))
#define fail_msg(...)                                         \
    (qp_task_id() ? qp_fail(QP_SITE("fail_msg"), __VA_ARGS__) \
                  : (print_error("ERROR: "), print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__)))

#endif
#endif
