/* Telling of events, in full and in brief: what is not inlined of emit.h and brief.h, which see. No state of its own.
 */
#include "scheduler/brief.h"

void qp_tell_in_full(enum qp_event_kind kind, struct qp_event *event)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    const struct qp_env *env = &tracing->runtime->env;
    event->kind = kind;
    event->seq = ++tracing->seq;
    event->time_ns = env->now(env->context);
    event->task = qp_task_now();
    event->site = qp_site_now();
    env->event(env->event_context, event);
}

static void begin_batch(struct qp_tracing *tracing)
{
    const struct qp_event_batch *batch = tracing->runtime->env.batch;
    tracing->none = QP_RUN_NONE;
    tracing->last = &tracing->none;
    tracing->first = tracing->next = batch ? batch->words : NULL;
    tracing->end = batch ? batch->words + (batch->room - QP_RECORD_WORDS) : NULL;
}

void qp_tracing_tell(struct qp_tracing *tracing)
{
    const struct qp_event_batch *batch = tracing->runtime->env.batch;
    if (tracing->next == tracing->first)
        return;
    batch->take(batch->context, (size_t)(tracing->next - tracing->first));
    begin_batch(tracing);
}

uint64_t qp_text_that_stays(const char *text)
{
    const struct qp_event_batch *batch = qp_thread.runtime->env.batch;
    return qp_word_of(batch->text(batch->context, text));
}

void qp_tell_at_once(struct qp_tracing *tracing, uint64_t *place, const char *text)
{
    *place = qp_word_of(text);
    qp_tracing_tell(tracing);
}

void qp_listen(struct qp_runtime *runtime)
{
    struct qp_tracing *tracing = &runtime->tracing;
    tracing->runtime = runtime;
    tracing->brief = runtime->env.batch != NULL;
    begin_batch(tracing);
}

/* A run that begins with that part, which has two fields. Returns the place behind. */
static uint64_t *put_life(struct qp_tracing *tracing, unsigned parts, uint64_t a, uint64_t b)
{
    uint64_t *run;
    qp_make_room(tracing);
    run = qp_place(tracing, qp_word(parts, qp_task_now()));
    run[1] = 0;
    run[2] = qp_word_of(qp_site_now());
    run[3] = a;
    run[4] = b;
    return tracing->next = run + 5;
}

QP_APART static void tell_spawned_in_full(const struct qp_task *task, const char *name)
{
    qp_tell_in_full(QP_EVENT_TASK_SPAWNED, &(struct qp_event){.fields = {task->id, task->style}, .text = name});
}

void qp_tell_spawned(const struct qp_task *task, const char *name)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    uint64_t text, *place;
    if (!tracing->brief) {
        tell_spawned_in_full(task, name);
        return;
    }
    text = qp_text_that_stays(name);
    place = put_life(tracing, QP_RUN_SPAWNED, task->id, task->style);
    *place = text;
    tracing->next = place + 1;
    if (!text)
        qp_tell_at_once(tracing, place, name);
}

QP_APART static void tell_woken_apart(const struct qp_task *task)
{
    QP_EMIT(TASK_WOKEN, .fields = {task->id});
}

void qp_tell_begins(const struct qp_task *task)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (qp_run_parts(tracing->last) == QP_RUN_SPAWNED)
        qp_run_add(tracing, QP_RUN_BEGINS);
    else
        tell_woken_apart(task);
}

/* By what is done in the last run, which is a poll's, or its task's end. */
static bool is_woken_in(const uint64_t *run)
{
    return (qp_run_is_before(run, QP_RUN_WOKE) || qp_run_parts(run) == (QP_RUN_UNWINDING | QP_RUN_COMPLETED)) &&
           qp_run_is_here(run) && qp_run_task(run) == qp_task_now();
}

void qp_tell_woken(const struct qp_task *task)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    const uint64_t *run = tracing->last;
    if (is_woken_in(run))
        qp_run_add_word(tracing, run[0] & QP_RUN_COMPLETED ? QP_RUN_LET_GO : QP_RUN_WOKE, task->id);
    else
        tell_woken_apart(task);
}

QP_APART static uint32_t tell_chosen_apart(const struct qp_choice *choice, uint32_t chosen)
{
    QP_EMIT(CHOICE, .fields = {choice->kind, choice->count, chosen});
    return chosen;
}

uint32_t qp_tell_chosen(const struct qp_choice *choice, uint32_t chosen)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    uint64_t *run;
    if (!tracing->brief || choice->kind != QP_CHOICE_TASK || qp_thread.task || qp_site_now())
        return tell_chosen_apart(choice, chosen);
    run = qp_place(qp_make_room(tracing), QP_RUN_CHOSEN);
    run[1] = 0;
    run[2] = qp_word(chosen, choice->count);
    tracing->next = run + 3;
    return chosen;
}

void qp_tell_suspended_apart(const struct qp_task *task, bool woken)
{
    QP_EMIT(TASK_SUSPENDED, .object = 0);
    if (woken)
        QP_EMIT(TASK_WOKEN, .fields = {task->id});
}

void qp_tell_answered_apart(const struct qp_future *future, enum qp_status status)
{
    if (status == QP_PENDING)
        QP_EMIT(FUTURE_PENDING, .future = future->id);
    else
        QP_EMIT(FUTURE_READY, .future = future->id, .fields = {(uint64_t)status});
}

void qp_tell_asked_apart(const struct qp_future *future, uint64_t duration, uint64_t wanted, uint64_t target)
{
    QP_EMIT(FUTURE_ASKED, .future = future->id, .op = future->ops->name, .fields = {duration, wanted, target});
}

QP_APART static void tell_unwinding_in_full(const struct qp_task *task, enum qp_status status)
{
    qp_tell_in_full(QP_EVENT_TASK_UNWINDING, &(struct qp_event){.fields = {(uint64_t)status, task->id}});
}

void qp_tell_unwinding(const struct qp_task *task, enum qp_status status)
{
    if (qp_thread.tracing->brief)
        put_life(qp_thread.tracing, QP_RUN_UNWINDING, (uint64_t)status, task->id);
    else
        tell_unwinding_in_full(task, status);
}

void qp_tell_ended(const struct qp_task *task)
{
    put_life(qp_thread.tracing, QP_RUN_UNWINDING | QP_RUN_COMPLETED, QP_OK, task->id);
}

QP_APART static void tell_completed_apart(void)
{
    QP_EMIT(TASK_COMPLETED, .object = 0);
}

void qp_tell_completed(const struct qp_task *task)
{
    struct qp_tracing *tracing = qp_thread.tracing;
    if (qp_run_parts(tracing->last) == QP_RUN_UNWINDING && qp_run_site(tracing->last)[2] == task->id)
        qp_run_add(tracing, QP_RUN_COMPLETED);
    else
        tell_completed_apart();
}
