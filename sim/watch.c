/* See watch.h. No state. */
#include "sim/watch.h"
#include "sim/retry.h"

static void watch_event(void *context, const struct qp_event *event)
{
    const struct qp_watch *watch = context;
    qp_checker_event(watch->checker, event);
    if (watch->recorder)
        qp_recorder_event(watch->recorder, event);
    if (watch->also)
        watch->also(watch->also_context, event);
}

/* Who listens alone is told directly; the checker in brief, where that can be. */
static void listen(struct qp_watch *watch, struct qp_sim_config *config, bool simulated)
{
    bool alone = !watch->recorder && !watch->also;
    if (watch->recorder)
        qp_recorder_clear(watch->recorder);
    if (watch->checker)
        qp_checker_reset(watch->checker);
    if (watch->checker && alone && simulated) {
        config->batch = qp_checker_batch(watch->checker);
    } else if (watch->checker || watch->also) {
        config->event = watch_event;
        config->event_context = watch;
    } else if (watch->recorder) {
        config->event = qp_recorder_event;
        config->event_context = watch->recorder;
    }
}

static bool judge(const struct qp_scenario_run *run, const struct qp_watch *watch, const struct qp_sim_result *result,
                  bool kept)
{
    if (!watch->checker)
        return kept;
    qp_checker_expect(watch->checker, qp_scenario_is_excused(run, result) ? QP_DEADLOCK : run->expected);
    qp_checker_finish(watch->checker, true);
    return kept && !qp_checker_count(watch->checker);
}

bool qp_execute_watched(struct qp_sim *sim, struct qp_scenario_run *run, struct qp_sim_config *config,
                        struct qp_watch *watch, struct qp_sim_result *result)
{
    bool kept;
    listen(watch, config, true);
    kept = judge(run, watch, result, qp_scenario_execute(sim, run, config, result));
    if (kept && result->retried && !result->truncated)
        kept = qp_retry_is_transparent(sim, run, config, result);
    return kept;
}

bool qp_execute_watched_by(
    struct qp_scenario_run *run, struct qp_sim_config *config, struct qp_watch *watch, struct qp_sim_result *result,
    void (*execute)(void *context, qp_async_fn function, void *arg, struct qp_sim_result *result), void *context)
{
    listen(watch, config, false);
    return judge(run, watch, result, qp_scenario_execute_by(run, result, execute, context));
}
