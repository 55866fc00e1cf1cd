/*
 * Traces: what is recorded, written, read back, digested, compared and printed, and the schema.
 *
 * State: a fresh folder for each test, removed after it. Random tests print their seed; QUIPU_TEST_SEED replays one.
 * What the reader says of damaged files is in test_trace_reader.c.
 */
#include "traces/compare.h"
#include "traces/digest.h"
#include "traces/reader.h"
#include "traces/recorder.h"
#include "traces/text.h"
#include "traces/writer.h"
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#ifndef QUIPU_SOURCE_DIR
#define QUIPU_SOURCE_DIR "."
#endif

enum { PATH_SIZE = 256 };

struct folder {
    char path[PATH_SIZE];
    char a[PATH_SIZE], b[PATH_SIZE]; /* files in it */
};

static const struct qp_site site = {"scenarios/bank.c", "qp_recv(rx, &v)", 41};
static const struct qp_site odd_site = {"", "a \"quoted\" \\ expr\n", -3};

static const struct qp_event samples[] = {
    {.seq = 1, .kind = QP_EVENT_TASK_SPAWNED, .fields = {1, 0}, .text = "main"},
    {.seq = 2, .kind = QP_EVENT_OBJECT_CREATED, .task = 1, .object = 1, .fields = {8}, .text = "mpsc"},
    {.seq = 3, .kind = QP_EVENT_TIMER_ARMED, .task = 1, .object = 1, .future = 7, .op = "recv", .fields = {INT64_MAX}},
    {.seq = 4,
     .time_ns = 1500000,
     .kind = QP_EVENT_FUTURE_READY,
     .task = 2,
     .object = 1,
     .future = 7,
     .op = "recv",
     .site = &site,
     .fields = {QP_OK}},
    {.seq = 5, .time_ns = 1500001, .kind = QP_EVENT_CHOICE, .site = &odd_site, .fields = {0, 3, 2}},
    {.seq = 6,
     .time_ns = 9007199254740992,
     .kind = QP_EVENT_VALUE_SENT,
     .task = UINT64_MAX,
     .object = 9007199254740991,
     .future = 9007199254740992,
     .op = "",
     .fields = {UINT64_MAX},
     .text = ""},
    {.seq = 7, .time_ns = INT64_MIN, .kind = QP_EVENT_TASK_COMPLETED, .task = 1},
    {.seq = 8, .time_ns = INT64_MAX, .kind = QP_EVENT_VALUE_SET, .text = NULL},
};
enum { SAMPLES = sizeof samples / sizeof *samples };

static const struct qp_trace_param params[] = {{"jobs", 10}, {"least", INT64_MIN}, {"\"odd\"\n", -1}};
static const uint32_t choices[] = {0, 2, UINT32_MAX, 1};

static struct qp_trace_meta sample_meta(void)
{
    return (struct qp_trace_meta){.library = "0.1.0",
                                  .scenario = "no_job_is_lost",
                                  .seed = UINT64_MAX,
                                  .strategy = "random",
                                  .params = params,
                                  .param_count = 3,
                                  .choices = choices,
                                  .choice_count = 4,
                                  .outcome = QP_DEADLOCK,
                                  .report = "task 1 waits\nfor ever",
                                  .time_ns = 1500001,
                                  .steps = 12};
}

/* ---- the folder ---- */

static void join(char *to, const char *path, const char *name)
{
    int length = snprintf(to, PATH_SIZE, "%s/%s", path, name);
    assert_in_range(length, 1, PATH_SIZE - 1);
}

static int set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    struct folder *folder = test_malloc(sizeof *folder);
    char path[PATH_SIZE - 16];
    snprintf(path, sizeof path, "%s/quipu-trace-XXXXXX", base && strlen(base) < 128 ? base : "/tmp");
    if (!mkdtemp(path))
        return -1;
    snprintf(folder->path, sizeof folder->path, "%s", path);
    join(folder->a, path, "a.jsonl");
    join(folder->b, path, "b.jsonl");
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    struct folder *folder = *state;
    remove(folder->a);
    remove(folder->b);
    int left = rmdir(folder->path); /* fails when a test left a file behind */
    test_free(folder);
    return left;
}

static bool exists(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0;
}

/* ---- helpers ---- */

static struct qp_recorder *record(const struct qp_event *events, size_t count)
{
    struct qp_recorder *recorder = qp_recorder_create(0);
    assert_non_null(recorder);
    for (size_t i = 0; i < count; i++)
        qp_recorder_event(recorder, &events[i]);
    assert_false(qp_recorder_is_full(recorder));
    return recorder;
}

static void write_trace(const char *path, const struct qp_trace_meta *meta, const struct qp_events *events)
{
    char error[512] = "";
    if (!qp_trace_write(path, meta, events, error, sizeof error))
        fail_msg("%s", error);
}

static struct qp_trace load(const char *path)
{
    char error[512] = "";
    struct qp_trace trace = {0};
    if (!qp_trace_load(&trace, path, error, sizeof error))
        fail_msg("%s", error);
    return trace;
}

/* A file's bytes and a zero byte; owned. */
static char *slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *length = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *length, file), *length);
    text[*length] = '\0';
    fclose(file);
    return text;
}

static void assert_same_file(const char *a, const char *b)
{
    size_t length_a, length_b;
    char *text_a = slurp(a, &length_a), *text_b = slurp(b, &length_b);
    assert_int_equal(length_a, length_b);
    assert_memory_equal(text_a, text_b, length_a);
    free(text_a);
    free(text_b);
}

static void assert_same_text(const char *a, const char *b)
{
    if (a && b)
        assert_string_equal(a, b);
    else
        assert_true(!a && !b);
}

static void assert_same_meta(const struct qp_trace_meta *a, const struct qp_trace_meta *b)
{
    assert_same_text(a->library, b->library);
    assert_same_text(a->scenario, b->scenario);
    assert_same_text(a->strategy, b->strategy);
    assert_same_text(a->main, b->main);
    assert_same_text(a->report, b->report);
    assert_true(a->seed == b->seed && a->outcome == b->outcome && a->time_ns == b->time_ns && a->steps == b->steps);
    assert_int_equal(a->param_count, b->param_count);
    for (size_t i = 0; i < a->param_count; i++) {
        assert_string_equal(a->params[i].name, b->params[i].name);
        assert_true(a->params[i].value == b->params[i].value);
    }
    assert_int_equal(a->choice_count, b->choice_count);
    if (a->choice_count > 0)
        assert_memory_equal(a->choices, b->choices, a->choice_count * sizeof *a->choices);
}

/* Writes what was recorded, reads it, holds it against what was recorded, writes that, and holds the files. */
static void round_trip(const struct folder *folder, struct qp_recorder *recorder, const struct qp_trace_meta *meta)
{
    struct qp_events recorded = qp_recorder_events(recorder);
    write_trace(folder->a, meta, &recorded);
    struct qp_trace trace = load(folder->a);
    struct qp_events loaded = qp_trace_events(&trace);
    assert_true(qp_events_compare(&recorded, &loaded) == QP_EVENTS_SAME);
    assert_true(trace.digest == qp_recorder_digest(recorder));
    write_trace(folder->b, &trace.meta, &loaded);
    qp_trace_free(&trace);
    assert_same_file(folder->a, folder->b);
}

/* ---- random events ---- */

struct random {
    uint64_t state;
};

static uint64_t draw(struct random *random, uint64_t count)
{
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return random->state % count;
}

static struct random seeded(void)
{
    const char *given = getenv("QUIPU_TEST_SEED");
    struct random random = {given ? strtoull(given, NULL, 10) : 20240229};
    print_message("QUIPU_TEST_SEED=%" PRIu64 "\n", random.state);
    random.state += random.state == 0;
    return random;
}

static uint64_t draw_number(struct random *random)
{
    uint64_t number = 0;
    for (int i = 0; i < 4; i++)
        number = number << 16 | draw(random, 65536);
    return number >> draw(random, 64);
}

/* Bytes as they come; one in eight is not ASCII. */
static const char *draw_text(struct random *random, char *buffer, size_t size)
{
    if (!buffer || draw(random, 4) == 0)
        return NULL;
    size_t length = (size_t)draw(random, size);
    for (size_t i = 0; i < length; i++)
        buffer[i] = (char)(draw(random, 8) == 0 ? 1 + draw(random, 255) : 32 + draw(random, 90));
    buffer[length] = '\0';
    return buffer;
}

struct drawn {
    struct qp_event event;
    struct qp_site site;
    char op[16], file[24], expr[24], text[40];
};

static void draw_event(struct random *random, struct drawn *drawn, uint64_t seq)
{
    struct qp_event *event = &drawn->event;
    drawn->site = (struct qp_site){draw_text(random, drawn->file, sizeof drawn->file),
                                   draw_text(random, drawn->expr, sizeof drawn->expr), (int)draw(random, 5000)};
    *event = (struct qp_event){.seq = seq, .kind = (enum qp_event_kind)draw(random, QP_EVENT_KINDS)};
    event->time_ns = (int64_t)(draw_number(random) / 2);
    event->task = draw_number(random);
    event->object = draw_number(random);
    event->future = draw_number(random);
    event->op = draw_text(random, drawn->op, sizeof drawn->op);
    event->site = draw(random, 2) ? &drawn->site : NULL;
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++)
        event->fields[i] = draw_number(random);
    event->text = draw_text(random, drawn->text, sizeof drawn->text);
}

/* ---- round trips ---- */

static void samples_round_trip(void **state)
{
    struct qp_trace_meta meta = sample_meta();
    struct qp_recorder *recorder = record(samples, SAMPLES);
    round_trip(*state, recorder, &meta);
    struct qp_trace trace = load(((struct folder *)*state)->a);
    assert_same_meta(&trace.meta, &meta);
    assert_int_equal(trace.count, SAMPLES);
    assert_null(trace.events[7].text);
    assert_string_equal(trace.events[5].text, "");
    assert_string_equal(trace.events[5].op, "");
    assert_int_equal(trace.events[4].site->line, -3);
    qp_trace_free(&trace);
    qp_trace_free(&trace); /* a zero trace is nothing to free */
    qp_recorder_destroy(recorder);
}

static void nothing_round_trips(void **state)
{
    struct qp_trace_meta meta = {.main = "program"};
    struct qp_recorder *recorder = record(NULL, 0);
    round_trip(*state, recorder, &meta);
    struct qp_trace trace = load(((struct folder *)*state)->a);
    assert_string_equal(trace.meta.main, "program");
    assert_string_equal(trace.meta.scenario, "");
    assert_string_equal(trace.meta.report, "");
    assert_true(trace.digest == 0);
    qp_trace_free(&trace);
    qp_recorder_destroy(recorder);
}

static void random_events_round_trip(void **state)
{
    enum { EVENTS = 3000 };
    struct random random = seeded();
    struct drawn *drawn = calloc(EVENTS, sizeof *drawn);
    struct qp_recorder *recorder = qp_recorder_create(0);
    struct qp_trace_meta meta = sample_meta();
    assert_true(drawn && recorder);
    for (size_t i = 0; i < EVENTS; i++) {
        draw_event(&random, &drawn[i], i + 1);
        qp_recorder_event(recorder, &drawn[i].event);
    }
    round_trip(*state, recorder, &meta);
    qp_recorder_destroy(recorder);
    free(drawn);
}

static void every_kind_round_trips(void **state)
{
    struct qp_event events[QP_EVENT_KINDS];
    for (unsigned i = 0; i < QP_EVENT_KINDS; i++)
        events[i] = (struct qp_event){.seq = i + 1, .kind = (enum qp_event_kind)i, .fields = {i, 1, 2}, .text = "text"};
    struct qp_trace_meta meta = sample_meta();
    struct qp_recorder *recorder = record(events, QP_EVENT_KINDS);
    round_trip(*state, recorder, &meta);
    qp_recorder_destroy(recorder);
}

static void every_outcome_round_trips(void **state)
{
    struct folder *folder = *state;
    struct qp_recorder *recorder = record(samples, 1);
    struct qp_trace_meta meta = sample_meta();
    for (unsigned i = 0; qp_outcome_name(i); i++) {
        meta.outcome = (enum qp_status)i;
        round_trip(folder, recorder, &meta);
        struct qp_trace trace = load(folder->a);
        assert_int_equal(trace.meta.outcome, i);
        qp_trace_free(&trace);
    }
    qp_recorder_destroy(recorder);
}

static void many_choices_round_trip(void **state)
{
    enum { CHOICES = 1000000 }; /* the header is longer than any other line may be */
    struct folder *folder = *state;
    uint32_t *many = calloc(CHOICES, sizeof *many);
    assert_non_null(many);
    for (size_t i = 0; i < CHOICES; i++)
        many[i] = (uint32_t)(i % 7);
    struct qp_trace_meta meta = sample_meta();
    struct qp_recorder *recorder = record(samples, SAMPLES);
    meta.choices = many;
    meta.choice_count = CHOICES;
    round_trip(folder, recorder, &meta);
    struct qp_trace trace = load(folder->a);
    assert_same_meta(&trace.meta, &meta);
    qp_trace_free(&trace);
    qp_recorder_destroy(recorder);
    free(many);
}

static void the_longest_texts_round_trip(void **state)
{
    char *text = malloc(QP_TEXT_MOST + 10), *name = malloc(QP_NAME_MOST + 10);
    assert_true(text && name);
    memset(text, '\1', QP_TEXT_MOST + 9); /* six bytes each in JSON */
    memset(name, '\2', QP_NAME_MOST + 9);
    text[QP_TEXT_MOST + 9] = name[QP_NAME_MOST + 9] = '\0';
    struct qp_site long_site = {name, name, 1};
    struct qp_event event = {
        .seq = 1, .kind = QP_EVENT_VALUE_SENT, .op = name, .site = &long_site, .fields = {UINT64_MAX}, .text = text};
    struct qp_trace_meta meta = sample_meta();
    meta.library = meta.scenario = meta.strategy = meta.main = name;
    meta.report = text;
    struct qp_recorder *recorder = record(&event, 1);
    round_trip(*state, recorder, &meta);
    assert_int_equal(strlen(qp_recorder_at(recorder, 0)->text), QP_TEXT_MOST);
    qp_recorder_destroy(recorder);
    free(text);
    free(name);
}

/* ---- what is written ---- */

/* Of these bytes many readers may depend: a change here is a new version of the format. */
static const char golden[] =
    "{\"quipu\":\"trace\",\"version\":1,\"library\":\"0.1.0\",\"scenario\":\"no_job_is_lost\","
    "\"seed\":\"18446744073709551615\",\"strategy\":\"random\",\"params\":{\"jobs\":10,"
    "\"least\":\"-9223372036854775808\",\"\\\"odd\\\"\\n\":-1},\"choices\":[0,2,4294967295,1]}\n"
    "{\"seq\":1,\"t\":0,\"event\":\"task.spawned\",\"child\":1,\"style\":0,\"name\":\"main\"}\n"
    "{\"seq\":2,\"t\":0,\"event\":\"object.created\",\"task\":1,\"object\":1,\"capacity\":8,\"kind\":\"mpsc\"}\n"
    "{\"seq\":3,\"t\":0,\"event\":\"timer.armed\",\"task\":1,\"object\":1,\"future\":7,\"op\":\"recv\","
    "\"deadline\":\"9223372036854775807\"}\n"
    "{\"seq\":4,\"t\":1500000,\"event\":\"future.ready\",\"task\":2,\"object\":1,\"future\":7,\"op\":\"recv\","
    "\"at\":{\"file\":\"scenarios/bank.c\",\"line\":41,\"expr\":\"qp_recv(rx, &v)\"},\"status\":0}\n"
    "{\"seq\":5,\"t\":1500001,\"event\":\"choice\",\"at\":{\"file\":\"\",\"line\":-3,"
    "\"expr\":\"a \\\"quoted\\\" \\\\ expr\\n\"},\"kind\":0,\"count\":3,\"chosen\":2}\n"
    "{\"seq\":6,\"t\":\"9007199254740992\",\"event\":\"value.sent\",\"task\":\"18446744073709551615\","
    "\"object\":9007199254740991,\"future\":\"9007199254740992\",\"op\":\"\",\"value\":\"18446744073709551615\","
    "\"print\":\"\"}\n"
    "{\"seq\":7,\"t\":\"-9223372036854775808\",\"event\":\"task.completed\",\"task\":1}\n"
    "{\"seq\":8,\"t\":\"9223372036854775807\",\"event\":\"value.set\",\"value\":0,\"altered\":0}\n"
    "{\"summary\":{\"events\":8,\"digest\":\"ebbb2184855ea2a3\",\"outcome\":\"deadlock\","
    "\"report\":\"task 1 waits\\nfor ever\",\"time\":1500001,\"steps\":12}}\n";

static void the_bytes_are_these(void **state)
{
    struct folder *folder = *state;
    struct qp_trace_meta meta = sample_meta();
    struct qp_recorder *recorder = record(samples, SAMPLES);
    struct qp_events events = qp_recorder_events(recorder);
    size_t length;
    write_trace(folder->a, &meta, &events);
    char *text = slurp(folder->a, &length);
    assert_string_equal(text, golden);
    free(text);
    qp_recorder_destroy(recorder);
}

static void the_same_input_gives_the_same_bytes(void **state)
{
    struct folder *folder = *state;
    struct qp_trace_meta meta = sample_meta();
    char error[256];
    struct qp_recorder *recorder = record(samples, SAMPLES);
    struct qp_events events = qp_recorder_events(recorder);
    write_trace(folder->a, &meta, &events);
    struct qp_trace_writer *writer = qp_trace_writer_open(folder->b, &meta, error, sizeof error);
    assert_non_null(writer);
    for (size_t i = 0; i < SAMPLES; i++)
        qp_trace_writer_event(writer, &samples[i]);
    assert_false(exists(folder->b)); /* not before it is complete */
    assert_true(qp_trace_writer_close(writer, &meta, error, sizeof error));
    assert_same_file(folder->a, folder->b);
    qp_recorder_destroy(recorder);
}

/* Each with what reading gives back. */
static void hostile_texts_are_written_as_unicode(void **state)
{
    static const char *const texts[][2] = {
        {"\x01\x1f\x7f\b\f\n\r\t\"\\/", "\x01\x1f\x7f\b\f\n\r\t\"\\/"},
        {"\xff", "\xEF\xBF\xBD"},
        {"a\xC3", "a\xEF\xBF\xBD"},                                               /* cut off */
        {"\xC0\x80z", "\xEF\xBF\xBD\xEF\xBF\xBDz"},                               /* overlong */
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* a surrogate */
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* past the last */
        {"\xF0\x9F\xAA\xA2 knot", "\xF0\x9F\xAA\xA2 knot"},
        {"\xE2\x80\xA8{}[]:,</script>", "\xE2\x80\xA8{}[]:,</script>"},
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    struct folder *folder = *state;
    struct qp_trace_meta meta = sample_meta();
    struct qp_event events[TEXTS];
    struct qp_site sites[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) {
        sites[i] = (struct qp_site){texts[i][0], texts[i][0], 1};
        events[i] = (struct qp_event){
            .seq = i + 1, .kind = QP_EVENT_MESSAGE, .op = texts[i][0], .site = &sites[i], .text = texts[i][0]};
    }
    meta.report = meta.scenario = texts[3][0];
    struct qp_recorder *recorder = record(events, TEXTS);
    round_trip(folder, recorder, &meta);
    struct qp_trace trace = load(folder->a);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_string_equal(trace.events[i].text, texts[i][1]);
        assert_string_equal(trace.events[i].op, texts[i][1]);
        assert_string_equal(trace.events[i].site->file, texts[i][1]);
    }
    assert_string_equal(trace.meta.report, texts[3][1]);
    assert_string_equal(trace.meta.scenario, texts[3][1]);
    qp_trace_free(&trace);
    qp_recorder_destroy(recorder);
}

static void texts_are_cut_between_characters(void **state)
{
    (void)state;
    char copy[16];
    assert_int_equal(qp_text_length("a\xC3\xA4z", 2), 1);
    qp_text_copy(copy, "a\xC3\xA4z", 2);
    assert_string_equal(copy, "a");
    assert_int_equal(qp_text_length("a\xFFz", 3), 1); /* no room for the replacement */
    assert_int_equal(qp_text_length("a\xFFz", 4), 4);
    assert_true(qp_text_equal("abcd", "abce", 3));
    assert_false(qp_text_equal("abc", "ab", 3));
    assert_false(qp_text_equal(NULL, "", 3));
    assert_true(qp_text_equal("\xFF\xFE", "\xEF\xBF\xBD\xEF\xBF\xBD", 99));
}

/* ---- what cannot be written ---- */

static void assert_not_written(const char *path, const struct qp_trace_meta *meta, const struct qp_event *event,
                               const char *sentence)
{
    char error[512] = "", expected[512], path_tmp[PATH_SIZE + 8];
    struct qp_recorder *recorder = record(event, event != NULL);
    struct qp_events events = qp_recorder_events(recorder);
    snprintf(expected, sizeof expected, "%s: %s", path, sentence);
    snprintf(path_tmp, sizeof path_tmp, "%s.tmp", path);
    assert_false(qp_trace_write(path, meta, &events, error, sizeof error));
    assert_string_equal(error, expected);
    assert_false(exists(path_tmp));
    assert_false(qp_trace_write(path, meta, &events, NULL, 0));
    qp_recorder_destroy(recorder);
}

static void what_cannot_be_written_is_said(void **state)
{
    struct folder *folder = *state;
    char nowhere[PATH_SIZE];
    struct qp_trace_meta meta = sample_meta();
    join(nowhere, folder->path, "none/x.jsonl");
    assert_not_written(nowhere, &meta, NULL, "cannot be created: No such file or directory");
    assert_not_written(folder->path, &meta, NULL, "cannot be created: Is a directory");
    struct qp_event event = samples[1];
    assert_not_written(folder->a, &meta, &event,
                       "cannot be written: the events of the run are not numbered from 1 without gaps");
    event.seq = 1;
    event.kind = QP_EVENT_KINDS;
    assert_not_written(folder->a, &meta, &event,
                       "cannot be written: an event of the run has a kind that does not exist");
    meta.outcome = (enum qp_status)999;
    assert_not_written(folder->a, &meta, NULL, "cannot be written: the run has an outcome that does not exist");
    meta = sample_meta();
    meta.param_count = QP_TRACE_PARAMS_MOST + 1;
    assert_not_written(folder->a, &meta, NULL, "cannot be written: the run has more parameters than a trace can have");
    meta.choice_count = SIZE_MAX;
    meta.param_count = 0;
    assert_not_written(folder->a, &meta, NULL, "cannot be written: the run made more choices than a trace can have");
    const struct qp_trace_param twice[] = {{"x", 1}, {"x", 2}};
    meta = sample_meta();
    meta.params = twice;
    meta.param_count = 2;
    assert_not_written(folder->a, &meta, NULL, "cannot be written: two parameters have the same name");
    const struct qp_trace_param bad[] = {{"\xff", 1}};
    meta.params = bad;
    meta.param_count = 1;
    assert_not_written(folder->a, &meta, NULL, "cannot be written: the name of a parameter is no text or too long");
}

static void a_full_disk_is_said(void **state)
{
    struct folder *folder = *state;
    struct qp_trace_meta meta = sample_meta();
    struct qp_recorder *recorder = record(samples, SAMPLES);
    struct qp_events events = qp_recorder_events(recorder);
    write_trace(folder->a, &meta, &events);
    write_trace(folder->b, &meta, &events);

    struct rlimit before, small = {.rlim_cur = 200};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    meta.steps++;
    char error[512] = "", expected[512];
    bool written = qp_trace_write(folder->b, &meta, &events, error, sizeof error);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);

    snprintf(expected, sizeof expected, "%s: cannot be written: File too large", folder->b);
    assert_false(written);
    assert_string_equal(error, expected);
    assert_same_file(folder->a, folder->b); /* what was there before is still there */
    qp_recorder_destroy(recorder);
}

/* A link stays one; a device or a pipe, which cannot be had here by anybody, would go the same way. */
static void what_is_no_ordinary_file_is_not_replaced(void **state)
{
    struct folder *folder = *state;
    struct qp_trace_meta meta = sample_meta();
    struct qp_recorder *recorder = record(samples, SAMPLES);
    struct qp_events events = qp_recorder_events(recorder);
    struct stat found;
    char link[PATH_SIZE];
    join(link, folder->path, "link");
    write_trace(folder->a, &meta, &events);
    assert_int_equal(symlink("b.jsonl", link), 0);
    write_trace(link, &meta, &events); /* makes what it leads to */
    write_trace(link, &meta, &events); /* and writes it again */
    assert_int_equal(lstat(link, &found), 0);
    assert_true(S_ISLNK(found.st_mode));
    assert_same_file(folder->a, folder->b);
    remove(link);
    qp_recorder_destroy(recorder);
}

static void a_discarded_trace_leaves_nothing(void **state)
{
    struct folder *folder = *state;
    struct qp_trace_meta meta = sample_meta();
    char error[256];
    struct qp_trace_writer *writer = qp_trace_writer_open(folder->a, &meta, error, sizeof error);
    assert_non_null(writer);
    qp_trace_writer_event(writer, &samples[0]);
    qp_trace_writer_discard(writer);
    qp_trace_writer_discard(NULL);
    assert_false(exists(folder->a));
}

/* ---- the recorder ---- */

static void the_recorder_copies_texts(void **state)
{
    (void)state;
    char text[] = "before";
    struct qp_event event = {.seq = 1, .kind = QP_EVENT_MESSAGE, .text = text};
    struct qp_recorder *recorder = record(&event, 1);
    memcpy(text, "after!", sizeof text);
    assert_string_equal(qp_recorder_at(recorder, 0)->text, "before");
    assert_null(qp_recorder_at(recorder, 1));
    qp_recorder_destroy(recorder);
    qp_recorder_destroy(NULL);
}

/* Records this many events with a text each; returns how many fitted. */
static size_t record_many(struct qp_recorder *recorder, size_t count)
{
    char text[40];
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "event number %zu", i + 1);
        struct qp_event event = {.seq = i + 1, .kind = QP_EVENT_MESSAGE, .text = text};
        qp_recorder_event(recorder, &event);
    }
    return qp_recorder_count(recorder);
}

static void a_cleared_recorder_starts_again(void **state)
{
    (void)state;
    struct qp_recorder *recorder = qp_recorder_create(0);
    assert_non_null(recorder);
    assert_int_equal(record_many(recorder, 5000), 5000);
    uint64_t digest = qp_recorder_digest(recorder);
    const struct qp_event *last = qp_recorder_at(recorder, 4999);
    const char *text = last->text;
    qp_recorder_clear(recorder);
    assert_int_equal(qp_recorder_count(recorder), 0);
    assert_true(qp_recorder_digest(recorder) == 0);
    assert_int_equal(record_many(recorder, 5000), 5000);
    assert_true(qp_recorder_digest(recorder) == digest);
    assert_ptr_equal(qp_recorder_at(recorder, 4999), last); /* in the memory of the first time */
    assert_ptr_equal(last->text, text);
    qp_recorder_destroy(recorder);
}

static void a_full_recorder_keeps_the_beginning(void **state)
{
    (void)state;
    struct qp_recorder *bounded = qp_recorder_create(200000), *whole = qp_recorder_create(0);
    assert_true(bounded && whole);
    size_t fitted = record_many(bounded, 100000);
    assert_true(qp_recorder_is_full(bounded));
    assert_in_range(fitted, 500, 2000);
    record_many(whole, fitted);
    assert_false(qp_recorder_is_full(whole));
    assert_true(qp_recorder_digest(bounded) == qp_recorder_digest(whole));
    qp_recorder_clear(bounded);
    assert_false(qp_recorder_is_full(bounded));
    assert_int_equal(record_many(bounded, 100000), fitted);
    qp_recorder_destroy(bounded);
    qp_recorder_destroy(whole);

    struct qp_recorder *tiny = qp_recorder_create(1);
    assert_non_null(tiny);
    assert_int_equal(record_many(tiny, 2), 0);
    assert_true(qp_recorder_is_full(tiny));
    qp_recorder_destroy(tiny);
}

/* ---- the digest ---- */

static uint64_t digest_of(const struct qp_event *event)
{
    struct qp_digest digest = {0};
    qp_digest_event(&digest, event);
    return digest.value;
}

static void the_digest_is_the_recorders(void **state)
{
    (void)state;
    struct qp_recorder *recorder = record(samples, 3);
    struct qp_digest digest = {0};
    for (size_t i = 0; i < SAMPLES; i++) {
        qp_digest_event(&digest, &samples[i]);
        if (i >= 3)
            qp_recorder_event(recorder, &samples[i]);
        if (i >= 2)
            assert_true(qp_recorder_digest(recorder) == digest.value);
    }
    assert_true(digest.count == SAMPLES);
    qp_recorder_destroy(recorder);
}

/* Computed by an implementation of its own (Python's xxhash): it must be these on every machine. */
static void the_digests_are_these(void **state)
{
    (void)state;
    static const uint64_t chain[SAMPLES] = {0x3738cb1c05098e55, 0x377b64f0eba17a6e, 0x790a77f76db30808,
                                            0x2e3b0167d52d182f, 0x98f6bdc34d56fb17, 0x480c665a5a88d227,
                                            0x7d4b54a0b59b6e53, 0xebbb2184855ea2a3};
    struct qp_digest digest = {0};
    for (size_t i = 0; i < SAMPLES; i++) {
        qp_digest_event(&digest, &samples[i]);
        assert_true(digest.value == chain[i]);
    }
}

static void the_digest_sees_every_part(void **state)
{
    (void)state;
    struct qp_event base = samples[3], other;
    struct qp_site moved = site;
    uint64_t value = digest_of(&base);
#define DIFFERS(change)                              \
    do {                                             \
        other = base;                                \
        moved = site;                                \
        other.site = &moved;                         \
        change;                                      \
        assert_true(digest_of(&other) != value);     \
        assert_false(qp_event_equal(&base, &other)); \
    } while (0)
    DIFFERS(other.seq++);
    DIFFERS(other.time_ns++);
    DIFFERS(other.kind = QP_EVENT_FUTURE_PENDING);
    DIFFERS(other.task++);
    DIFFERS(other.object++);
    DIFFERS(other.future++);
    DIFFERS(other.op = "send");
    DIFFERS(other.op = NULL);
    DIFFERS(other.fields[0]++);
    DIFFERS(other.site = NULL);
    DIFFERS(moved.line++);
    DIFFERS(moved.file = "scenarios/other.c");
    DIFFERS(moved.expr = "");
#undef DIFFERS
    other = base;
    other.site = &moved;
    moved = site;
    other.fields[1] = 99; /* future.ready has no second field */
    other.text = "no text either";
    assert_true(digest_of(&other) == value);
    assert_true(qp_event_equal(&base, &other));
    struct qp_event none = samples[7], empty = samples[7];
    empty.text = "";
    assert_true(digest_of(&none) != digest_of(&empty));
    assert_false(qp_event_equal(&none, &empty));
}

/* Long texts are hashed in pieces; these cross the bounds of the buffer in every way. */
static void long_texts_are_digested_whole(void **state)
{
    (void)state;
    char text[2100], last[2100];
    for (size_t length = 300; length < 2048; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        memcpy(last, text, length + 1);
        last[length - 1] = 'y';
        struct qp_event a = {.seq = 1, .kind = QP_EVENT_MESSAGE, .text = text};
        struct qp_event b = {.seq = 1, .kind = QP_EVENT_MESSAGE, .text = last};
        assert_true(digest_of(&a) == digest_of(&a) && digest_of(&a) != digest_of(&b));
    }
}

/* ---- comparing and printing ---- */

static void the_first_difference_is_found(void **state)
{
    (void)state;
    struct qp_event changed[SAMPLES];
    memcpy(changed, samples, sizeof samples);
    changed[5].task = 3;
    struct qp_recorder *a = record(samples, SAMPLES), *b = record(changed, SAMPLES), *c = record(samples, 4);
    struct qp_events events_a = qp_recorder_events(a), events_b = qp_recorder_events(b),
                     events_c = qp_recorder_events(c);
    assert_true(qp_events_compare(&events_a, &events_a) == QP_EVENTS_SAME);
    assert_true(qp_events_compare(&events_a, &events_b) == 5);
    assert_true(qp_events_compare(&events_a, &events_c) == 4);
    assert_true(qp_events_compare(&events_c, &events_a) == 4);
    assert_null(qp_events_at(&events_c, 4));
    qp_recorder_destroy(a);
    qp_recorder_destroy(b);
    qp_recorder_destroy(c);
}

static void assert_prints(const struct qp_event *event, const char *expected)
{
    char line[512], cut[20];
    assert_int_equal(qp_event_print(event, line, sizeof line), strlen(expected));
    assert_string_equal(line, expected);
    assert_int_equal(qp_event_print(event, cut, sizeof cut), strlen(expected));
    assert_int_equal(strlen(cut), strlen(expected) < sizeof cut - 1 ? strlen(expected) : sizeof cut - 1);
    assert_memory_equal(cut, expected, strlen(cut));
    assert_int_equal(qp_event_print(event, NULL, 0), strlen(expected));
}

static void events_are_printed_for_people(void **state)
{
    (void)state;
    assert_prints(&samples[0], "#1 0.000ms task.spawned child=1 style=0 name=\"main\"");
    assert_prints(&samples[2], "#3 0.000ms task 1 recv(object 1) timer.armed future=7 deadline=never");
    assert_prints(&samples[3], "#4 1.500ms task 2 recv(object 1) future.ready future=7 status=OK at "
                               "scenarios/bank.c:41 qp_recv(rx, &v)");
    assert_prints(&samples[4], "#5 1.500001ms choice kind=task count=3 chosen=2 at :-3 a \"quoted\" \\ expr\\n");
    assert_prints(&samples[6], "#7 -9223372036854.775808ms task 1 task.completed");
    struct qp_event event = {.seq = 9, .kind = QP_EVENT_FUTURE_READY, .object = 2, .fields = {999}};
    assert_prints(&event, "#9 0.000ms object 2 future.ready status=999");
    event = (struct qp_event){.seq = 9, .kind = QP_EVENT_VALUE_DROPPED, .fields = {4, QP_DROP_RESULT}};
    assert_prints(&event, "#9 0.000ms value.dropped value=4 reason=result");
    event = (struct qp_event){.seq = 9, .kind = QP_EVENT_CLOCK_ADVANCED, .fields = {2000000}};
    assert_prints(&event, "#9 0.000ms clock.advanced to=2.000ms");
    event = (struct qp_event){.seq = 9, .kind = QP_EVENT_MESSAGE, .text = "a\"b\\c\n\x01\x7f\xff"};
    assert_prints(&event, "#9 0.000ms message text=\"a\\\"b\\\\c\\n\\u0001\\u007f\xEF\xBF\xBD\"");
    event.kind = QP_EVENT_KINDS;
    char line[64], expected[64];
    snprintf(expected, sizeof expected, "#9 0.000ms unknown.%u", (unsigned)QP_EVENT_KINDS);
    qp_event_print(&event, line, sizeof line);
    assert_string_equal(line, expected);
}

/* ---- the table and the schema ---- */

/* A key must mean one thing on a line, and a name one kind. */
static void names_in_the_table_are_unique(void **state)
{
    (void)state;
    static const char *const common[] = {"seq",    "t",  "event", "task",  "object",
                                         "future", "op", "at",    "quipu", "summary"};
    for (unsigned i = 0; i < QP_EVENT_KINDS; i++) {
        const struct qp_event_info *info = qp_event_describe((enum qp_event_kind)i);
        const char *own[QP_EVENT_FIELDS + 1] = {info->fields[0], info->fields[1], info->fields[2], info->text};
        enum qp_event_kind found;
        assert_true(qp_event_find(info->name, &found));
        assert_int_equal(found, i);
        for (size_t j = 0; j <= QP_EVENT_FIELDS; j++) {
            for (size_t k = 0; k < sizeof common / sizeof *common; k++)
                assert_string_not_equal(own[j], common[k]);
            for (size_t k = 0; k < j; k++)
                assert_true(!*own[j] || strcmp(own[j], own[k]) != 0);
        }
    }
    assert_null(qp_event_describe(QP_EVENT_KINDS));
    assert_null(qp_event_describe((enum qp_event_kind) - 1));
}

static cJSON *load_schema(void)
{
    size_t length;
    char *text = slurp(QUIPU_SOURCE_DIR "/traces/schema.json", &length);
    cJSON *schema = cJSON_Parse(text);
    assert_non_null(schema);
    free(text);
    return schema;
}

static cJSON *get(const cJSON *object, const char *key)
{
    cJSON *found = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!found)
        fail_msg("the schema has no \"%s\" there", key);
    return found;
}

/* The alternative of the event's oneOf that is for this kind. */
static const cJSON *find_kind(const cJSON *kinds, const char *name)
{
    const cJSON *kind;
    cJSON_ArrayForEach(kind, kinds)
    {
        if (strcmp(get(get(get(kind, "properties"), "event"), "const")->valuestring, name) == 0)
            return kind;
    }
    fail_msg("schema.json has no event \"%s\"", name);
    return NULL;
}

/* Whether a kind's property has this type. */
static bool has_property(const cJSON *kind, const char *name, const char *type)
{
    const cJSON *property = cJSON_GetObjectItemCaseSensitive(get(kind, "properties"), name);
    return property && strcmp(get(property, "$ref")->valuestring, type) == 0;
}

static bool kind_in_schema(const cJSON *kind, const struct qp_event_info *info)
{
    const cJSON *required = cJSON_GetObjectItemCaseSensitive(kind, "required");
    int fields = 0;
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++) {
        if (!*info->fields[i])
            continue;
        const cJSON *name = cJSON_GetArrayItem(required, fields++);
        if (!name || strcmp(name->valuestring, info->fields[i]) != 0)
            return false;
        if (!has_property(kind, info->fields[i], "#/$defs/unsigned"))
            return false;
    }
    if (*info->text && !has_property(kind, info->text, "#/$defs/text"))
        return false;
    return cJSON_GetArraySize(required) == fields &&
           cJSON_GetArraySize(get(kind, "properties")) == 1 + fields + (*info->text != 0);
}

static void the_schema_has_every_kind(void **state)
{
    (void)state;
    cJSON *schema = load_schema();
    const cJSON *kinds = get(get(get(schema, "$defs"), "event"), "oneOf");
    for (unsigned i = 0; i < QP_EVENT_KINDS; i++) {
        const struct qp_event_info *info = qp_event_describe((enum qp_event_kind)i);
        if (!kind_in_schema(find_kind(kinds, info->name), info))
            fail_msg("schema.json has other fields for \"%s\" than events.def", info->name);
    }
    assert_int_equal(cJSON_GetArraySize(kinds), QP_EVENT_KINDS);
    cJSON_Delete(schema);
}

static void the_schema_has_every_outcome(void **state)
{
    (void)state;
    cJSON *schema = load_schema();
    const cJSON *outcomes = get(get(get(schema, "$defs"), "outcome"), "enum");
    unsigned count = 0;
    for (const char *name; (name = qp_outcome_name(count)); count++) {
        char lower[64];
        size_t i = 0;
        for (; name[i]; i++)
            lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
        lower[i] = '\0';
        assert_non_null(cJSON_GetArrayItem(outcomes, (int)count));
        assert_string_equal(cJSON_GetArrayItem(outcomes, (int)count)->valuestring, lower);
    }
    assert_int_equal(cJSON_GetArraySize(outcomes), count);
    cJSON_Delete(schema);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(samples_round_trip),
        IN_FOLDER(nothing_round_trips),
        IN_FOLDER(random_events_round_trip),
        IN_FOLDER(every_kind_round_trips),
        IN_FOLDER(every_outcome_round_trips),
        IN_FOLDER(many_choices_round_trip),
        IN_FOLDER(the_longest_texts_round_trip),
        IN_FOLDER(the_bytes_are_these),
        IN_FOLDER(the_same_input_gives_the_same_bytes),
        IN_FOLDER(hostile_texts_are_written_as_unicode),
        cmocka_unit_test(texts_are_cut_between_characters),
        IN_FOLDER(what_cannot_be_written_is_said),
        IN_FOLDER(a_full_disk_is_said),
        IN_FOLDER(what_is_no_ordinary_file_is_not_replaced),
        IN_FOLDER(a_discarded_trace_leaves_nothing),
        cmocka_unit_test(the_recorder_copies_texts),
        cmocka_unit_test(a_cleared_recorder_starts_again),
        cmocka_unit_test(a_full_recorder_keeps_the_beginning),
        cmocka_unit_test(the_digest_is_the_recorders),
        cmocka_unit_test(the_digests_are_these),
        cmocka_unit_test(the_digest_sees_every_part),
        cmocka_unit_test(long_texts_are_digested_whole),
        cmocka_unit_test(the_first_difference_is_found),
        cmocka_unit_test(events_are_printed_for_people),
        cmocka_unit_test(names_in_the_table_are_unique),
        cmocka_unit_test(the_schema_has_every_kind),
        cmocka_unit_test(the_schema_has_every_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
