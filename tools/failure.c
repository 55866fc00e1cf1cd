/* See failure.h. No state. */
#include "tools/failure.h"
#include "tools/ambient.h"
#include "tools/command.h"
#include "tools/page.h"
#include "tools/signature.h"
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

void failure_page(char *page, size_t size, const char *trace)
{
    size_t length = strlen(trace), ending = strlen(".jsonl");
    if (length > ending && strcmp(trace + length - ending, ".jsonl") == 0)
        length -= ending;
    snprintf(page, size, "%.*s.html", (int)length, trace);
}

static void keep_page(struct failure *failure, const char *trace, const struct qp_trace_meta *meta,
                      const struct qp_recorder *recorder)
{
    struct qp_events events = qp_recorder_events(recorder);
    char page[FAILURE_PATH];
    failure_page(page, sizeof page, trace);
    if (write_page(page, meta, &events, failure->checker))
        failure_page(failure->page, sizeof failure->page, failure->path);
}

static bool keep_trace(struct failure *failure, const struct qp_shrink *shrink, const struct qp_recorder *recorder)
{
    const char *trace = failure->draft ? failure->draft : failure->path;
    struct qp_trace_param params[QP_TRACE_PARAMS_MOST];
    struct qp_trace_meta meta;
    size_t count = effective_params(failure->run, params);
    meta = trace_meta(failure->run, failure->seed, "replay", params, count, failure->faults, shrink->result);
    if (!write_trace(trace, &meta, recorder, shrink->result))
        return false;
    if (failure->view)
        keep_page(failure, trace, &meta, recorder);
    return true;
}

/* Where its trace goes. False: nowhere. */
static bool find_path(struct failure *failure, const char *story)
{
    struct signature signature;
    int length;
    if (failure->trace) {
        length = snprintf(failure->path, sizeof failure->path, "%s", failure->trace);
    } else if (failure->folder && signature_init(&signature, &failure->key, story)) {
        length = snprintf(failure->path, sizeof failure->path, "%s/%s-%08" PRIx32 ".jsonl", failure->folder,
                          failure->run->scenario->name, (uint32_t)(signature_number(&signature) >> 32));
        signature_end(&signature);
    } else {
        return false;
    }
    if (length > 0 && (size_t)length < sizeof failure->path)
        return true;
    complain("the path of the trace is longer than %zu bytes", sizeof failure->path - 1);
    return false;
}

/* Returns owned; NULL: out of memory. */
static char *make_story(struct failure *failure, const struct qp_recorder *recorder)
{
    struct qp_events events = qp_recorder_events(recorder);
    char *story = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&story, &size);
    if (!memory)
        return NULL;
    failure->lines = print_story(memory, &events, STORY_INDENT);
    if (fclose(memory) == 0)
        return story;
    free(story);
    return NULL;
}

/* How long the story was before. */
static size_t lines_of_first(struct qp_shrink *shrink, struct qp_recorder *recorder)
{
    struct qp_events events;
    if (!qp_shrink_again(shrink, recorder))
        return 0;
    events = qp_recorder_events(recorder);
    return count_story(&events);
}

static void tell(FILE *file, struct failure *failure, struct qp_shrink *shrink, struct qp_recorder *recorder)
{
    char *story = make_story(failure, recorder);
    fprintf(file,
            "    ended as %s; minimised in %" PRIu64 " executions, from %" PRIu64
            " choices out of the ordinary to %" PRIu64 ", from %zu lines to %zu\n",
            qp_status_name(shrink->result->outcome), shrink->executions, failure->first_odd, shrink->odd,
            failure->first_lines, failure->lines);
    tell_rules(file, failure->checker);
    tell_lines(file, shrink->result->report);
    fputs(story ? story : "", file);
    if (!story || !find_path(failure, story) || !keep_trace(failure, shrink, recorder))
        failure->path[0] = '\0';
    free(story);
    if (failure->page[0])
        fprintf(file, "    see: %s\n", failure->page);
    if (failure->path[0] && failure->again)
        fprintf(file, "    again: %s%s\n", failure->again, failure->path);
    else if (failure->path[0])
        fprintf(file, "    again: %s replay %s%s\n", failure->program, failure->path, ambient_option());
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
                               .execute = failure->isolated ? isolated_execute : NULL,
                               .execute_context = failure->isolated,
                               .story = count_story,
                               .key = failure->key,
                               .most = failure->most,
                               .progress = failure->progress,
                               .result = result};
    bool told = result && qp_shrink_begin(&shrink, failure->choices, failure->choice_count) &&
                tell_shrunk(file, failure, &shrink);
    if (!told)
        fprintf(file, "    it did not fail again by the same choices: the program is not deterministic\n");
    qp_shrink_end(&shrink);
    free(result);
    return told;
}
