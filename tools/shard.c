/* See shard.h. No state: the table is constant. */
#include "tools/shard.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Who sets what. `first` is the number of the first one; a variable may hold it instead. */
static const struct {
    const char *who, *index, *count, *first_name;
    uint64_t first;
} known[] = {
    {"Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", NULL, 0},
    {"CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", NULL, 0},
    {"Slurm", "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", 0},
    {"Kubernetes", "JOB_COMPLETION_INDEX", "QUIPU_SHARDS", NULL,
     0}, /* it does not say how many: the job's author does */
    {"GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", NULL, 1},
};

/* "2/5": the second of five. */
static bool parse(const char *text, struct shard *shard)
{
    char first[24];
    size_t length = strcspn(text, "/");
    if (length >= sizeof first || text[length] != '/')
        return false;
    memcpy(first, text, length);
    first[length] = '\0';
    if (!parse_unsigned(first, &shard->index) || !parse_unsigned(text + length + 1, &shard->count) || !shard->index ||
        shard->index > shard->count)
        return false;
    shard->index--;
    return true;
}

static bool read_number(const char *name, uint64_t *number)
{
    const char *text = name ? getenv(name) : NULL;
    return text && parse_unsigned(text, number);
}

/* What one of them says; false: it says nothing, or nonsense. */
static bool look_at(size_t which, struct shard *shard)
{
    uint64_t first = known[which].first, index, count;
    if (!read_number(known[which].index, &index) || !read_number(known[which].count, &count))
        return false;
    if (known[which].first_name && !read_number(known[which].first_name, &first))
        return false;
    if (index < first || index - first >= count)
        return false;
    *shard = (struct shard){index - first, count};
    return true;
}

bool shard_find(const struct arguments *arguments, struct shard *shard)
{
    *shard = (struct shard){0, 1};
    if (arguments->shard) {
        if (parse(arguments->shard, shard))
            return true;
        complain("--shard takes I/N, from 1/N to N/N, not '%s'", arguments->shard);
        return false;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (look_at(i, shard)) {
            if (shard->count > 1)
                fprintf(stderr, "quipu: shard %" PRIu64 "/%" PRIu64 ", as %s says by %s and %s (--shard 1/1: all)\n",
                        shard->index + 1, shard->count, known[i].who, known[i].index, known[i].count);
            return true;
        }
    }
    return true;
}
