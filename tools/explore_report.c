/* What is said of an exploration, to people and to machines: see explore.h. No state. */
#include "tools/coverage.h"
#include "tools/explore.h"
#include "tools/isolated.h"
#include "tools/output.h"
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum { LINE = 160, DURATION = 32 };

static const char *proved(const struct exploration *self, const struct target *target)
{
    if (target->failure)
        return "sampled";
    if (target->complete)
        return "complete";
    return self->exhaustive ? "bounded" : "sampled";
}

/* ---- for people ---- */

static void say_failure(const struct exploration *self, const struct target *target)
{
    const struct found *failure = target->failure;
    if (self->exhaustive)
        printf("    found exhaustively");
    else
        printf("    found in case %" PRIu64 " (strategy %s, seed %" PRIu64 ")", failure->which.number,
               self->options.strategy, self->options.seed);
    if (failure->crashed)
        printf(", which %s", ending_name(failure->crashed));
    printf("\n%s", failure->text ? failure->text : "");
    if (!failure->text || !failure->trace[0])
        printf("    there is no trace of it\n");
}

/* "sampled, 123456 steps, 9 await points, 0.5 s"; "bounded to 5 executions (0 redundant, 0 blocked), ..." */
static void say_proved(const struct exploration *self, const struct target *target)
{
    const struct qp_explore_tally *tally = &target->tally;
    printf("%s", proved(self, target));
    if (self->exhaustive && !target->complete)
        printf(" to %" PRIu64 " executions", tally->executions);
    if (self->exhaustive)
        printf(" (%" PRIu64 " redundant, %" PRIu64 " blocked)", tally->redundant, tally->blocked);
    printf(", %" PRIu64 " steps, %zu await points", tally->steps, tally->point_count);
    if (self->options.cancel != QP_CANCEL_NONE)
        printf(", %zu of them cancelled", coverage_cancelled(tally));
    if (tally->excused)
        printf(", %" PRIu64 " excused", tally->excused);
    printf(", %.1f s\n", target->seconds);
}

void say_target(const struct exploration *self, const struct target *target)
{
    if (self->arguments->quiet && !target->failure)
        return;
    printf("%-38s %9" PRIu64 " executions  ", target->run.scenario->name, target->tally.executions);
    if (target->failure) {
        printf("FAILED\n");
        say_failure(self, target);
        return;
    }
    say_proved(self, target);
    if (self->arguments->name_count && self->options.cancel != QP_CANCEL_NONE)
        coverage_print(stdout, &target->tally, true);
}

/* "12 s", "3 min", "5.2 h" */
static const char *duration(double seconds, char text[DURATION])
{
    if (seconds < 100)
        snprintf(text, DURATION, "%.0f s", seconds);
    else if (seconds < 6000)
        snprintf(text, DURATION, "%.0f min", seconds / 60);
    else
        snprintf(text, DURATION, "%.1f h", seconds / 3600);
    return text;
}

/* How long it will take still; below 0: nobody knows. */
static double time_left(const struct exploration *self, double now)
{
    double blocks = 0, back = (double)self->blocks_back;
    double until = self->arguments->seconds ? self->deadline - now : 1e300, left;
    if (self->exhaustive || self->runs == UINT64_MAX)
        return self->arguments->seconds ? until : -1;
    for (size_t i = 0; i < self->count; i++)
        if (!self->targets[i].done)
            blocks += (double)blocks_of(self, &self->targets[i]) - (double)self->targets[i].whole;
    left = back > 0 ? blocks * (now - self->began) / back : -1;
    return left >= 0 && left < until ? left : until < 1e300 ? until : left;
}

static void describe_progress(const struct exploration *self, double now, char line[LINE])
{
    char text[DURATION];
    double left = time_left(self, now);
    int length = snprintf(line, LINE, "%zu of %zu scenarios done, %" PRIu64 " executions, %.0f a second, %zu failed",
                          self->count - self->left, self->count, self->executions,
                          (double)self->executions / (now - self->began + 1e-9), self->failures);
    if (length > 0 && length < LINE)
        snprintf(line + length, LINE - (size_t)length, ", %s%s", left < 0 ? "until all is seen" : "ETA ",
                 left < 0 ? "" : duration(left, text));
}

void say_progress(struct exploration *self)
{
    double now = seconds_now();
    char line[LINE];
    if (self->arguments->quiet || now - self->last_line < (self->terminal ? 0.2 : 10))
        return;
    self->last_line = now;
    describe_progress(self, now, line);
    if (self->terminal)
        fprintf(stderr, "\r\033[K%s", line);
    else
        fprintf(stderr, "%s\n", line);
}

void hide_progress(const struct exploration *self)
{
    if (self->terminal && !self->arguments->quiet)
        fputs("\r\033[K", stderr);
}

/* "QP_FAULT_CANCEL | QP_FAULT_LATE" */
static void print_faults(uint32_t faults)
{
    const char *between = "";
    for (int kind = 0; kind < QP_CHOICE_KINDS; kind++) {
        if (!(faults & 1u << kind))
            continue;
        printf("%sQP_FAULT_", between);
        for (const char *c = qp_fault_name((uint64_t)kind); c && *c; c++)
            putchar(toupper((unsigned char)*c));
        between = " | ";
    }
}

/* What was excused, and how it is made to count, for the first scenario of which something was. */
static void explain_excused(const struct exploration *self)
{
    const struct target *target = self->targets, *end = target + self->count;
    while (target < end && !target->tally.excused)
        target++;
    if (target == end)
        return;
    printf(
        "excused: it failed an assertion or ended in a deadlock after what the scenario does not say that it bears;\n"
        "    QP_BEARS(%s, ",
        target->run.scenario->name);
    print_faults(target->tally.excused_by);
    printf(") makes that count\n");
}

void say_sums(const struct exploration *self)
{
    double seconds = seconds_now() - self->began;
    printf("%zu scenarios, %zu failed; %" PRIu64 " executions of %" PRIu64 " steps in %.1f s", self->count,
           self->failures, self->executions, self->steps, seconds);
    if (self->interrupted)
        printf(", interrupted");
    else if (self->left)
        printf(", until the time was over");
    putchar('\n');
    if (!self->arguments->quiet)
        explain_excused(self);
}

/* ---- for machines ---- */

/* What a merge goes by. */
static bool add_run(const struct exploration *self, const struct target *target, cJSON *object)
{
    const struct found *failure = target->failure;
    char shard[48];
    snprintf(shard, sizeof shard, "%" PRIu64 "/%" PRIu64, self->shard.index + 1, self->shard.count);
    return cJSON_AddStringToObject(object, "shard", shard) && add_json_unsigned(object, "seed", self->options.seed) &&
           add_json_unsigned(object, "runs", self->runs) &&
           (!failure || (add_json_unsigned(object, "case", failure->which.number) &&
                         cJSON_AddStringToObject(object, "failure", failure->text ? failure->text : "")));
}

static bool add_target(const struct exploration *self, const struct target *target, cJSON *array)
{
    cJSON *object = cJSON_CreateObject(), *coverage;
    if (!object || !cJSON_AddItemToArray(array, object))
        return false;
    return cJSON_AddStringToObject(object, "name", target->run.scenario->name) && add_run(self, target, object) &&
           cJSON_AddStringToObject(object, "strategy", self->exhaustive ? "exhaustive" : self->options.strategy) &&
           cJSON_AddStringToObject(object, "proved", proved(self, target)) &&
           add_json_unsigned(object, "executions", target->tally.executions) &&
           add_json_unsigned(object, "redundant", target->tally.redundant) &&
           add_json_unsigned(object, "blocked", target->tally.blocked) &&
           add_json_unsigned(object, "steps", target->tally.steps) &&
           add_json_unsigned(object, "await_points", target->tally.point_count) &&
           add_json_unsigned(object, "cancelled_points", coverage_cancelled(&target->tally)) &&
           (coverage = cJSON_AddObjectToObject(object, "coverage")) != NULL &&
           coverage_json(&target->tally, coverage) && add_json_unsigned(object, "failures", target->failure != NULL);
}

static bool report_json(const struct exploration *self)
{
    cJSON *array;
    if (!self->arguments->json_file)
        return true;
    array = cJSON_CreateArray();
    for (size_t i = 0; array && i < self->count; i++) {
        if (!add_target(self, &self->targets[i], array)) {
            cJSON_Delete(array);
            array = NULL;
        }
    }
    return write_json(self->arguments->json_file, array) == EXIT_FINE;
}

static bool report_junit(const struct exploration *self)
{
    struct junit junit;
    if (!junit_begin(&junit, self->arguments->junit))
        return false;
    for (size_t i = 0; i < self->count; i++) {
        const struct target *target = &self->targets[i];
        const struct found *failure = target->failure;
        junit_case(&junit, "quipu explore", target->run.scenario->name, target->seconds,
                   failure ? JUNIT_FAILED : JUNIT_PASSED,
                   failure && failure->crashed ? ending_name(failure->crashed) : "an execution failed",
                   failure && failure->text ? failure->text : "");
    }
    return junit_end(&junit, "quipu explore");
}

bool report_to_files(const struct exploration *self)
{
    bool json = report_json(self), junit = report_junit(self);
    return json && junit;
}
