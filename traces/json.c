/*
 * Strict checks of a line of JSON, and places in it.
 *
 * State of both walks: where they are, outside of every string, and how deep. The zero byte at the end of the line ends
 * every inner loop, so nothing is looked at past it.
 */
#include "traces/json.h"
#include "traces/text.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { DIGITS_MOST = 16 };

struct walk {
    const char *line;
    size_t length;
    size_t at;
    size_t depth;
};

/* ---- checking ---- */

/* At a backslash. Which escapes there are, cJSON knows; a zero byte would end its string unseen. */
static const char *check_escape(struct walk *walk)
{
    const char *escape = walk->line + walk->at + 1;
    if (strncmp(escape, "u0000", 5) == 0)
        return "expected no NUL character in a string";
    walk->at += *escape ? 2 : 1;
    return NULL;
}

/* At the first byte of a character in a string. */
static const char *check_character(struct walk *walk)
{
    unsigned char byte = (unsigned char)walk->line[walk->at];
    if (byte == '\\')
        return check_escape(walk);
    if (byte == '\0' && walk->at == walk->length)
        return "expected the end of the string, found the end of the line";
    if (byte < 0x20)
        return "expected no control character in a string";
    size_t length = qp_text_character(walk->line + walk->at);
    if (length == 0)
        return "expected UTF-8";
    walk->at += length;
    return NULL;
}

/* At the opening quote; leaves the walk after the closing one. */
static const char *check_string(struct walk *walk)
{
    walk->at++;
    while (walk->line[walk->at] != '"') {
        const char *wrong = check_character(walk);
        if (wrong)
            return wrong;
    }
    walk->at++;
    return NULL;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* At a digit or a minus; leaves the walk after the number. */
static const char *check_number(struct walk *walk)
{
    const char *start = walk->line + walk->at;
    if (*start == '-')
        start++;
    size_t digits = 0;
    while (is_digit(start[digits]))
        digits++;
    if (digits == 0)
        return "expected a digit";
    if (digits > 1 && *start == '0')
        return "expected a number without leading zeros";
    if (start[digits] == '.' || start[digits] == 'e' || start[digits] == 'E')
        return "expected an integer without a fraction or an exponent";
    if (digits > DIGITS_MOST)
        return "expected an integer of at most 16 digits, or a larger one as a string";
    walk->at = (size_t)(start - walk->line) + digits;
    return NULL;
}

static const char *check_structure(struct walk *walk)
{
    char byte = walk->line[walk->at];
    bool letter = byte >= 'a' && byte <= 'z'; /* true, false, null, or for cJSON to refuse */
    if (byte == '{' || byte == '[') {
        if (++walk->depth > QP_JSON_DEPTH_MOST)
            return "expected no deeper nesting";
    } else if (byte == '}' || byte == ']') {
        walk->depth -= walk->depth > 0;
    } else if (byte == '\0') {
        return "expected no NUL byte";
    } else if (!letter && !strchr(",: \t\r", byte)) {
        return "expected JSON";
    }
    walk->at++;
    return NULL;
}

const char *qp_json_check(const char *line, size_t length, size_t *offset)
{
    struct walk walk = {line, length, 0, 0};
    const char *wrong = NULL;
    while (!wrong && walk.at < length) {
        char byte = line[walk.at];
        if (byte == '"')
            wrong = check_string(&walk);
        else if (byte == '-' || is_digit(byte))
            wrong = check_number(&walk);
        else
            wrong = check_structure(&walk);
    }
    *offset = walk.at;
    return wrong;
}

/* ---- finding ---- */

static void skip_string(struct walk *walk)
{
    for (walk->at++; walk->line[walk->at] && walk->line[walk->at] != '"'; walk->at++)
        if (walk->line[walk->at] == '\\' && walk->line[walk->at + 1])
            walk->at++;
}

static size_t skip_space(const char *line, size_t at)
{
    return at + strspn(line + at, " \t\r");
}

/* A place in the line: the how-many-th value of what is open, at each depth. */
struct place {
    size_t index[QP_JSON_DEPTH_MOST + 1];
    bool array[QP_JSON_DEPTH_MOST + 1];
};

/* Takes one byte of structure into account. True: a value starts after it. */
static bool step(struct walk *walk, struct place *place)
{
    char byte = walk->line[walk->at];
    if ((byte == '{' || byte == '[') && walk->depth < QP_JSON_DEPTH_MOST) {
        walk->depth++;
        place->index[walk->depth] = 0;
        place->array[walk->depth] = byte == '[';
        return byte == '[';
    }
    if ((byte == '}' || byte == ']') && walk->depth > 0)
        walk->depth--;
    if (byte == ',')
        place->index[walk->depth]++;
    return byte == ':' || (byte == ',' && place->array[walk->depth]);
}

size_t qp_json_locate(const char *line, size_t outer, size_t inner)
{
    struct walk walk = {line, strlen(line), 0, 0};
    struct place place = {{0}, {false}};
    size_t depth = inner == QP_JSON_SELF ? 1 : 2;
    for (; walk.at < walk.length; walk.at++) {
        if (line[walk.at] == '"')
            skip_string(&walk);
        else if (step(&walk, &place) && walk.depth == depth && place.index[1] == outer &&
                 (depth == 1 || place.index[2] == inner))
            return skip_space(line, walk.at + 1);
    }
    return 0;
}
