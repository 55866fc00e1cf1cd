/* Memory for tasks: see task_pool.h for the invariants. */
#include "scheduler/task_pool.h"
#include "scheduler/runtime.h"

enum { LINE = QP_TASK_LINE, LEAST_BLOCKS = 4, MOST_BYTES = 64 * 1024 };

struct qp_task_slab { /* the blocks follow, from the next multiple of LINE on */
    struct qp_task_slab *next;
    size_t bytes;
};

size_t qp_task_block_size(unsigned rank)
{
    if (rank < QP_TASK_FINE_RANKS)
        return (rank + 1) * (size_t)QP_TASK_FINE_STEP;
    if (rank < QP_TASK_SMALL_RANKS)
        return QP_TASK_FINE + (rank - QP_TASK_FINE_RANKS + 1) * (size_t)LINE;
    return (size_t)QP_TASK_SMALL << (rank - QP_TASK_SMALL_RANKS + 1);
}

unsigned qp_task_rank_of_large(size_t size)
{
    unsigned rank = QP_TASK_FINE_RANKS;
    while (rank < QP_TASK_RANKS && qp_task_block_size(rank) < size)
        rank++;
    return rank;
}

/* As many blocks as there are tasks: the pool doubles, up to slabs of MOST_BYTES. */
static size_t blocks_of_slab(const struct qp_runtime *runtime, size_t size)
{
    size_t count = runtime->live > LEAST_BLOCKS ? runtime->live : LEAST_BLOCKS;
    if (count * size <= MOST_BYTES)
        return count;
    return size < MOST_BYTES ? MOST_BYTES / size : 1;
}

/* More blocks of a rank that has none. */
static bool grow(struct qp_runtime *runtime, unsigned rank)
{
    struct qp_task_pool *pool = &runtime->task_pool;
    size_t size = qp_task_block_size(rank), i, count = blocks_of_slab(runtime, size);
    size_t bytes = sizeof(struct qp_task_slab) + LINE - 1 + count * size;
    struct qp_task_slab *slab = qp_allocate(runtime, bytes);
    char *blocks;
    if (!slab)
        return false;
    slab->next = pool->slabs;
    slab->bytes = bytes;
    pool->slabs = slab;
    blocks = (char *)(((uintptr_t)(slab + 1) + LINE - 1) & ~(uintptr_t)(LINE - 1));
    pool->free[rank] = (struct qp_task *)(void *)blocks;
    for (i = 0; i < count; i++, blocks += size) {
        struct qp_task *task = (struct qp_task *)(void *)blocks;
        task->rank = (uint8_t)rank;
        task->id = 0;
        task->next = i + 1 < count ? (struct qp_task *)(void *)(blocks + size) : NULL;
    }
    return true;
}

QP_COLD bool qp_task_pool_fill(struct qp_runtime *runtime, unsigned rank)
{
    return rank < QP_TASK_RANKS && (runtime->task_pool.free[rank] || grow(runtime, rank));
}

void qp_task_pool_release(struct qp_runtime *runtime)
{
    while (runtime->task_pool.slabs) {
        struct qp_task_slab *slab = runtime->task_pool.slabs;
        runtime->task_pool.slabs = slab->next;
        qp_release(runtime, slab, slab->bytes);
    }
}

/* A switch touches the first line of the task, and that of its coroutine. */
_Static_assert(sizeof(struct qp_task) + sizeof(struct qp_task_extra) == 2 * (size_t)LINE,
               "a coroutine begins a cache line");
_Static_assert(sizeof(struct qp_coroutine) % LINE == 0, "a coroutine ends a cache line");
