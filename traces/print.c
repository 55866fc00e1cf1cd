/* Printing into a bounded buffer. Invariant: buffer[min(length, size - 1)] is the zero byte, where there is a buffer.
 */
#include "traces/print.h"
#include "traces/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void qp_print_init(struct qp_print *print, char *buffer, size_t size)
{
    *print = (struct qp_print){buffer, size, 0};
    if (size > 0)
        *buffer = '\0';
}

void qp_print_format(struct qp_print *print, const char *format, ...)
{
    size_t room = print->length < print->size ? print->size - print->length : 0;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(room > 0 ? print->buffer + print->length : NULL, room, format, args);
    va_end(args);
    if (length > 0)
        print->length += (size_t)length;
}

static void print_bytes(struct qp_print *print, const char *bytes, size_t length)
{
    if (print->length < print->size) {
        size_t room = print->size - print->length - 1;
        size_t fits = length < room ? length : room;
        memcpy(print->buffer + print->length, bytes, fits);
        print->buffer[print->length + fits] = '\0';
    }
    print->length += length;
}

static void print_escaped(struct qp_print *print, char byte, bool quoted)
{
    if (byte == '\n')
        print_bytes(print, "\\n", 2);
    else if (byte == '\t')
        print_bytes(print, "\\t", 2);
    else if ((unsigned char)byte < 0x20 || byte == 0x7F)
        qp_print_format(print, "\\u%04x", (unsigned)(unsigned char)byte);
    else if (quoted && (byte == '"' || byte == '\\'))
        qp_print_format(print, "\\%c", byte);
    else
        print_bytes(print, &byte, 1);
}

void qp_print_text(struct qp_print *print, const char *text, size_t most, bool quoted)
{
    struct qp_text_cursor cursor = {text, most};
    const char *bytes;
    size_t length;
    if (quoted)
        print_bytes(print, "\"", 1);
    while (qp_text_next(&cursor, &bytes, &length))
        for (size_t i = 0; i < length; i++)
            print_escaped(print, bytes[i], quoted);
    if (quoted)
        print_bytes(print, "\"", 1);
}
