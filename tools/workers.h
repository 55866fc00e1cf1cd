/*
 * Worker processes that explore blocks of cases. One that crashes or hangs is replaced, what it was doing is known, and
 * its successor makes it small.
 */
#ifndef TOOLS_WORKERS_H
#define TOOLS_WORKERS_H

#include "sim/explore.h"
#include "sim/fuzzer.h"
#include "tools/command.h"

enum { WORKERS_MOST = 64, WORKERS_FOLDER = 512 };

enum block_kind {
    BLOCK_CASES,      /* cases first .. first + count - 1 */
    BLOCK_EXHAUSTIVE, /* every schedule, at most `count` */
    BLOCK_FUZZ,       /* at most `count` executions of lists made from the inputs, drawn by the seed `first` */
    BLOCK_AGAIN       /* the first input, which failed, or ended its process: it is made small */
};

/* What a worker is asked for, of a scenario (its index in the selection). */
struct block {
    enum block_kind kind;
    size_t scenario;
    uint64_t first, count;
    uint32_t input_counts[2]; /* choices of the inputs, which follow in the pipe */
    int crashed;              /* of BLOCK_AGAIN: how it ended its process (isolated.h); 0: it did not */
};

/* And what it found. */
struct found {
    struct block block;    /* as it was given; of what ended a process, the one that did */
    bool failed, complete; /* complete: exhaustive, and there is no more */
    struct qp_explore_which which;
    int crashed; /* how it ended its process; 0: it did not */
    uint64_t first_lines, lines;
    struct qp_failure_key key;
    char trace[1024]; /* where the trace of the failure is, or, of cases, its draft; "": there is none */
    struct qp_explore_tally tally;
    char *text; /* of a failure; owned */
    uint32_t text_length;
    uint32_t *lists; /* of fuzzing, what had a new shape: fresh edges, length, choices, and so on; owned */
    uint32_t list_words;
};

void found_free(struct found *found);

struct worker {
    int pid, to, from;
    bool busy;
    struct block block;
    uint64_t last_seen;   /* the progress at the last look */
    double since;         /* seconds: when it last changed */
    struct found *buried; /* what it found when it crashed, while its successor looks at it again; owned */
};

/* What a worker process shows of itself, in shared memory: it can be read when the process is gone. */
struct worker_window;

struct workers {
    const struct arguments *arguments;
    struct qp_explore_options options;
    struct worker all[WORKERS_MOST];
    size_t count;
    struct worker_window *windows; /* one each */
    uint8_t *seen;                 /* of fuzzing: QP_COVERAGE_EDGES bytes for each scenario; NULL otherwise */
    bool names_traces;             /* traces are named by what they tell, not by the scenario alone */
    const char *folder;            /* for traces; made when there is one */
    char drafts[WORKERS_FOLDER]; /* in it: where traces wait for one of each scenario to be kept; removed at the end */
};

/* `arguments`, `folder` and `seen` are borrowed. False: a sentence was printed. */
bool workers_begin(struct workers *self, size_t count);
void workers_end(struct workers *self);

/* Puts the draft of this trace, and of the page beside it, where its text says that they are. */
void workers_keep(const struct workers *self, const struct found *found, const char *scenario);

/* Gives a block to one that is idle, with its inputs. False: none is. */
bool workers_give(struct workers *self, const struct block *block, const struct qp_fuzz_input inputs[2]);

/* Waits, at most so long, for one that is done, or gone and looked at again. Returns owned; NULL: none is. */
struct found *workers_wait(struct workers *self, int milliseconds);

size_t workers_busy(const struct workers *self);

#endif
