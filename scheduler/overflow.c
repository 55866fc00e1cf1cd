/*
 * Stack overflows: see overflow.h.
 *
 * State: whether the process's handler is installed, and whether this thread has a stack for it. The handler runs on
 * that one, reads only this thread's state, and after its sentence lets the signal take its usual course.
 */

#define _GNU_SOURCE
#include "scheduler/overflow.h"
#include "scheduler/runtime.h"
#include "scheduler/stack.h"
#include "scheduler/thread.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HANDLER_STACK = 64 * 1024 };

static atomic_flag installed = ATOMIC_FLAG_INIT;
static _Thread_local bool watched;
static _Thread_local void *handler_stack; /* owned; NULL: there is none, or it is somebody else's */

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static void say_number(uint64_t number)
{
    char digits[24], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    say(at);
}

void qp_overflow_report(const struct qp_coroutine *coroutine)
{
    say("quipu: stack overflow in ");
    if (qp_thread.runtime && qp_thread.task) {
        say("task ");
        say_number(qp_thread.task->id);
        say(" '");
        say(qp_task_name_of(qp_thread.task));
        say("'");
    } else {
        say("an async function outside a task");
    }
    say(": its stack has ");
    say_number(coroutine->stack->size / 1024);
    say(" KiB (stack_size in struct qp_task_options gives it more)\n");
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    struct qp_coroutine *coroutine = qp_thread.coroutine ? qp_thread.coroutine : qp_thread.returned;
    (void)context;
    if (coroutine && coroutine->stack && qp_stack_guards(coroutine->stack, info->si_addr))
        qp_overflow_report(coroutine);
    sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL); /* it happens again, for the last time */
}

static void install(int signal)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK}, before;
    sigemptyset(&action.sa_mask);
    if (sigaction(signal, NULL, &before) == 0 && !(before.sa_flags & SA_SIGINFO) && before.sa_handler == SIG_DFL)
        sigaction(signal, &action, NULL);
}

void qp_overflow_watch(void)
{
    stack_t stack = {.ss_size = HANDLER_STACK}, before;
    if (watched)
        return;
    watched = true;
    if (!atomic_flag_test_and_set(&installed)) {
        install(SIGSEGV);
        install(SIGBUS);
    }
    if (sigaltstack(NULL, &before) != 0 || !(before.ss_flags & SS_DISABLE))
        return; /* somebody else's will do */
    stack.ss_sp = mmap(NULL, HANDLER_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED)
        return;
    sigaltstack(&stack, NULL);
    handler_stack = stack.ss_sp;
}

void qp_overflow_forget(void)
{
    if (handler_stack) {
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
        munmap(handler_stack, HANDLER_STACK);
    }
    handler_stack = NULL;
    watched = false;
}
