/*
 * The reader. State: the open file, the line at hand as text and as a cJSON tree, and the digest of the events so far.
 *
 * Invariants: digest.count events were read, and handed on, in order; every function that returns false has put its
 * sentence in `error`, and reading stops there. What outlives a line is in the store. cJSON only sees lines that
 * qp_json_check let pass.
 */
#include "traces/reader.h"
#include "traces/digest.h"
#include "traces/json.h"
#include "traces/scan.h"
#include "traces/store.h"
#include "traces/text.h"
#include "traces/value.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_SIZE = 64 * 1024 };

struct reader {
    FILE *file;
    const struct qp_trace_handler *handler;
    struct qp_trace_store *store;
    struct qp_line line;
    size_t room;    /* of the line's text */
    size_t at, end; /* what is left of the input */
    char input[INPUT_SIZE];
    struct qp_trace_meta meta;
    struct qp_digest digest;
    struct qp_scan scan;
    bool ended; /* the summary was read */
};

/* ---- the header ---- */

enum {
    H_QUIPU,
    H_VERSION,
    H_LIBRARY,
    H_SCENARIO,
    H_SEED,
    H_STRATEGY,
    H_PARAMS,
    H_CHOICES,
    H_MAIN,
    H_EXPECT,
    H_FAULTS,
    H_KEYS
};

static const char *const header_names[] = {"quipu",  "version", "library", "scenario", "seed",  "strategy",
                                           "params", "choices", "main",    "expect",   "faults"};
static const struct qp_keys header_keys = {header_names, H_KEYS, (1U << H_MAIN) - 1, "the header"};

static bool take_magic(struct reader *reader, const struct qp_place *place)
{
    const cJSON *item = qp_place_item(place);
    if (cJSON_IsString(item) && strcmp(item->valuestring, "trace") == 0)
        return true;
    return qp_value_fail_type(&reader->line, place, "\"trace\"");
}

static bool take_seed(struct reader *reader, const struct qp_place *place, uint64_t *seed)
{
    if (!cJSON_IsString(qp_place_item(place)))
        return qp_value_fail_type(&reader->line, place, "a string of digits");
    return qp_value_unsigned(&reader->line, place, UINT64_MAX, seed);
}

static bool take_param(struct reader *reader, const struct qp_place *place, const struct qp_trace_param *before,
                       size_t count, struct qp_trace_param *param)
{
    if (strlen(place->inner->string) > QP_NAME_MOST)
        return qp_value_fail(&reader->line, place, "expected the name of a parameter to have at most %d bytes",
                             QP_NAME_MOST);
    for (size_t i = 0; i < count; i++)
        if (strcmp(before[i].name, place->inner->string) == 0)
            return qp_value_fail_twice(&reader->line, place, "\"params\"");
    if (!qp_value_signed(&reader->line, place, INT64_MIN, INT64_MAX, &param->value))
        return false;
    param->name = qp_intern_name(&reader->store->intern, place->inner->string);
    return param->name || qp_line_fail_memory(&reader->line);
}

static bool take_params(struct reader *reader, const struct qp_place *place, struct qp_trace_meta *meta)
{
    if (!cJSON_IsObject(place->outer))
        return qp_value_fail_type(&reader->line, place, "an object");
    size_t count = (size_t)cJSON_GetArraySize(place->outer);
    if (count > QP_TRACE_PARAMS_MOST)
        return qp_value_fail(&reader->line, place, "expected at most %d parameters, found %zu", QP_TRACE_PARAMS_MOST,
                             count);
    struct qp_trace_param *params = qp_pool_take(&reader->store->pool, (count + 1) * sizeof *params);
    if (!params)
        return qp_line_fail_memory(&reader->line);
    size_t index = 0;
    for (const cJSON *child = place->outer->child; child; child = child->next, index++)
        if (!take_param(reader, &(struct qp_place){place->outer, child}, params, index, &params[index]))
            return false;
    meta->params = params;
    meta->param_count = count;
    return true;
}

static bool take_choices(struct reader *reader, const struct qp_place *place, struct qp_trace_meta *meta)
{
    if (!cJSON_IsArray(place->outer))
        return qp_value_fail_type(&reader->line, place, "an array");
    size_t count = (size_t)cJSON_GetArraySize(place->outer), index = 0;
    uint32_t *choices = qp_pool_take(&reader->store->pool, (count + 1) * sizeof *choices);
    if (!choices)
        return qp_line_fail_memory(&reader->line);
    for (const cJSON *child = place->outer->child; child; child = child->next) {
        uint64_t value;
        if (!qp_value_unsigned(&reader->line, &(struct qp_place){place->outer, child}, UINT32_MAX, &value))
            return false;
        choices[index++] = (uint32_t)value;
    }
    meta->choices = choices;
    meta->choice_count = count;
    return true;
}

/* Whether a name is another one in lower case. */
static bool is_lower(const char *lower, const char *name)
{
    while (*name && *lower == (*name >= 'A' && *name <= 'Z' ? *name - 'A' + 'a' : *name)) {
        lower++;
        name++;
    }
    return !*lower && !*name;
}

static bool take_outcome(struct reader *reader, const struct qp_place *place, enum qp_status *outcome)
{
    const char *name;
    if (cJSON_IsString(qp_place_item(place)))
        for (unsigned i = 0; (name = qp_outcome_name(i)); i++)
            if (is_lower(qp_place_item(place)->valuestring, name)) {
                *outcome = (enum qp_status)i;
                return true;
            }
    return qp_value_fail_type(&reader->line, place, "the name of an outcome");
}

static bool take_faults(struct reader *reader, const struct qp_place *place, uint32_t *faults)
{
    if (!cJSON_IsArray(place->outer))
        return qp_value_fail_type(&reader->line, place, "an array");
    for (const cJSON *child = place->outer->child; child; child = child->next) {
        int kind = cJSON_IsString(child) ? qp_fault_find(child->valuestring) : -1;
        if (kind < 0)
            return qp_value_fail_type(&reader->line, &(struct qp_place){place->outer, child}, "the name of a fault");
        *faults |= 1u << kind;
    }
    return true;
}

static bool take_header_member(void *context, const struct qp_place *place, size_t index, void *out)
{
    struct reader *reader = context;
    struct qp_trace_meta *meta = out;
    switch (index) {
    case H_QUIPU:
        return take_magic(reader, place);
    case H_VERSION:
        return true; /* looked at before all others */
    case H_LIBRARY:
        return qp_value_name(&reader->line, place, &meta->library);
    case H_SCENARIO:
        return qp_value_name(&reader->line, place, &meta->scenario);
    case H_SEED:
        return take_seed(reader, place, &meta->seed);
    case H_STRATEGY:
        return qp_value_name(&reader->line, place, &meta->strategy);
    case H_PARAMS:
        return take_params(reader, place, meta);
    case H_CHOICES:
        return take_choices(reader, place, meta);
    case H_MAIN:
        return qp_value_name(&reader->line, place, &meta->main);
    case H_EXPECT:
        return take_outcome(reader, place, &meta->expected);
    default:
        return take_faults(reader, place, &meta->faults);
    }
}

/* Before the other members, of which another version may have others. */
static bool check_version(struct reader *reader)
{
    struct qp_place place = {cJSON_GetObjectItemCaseSensitive(reader->line.root, "version"), NULL};
    uint64_t version;
    if (!place.outer)
        return qp_value_fail(&reader->line, &place, "expected \"version\" in the header");
    if (!qp_value_unsigned(&reader->line, &place, UINT64_MAX, &version))
        return false;
    if (version != QP_TRACE_VERSION)
        return qp_value_fail(&reader->line, &place, "expected version %d of the trace format, found %" PRIu64,
                             QP_TRACE_VERSION, version);
    return true;
}

static bool read_header(struct reader *reader)
{
    if (!cJSON_GetObjectItemCaseSensitive(reader->line.root, "quipu"))
        return qp_line_fail(&reader->line, 0, "expected a header, {\"quipu\":\"trace\",...}");
    if (!check_version(reader) ||
        !qp_value_members(&reader->line, NULL, &header_keys, take_header_member, reader, &reader->meta))
        return false;
    if (reader->handler->header)
        reader->handler->header(reader->handler->context, &reader->meta);
    return true;
}

/* ---- events ---- */

enum {
    E_SEQ,
    E_T,
    E_EVENT,
    E_TASK,
    E_OBJECT,
    E_FUTURE,
    E_OP,
    E_AT,
    E_FIELDS,
    E_TEXT = E_FIELDS + QP_EVENT_FIELDS,
    E_KEYS
};

/* The keys of a kind: those that all have, then its own. */
static struct qp_keys event_keys(const struct qp_event_info *info, const char *names[E_KEYS])
{
    static const char *const common[] = {"seq", "t", "event", "task", "object", "future", "op", "at"};
    uint32_t needed = 1U << E_SEQ | 1U << E_T | 1U << E_EVENT;
    memcpy(names, common, sizeof common);
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++) {
        names[E_FIELDS + i] = info->fields[i];
        if (*info->fields[i])
            needed |= 1U << (E_FIELDS + i);
    }
    names[E_TEXT] = info->text;
    return (struct qp_keys){names, E_KEYS, needed, info->name};
}

static bool take_seq(struct reader *reader, const struct qp_place *place, uint64_t *seq)
{
    uint64_t expected = reader->digest.count + 1;
    if (!qp_value_unsigned(&reader->line, place, UINT64_MAX, seq))
        return false;
    if (*seq != expected)
        return qp_value_fail(&reader->line, place, "expected \"seq\" to be %" PRIu64 ", found %" PRIu64, expected,
                             *seq);
    return true;
}

static bool take_site_member(void *context, const struct qp_place *place, size_t index, void *out)
{
    struct reader *reader = context;
    struct qp_site *site = out;
    int64_t line;
    if (index == 0)
        return qp_value_text(&reader->line, place, QP_NAME_MOST, &site->file);
    if (index == 2)
        return qp_value_text(&reader->line, place, QP_NAME_MOST, &site->expr);
    if (!qp_value_signed(&reader->line, place, INT_MIN, INT_MAX, &line))
        return false;
    site->line = (int)line;
    return true;
}

static bool take_site(struct reader *reader, const struct qp_place *place, const struct qp_site **kept)
{
    static const char *const names[] = {"file", "line", "expr"};
    static const struct qp_keys keys = {names, 3, 7, "\"at\""};
    struct qp_site site = {0};
    if (!cJSON_IsObject(place->outer))
        return qp_value_fail_type(&reader->line, place, "an object");
    if (!qp_value_members(&reader->line, place->outer, &keys, take_site_member, reader, &site))
        return false;
    *kept = qp_intern_site(&reader->store->intern, &site);
    return *kept || qp_line_fail_memory(&reader->line);
}

static bool take_event_member(void *context, const struct qp_place *place, size_t index, void *out)
{
    struct reader *reader = context;
    struct qp_event *event = out;
    switch (index) {
    case E_SEQ:
        return take_seq(reader, place, &event->seq);
    case E_T:
        return qp_value_signed(&reader->line, place, INT64_MIN, INT64_MAX, &event->time_ns);
    case E_EVENT:
        return true; /* looked at before all others */
    case E_TASK:
        return qp_value_unsigned(&reader->line, place, UINT64_MAX, &event->task);
    case E_OBJECT:
        return qp_value_unsigned(&reader->line, place, UINT64_MAX, &event->object);
    case E_FUTURE:
        return qp_value_unsigned(&reader->line, place, UINT64_MAX, &event->future);
    case E_OP:
        return qp_value_name(&reader->line, place, &event->op);
    case E_AT:
        return take_site(reader, place, &event->site);
    case E_TEXT:
        return qp_value_text(&reader->line, place, QP_TEXT_MOST, &event->text);
    default:
        return qp_value_unsigned(&reader->line, place, UINT64_MAX, &event->fields[index - E_FIELDS]);
    }
}

static void tell(struct reader *reader, const struct qp_event *event)
{
    qp_digest_event(&reader->digest, event);
    if (reader->handler->event)
        reader->handler->event(reader->handler->context, event);
}

static bool read_event(struct reader *reader, const cJSON *kind)
{
    struct qp_place place = {kind, NULL};
    struct qp_event event = {0};
    if (!cJSON_IsString(kind) || !qp_event_find(kind->valuestring, &event.kind))
        return qp_value_fail_type(&reader->line, &place, "the name of an event");
    const char *names[E_KEYS];
    struct qp_keys keys = event_keys(qp_event_describe(event.kind), names);
    if (!qp_value_members(&reader->line, NULL, &keys, take_event_member, reader, &event))
        return false;
    tell(reader, &event);
    return true;
}

/* A line as the writer writes it; false: it is to be parsed. */
static bool scan_event(struct reader *reader)
{
    struct qp_event event;
    if (!qp_scan_event(&reader->scan, reader->line.text, reader->line.length, reader->digest.count + 1, &event))
        return false;
    tell(reader, &event);
    return true;
}

/* ---- the summary ---- */

enum { S_EVENTS, S_DIGEST, S_OUTCOME, S_REPORT, S_TIME, S_STEPS, S_KEYS };

static const char *const summary_names[] = {"events", "digest", "outcome", "report", "time", "steps"};
static const struct qp_keys summary_keys = {summary_names, S_KEYS, (1U << S_KEYS) - 1, "\"summary\""};

static bool take_event_count(struct reader *reader, const struct qp_place *place)
{
    uint64_t count;
    char expected[64];
    if (!qp_value_unsigned(&reader->line, place, UINT64_MAX, &count))
        return false;
    if (count == reader->digest.count)
        return true;
    snprintf(expected, sizeof expected, "%" PRIu64 ", which were read", reader->digest.count);
    return qp_value_fail_type(&reader->line, place, expected);
}

static bool take_digest(struct reader *reader, const struct qp_place *place)
{
    const cJSON *item = qp_place_item(place);
    char digest[QP_DIGEST_HEX], expected[64];
    if (!cJSON_IsString(item))
        return qp_value_fail_type(&reader->line, place, "a string of 16 hexadecimal digits");
    qp_digest_print(reader->digest.value, digest);
    if (strcmp(item->valuestring, digest) == 0)
        return true;
    snprintf(expected, sizeof expected, "\"%s\", which the events have", digest);
    return qp_value_fail_type(&reader->line, place, expected);
}

static bool take_report(struct reader *reader, const struct qp_place *place, const char **report)
{
    const char *text;
    if (!qp_value_text(&reader->line, place, QP_TEXT_MOST, &text))
        return false;
    *report = qp_pool_text(&reader->store->pool, text, QP_TEXT_MOST);
    return *report || qp_line_fail_memory(&reader->line);
}

static bool take_summary_member(void *context, const struct qp_place *place, size_t index, void *out)
{
    struct reader *reader = context;
    struct qp_trace_meta *meta = out;
    switch (index) {
    case S_EVENTS:
        return take_event_count(reader, place);
    case S_DIGEST:
        return take_digest(reader, place);
    case S_OUTCOME:
        return take_outcome(reader, place, &meta->outcome);
    case S_REPORT:
        return take_report(reader, place, &meta->report);
    case S_TIME:
        return qp_value_signed(&reader->line, place, INT64_MIN, INT64_MAX, &meta->time_ns);
    default:
        return qp_value_unsigned(&reader->line, place, UINT64_MAX, &meta->steps);
    }
}

static bool read_summary(struct reader *reader, const cJSON *summary)
{
    struct qp_place place = {summary, NULL};
    if (!cJSON_IsObject(summary))
        return qp_value_fail_type(&reader->line, &place, "an object");
    if (reader->line.root->child->next) {
        place.outer = summary == reader->line.root->child ? summary->next : reader->line.root->child;
        return qp_value_fail(&reader->line, &place, "expected nothing beside \"summary\"");
    }
    if (!qp_value_members(&reader->line, summary, &summary_keys, take_summary_member, reader, &reader->meta))
        return false;
    reader->ended = true;
    return true;
}

/* ---- lines ---- */

static size_t line_most(const struct reader *reader)
{
    return reader->line.number == 1 ? QP_TRACE_HEADER_MOST : QP_TRACE_LINE_MOST;
}

/* Adds bytes to the line. */
static bool append(struct reader *reader, const char *bytes, size_t length)
{
    size_t needed = reader->line.length + length + 1;
    if (needed - 1 > line_most(reader))
        return qp_line_fail(&reader->line, line_most(reader), "expected a line of at most %zu bytes",
                            line_most(reader));
    if (needed > reader->room) {
        size_t room = needed > 2 * reader->room ? needed : 2 * reader->room;
        char *line = qp_budget_grow(&reader->store->budget, reader->line.text, reader->room, room);
        if (!line)
            return qp_line_fail_memory(&reader->line);
        reader->line.text = line;
        reader->room = room;
    }
    memcpy(reader->line.text + reader->line.length, bytes, length);
    reader->line.length += length;
    reader->line.text[reader->line.length] = '\0';
    return true;
}

/* Makes sure that there is input; at the end of the file there is none afterwards. */
static bool fill(struct reader *reader)
{
    if (reader->at < reader->end)
        return true;
    reader->at = 0;
    reader->end = fread(reader->input, 1, sizeof reader->input, reader->file);
    if (reader->end == 0 && ferror(reader->file))
        return qp_line_fail_reading(&reader->line, strerror(errno));
    return true;
}

/* Reads the next line, without its newline. `end`: there is none. */
static bool next_line(struct reader *reader, bool *end)
{
    reader->line.number++;
    reader->line.length = 0;
    *end = false;
    if (!append(reader, "", 0))
        return false;
    for (;;) {
        if (!fill(reader))
            return false;
        if (reader->at == reader->end) {
            *end = reader->line.length == 0;
            return true;
        }
        const char *start = reader->input + reader->at;
        const char *newline = memchr(start, '\n', reader->end - reader->at);
        size_t length = newline ? (size_t)(newline - start) : reader->end - reader->at;
        reader->at += length + (newline != NULL);
        if (!append(reader, start, length))
            return false;
        if (newline)
            return true;
    }
}

static bool parse_line(struct reader *reader)
{
    size_t offset;
    const char *wrong = qp_json_check(reader->line.text, reader->line.length, &offset);
    if (wrong)
        return qp_line_fail(&reader->line, offset, "%s", wrong);
    const char *end = reader->line.text;
    reader->line.root = cJSON_ParseWithLengthOpts(reader->line.text, reader->line.length + 1, &end, true);
    if (!reader->line.root) /* cJSON does not say which of the two */
        return qp_line_fail(&reader->line, (size_t)(end - reader->line.text), "expected JSON, or memory to read it");
    if (!cJSON_IsObject(reader->line.root))
        return qp_line_fail(&reader->line, 0, "expected an object");
    return true;
}

/* One line after the header, by what it is. */
static bool read_body(struct reader *reader)
{
    const cJSON *event = cJSON_GetObjectItemCaseSensitive(reader->line.root, "event");
    if (event)
        return read_event(reader, event);
    const cJSON *summary = cJSON_GetObjectItemCaseSensitive(reader->line.root, "summary");
    if (summary)
        return read_summary(reader, summary);
    if (cJSON_GetObjectItemCaseSensitive(reader->line.root, "quipu"))
        return qp_line_fail(&reader->line, 0, "expected an event or the summary, found another header");
    return qp_line_fail(&reader->line, 0, "expected an event or the summary");
}

static bool read_line(struct reader *reader)
{
    if (reader->ended)
        return qp_line_fail(&reader->line, 0, "expected the end of the file after the summary");
    if (reader->line.length == 0)
        return qp_line_fail(&reader->line, 0, "expected %s, found an empty line",
                            reader->line.number == 1 ? "a header" : "an event or the summary");
    if (reader->line.number > 1 && scan_event(reader))
        return true;
    bool well = parse_line(reader) && (reader->line.number == 1 ? read_header(reader) : read_body(reader));
    cJSON_Delete(reader->line.root);
    reader->line.root = NULL;
    return well;
}

static bool read_end(struct reader *reader)
{
    if (reader->line.number == 1)
        return qp_line_fail(&reader->line, 0, "expected a header, found an empty file");
    if (!reader->ended)
        return qp_line_fail(&reader->line, 0,
                            "expected an event or the summary, found the end of the file: it was cut off");
    if (reader->handler->summary)
        reader->handler->summary(reader->handler->context, &reader->meta, reader->digest.value);
    return true;
}

static bool read_lines(struct reader *reader)
{
    bool end;
    while (next_line(reader, &end)) {
        if (end)
            return read_end(reader);
        if (!read_line(reader))
            return false;
    }
    return false;
}

/* ---- the file ---- */

static bool read_file(struct qp_trace_store *store, FILE *file, const char *name,
                      const struct qp_trace_handler *handler, char *error, size_t error_size)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return qp_trace_store_fail(name, error, error_size);
    reader->file = file;
    reader->handler = handler;
    reader->store = store;
    reader->line = (struct qp_line){.file = name, .intern = &store->intern, .error = error, .error_size = error_size};
    qp_scan_init(&reader->scan, &store->intern);
    bool well = read_lines(reader);
    qp_budget_release(&store->budget, reader->line.text, reader->room);
    free(reader);
    return well;
}

bool qp_trace_store_read(struct qp_trace_store *store, const char *path, const struct qp_trace_handler *handler,
                         char *error, size_t error_size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        if (error_size > 0)
            snprintf(error, error_size, "%s: cannot be opened: %s", path, strerror(errno));
        return false;
    }
    bool well = read_file(store, file, path, handler, error, error_size);
    fclose(file);
    return well;
}

bool qp_trace_read_file(FILE *file, const char *name, const struct qp_trace_handler *handler, char *error,
                        size_t error_size)
{
    struct qp_trace_store *store = qp_trace_store_create();
    if (!store)
        return qp_trace_store_fail(name, error, error_size);
    bool well = read_file(store, file, name, handler, error, error_size);
    qp_trace_store_destroy(store);
    return well;
}

bool qp_trace_read(const char *path, const struct qp_trace_handler *handler, char *error, size_t error_size)
{
    struct qp_trace_store *store = qp_trace_store_create();
    if (!store)
        return qp_trace_store_fail(path, error, error_size);
    bool well = qp_trace_store_read(store, path, handler, error, error_size);
    qp_trace_store_destroy(store);
    return well;
}
