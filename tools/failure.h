/* What is made of a failed execution: the smallest that fails in the same way, its story, its trace. */
#ifndef TOOLS_FAILURE_H
#define TOOLS_FAILURE_H

#include "sim/shrink.h"
#include "tools/execute.h"
#include "tools/isolated.h"
#include <stdio.h>

enum { FAILURE_PATH = 1280 };

struct failure {
    const char *program; /* for the command that replays it */
    const char *again;   /* what stands before the trace in the line that says how; NULL: "PROGRAM replay " */
    const struct qp_scenario_run *run;
    struct qp_sim *sim;
    struct qp_checker *checker; /* NULL: no rules */
    struct isolated *isolated;  /* where it is executed, for it ends its process; NULL: here */
    uint32_t faults;
    uint64_t seed;
    const uint32_t *choices; /* of the failed execution; borrowed */
    size_t choice_count;
    uint64_t most;               /* executions that the minimising may take */
    volatile uint64_t *progress; /* counts them, for whoever waits; NULL: nobody does */
    const char *trace;           /* where the trace goes; NULL: nowhere, or into `folder` */
    const char
        *folder; /* likewise, as NAME-STORY.jsonl, where STORY is a number that hangs on the story; NULL: nowhere */
    const char *draft; /* where it is written meanwhile, for somebody to move it there; NULL: at once where it goes */
    bool view;         /* and a page of it beside it, which ends with .html */
    char path[256];    /* where it went; "": it was not written */
    char page[FAILURE_PATH]; /* likewise */
    size_t first_lines;      /* of the story before */
    size_t lines;            /* and after it was minimised */
    uint64_t first_odd, odd;
    uint64_t executions; /* that it took */
    struct qp_failure_key key;
};

/*
 * Minimises it, writes the trace, and tells what broke, the story, and how to see it again; indented. False: it did not
 * fail again, or there was no memory; that is told instead.
 */
bool tell_failure(FILE *file, struct failure *failure);

/* Where the page beside a trace is: the same name with another ending. */
void failure_page(char *page, size_t size, const char *trace);

#endif
