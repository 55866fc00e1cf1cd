/*
 * The writer. State: the open file, the line being built, and the digest of the events written.
 *
 * A line is a tree of cJSON nodes that lie in struct line, so that printing it allocates nothing; numbers are given to
 * cJSON as raw text, because it would print large integers with an exponent.
 *
 * Invariants: after the first failure `error` has its sentence and nothing more is written. Every text in the tree is
 * canonical (text.h), so what cJSON prints is valid UTF-8. The bounds of texts keep every line but the header below
 * QP_TRACE_LINE_MOST, escapes included: six bytes for one at most, of one text, four names and twelve numbers.
 */
#include "traces/writer.h"
#include "traces/digest.h"
#include "traces/pool.h"
#include "traces/print.h"
#include "traces/text.h"
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    NODES = QP_TRACE_PARAMS_MOST + 18,
    DIGITS = 24,
    ERROR_SIZE = 512,
    SLACK = 64, /* cJSON asks for a few bytes more than it writes */
    CHOICE_DIGITS = 11,
    FAULTS_TEXT = 128,
    HEADER_TEXTS = 6 * QP_NAME_MOST * (QP_TRACE_PARAMS_MOST + 8) /* bounds what the header's names take */
};

_Static_assert(6 * (QP_TEXT_MOST + 4 * QP_NAME_MOST) + NODES * 64 < QP_TRACE_LINE_MOST, "every event fits a line");
_Static_assert(HEADER_TEXTS < QP_TRACE_HEADER_MOST / 2, "a header has room for choices");

struct line {
    size_t used; /* nodes and digits */
    cJSON nodes[NODES];
    char digits[NODES][DIGITS];
};

struct qp_trace_writer {
    FILE *file;
    char *path;
    char *path_tmp; /* its name until it is whole; NULL: it is written in place */
    struct qp_digest digest;
    bool failed;
    char error[ERROR_SIZE];
    struct qp_budget budget;
    struct qp_pool texts; /* of this line, those that were not canonical */
    struct line line;
    char text[QP_TRACE_LINE_MOST + SLACK]; /* the line as it is written */
};

static void fail(struct qp_trace_writer *writer, const char *what, const char *why)
{
    if (writer->failed)
        return;
    writer->failed = true;
    struct qp_print print;
    qp_print_init(&print, writer->error, sizeof writer->error);
    qp_print_text(&print, writer->path, 256, false);
    qp_print_format(&print, ": %s: %s", what, why);
}

static void fail_memory(struct qp_trace_writer *writer)
{
    fail(writer, "cannot be written", "out of memory");
}

/* ---- building a line ---- */

/* A new node, the last member of `parent`; NULL makes it the root. */
static cJSON *add(struct line *line, cJSON *parent, const char *key, int type, const char *value)
{
    cJSON *node = &line->nodes[line->used++];
    *node = (cJSON){.type = type, .string = (char *)key, .valuestring = (char *)value};
    if (parent && parent->child) {
        node->prev = parent->child->prev;
        node->prev->next = node;
        parent->child->prev = node;
    } else if (parent) {
        parent->child = node->prev = node;
    }
    return node;
}

static cJSON *add_object(struct line *line, cJSON *parent, const char *key)
{
    return add(line, parent, key, cJSON_Object, NULL);
}

static cJSON *start_line(struct qp_trace_writer *writer)
{
    qp_pool_clear(&writer->texts);
    writer->line.used = 0;
    return add_object(&writer->line, NULL, NULL);
}

/* Adds a text in its canonical form; "" for NULL. */
static void add_text(struct qp_trace_writer *writer, cJSON *parent, const char *key, const char *text, size_t most)
{
    if (!text)
        text = "";
    if (!qp_text_is_canonical(text, most))
        text = qp_pool_text(&writer->texts, text, most);
    if (text)
        add(&writer->line, parent, key, cJSON_String, text);
    else
        fail_memory(writer);
}

static void add_name(struct qp_trace_writer *writer, cJSON *parent, const char *key, const char *name)
{
    add_text(writer, parent, key, name, QP_NAME_MOST);
}

/* Writes the digits before `end`; returns the first. */
static char *write_digits(char *end, uint64_t value)
{
    do
        *--end = (char)('0' + value % 10);
    while (value /= 10);
    return end;
}

static void add_integer(struct line *line, cJSON *parent, const char *key, bool negative, uint64_t size)
{
    char *end = line->digits[line->used] + DIGITS - 1;
    *end = '\0';
    char *start = write_digits(end, size);
    if (negative)
        *--start = '-';
    add(line, parent, key, size > QP_TRACE_INTEGER_MOST ? cJSON_String : cJSON_Raw, start);
}

static void add_unsigned(struct line *line, cJSON *parent, const char *key, uint64_t value)
{
    add_integer(line, parent, key, false, value);
}

static void add_signed(struct line *line, cJSON *parent, const char *key, int64_t value)
{
    add_integer(line, parent, key, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void add_digits(struct line *line, cJSON *parent, const char *key, uint64_t value)
{
    char *end = line->digits[line->used] + DIGITS - 1;
    *end = '\0';
    add(line, parent, key, cJSON_String, write_digits(end, value));
}

/* ---- writing it ---- */

static void put_line(struct qp_trace_writer *writer, char *buffer, size_t size, size_t most)
{
    if (writer->failed)
        return;
    if (!cJSON_PrintPreallocated(&writer->line.nodes[0], buffer, (int)size, false) || strlen(buffer) > most) {
        fail(writer, "cannot be written", "a line of it would be too long");
        return;
    }
    size_t length = strlen(buffer);
    buffer[length++] = '\n';
    if (fwrite(buffer, 1, length, writer->file) != length)
        fail(writer, "cannot be written", strerror(errno));
}

static void put_usual_line(struct qp_trace_writer *writer)
{
    put_line(writer, writer->text, sizeof writer->text - 1, QP_TRACE_LINE_MOST);
}

/* ---- the header ---- */

/* The choices as JSON; owned; NULL when there is no memory. */
static char *format_choices(const struct qp_trace_meta *meta)
{
    char *text = malloc(meta->choice_count * CHOICE_DIGITS + 3);
    if (!text)
        return NULL;
    char *at = text;
    *at++ = '[';
    for (size_t i = 0; i < meta->choice_count; i++) {
        char digits[DIGITS], *end = digits + sizeof digits;
        const char *start = write_digits(end, meta->choices[i]);
        if (i > 0)
            *at++ = ',';
        memcpy(at, start, (size_t)(end - start));
        at += end - start;
    }
    memcpy(at, "]", 2);
    return text;
}

static void add_params(struct qp_trace_writer *writer, cJSON *root, const struct qp_trace_meta *meta)
{
    cJSON *params = add_object(&writer->line, root, "params");
    for (size_t i = 0; i < meta->param_count && !writer->failed; i++) {
        const char *name = meta->params[i].name;
        if (!name || !qp_text_is_canonical(name, QP_NAME_MOST))
            fail(writer, "cannot be written", "the name of a parameter is no text or too long");
        for (size_t j = 0; j < i && !writer->failed; j++)
            if (name && meta->params[j].name && strcmp(meta->params[j].name, name) == 0)
                fail(writer, "cannot be written", "two parameters have the same name");
        add_signed(&writer->line, params, name, meta->params[i].value);
    }
}

static void lower(char *to, size_t size, const char *name)
{
    size_t i = 0;
    for (; name[i] && i + 1 < size; i++)
        to[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
    to[i] = '\0';
}

/* As an array of JSON, into a text that is as long as that can be. */
static void format_faults(uint32_t faults, char text[FAULTS_TEXT])
{
    size_t length = 1;
    text[0] = '[';
    for (uint64_t kind = 0; kind < 32; kind++) {
        const char *name = faults >> kind & 1 ? qp_fault_name(kind) : NULL;
        if (name)
            length += (size_t)snprintf(text + length, FAULTS_TEXT - length, "%s\"%s\"", length > 1 ? "," : "", name);
    }
    snprintf(text + length, FAULTS_TEXT - length, "]");
}

static void put_header(struct qp_trace_writer *writer, const struct qp_trace_meta *meta, const char *choices)
{
    size_t size = HEADER_TEXTS + strlen(choices) + SLACK;
    char *buffer = malloc(size + 1), expected[64], faults[FAULTS_TEXT];
    if (!buffer) {
        fail_memory(writer);
        return;
    }
    format_faults(meta->faults, faults);
    cJSON *root = start_line(writer);
    add_name(writer, root, "quipu", "trace");
    add_unsigned(&writer->line, root, "version", QP_TRACE_VERSION);
    add_name(writer, root, "library", meta->library);
    add_name(writer, root, "scenario", meta->scenario);
    add_digits(&writer->line, root, "seed", meta->seed);
    add_name(writer, root, "strategy", meta->strategy);
    add_params(writer, root, meta);
    add(&writer->line, root, "choices", cJSON_Raw, choices);
    if (meta->main)
        add_name(writer, root, "main", meta->main);
    if (meta->faults)
        add(&writer->line, root, "faults", cJSON_Raw, faults);
    if (meta->expected != QP_OK && qp_outcome_name((uint64_t)meta->expected)) {
        lower(expected, sizeof expected, qp_outcome_name((uint64_t)meta->expected));
        add_name(writer, root, "expect", expected);
    }
    put_line(writer, buffer, size, QP_TRACE_HEADER_MOST);
    free(buffer);
}

static void write_header(struct qp_trace_writer *writer, const struct qp_trace_meta *meta)
{
    if (meta->param_count > QP_TRACE_PARAMS_MOST) {
        fail(writer, "cannot be written", "the run has more parameters than a trace can have");
        return;
    }
    if (meta->choice_count > QP_TRACE_HEADER_MOST / 2) {
        fail(writer, "cannot be written", "the run made more choices than a trace can have");
        return;
    }
    char *choices = format_choices(meta);
    if (choices)
        put_header(writer, meta, choices);
    else
        fail_memory(writer);
    free(choices);
}

/* ---- events ---- */

static void add_number(struct line *line, cJSON *root, const char *key, uint64_t number)
{
    if (number != 0)
        add_unsigned(line, root, key, number);
}

static void add_site(struct qp_trace_writer *writer, cJSON *root, const struct qp_site *site)
{
    cJSON *at = add_object(&writer->line, root, "at");
    add_name(writer, at, "file", site->file);
    add_signed(&writer->line, at, "line", site->line);
    add_name(writer, at, "expr", site->expr);
}

static void add_fields(struct qp_trace_writer *writer, cJSON *root, const struct qp_event *event,
                       const struct qp_event_info *info)
{
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++)
        if (*info->fields[i])
            add_unsigned(&writer->line, root, info->fields[i], event->fields[i]);
    if (*info->text && event->text)
        add_text(writer, root, info->text, event->text, QP_TEXT_MOST);
}

static void put_event(struct qp_trace_writer *writer, const struct qp_event *event, const struct qp_event_info *info)
{
    cJSON *root = start_line(writer);
    add_unsigned(&writer->line, root, "seq", event->seq);
    add_signed(&writer->line, root, "t", event->time_ns);
    add(&writer->line, root, "event", cJSON_String, info->name);
    add_number(&writer->line, root, "task", event->task);
    add_number(&writer->line, root, "object", event->object);
    add_number(&writer->line, root, "future", event->future);
    if (event->op)
        add_name(writer, root, "op", event->op);
    if (event->site)
        add_site(writer, root, event->site);
    add_fields(writer, root, event, info);
    put_usual_line(writer);
}

void qp_trace_writer_event(void *context, const struct qp_event *event)
{
    struct qp_trace_writer *writer = context;
    const struct qp_event_info *info = qp_event_describe(event->kind);
    if (writer->failed)
        return;
    if (!info) {
        fail(writer, "cannot be written", "an event of the run has a kind that does not exist");
        return;
    }
    if (event->seq != writer->digest.count + 1) {
        fail(writer, "cannot be written", "the events of the run are not numbered from 1 without gaps");
        return;
    }
    put_event(writer, event, info);
    qp_digest_event(&writer->digest, event);
}

/* ---- the summary ---- */

static void write_summary(struct qp_trace_writer *writer, const struct qp_trace_meta *meta)
{
    const char *name = qp_outcome_name((uint64_t)meta->outcome);
    if (!name) {
        fail(writer, "cannot be written", "the run has an outcome that does not exist");
        return;
    }
    char outcome[64], digest[QP_DIGEST_HEX];
    lower(outcome, sizeof outcome, name);
    qp_digest_print(writer->digest.value, digest);
    cJSON *summary = add_object(&writer->line, start_line(writer), "summary");
    add_unsigned(&writer->line, summary, "events", writer->digest.count);
    add(&writer->line, summary, "digest", cJSON_String, digest);
    add(&writer->line, summary, "outcome", cJSON_String, outcome);
    add_text(writer, summary, "report", meta->report, QP_TEXT_MOST);
    add_signed(&writer->line, summary, "time", meta->time_ns);
    add_unsigned(&writer->line, summary, "steps", meta->steps);
    put_usual_line(writer);
}

/* ---- the file ---- */

static char *concatenate(const char *a, const char *b)
{
    size_t length = strlen(a), rest = strlen(b);
    char *text = malloc(length + rest + 1);
    if (text) {
        memcpy(text, a, length);
        memcpy(text + length, b, rest + 1);
    }
    return text;
}

static void destroy(struct qp_trace_writer *writer)
{
    qp_pool_free(&writer->texts);
    free(writer->path);
    free(writer->path_tmp);
    free(writer);
}

/* A file that is no ordinary one (a device, a pipe, a link) is written in place: no other is to have its name. */
static bool is_replaced(const char *path)
{
    struct stat status;
    return lstat(path, &status) != 0 || S_ISREG(status.st_mode);
}

static struct qp_trace_writer *create(const char *path)
{
    bool replaced = is_replaced(path);
    struct qp_trace_writer *writer = malloc(sizeof *writer);
    char ending[32];
    if (!writer)
        return NULL;
    writer->file = NULL;
    writer->digest = (struct qp_digest){0};
    writer->failed = false;
    writer->budget = (struct qp_budget){0};
    qp_pool_init(&writer->texts, &writer->budget);
    writer->path = concatenate(path, "");
    snprintf(ending, sizeof ending, ".%ld.tmp", (long)getpid()); /* others may be writing the same */
    writer->path_tmp = replaced ? concatenate(path, ending) : NULL;
    if (writer->path && (writer->path_tmp || !replaced))
        return writer;
    destroy(writer);
    return NULL;
}

static void remove_unfinished(const struct qp_trace_writer *writer)
{
    if (writer->path_tmp)
        remove(writer->path_tmp);
}

void qp_trace_writer_discard(struct qp_trace_writer *writer)
{
    if (!writer)
        return;
    if (writer->file) {
        fclose(writer->file);
        remove_unfinished(writer);
    }
    destroy(writer);
}

/* Takes a writer that failed, and gives its sentence. */
static void give_up(struct qp_trace_writer *writer, char *error, size_t error_size)
{
    if (error_size > 0)
        snprintf(error, error_size, "%s", writer->error);
    qp_trace_writer_discard(writer);
}

struct qp_trace_writer *qp_trace_writer_open(const char *path, const struct qp_trace_meta *meta, char *error,
                                             size_t error_size)
{
    struct qp_trace_writer *writer = create(path);
    if (!writer) {
        if (error_size > 0)
            snprintf(error, error_size, "%s: cannot be written: out of memory", path);
        return NULL;
    }
    writer->file = fopen(writer->path_tmp ? writer->path_tmp : writer->path, "wb");
    if (writer->file)
        write_header(writer, meta);
    else
        fail(writer, "cannot be created", strerror(errno));
    if (!writer->failed)
        return writer;
    give_up(writer, error, error_size);
    return NULL;
}

/* Closes the file, which shows the last failures of writing it, and gives it its name. */
static void put_in_place(struct qp_trace_writer *writer)
{
    FILE *file = writer->file;
    if (writer->failed)
        return;
    writer->file = NULL;
    if (fclose(file) != 0) {
        fail(writer, "cannot be written", strerror(errno));
        remove_unfinished(writer);
    } else if (writer->path_tmp && rename(writer->path_tmp, writer->path) != 0) {
        fail(writer, "cannot be replaced", strerror(errno));
        remove_unfinished(writer);
    }
}

bool qp_trace_writer_close(struct qp_trace_writer *writer, const struct qp_trace_meta *meta, char *error,
                           size_t error_size)
{
    if (!writer->failed)
        write_summary(writer, meta);
    put_in_place(writer);
    if (writer->failed) {
        give_up(writer, error, error_size);
        return false;
    }
    destroy(writer);
    return true;
}

bool qp_trace_write(const char *path, const struct qp_trace_meta *meta, const struct qp_events *events, char *error,
                    size_t error_size)
{
    struct qp_trace_writer *writer = qp_trace_writer_open(path, meta, error, error_size);
    if (!writer)
        return false;
    for (size_t i = 0; i < events->count && !writer->failed; i++)
        qp_trace_writer_event(writer, qp_events_at(events, i));
    return qp_trace_writer_close(writer, meta, error, error_size);
}
