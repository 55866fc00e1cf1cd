/*
 * A pool of workers behind a bounded queue.
 *
 * Shows back-pressure (whoever submits waits while the queue is full), several workers on one queue, values that own
 * memory, and an orderly end: the last submitter goes, the workers drain the queue, and the results end after them.
 *
 * Cancelled, a submit that waits for room has submitted nothing, and its line is freed. A worker loses the one line
 * that it was at, which is freed too; the others go on, and the results still end. When every worker is gone,
 * submitting fails instead of waiting for ever.
 */
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORKERS = 4 };

/* ---- the pool ---- */

struct worker {
    struct qp_receiver *lines; /* owned by the worker's task, like the other */
    struct qp_sender *counts;
    char *line; /* that it is at; NULL: none */
};

struct pool {
    struct qp_sender *lines;    /* char *, owned by whoever has it last */
    struct qp_receiver *counts; /* int: the words of one line */
    struct worker workers[MOST_WORKERS];
    struct qp_handle handles[MOST_WORKERS];
    int count;
};

static int count_words(const char *line)
{
    int words = 0;
    for (const char *at = line; *at; at++)
        words += *at != ' ' && (at == line || at[-1] == ' ');
    return words;
}

static void free_line(void *worker)
{
    free(((struct worker *)worker)->line);
}

static void work(void *arg)
{
    struct worker *self = arg;
    if (qp_defer(free_line, self) != QP_OK) /* whatever becomes of this task, the line that it is at is freed */
        return;
    while (qp_await(qp_recv(self->lines, &self->line)) == QP_OK) {
        qp_await(qp_sleep_ms(1)); /* a disk, a database, another service */
        int words = count_words(self->line);
        free(self->line);
        self->line = NULL;
        if (qp_await(qp_send(self->counts, &words)) != QP_OK)
            return;
    }
}

/* Starts `count` workers with room for `room` lines before them. What is made belongs to the calling function. */
static bool pool_start(struct pool *self, int count, int room)
{
    struct qp_receiver *lines;
    struct qp_sender *counts;
    if (qp_channel_create(&qp_owned_string, room, &self->lines, &lines) != QP_OK ||
        qp_channel_create(&qp_int, room, &counts, &self->counts) != QP_OK)
        return false;
    qp_channel_name(self->lines, "lines");
    qp_channel_name(counts, "counts");
    for (self->count = 0; self->count < count; self->count++) {
        struct worker *worker = &self->workers[self->count];
        struct qp_handle *handle = &self->handles[self->count];
        *worker = (struct worker){qp_receiver_clone(lines), qp_sender_clone(counts), NULL};
        *handle = qp_spawn(work, worker);
        if (!worker->lines || !worker->counts || !handle->task)
            return false;
        qp_receiver_give(worker->lines, handle);
        qp_sender_give(worker->counts, handle);
    }
    qp_receiver_drop(lines); /* only the workers have one now: when they are gone, sending fails */
    qp_sender_drop(counts);  /* likewise: when they are gone, the results have ended */
    return true;
}

/* Submits a copy of the line; waits while there is no room. QP_SEND_FAILED: no worker is left. */
static enum qp_status pool_submit(struct qp_sender *lines, const char *text)
{
    size_t size = strlen(text) + 1;
    char *line = malloc(size);
    if (!line)
        return QP_NOMEM;
    memcpy(line, text, size);
    enum qp_status status = qp_await(qp_send(lines, &line)); /* cancelled: the channel frees the line */
    if (status != QP_OK)
        free(line); /* it came back */
    return status;
}

/* ---- somebody who submits ---- */

struct source {
    struct qp_sender *lines;
    int count, submitted;
};

static void submit_all(void *arg)
{
    struct source *self = arg;
    for (int i = 0; i < self->count; i++) {
        if (pool_submit(self->lines, "the quick brown fox") != QP_OK)
            return;
        self->submitted++;
        qp_touch(&self->submitted, true);
    }
}

static struct qp_handle submit_in_background(struct source *self)
{
    struct qp_handle handle = qp_spawn(submit_all, self);
    qp_sender_give(self->lines, &handle); /* the queue ends with it */
    return handle;
}

static int async_main(int argc, char **argv)
{
    struct pool pool;
    struct source source = {.count = argc > 1 ? atoi(argv[1]) : 100};
    int words, lines = 0, sum = 0;
    if (!pool_start(&pool, MOST_WORKERS, 8))
        return 1;
    source.lines = pool.lines;
    submit_in_background(&source);
    while (qp_await(qp_recv(pool.counts, &words)) == QP_OK) {
        lines++;
        sum += words;
    }
    printf("%d lines, %d words\n", lines, sum);
    return lines == source.count ? 0 : 1;
}
QP_MAIN(async_main)
