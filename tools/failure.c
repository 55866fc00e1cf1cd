/* See failure.h. No state. */
#include "tools/failure.h"
#include "tools/command.h"
#include "tools/story.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void tell_rules(FILE *file, const struct qp_checker *checker)
{
    char text[8192];
    if (!checker || !qp_checker_count(checker))
        return;
    qp_checker_print(qp_checker_at(checker, 0), text, sizeof text);
    tell_lines(file, text);
    if (qp_checker_count(checker) > 1)
        fprintf(file, "    and %zu more\n", qp_checker_count(checker) - 1);
}

static bool keep_trace(const struct failure *failure, const struct qp_shrink *shrink,
                       const struct qp_recorder *recorder)
{
    struct qp_trace_param params[QP_TRACE_PARAMS_MOST];
    struct qp_trace_meta meta;
    size_t count = effective_params(failure->run, params);
    meta = trace_meta(failure->run, failure->seed, "replay", params, count, failure->faults, shrink->result);
    return write_trace(failure->trace, &meta, recorder, shrink->result);
}

/* How long the story was before. */
static size_t lines_of_first(struct qp_shrink *shrink, struct qp_recorder *recorder)
{
    struct qp_events events;
    FILE *nowhere = fopen("/dev/null", "w");
    size_t lines = 0;
    if (nowhere && qp_shrink_again(shrink, recorder)) {
        events = qp_recorder_events(recorder);
        lines = print_story(nowhere, &events, "");
    }
    if (nowhere)
        fclose(nowhere);
    return lines;
}

static void tell(FILE *file, struct failure *failure, struct qp_shrink *shrink, struct qp_recorder *recorder)
{
    struct qp_events events = qp_recorder_events(recorder);
    fprintf(file, "    ended as %s", qp_status_name(shrink->result->outcome));
    fprintf(file,
            "; minimised in %" PRIu64 " executions, from %" PRIu64 " choices out of the ordinary to %" PRIu64 "\n",
            shrink->executions, failure->first_odd, shrink->odd);
    tell_rules(file, failure->checker);
    tell_lines(file, shrink->result->report);
    failure->lines = print_story(file, &events, "    | ");
    if (failure->trace && keep_trace(failure, shrink, recorder))
        fprintf(file, "    again: %s replay %s\n", failure->program, failure->trace);
}

static bool tell_shrunk(FILE *file, struct failure *failure, struct qp_shrink *shrink)
{
    struct qp_recorder *recorder = qp_recorder_create(0);
    bool failed;
    if (!recorder)
        return false;
    failure->first_odd = shrink->odd;
    failure->first_lines = lines_of_first(shrink, recorder);
    qp_shrink_all(shrink);
    failed = qp_shrink_again(shrink, recorder);
    failure->odd = shrink->odd;
    failure->executions = shrink->executions;
    if (failed)
        tell(file, failure, shrink, recorder);
    qp_recorder_destroy(recorder);
    return failed;
}

bool tell_failure(FILE *file, struct failure *failure)
{
    struct qp_sim_result *result = malloc(sizeof *result);
    struct qp_shrink shrink = {.sim = failure->sim,
                               .run = failure->run,
                               .checker = failure->checker,
                               .faults = failure->faults,
                               .key = failure->key,
                               .most = failure->most,
                               .result = result};
    bool told = result && qp_shrink_begin(&shrink, failure->choices, failure->choice_count) &&
                tell_shrunk(file, failure, &shrink);
    if (!told)
        fprintf(file, "    it did not fail again by the same choices: the program is not deterministic\n");
    qp_shrink_end(&shrink);
    free(result);
    return told;
}
