/*
 * Values in a line of JSON. State: struct qp_line, which changes only where a sentence goes.
 *
 * The line has passed qp_json_check, so strings are valid UTF-8 without zero bytes, and numbers are integers of at most
 * 16 digits; doubles tell those apart that the format allows. Places are looked for only when something is wrong.
 */
#include "traces/value.h"
#include "traces/json.h"
#include "traces/meta.h"
#include "traces/print.h"
#include "traces/text.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_MOST = 48, COUNT_OF_DIGITS = 20 };

/* ---- sentences ---- */

bool qp_line_fail_reading(struct qp_line *line, const char *why)
{
    struct qp_print print;
    qp_print_init(&print, line->error, line->error_size);
    qp_print_format(&print, "%s: cannot be read: %s", line->file, why);
    return false;
}

bool qp_line_fail_memory(struct qp_line *line)
{
    return qp_line_fail_reading(line, "out of memory");
}

static bool QP_PRINTF(3, 0) fail_list(struct qp_line *line, size_t offset, const char *format, va_list args)
{
    char sentence[640];
    vsnprintf(sentence, sizeof sentence, format, args);
    struct qp_print print;
    qp_print_init(&print, line->error, line->error_size);
    qp_print_format(&print, "%s:%" PRIu64 ":%zu: %s", line->file, line->number, offset + 1, sentence);
    return false;
}

bool qp_line_fail(struct qp_line *line, size_t offset, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_list(line, offset, format, args);
    va_end(args);
    return false;
}

static size_t index_of(const cJSON *parent, const cJSON *item)
{
    size_t index = 0;
    for (const cJSON *child = parent->child; child && child != item; child = child->next)
        index++;
    return index;
}

bool qp_value_fail(struct qp_line *line, const struct qp_place *place, const char *format, ...)
{
    size_t offset = 0;
    if (place->outer) {
        size_t outer = index_of(line->root, place->outer);
        size_t inner = place->inner ? index_of(place->outer, place->inner) : QP_JSON_SELF;
        offset = qp_json_locate(line->text, outer, inner);
    }
    va_list args;
    va_start(args, format);
    fail_list(line, offset, format, args);
    va_end(args);
    return false;
}

struct shown {
    char text[6 * SHOWN_MOST + 64];
};

static const char *show_text(struct shown *shown, const char *text)
{
    struct qp_print print;
    qp_print_init(&print, shown->text, sizeof shown->text);
    qp_print_text(&print, text, SHOWN_MOST, true);
    if (strlen(text) > SHOWN_MOST)
        qp_print_format(&print, "...");
    return shown->text;
}

static const char *show_value(struct shown *shown, const cJSON *item)
{
    if (cJSON_IsString(item))
        return show_text(shown, item->valuestring);
    if (cJSON_IsArray(item))
        return "an array";
    if (cJSON_IsObject(item))
        return "an object";
    if (cJSON_IsNumber(item)) {
        snprintf(shown->text, sizeof shown->text, "%.0f", item->valuedouble);
        return shown->text;
    }
    return cJSON_IsTrue(item) ? "true" : cJSON_IsFalse(item) ? "false" : "null";
}

static const char *show_key(struct shown *shown, const struct qp_place *place)
{
    const cJSON *item = qp_place_item(place);
    if (item->string)
        return show_text(shown, item->string);
    snprintf(shown->text, sizeof shown->text, "an element of \"%s\"", place->outer->string);
    return shown->text;
}

bool qp_value_fail_type(struct qp_line *line, const struct qp_place *place, const char *expected)
{
    struct shown key, value;
    return qp_value_fail(line, place, "expected %s to be %s, found %s", show_key(&key, place), expected,
                         show_value(&value, qp_place_item(place)));
}

bool qp_value_fail_twice(struct qp_line *line, const struct qp_place *place, const char *of)
{
    struct shown key;
    return qp_value_fail(line, place, "expected %s only once in %s", show_key(&key, place), of);
}

/* ---- values ---- */

/* A sign and the digits of a number without leading zeros; false: it is none, or does not fit. */
static bool parse_integer(const char *text, bool *negative, uint64_t *size)
{
    uint64_t value = 0;
    *negative = *text == '-';
    text += *negative;
    if (!*text || (text[0] == '0' && text[1]) || strlen(text) > COUNT_OF_DIGITS)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    *size = value;
    return true;
}

static bool integer_of(const cJSON *item, bool *negative, uint64_t *size)
{
    if (cJSON_IsString(item))
        return parse_integer(item->valuestring, negative, size);
    if (!cJSON_IsNumber(item))
        return false;
    double value = item->valuedouble;
    *negative = value < 0;
    if (*negative)
        value = -value;
    if (value > (double)QP_TRACE_INTEGER_MOST)
        return false;
    *size = (uint64_t)value;
    return true;
}

bool qp_value_unsigned(struct qp_line *line, const struct qp_place *place, uint64_t most, uint64_t *value)
{
    bool negative;
    uint64_t size;
    if (integer_of(qp_place_item(place), &negative, &size) && size <= most && (!negative || size == 0)) {
        *value = size;
        return true;
    }
    char expected[64];
    snprintf(expected, sizeof expected, "an integer from 0 to %" PRIu64, most);
    return qp_value_fail_type(line, place, expected);
}

bool qp_value_signed(struct qp_line *line, const struct qp_place *place, int64_t least, int64_t most, int64_t *value)
{
    bool negative;
    uint64_t size;
    if (integer_of(qp_place_item(place), &negative, &size)) {
        if (negative && size != 0 && size <= 0 - (uint64_t)least) {
            *value = -(int64_t)(size - 1) - 1;
            return true;
        }
        if ((!negative || size == 0) && size <= (uint64_t)most) {
            *value = (int64_t)size;
            return true;
        }
    }
    char expected[80];
    snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, least, most);
    return qp_value_fail_type(line, place, expected);
}

bool qp_value_text(struct qp_line *line, const struct qp_place *place, size_t most, const char **text)
{
    const cJSON *item = qp_place_item(place);
    if (!cJSON_IsString(item))
        return qp_value_fail_type(line, place, "a string");
    size_t length = strlen(item->valuestring);
    struct shown key;
    if (length > most)
        return qp_value_fail(line, place, "expected %s to have at most %zu bytes, found %zu", show_key(&key, place),
                             most, length);
    *text = item->valuestring;
    return true;
}

bool qp_value_name(struct qp_line *line, const struct qp_place *place, const char **name)
{
    const char *text = NULL;
    if (!qp_value_text(line, place, QP_NAME_MOST, &text))
        return false;
    const char *kept = qp_intern_name(line->intern, text);
    if (!kept)
        return qp_line_fail_memory(line);
    *name = kept;
    return true;
}

/* ---- members ---- */

static size_t find_key(const struct qp_keys *keys, const char *key)
{
    size_t i = 0;
    while (i < keys->count && (!*keys->names[i] || strcmp(keys->names[i], key) != 0))
        i++;
    return i;
}

/* The index of a member's key, which no member before had. */
static bool take_key(struct qp_line *line, const struct qp_place *place, const struct qp_keys *keys, uint32_t *seen,
                     size_t *index)
{
    struct shown shown;
    *index = find_key(keys, qp_place_item(place)->string);
    if (*index == keys->count)
        return qp_value_fail(line, place, "expected no %s in %s", show_key(&shown, place), keys->of);
    if (*seen & 1U << *index)
        return qp_value_fail_twice(line, place, keys->of);
    *seen |= 1U << *index;
    return true;
}

static bool check_needed(struct qp_line *line, const struct qp_place *place, const struct qp_keys *keys, uint32_t seen)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->needed & ~seen & 1U << i)
            return qp_value_fail(line, place, "expected \"%s\" in %s", keys->names[i], keys->of);
    return true;
}

bool qp_value_members(struct qp_line *line, const cJSON *outer, const struct qp_keys *keys, qp_member_fn member,
                      void *context, void *out)
{
    uint32_t seen = 0;
    const cJSON *object = outer ? outer : line->root;
    for (const cJSON *child = object->child; child; child = child->next) {
        struct qp_place place = {outer ? outer : child, outer ? child : NULL};
        size_t index;
        if (!take_key(line, &place, keys, &seen, &index) || !member(context, &place, index, out))
            return false;
    }
    return check_needed(line, &(struct qp_place){outer, NULL}, keys, seen);
}
