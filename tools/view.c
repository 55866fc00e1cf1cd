/* `quipu view`: an execution as a page for a browser. */
#include "tools/command.h"
#include "tools/judged.h"
#include "tools/page.h"
#include <stdio.h>

static int view(struct arguments *arguments)
{
    struct judged judged;
    bool written;
    if (arguments->name_count != 1 || !arguments->out)
        return complain("'view' takes one trace, and -o FILE.html");
    if (!judged_load(&judged, arguments->names[0]))
        return EXIT_BAD_INPUT;
    written = write_page(arguments->out, &judged.trace.meta, &judged.events, judged.checker);
    if (written && !arguments->quiet)
        printf("%s: %zu events, %zu broken rules; open it in a browser\n", arguments->out, judged.trace.count,
               qp_checker_count(judged.checker));
    judged_free(&judged);
    return written ? EXIT_FINE : EXIT_BAD_INPUT;
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
