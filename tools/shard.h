/*
 * A shard: one of several machines that share a run. What each does hangs on its number alone, so that together they do
 * what one would have done: of explore the blocks of cases, of run the seeds, in turn; of an exhaustive search whole
 * scenarios.
 */
#ifndef TOOLS_SHARD_H
#define TOOLS_SHARD_H

#include "tools/command.h"

struct shard {
    uint64_t index, count; /* from 0; 0 of 1: it is alone */
};

/* What --shard I/N says, or else the variables that CI systems and batch schedulers set; then that is said. False: a
 * sentence was printed. */
bool shard_find(const struct arguments *arguments, struct shard *shard);

/* Whether the index-th of something is this one's. */
static inline bool shard_has(const struct shard *shard, uint64_t index)
{
    return index % shard->count == shard->index;
}

/* How many of so many are. */
static inline uint64_t shard_share(const struct shard *shard, uint64_t all)
{
    return all > shard->index ? (all - shard->index - 1) / shard->count + 1 : 0;
}

#endif
