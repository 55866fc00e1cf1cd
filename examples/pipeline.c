/*
 * A pipeline of stages: numbers are read, parsed, worked on by a thread, and added up.
 *
 * Shows bounded channels between stages, so that the slowest sets the pace; records that own memory and have one owner
 * at any time; work that blocks, kept off the executor; and an error in the middle that ends all stages by itself:
 * those before it can no longer send, those behind it get what came through, and then the end.
 *
 * Cancelled, a stage ends the pipeline in the same way, and frees the record that it is at. Blocking work cannot be
 * cancelled once it has begun, so it owns its record: whoever no longer waits for it need not care.
 */
#include <quipu/quipu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what goes through: its text until it is parsed, its value afterwards ---- */

struct record {
    char *text; /* owned; NULL: none */
    int64_t value;
};

static void record_drop(void *arg)
{
    struct record *record = arg;
    free(record->text);
    record->text = NULL;
}

static const struct qp_type record_type = QP_TYPE_DROP(struct record, record_drop);

/* ---- a stage ---- */

struct stage {
    bool (*step)(struct record *record); /* in place; false: the record is no good, and the pipeline ends */
    struct qp_receiver *in;
    struct qp_sender *out;
    struct record record; /* that it is at */
    int passed;
    bool failed;
};

static void stage_run(void *arg)
{
    struct stage *self = arg;
    if (qp_defer(record_drop, &self->record) != QP_OK) {
        self->failed = true;
        return;
    }
    while (qp_await(qp_recv(self->in, &self->record)) == QP_OK) {
        if (!self->step(&self->record)) {
            self->failed = true;
            return;
        }
        struct record passed = self->record;
        self->record.text = NULL; /* the send owns it now, also when it is cancelled */
        if (qp_await(qp_send(self->out, &passed)) != QP_OK) {
            record_drop(&passed); /* it came back: the next stage is gone */
            return;
        }
        self->passed++;
    }
}

/* ---- the steps ---- */

static bool parse(struct record *record)
{
    char *end;
    record->value = strtoll(record->text, &end, 10);
    return end != record->text && *end == '\0';
}

static void square(void *arg)
{
    struct record *record = arg; /* the work's own */
    record->value *= record->value;
    qp_blocking_takes_ms(2);
    qp_return(record);
    record->text = NULL; /* moved into the result */
}

static void free_work(void *arg)
{
    record_drop(arg);
    free(arg);
}

static bool square_in_a_thread(struct record *record)
{
    struct record *work = malloc(sizeof *work);
    if (!work)
        return false;
    struct qp_task_options options = {.name = "square", .result = &record_type, .drop = free_work};
    *work = *record;
    struct qp_handle handle = qp_spawn_blocking_with(square, work, &options);
    if (!handle.task) {
        free(work);
        return false;
    }
    record->text = NULL;
    return qp_await(qp_join(&handle, record)) == QP_OK;
}

/* ---- the pipeline ---- */

enum { STAGES = 2 };

struct pipeline {
    struct stage stages[STAGES];
    struct qp_handle handles[STAGES];
    struct qp_sender *in;
    struct qp_receiver *out;
};

/* With room for `room` records before each stage. What is made belongs to the calling function. */
static bool pipeline_start(struct pipeline *self, int room)
{
    static bool (*const steps[STAGES])(struct record *) = {parse, square_in_a_thread};
    if (qp_channel_create(&record_type, room, &self->in, &self->out) != QP_OK)
        return false;
    for (int i = 0; i < STAGES; i++) {
        struct stage *stage = &self->stages[i];
        *stage = (struct stage){.step = steps[i], .in = self->out};
        if (qp_channel_create(&record_type, room, &stage->out, &self->out) != QP_OK)
            return false;
        self->handles[i] = qp_spawn(stage_run, stage);
        if (!self->handles[i].task)
            return false;
        qp_receiver_give(stage->in, &self->handles[i]);
        qp_sender_give(stage->out, &self->handles[i]);
    }
    return true;
}

struct source {
    struct qp_sender *out;
    const char *const *texts; /* NULL after the last */
    int read;
};

static void source_run(void *arg)
{
    struct source *self = arg;
    for (; self->texts[self->read]; self->read++) {
        size_t size = strlen(self->texts[self->read]) + 1;
        struct record record = {.text = malloc(size)};
        if (!record.text)
            return;
        memcpy(record.text, self->texts[self->read], size);
        if (qp_await(qp_send(self->out, &record)) != QP_OK) {
            record_drop(&record);
            return;
        }
    }
}

static struct qp_handle source_start(struct source *self)
{
    struct qp_handle handle = qp_spawn(source_run, self);
    qp_sender_give(self->out, &handle); /* the pipeline's input ends with it */
    return handle;
}

/* Adds up what comes out. Whether all went well. */
static bool pipeline_sum(struct pipeline *self, int64_t *sum)
{
    struct record record;
    bool well = true;
    for (*sum = 0; qp_await(qp_recv(self->out, &record)) == QP_OK; *sum += record.value)
        record_drop(&record);
    for (int i = 0; i < STAGES; i++)
        well = qp_await(qp_join(&self->handles[i], NULL)) == QP_OK && !self->stages[i].failed && well;
    return well;
}

static int async_main(int argc, char **argv)
{
    static const char *const usual[] = {"1", "2", "3", "4", "5", NULL};
    struct pipeline pipeline;
    int64_t sum;
    if (!pipeline_start(&pipeline, 2))
        return 1;
    struct source source = {.out = pipeline.in, .texts = argc > 1 ? (const char *const *)argv + 1 : usual};
    struct qp_handle reading = source_start(&source);
    bool well = pipeline_sum(&pipeline, &sum);
    qp_await(qp_join(&reading, NULL));
    printf("the squares of %d numbers add up to %lld\n", pipeline.stages[STAGES - 1].passed, (long long)sum);
    if (!well)
        fprintf(stderr, "a stage failed: is each of them a number?\n");
    return well ? 0 : 1;
}
QP_MAIN(async_main)
