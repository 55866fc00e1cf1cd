/* See until.h. No state. */
#define _GNU_SOURCE
#include "tools/until.h"
#include "tools/command.h"
#include "traces/compare.h"
#include <quipu/runtime.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { EVENT_TEXT = 1024 };

/* Whether a debugger looks on; where that cannot be known, none does. */
static bool is_debugged(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long tracer = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "TracerPid: %ld", &tracer) == 1)
            break;
    if (file)
        fclose(file);
    return tracer != 0;
}

static bool is_as_recorded(const struct until *self)
{
    struct qp_events made = qp_recorder_events(self->recorder);
    size_t first = qp_events_compare(self->recorded, &made);
    return first == QP_EVENTS_SAME || first >= self->event;
}

/* The execution is left in its middle, on some task's stack: nothing of it is released. */
static void leave(int status)
{
    fflush(NULL);
    _exit(status);
}

void until_event(void *context, const struct qp_event *event)
{
    const struct until *self = context;
    char text[EVENT_TEXT];
    if (event->seq != self->event)
        return;
    if (!is_as_recorded(self))
        leave((complain("the replay of %s diverged before event %llu: 'replay' without --until says where", self->path,
                        (unsigned long long)self->event),
               EXIT_DIVERGED));
    qp_event_print(event, text, sizeof text);
    printf("%s\n", text);
    fflush(stdout);
    if (is_debugged()) {
        raise(SIGTRAP);
        return;
    }
    qp_runtime_dump(NULL, stdout);
    leave(EXIT_FINE);
}
