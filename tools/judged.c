/* See judged.h. No state. */
#include "tools/judged.h"
#include "tools/command.h"

static struct qp_checker *check_events(const struct qp_trace_meta *meta, const struct qp_events *events)
{
    struct qp_checker *checker = qp_checker_create();
    const struct qp_event *event;
    if (!checker)
        return NULL;
    qp_checker_expect(checker, meta->expected);
    for (size_t i = 0; (event = qp_events_at(events, i)) != NULL; i++)
        qp_checker_event(checker, event);
    qp_checker_finish(checker, true);
    return checker;
}

bool judged_load(struct judged *judged, const char *path)
{
    char error[512];
    *judged = (struct judged){0};
    if (!qp_trace_load(&judged->trace, path, error, sizeof error)) {
        complain("%s", error);
        return false;
    }
    judged->events = qp_trace_events(&judged->trace);
    judged->checker = check_events(&judged->trace.meta, &judged->events);
    if (judged->checker)
        return true;
    complain("out of memory");
    qp_trace_free(&judged->trace);
    return false;
}

void judged_free(struct judged *judged)
{
    qp_checker_destroy(judged->checker);
    qp_trace_free(&judged->trace);
}
