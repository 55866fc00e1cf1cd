/* `quipu export`: an execution for somebody else's tools. */
#include "tools/command.h"
#include "tools/judged.h"
#include "tools/perfetto.h"
#include <stdio.h>

static int export(struct arguments *arguments)
{
    struct judged judged;
    bool written;
    if (arguments->name_count != 1 || !arguments->perfetto)
        return complain("'export' takes one trace, and --perfetto FILE");
    if (!judged_load(&judged, arguments->names[0]))
        return EXIT_BAD_INPUT;
    written = write_perfetto(arguments->perfetto, &judged.trace.meta, &judged.events, judged.checker);
    if (written && !arguments->quiet)
        printf("%s: %zu events; open it in ui.perfetto.dev or chrome://tracing\n", arguments->perfetto,
               judged.trace.count);
    judged_free(&judged);
    return written ? EXIT_FINE : EXIT_BAD_INPUT;
}

const struct command export_command = {
    "export", "TRACE --perfetto FILE [--quiet]", " --perfetto:FILE --quiet ",
    "Writes an execution for other tools, of any runtime's trace.\n\n"
    "  --perfetto FILE   as trace events in JSON, for ui.perfetto.dev and chrome://tracing: a thread for each task, "
    "its\n"
    "                    waits, flows for hand-overs, wake-ups and values, counters of what channels hold, broken\n"
    "                    contracts as instants. Of a virtual clock, where much happens at one instant, each event is\n"
    "                    shown at least a microsecond after the one before it; its own time stands in it\n"
    "  --quiet           says nothing\n"
    "Exit status 0: written; 2: the file is no whole trace, or nothing could be written.\n",
    export};
