/* See retry.h. No state but what one comparison has. */
#include "sim/retry.h"
#include "traces/compare.h"
#include "traces/recorder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether an event tells only how somebody waits, or of what is inside. */
static bool is_about_waiting(const struct qp_event *event)
{
    switch (event->kind) {
    case QP_EVENT_TASK_POLLED:
    case QP_EVENT_TASK_SUSPENDED:
    case QP_EVENT_TASK_WOKEN:
    case QP_EVENT_FUTURE_CREATED:
    case QP_EVENT_FUTURE_ASKED:
    case QP_EVENT_FUTURE_POLLED:
    case QP_EVENT_FUTURE_PENDING:
    case QP_EVENT_FUTURE_DROPPING:
    case QP_EVENT_FUTURE_DROPPED:
    case QP_EVENT_FUTURE_INNER:
    case QP_EVENT_PROMISE_MADE:
    case QP_EVENT_PROMISE_TESTED:
    case QP_EVENT_VALUE_QUEUED:
    case QP_EVENT_GRANT_HINT:
    case QP_EVENT_BARRIER_ARRIVED:
    case QP_EVENT_BARRIER_WITHDRAWN:
    case QP_EVENT_TIMER_ARMED:
    case QP_EVENT_TIMER_FIRED:
    case QP_EVENT_TIMER_DROPPED:
    case QP_EVENT_CHOICE:
    case QP_EVENT_FAULT:
        return true;
    default:
        return false;
    }
}

/* The next event from *index on that can be observed, without the numbers that count how often somebody waited. */
static bool next_observable(const struct qp_recorder *recorder, size_t *index, struct qp_event *event)
{
    const struct qp_event *found;
    while ((found = qp_recorder_at(recorder, *index)) != NULL && is_about_waiting(found))
        ++*index;
    if (!found)
        return false;
    *event = *found;
    event->seq = event->future = 0;
    return true;
}

static void describe(bool is_there, const struct qp_event *event, char *text, size_t size)
{
    if (is_there)
        qp_event_print(event, text, size);
    else
        snprintf(text, size, "nothing more");
}

/* Where the wait was begun again, for the report. */
static void describe_wait(const struct qp_recorder *retried, char *text, size_t size)
{
    const struct qp_event *event, *dropping = NULL;
    bool chosen = false;
    for (size_t i = 0; (event = qp_recorder_at(retried, i)) != NULL && !dropping; i++) {
        chosen = chosen || (event->kind == QP_EVENT_FAULT && event->fields[0] == QP_CHOICE_RETRY);
        dropping = chosen && event->kind == QP_EVENT_FUTURE_DROPPING ? event : NULL;
    }
    snprintf(text, size, "%s%s%s", dropping && dropping->op ? dropping->op : "it",
             dropping && dropping->site ? ", " : "", dropping && dropping->site ? dropping->site->expr : "");
}

static bool are_the_same(const struct qp_recorder *retried, const struct qp_recorder *plain, char *report, size_t room)
{
    struct qp_event a = {0}, b = {0};
    char with[512], without[512], wait[128];
    size_t i = 0, k = 0;
    bool more, other_more;
    do {
        more = next_observable(retried, &i, &a);
        other_more = next_observable(plain, &k, &b);
        if (more != other_more || (more && !qp_event_equal(&a, &b))) {
            describe(more, &a, with, sizeof with);
            describe(other_more, &b, without, sizeof without);
            describe_wait(retried, wait, sizeof wait);
            snprintf(report, room,
                     "a wait that promises to be cancel-safe, cancelled and begun again, made a difference: %s\n"
                     "with that:    %s\nwithout that: %s",
                     wait, with, without);
            return false;
        }
        i++;
        k++;
    } while (more);
    return true;
}

/* Executes a list of choices, recorded. */
static void execute(struct qp_sim *sim, struct qp_scenario_run *run, struct qp_sim_config config,
                    const uint32_t *choices, size_t count, struct qp_recorder *recorder, struct qp_sim_result *result)
{
    struct qp_replay_strategy replay;
    qp_replay_strategy_init(&replay, choices, count);
    config.strategy = &replay.strategy;
    config.batch = NULL;
    config.event = qp_recorder_event;
    config.event_context = recorder;
    config.touch = NULL;
    config.woken_again = NULL;
    config.awaited = NULL;
    qp_scenario_execute(sim, run, &config, result);
}

/* The list, to be changed; NULL: out of memory. */
static uint32_t *copy(const struct qp_sim_result *result)
{
    uint32_t *choices = malloc(result->choice_count * sizeof *choices);
    if (choices)
        memcpy(choices, result->choices, result->choice_count * sizeof *choices);
    return choices;
}

static bool compare(struct qp_sim *sim, struct qp_scenario_run *run, const struct qp_sim_config *config,
                    struct qp_sim_result *result, uint32_t *choices, struct qp_recorder *retried,
                    struct qp_recorder *plain)
{
    size_t count = result->choice_count, at = result->retried - 1;
    uint32_t chosen = choices[at];
    choices[at] = 0;
    execute(sim, run, *config, choices, count, plain, result);
    choices[at] = chosen;
    execute(sim, run, *config, choices, count, retried, result);
    if (are_the_same(retried, plain, result->report, sizeof result->report))
        return true;
    result->outcome = QP_FAILED;
    return false;
}

bool qp_retry_is_transparent(struct qp_sim *sim, struct qp_scenario_run *run, const struct qp_sim_config *config,
                             struct qp_sim_result *result)
{
    struct qp_recorder *retried = qp_recorder_create(0), *plain = qp_recorder_create(0);
    uint32_t *choices = copy(result);
    bool same = !retried || !plain || !choices || compare(sim, run, config, result, choices, retried, plain);
    free(choices);
    qp_recorder_destroy(retried);
    qp_recorder_destroy(plain);
    return same;
}
