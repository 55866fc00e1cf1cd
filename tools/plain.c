/* See plain.h. No state. */
#include "tools/plain.h"
#include "traces/text.h"
#include <stdint.h>
#include <string.h>

struct range {
    uint32_t first, last;
};

static bool is_among(uint32_t code, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* Controls, what turns the direction, what is not seen, ends of lines, what annotates, tags. */
static bool is_unfit(uint32_t code)
{
    static const struct range unfit[] = {{0, 0x1F},        {0x7F, 0x9F},     {0xAD, 0xAD},      {0x61C, 0x61C},
                                         {0x180E, 0x180E}, {0x200B, 0x200F}, {0x2028, 0x202E},  {0x2060, 0x206F},
                                         {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}};
    return is_among(code, unfit, sizeof unfit / sizeof *unfit);
}

static int width_of(uint32_t code)
{
    static const struct range none[] = {{0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};
    static const struct range wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},  {0x3041, 0xA4CF}, {0xAC00, 0xD7A3},
                                        {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},  {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6},
                                        {0x1F300, 0x1FAFF}, {0x20000, 0x3FFFD}};
    if (is_among(code, none, sizeof none / sizeof *none))
        return 0;
    return is_among(code, wide, sizeof wide / sizeof *wide) ? 2 : 1;
}

/* Of valid UTF-8. */
static uint32_t decode(const char *text, size_t length)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = (unsigned char)text[0] & masks[length];
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)text[i] & 0x3F);
    return code;
}

bool plain_next(struct plain *plain)
{
    size_t length = qp_text_character(plain->at);
    uint32_t code = 0xFFFD;
    if (!*plain->at)
        return false;
    if (length)
        code = decode(plain->at, length);
    if (length && is_unfit(code) && !(plain->lines && code == '\n')) {
        plain->length = (size_t)snprintf(plain->character, sizeof plain->character, "\\u%04x", (unsigned)code);
        plain->width = (int)plain->length;
    } else {
        plain->length = length ? length : 3;
        memcpy(plain->character, length ? plain->at : "\xEF\xBF\xBD", plain->length);
        plain->width = width_of(code);
    }
    plain->at += length ? length : 1;
    return true;
}

size_t plain_copy(char *to, size_t size, const char *text)
{
    struct plain plain = {.at = text};
    size_t used = 0;
    while (plain_next(&plain) && used + plain.length < size) {
        memcpy(to + used, plain.character, plain.length);
        used += plain.length;
    }
    to[used] = '\0';
    return used;
}

int plain_width(const char *text)
{
    struct plain plain = {.at = text};
    int width = 0;
    while (plain_next(&plain))
        width += plain.width;
    return width;
}

/* ---- JSON ---- */

static void put_character(FILE *file, const struct plain *plain)
{
    for (size_t i = 0; i < plain->length; i++) {
        unsigned char byte = (unsigned char)plain->character[i];
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte < 0x20 || byte == '<' || byte == '>' || byte == '&' || byte == '\'')
            fprintf(file, "\\u%04x", byte);
        else
            putc(byte, file);
    }
}

static void put_text(FILE *file, const char *text, bool lines)
{
    struct plain plain = {.at = text, .lines = lines};
    if (!text) {
        fputs("null", file);
        return;
    }
    putc('"', file);
    while (plain_next(&plain))
        put_character(file, &plain);
    putc('"', file);
}

void put_json_text(FILE *file, const char *text)
{
    put_text(file, text, false);
}

void put_json_lines(FILE *file, const char *text)
{
    put_text(file, text, true);
}
