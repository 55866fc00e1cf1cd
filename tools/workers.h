/*
 * Worker processes that explore blocks of cases. One that crashes or hangs is replaced, and what it was doing is known.
 */
#ifndef TOOLS_WORKERS_H
#define TOOLS_WORKERS_H

#include "sim/explore.h"
#include "tools/command.h"

enum { WORKERS_MOST = 64 };

/* What a worker is asked for: cases first .. first + count - 1 of a scenario (its index in the selection). */
struct block {
    size_t scenario;
    uint64_t first, count;
    bool exhaustive; /* every schedule instead, at most `count` */
};

/* And what it found. */
struct found {
    struct block block;
    bool failed, complete; /* complete: exhaustive, and there is no more */
    struct qp_explore_which which;
    int crashed; /* the signal that ended it, or -1: it hung; 0: neither */
    uint64_t first_lines, lines;
    struct qp_explore_tally tally;
    char *text; /* of a failure; owned */
    uint32_t text_length;
};

struct worker {
    int pid, to, from;
    bool busy;
    struct block block;
    uint64_t last_seen; /* the progress at the last look */
    double since;       /* seconds: when it last changed */
};

struct workers {
    const struct arguments *arguments;
    struct qp_explore_options options;
    struct worker all[WORKERS_MOST];
    size_t count;
    volatile uint64_t *progress; /* shared with them: four numbers each */
};

/* False: a sentence was printed. */
bool workers_begin(struct workers *self, const struct arguments *arguments, const struct qp_explore_options *options,
                   size_t count);
void workers_end(struct workers *self);

/* Gives a block to one that is idle. False: none is. */
bool workers_give(struct workers *self, const struct block *block);

/* Waits, at most so long, for one that is done or gone. True: `found` is filled. */
bool workers_wait(struct workers *self, int milliseconds, struct found *found);

size_t workers_busy(const struct workers *self);

#endif
