/*
 * See drift.h for the state. The plan is followed as it is, first; then with one departure from it at each place in
 * turn, for a step that is new, or gone, may look like the one that was recorded.
 */
#include "tools/drift.h"
#include "tools/command.h"
#include "traces/compare.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_EXECUTIONS = 20000, MOST_ISOLATED = 200, MOST_STEPS = 20000000, LATER_MOST = 8, EVENT_TEXT = 1024 };

/* How the recorded execution failed, by its events and its own word. */
static void judge_recorded(struct drifting *self)
{
    const struct qp_trace_meta *meta = &self->trace->meta;
    struct qp_sim_result *recorded = self->result;
    qp_checker_reset(self->checker);
    for (size_t i = 0; i < self->trace->count; i++)
        qp_checker_event(self->checker, &self->trace->events[i]);
    qp_checker_expect(self->checker, meta->expected);
    qp_checker_finish(self->checker, true);
    recorded->outcome = meta->outcome;
    snprintf(recorded->report, sizeof recorded->report, "%s", meta->report ? meta->report : "");
    self->key = qp_failure_key(recorded, self->isolated ? NULL : self->checker);
    self->failed = qp_checker_count(self->checker) || (meta->outcome != QP_OK && meta->outcome != meta->expected) ||
                   (meta->outcome == QP_OK && *recorded->report);
}

bool drift_begin(struct drifting *self)
{
    struct qp_events events = qp_trace_events(self->trace);
    self->result = calloc(1, sizeof *self->result);
    if (!self->result || !qp_drift_init(&self->plan, &events)) {
        complain("out of memory");
        return false;
    }
    judge_recorded(self);
    return true;
}

void drift_end(struct drifting *self)
{
    qp_drift_end(&self->plan);
    free(self->result);
    free(self->choices);
    self->result = NULL;
    self->choices = NULL;
}

static void tell_strategy(void *context, const struct qp_event *event)
{
    struct qp_strategy *strategy = context;
    strategy->ops->event(strategy, event);
}

/* True: it kept its word. */
static bool execute_here(struct drifting *self, struct qp_recorder *recorder)
{
    struct qp_scenario_run run = *self->run;
    struct qp_sim_config config = {
        .seed = self->trace->meta.seed, .strategy = &self->plan.strategy, .faults = self->trace->meta.faults};
    struct qp_watch watch = {
        .recorder = recorder, .checker = self->checker, .also = tell_strategy, .also_context = &self->plan.strategy};
    return qp_execute_watched(self->sim, &run, &config, &watch, self->result);
}

static bool keep_choices(struct drifting *self)
{
    size_t size = self->result->choice_count * sizeof *self->choices;
    self->choices = malloc(size + 1);
    self->choice_count = self->result->choice_count;
    if (self->choices && size)
        memcpy(self->choices, self->result->choices, size);
    return self->choices != NULL;
}

/* Follows the plan once. True: it ends as what was recorded, and the choices are kept. */
static bool attempt(struct drifting *self)
{
    struct qp_failure_key key;
    bool kept;
    self->executions++;
    if (self->isolated)
        kept = isolated_execute_by(self->isolated, self->run, &self->plan.strategy, self->trace->meta.faults, NULL,
                                   self->result);
    else
        kept = execute_here(self, NULL);
    self->ends = self->ends || (self->isolated && !kept);
    self->total_steps += self->result->steps;
    if (kept == self->failed || self->result->truncated)
        return false;
    key = qp_failure_key(self->result, self->isolated ? NULL : self->checker);
    return (kept || qp_failure_same(&key, &self->key)) && keep_choices(self);
}

static bool has_time(const struct drifting *self)
{
    return self->executions < (self->isolated ? MOST_ISOLATED : MOST_EXECUTIONS) && self->total_steps < MOST_STEPS;
}

/* One step less; or one more, of each task. */
static bool depart_at(struct drifting *self, size_t at)
{
    size_t lanes = self->plan.lane_count;
    bool found = false;
    self->plan.at = at;
    self->plan.departure = QP_DRIFT_WITHOUT;
    found = has_time(self) && attempt(self);
    self->plan.departure = QP_DRIFT_EXTRA;
    for (size_t lane = 0; lane < lanes && !found && has_time(self); lane++) {
        self->plan.extra_lane = lane;
        found = attempt(self);
    }
    return found;
}

/* What was injected in one place, a little later or earlier there. */
static bool depart_from(struct drifting *self, const struct qp_drift_ask *ask)
{
    bool found = false;
    self->plan.departure = QP_DRIFT_LATER;
    self->plan.place = ask->place;
    for (int64_t by = 1; by <= LATER_MOST && !found && has_time(self); by++) {
        self->plan.later = by;
        found = attempt(self);
        self->plan.later = -by;
        found = found || attempt(self);
    }
    return found;
}

static bool depart(struct drifting *self)
{
    const struct qp_drift *plan = &self->plan;
    for (size_t i = 0; i < plan->ask_count && has_time(self); i++)
        if (plan->asks[i].place && plan->asks[i].chosen && depart_from(self, &plan->asks[i]))
            return true;
    for (size_t at = 0; at < plan->step_count && has_time(self); at++)
        if (depart_at(self, at))
            return true;
    return false;
}

bool drift_find(struct drifting *self)
{
    for (int skips = 0; skips < 2; skips++) {
        self->plan.skips = skips != 0;
        if (attempt(self))
            return true;
    }
    self->plan.skips = false;
    if (self->failed && depart(self))
        return true;
    self->plan.departure = QP_DRIFT_NONE;
    return false;
}

void drift_tell_found(const struct drifting *self)
{
    const struct qp_drift *plan = &self->plan;
    printf("%s: %s, found in %" PRIu64 " executions", self->path,
           self->failed ? "the same failure, in the program as it is now" : "it holds also in the program as it is now",
           self->executions);
    if (!self->isolated)
        printf(": of %zu steps %zu are as recorded, %zu are new", plan->step_count, plan->taken, plan->added);
    printf("\n");
}

/* ---- where they parted ---- */

static bool is_same_task(struct qp_drift *plan, uint64_t task, size_t lane)
{
    const uint64_t *number = task ? qp_task_value(&plan->numbers, task) : NULL;
    return number && *number == lane + 1;
}

/* The last event of a task in what was recorded now; NULL: there was no such task. */
static const struct qp_event *last_of(struct drifting *self, const struct qp_recorder *recorder, size_t lane)
{
    const struct qp_event *event, *last = NULL;
    for (size_t i = 0; (event = qp_recorder_at(recorder, i)) != NULL; i++) {
        if (event->kind == QP_EVENT_RUNTIME_CLOSING)
            break;
        if (is_same_task(&self->plan, event->task, lane))
            last = event;
    }
    return last;
}

static void tell_event(const char *whose, const struct qp_event *event)
{
    char text[EVENT_TEXT] = "no such task";
    if (event)
        qp_event_print(event, text, sizeof text);
    fprintf(stderr, "  %s: %s\n", whose, text);
}

static void tell_ends(const struct drifting *self)
{
    fprintf(stderr, "  recorded, at the end: %s%s%s\n", qp_status_name(self->trace->meta.outcome),
            self->trace->meta.report && *self->trace->meta.report ? ": " : "",
            self->trace->meta.report ? self->trace->meta.report : "");
    fprintf(stderr, "  now, at the end: %s%s%s\n", qp_status_name(self->result->outcome),
            *self->result->report ? ": " : "", self->result->report);
}

/* Follows the plan once more, recorded. */
static void tell_first_missing(struct drifting *self, struct qp_recorder *recorder)
{
    const struct qp_drift_step *step;
    size_t parted;
    execute_here(self, recorder);
    parted = qp_drift_parted(&self->plan);
    if (parted == self->plan.step_count) {
        fprintf(stderr, "  every step is as recorded\n");
        return;
    }
    step = &self->plan.steps[parted];
    fprintf(stderr, "  they part at event %zu, step %zu of %zu\n", step->event + 1, parted + 1, self->plan.step_count);
    tell_event("recorded: the task goes on", &self->trace->events[step->event]);
    tell_event("now: the last of that task", last_of(self, recorder, step->lane));
}

int drift_tell_parted(struct drifting *self)
{
    struct qp_recorder *recorder = qp_recorder_create(0);
    if (!recorder)
        return complain("out of memory");
    complain("%s does not end as it did, in any of %" PRIu64 " executions", self->path, self->executions);
    if (!self->ends)
        tell_first_missing(self, recorder);
    tell_ends(self);
    qp_recorder_destroy(recorder);
    return EXIT_DIVERGED;
}
