/*
 * An exploration under way, and what is said of it.
 *
 * Invariants: blocks are given out in order and counted in order: a target's `tally` and `failure` are of the blocks
 * before `whole`, all of which are back, so that they do not hang on who was faster.
 */
#ifndef TOOLS_EXPLORE_H
#define TOOLS_EXPLORE_H

#include "tools/shard.h"
#include "tools/workers.h"

/* A block that was given out, and what came of it; freed when it is counted, unless it failed. */
struct given {
    bool back;
    struct found *found; /* owned; NULL: not back, or counted already */
};

struct target {
    struct qp_scenario_run run;
    struct qp_param_value params[MOST_PARAMS];
    struct given *blocks;
    size_t count, room; /* given out */
    size_t whole;       /* the blocks from the first that are back without a gap */
    struct qp_explore_tally tally;
    const struct found *failure; /* the first, when all before it are back */
    bool done, complete;         /* complete: every schedule was executed */
    double began, seconds;
};

struct exploration {
    struct arguments *arguments;
    struct qp_explore_options options;
    struct shard shard;
    struct workers workers;
    struct target *targets;
    size_t count, left, next;
    uint64_t runs; /* cases of each; UINT64_MAX: as many as there is time for */
    bool exhaustive, terminal;
    bool interrupted;
    const char *folder; /* for traces */
    double began, deadline, last_line;
    uint64_t executions, steps; /* of all blocks that are back, also those behind a failure */
    uint64_t blocks_back;
    size_t failures;
};

/* Where traces go unless --out says something else; how many processes there are to be. */
extern const char *const explore_folder;
size_t explore_jobs(const struct arguments *arguments);

/* Reads what executions are to be like. False: a sentence was printed. */
bool explore_options(const struct arguments *arguments, struct qp_explore_options *options);

/* The blocks of a scenario that are this shard's; UINT64_MAX: no end of them. */
uint64_t blocks_of(const struct exploration *self, const struct target *target);

/* ---- explore_report.c ---- */

/* A scenario that is done, or as far as it came. */
void say_target(const struct exploration *self, const struct target *target);

/* How far it is, if it is time for that: five times a second on a terminal, every ten seconds elsewhere. */
void say_progress(struct exploration *self);
void hide_progress(const struct exploration *self);

void say_sums(const struct exploration *self);

/* For machines, where that was asked for. False: a sentence was printed. */
bool report_to_files(const struct exploration *self);

#endif
