/*
 * Printing into a caller's buffer: what does not fit is left out, and counted.
 *
 * The buffer always ends with a zero byte, unless its size is 0; then it may be NULL.
 */
#ifndef TRACES_PRINT_H
#define TRACES_PRINT_H

#include <quipu/status.h>
#include <stdbool.h>
#include <stddef.h>

struct qp_print {
    char *buffer; /* borrowed */
    size_t size;
    size_t length; /* of the whole text, also of what did not fit; without the zero byte */
};

void qp_print_init(struct qp_print *print, char *buffer, size_t size);

void qp_print_format(struct qp_print *print, const char *format, ...) QP_PRINTF(2, 3);

/*
 * Appends the canonical form of a text (at most `most` bytes of it) on one line: control characters as JSON has them.
 * Quoted: between quotes, with quotes and backslashes escaped as well.
 */
void qp_print_text(struct qp_print *print, const char *text, size_t most, bool quoted);

#endif
