/*
 * The canonical form of texts. No state.
 *
 * Reading stops at the zero byte: it continues no UTF-8 sequence, so no sequence is looked at past it.
 */
#include "traces/text.h"
#include <stdint.h>
#include <string.h>

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
enum { REPLACEMENT = sizeof replacement - 1 };

static bool continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The second byte decides whether a sequence is overlong, a surrogate, or past the end of Unicode. */
static bool may_follow(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return continues(second);
    }
}

size_t qp_text_character(const char *text)
{
    const unsigned char *byte = (const unsigned char *)text;
    if (byte[0] < 0x80)
        return byte[0] ? 1 : 0;
    if (byte[0] < 0xC2 || byte[0] > 0xF4 || !may_follow(byte[0], byte[1]))
        return 0;
    if (byte[0] < 0xE0)
        return 2;
    if (!continues(byte[2]))
        return 0;
    if (byte[0] < 0xF0)
        return 3;
    return continues(byte[3]) ? 4 : 0;
}

/* Whether the next eight bytes are ASCII: nearly all text is, and this is on the path of every event. */
static bool is_ascii8(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

size_t qp_text_valid(const char *text, size_t most)
{
    size_t whole = strlen(text), valid = 0;
    size_t limit = whole < most ? whole : most;
    while (valid < limit) {
        size_t length = limit - valid >= 8 && is_ascii8(text + valid) ? 8 : qp_text_character(text + valid);
        if (length == 0 || length > limit - valid)
            break;
        valid += length;
    }
    return valid;
}

bool qp_text_is_canonical(const char *text, size_t most)
{
    return text[qp_text_valid(text, most)] == '\0';
}

bool qp_text_next(struct qp_text_cursor *cursor, const char **bytes, size_t *length)
{
    size_t valid = qp_text_valid(cursor->at, cursor->room);
    if (valid > 0) {
        *bytes = cursor->at;
        *length = valid;
        cursor->at += valid;
        cursor->room -= valid;
        return true;
    }
    if (*cursor->at == '\0' || qp_text_character(cursor->at) > 0 || cursor->room < REPLACEMENT) {
        cursor->room = 0;
        return false;
    }
    *bytes = replacement;
    *length = REPLACEMENT;
    cursor->at++;
    cursor->room -= REPLACEMENT;
    return true;
}

size_t qp_text_length(const char *text, size_t most)
{
    struct qp_text_cursor cursor = {text, most};
    const char *bytes;
    size_t length, total = 0;
    while (qp_text_next(&cursor, &bytes, &length))
        total += length;
    return total;
}

void qp_text_copy(char *to, const char *text, size_t most)
{
    struct qp_text_cursor cursor = {text, most};
    const char *bytes;
    size_t length;
    while (qp_text_next(&cursor, &bytes, &length)) {
        memcpy(to, bytes, length);
        to += length;
    }
    *to = '\0';
}

/* Compares piece by piece; the pieces of the two need not have the same lengths. */
static bool same_pieces(struct qp_text_cursor a, struct qp_text_cursor b)
{
    const char *x = NULL, *y = NULL;
    size_t left_x = 0, left_y = 0;
    for (;;) {
        bool more_x = left_x > 0 || qp_text_next(&a, &x, &left_x);
        bool more_y = left_y > 0 || qp_text_next(&b, &y, &left_y);
        if (!more_x || !more_y)
            return more_x == more_y;
        size_t length = left_x < left_y ? left_x : left_y;
        if (memcmp(x, y, length) != 0)
            return false;
        x += length;
        y += length;
        left_x -= length;
        left_y -= length;
    }
}

bool qp_text_equal(const char *a, const char *b, size_t most)
{
    if (a == b)
        return true;
    if (!a || !b)
        return false;
    return same_pieces((struct qp_text_cursor){a, most}, (struct qp_text_cursor){b, most});
}
