/* `quipu view`: an execution as a page for a browser. */
#include "tools/command.h"
#include "tools/page.h"
#include "traces/reader.h"
#include <stdio.h>

static int view_trace(const struct arguments *arguments, const struct qp_trace *trace)
{
    struct qp_events events = qp_trace_events(trace);
    struct qp_checker *checker = check_events(&trace->meta, &events);
    bool written;
    if (!checker)
        return complain("out of memory");
    written = write_page(arguments->out, &trace->meta, &events, checker);
    if (written && !arguments->quiet)
        printf("%s: %zu events, %zu broken rules; open it in a browser\n", arguments->out, trace->count,
               qp_checker_count(checker));
    qp_checker_destroy(checker);
    return written ? EXIT_FINE : EXIT_BAD_INPUT;
}

static int view(struct arguments *arguments)
{
    struct qp_trace trace = {0};
    char error[512];
    int status;
    if (arguments->name_count != 1 || !arguments->out)
        return complain("'view' takes one trace, and -o FILE.html");
    if (!qp_trace_load(&trace, arguments->names[0], error, sizeof error))
        return complain("%s", error);
    status = view_trace(arguments, &trace);
    qp_trace_free(&trace);
    return status;
}

const struct command view_command = {
    "view", "TRACE --out FILE.html [--quiet]", " --out:FILE --quiet ",
    "Writes a page that shows an execution: a lane for each task, with what it waited for; who woke whom and handed "
    "what to\n"
    "whom; where each value went; the contracts that were broken, at the events that break them; and at each event "
    "what "
    "the\n"
    "object looked like. The page is one file, needs no network, and opens in any browser. Traces of any runtime.\n\n"
    "  --out FILE        where the page goes; -o is the same\n"
    "  --quiet           says nothing\n"
    "Exit status 0: written; 2: the file is no whole trace, or the page could not be written.\n",
    view};
