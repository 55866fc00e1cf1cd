/* See scan.h. State while a line is scanned: where in it. */
#include "traces/scan.h"
#include "traces/meta.h"
#include "traces/text.h"
#include <string.h>

struct cursor {
    char *at, *end;
};

/* ---- the kinds ---- */

static size_t hash_of(const char *name, size_t length)
{
    size_t hash = length;
    for (size_t i = 0; i < length; i++)
        hash = hash * 31 + (unsigned char)name[i];
    return hash & 255;
}

void qp_scan_init(struct qp_scan *scan, struct qp_intern *intern)
{
    memset(scan, 0, sizeof *scan);
    scan->intern = intern;
    for (unsigned kind = 0; kind < QP_EVENT_KINDS; kind++) {
        const char *name = qp_event_describe((enum qp_event_kind)kind)->name;
        size_t place = hash_of(name, strlen(name));
        while (scan->kinds[place])
            place = (place + 1) & 255;
        scan->kinds[place] = (uint8_t)(kind + 1);
    }
}

static bool find_kind(const struct qp_scan *scan, const char *name, size_t length, enum qp_event_kind *kind)
{
    for (size_t place = hash_of(name, length); scan->kinds[place]; place = (place + 1) & 255) {
        const char *known = qp_event_describe((enum qp_event_kind)(scan->kinds[place] - 1))->name;
        if (strlen(known) == length && memcmp(known, name, length) == 0) {
            *kind = (enum qp_event_kind)(scan->kinds[place] - 1);
            return true;
        }
    }
    return false;
}

/* ---- pieces ---- */

static bool take(struct cursor *cursor, const char *piece, size_t length)
{
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, piece, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

#define TAKE(cursor, piece) take((cursor), "" piece, sizeof(piece) - 1)

/* `,"key":` */
static bool take_key(struct cursor *cursor, const char *key)
{
    size_t length = strlen(key);
    return TAKE(cursor, ",\"") && take(cursor, key, length) && TAKE(cursor, "\":");
}

/* A whole number that a reader of JSON has exactly. */
static bool take_number(struct cursor *cursor, uint64_t *number)
{
    const char *start = cursor->at;
    uint64_t value = 0;
    for (; *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++)
        value = value * 10 + (uint64_t)(*cursor->at - '0');
    *number = value;
    if (cursor->at == start || cursor->at - start > 15)
        return false;
    return *start != '0' || cursor->at - start == 1;
}

/* A string of plain ASCII; the cursor is then behind its closing quote. */
static bool take_string(struct cursor *cursor, size_t most, char **text, size_t *length)
{
    char *at = cursor->at;
    if (*at != '"')
        return false;
    *text = ++at;
    while ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f && *at != '"' && *at != '\\')
        at++;
    *length = (size_t)(at - *text);
    cursor->at = at + 1;
    return *at == '"' && *length <= most;
}

/* Interned; the line is as it was afterwards. */
static bool take_name(struct qp_scan *scan, struct cursor *cursor, const char **name)
{
    char *text;
    size_t length;
    if (!take_string(cursor, QP_NAME_MOST, &text, &length))
        return false;
    text[length] = '\0';
    *name = qp_intern_name(scan->intern, text);
    text[length] = '"';
    return *name != NULL;
}

/* ---- the site ---- */

static bool take_new_site(struct qp_scan *scan, struct cursor *cursor, const struct qp_site **kept)
{
    struct qp_site site = {0};
    uint64_t line;
    if (!TAKE(cursor, "{\"file\":") || !take_name(scan, cursor, &site.file) || !TAKE(cursor, ",\"line\":") ||
        !take_number(cursor, &line) || line > INT32_MAX || !TAKE(cursor, ",\"expr\":") ||
        !take_name(scan, cursor, &site.expr) || !TAKE(cursor, "}"))
        return false;
    site.line = (int)line;
    *kept = qp_intern_site(scan->intern, &site);
    return *kept != NULL;
}

static bool take_site(struct qp_scan *scan, struct cursor *cursor, const struct qp_site **site)
{
    const char *start = cursor->at;
    size_t length;
    if (scan->site && take(cursor, scan->site_text, scan->site_length)) {
        *site = scan->site;
        return true;
    }
    if (!take_new_site(scan, cursor, site))
        return false;
    length = (size_t)(cursor->at - start);
    if (length <= sizeof scan->site_text) {
        memcpy(scan->site_text, start, length);
        scan->site_length = length;
        scan->site = *site;
    }
    return true;
}

/* ---- the line ---- */

static bool take_optional(struct cursor *cursor, const char *key, size_t length, uint64_t *number)
{
    struct cursor before = *cursor;
    if (take(cursor, key, length))
        return take_number(cursor, number);
    *cursor = before;
    return true;
}

#define OPTIONAL(cursor, key, number) take_optional((cursor), "" key, sizeof(key) - 1, (number))

static bool take_common(struct qp_scan *scan, struct cursor *cursor, struct qp_event *event)
{
    uint64_t time;
    char *name;
    size_t length;
    if (!TAKE(cursor, "{\"seq\":") || !take_number(cursor, &event->seq) || !TAKE(cursor, ",\"t\":") ||
        !take_number(cursor, &time) || !TAKE(cursor, ",\"event\":") ||
        !take_string(cursor, QP_NAME_MOST, &name, &length) || !find_kind(scan, name, length, &event->kind))
        return false;
    event->time_ns = (int64_t)time;
    if (!OPTIONAL(cursor, ",\"task\":", &event->task) || !OPTIONAL(cursor, ",\"object\":", &event->object) ||
        !OPTIONAL(cursor, ",\"future\":", &event->future))
        return false;
    if (TAKE(cursor, ",\"op\":") && !take_name(scan, cursor, &event->op))
        return false;
    return !TAKE(cursor, ",\"at\":") || take_site(scan, cursor, &event->site);
}

static bool take_fields(struct cursor *cursor, const struct qp_event_info *info, struct qp_event *event)
{
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++)
        if (*info->fields[i] && !(take_key(cursor, info->fields[i]) && take_number(cursor, &event->fields[i])))
            return false;
    return true;
}

bool qp_scan_event(struct qp_scan *scan, char *line, size_t length, uint64_t seq, struct qp_event *event)
{
    struct cursor cursor = {line, line + length};
    const struct qp_event_info *info;
    char *text = NULL;
    size_t text_length = 0;
    memset(event, 0, sizeof *event);
    if (!take_common(scan, &cursor, event) || event->seq != seq)
        return false;
    info = qp_event_describe(event->kind);
    if (!take_fields(&cursor, info, event))
        return false;
    if (*info->text && cursor.at != cursor.end && *cursor.at == ',' &&
        !(take_key(&cursor, info->text) && take_string(&cursor, QP_TEXT_MOST, &text, &text_length)))
        return false;
    if (!TAKE(&cursor, "}") || cursor.at != cursor.end)
        return false;
    if (text)
        text[text_length] = '\0';
    event->text = text;
    return true;
}
