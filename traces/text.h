/*
 * Text in traces.
 *
 * Programs hand us bytes: names, printed values, messages. A trace holds Unicode. The canonical form of a text is what
 * a trace says of it: each byte that belongs to no valid UTF-8 sequence becomes U+FFFD, and what goes past a bound is
 * cut before the character that crosses it. Writer, digest and comparison all mean this form, so that a trace that was
 * written and read back has the digest of the run it came from. The form of a canonical text is the text itself.
 *
 * Pure functions. Texts end with a zero byte and are borrowed; NULL is no text.
 */
#ifndef TRACES_TEXT_H
#define TRACES_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define QP_TEXT_MOST 65536 /* bytes of an event's text and of a report */
#define QP_NAME_MOST 4096  /* bytes of any other text: an operation, a file, an expression */

/* The length in bytes of the character that starts here; 0: none does, or the text ends. */
size_t qp_text_character(const char *text);

/* The length in bytes of the valid UTF-8 at the start of a text, up to `most`; whole characters only. */
size_t qp_text_valid(const char *text, size_t most);

/* Whether the text is its own canonical form. */
bool qp_text_is_canonical(const char *text, size_t most);

/* The length in bytes of the canonical form. */
size_t qp_text_length(const char *text, size_t most);

/* Writes the canonical form and a zero byte: qp_text_length + 1 bytes. */
void qp_text_copy(char *to, const char *text, size_t most);

/* Whether two texts have the same canonical form. No text equals only no text. */
bool qp_text_equal(const char *a, const char *b, size_t most);

/* Walks through a canonical form in pieces: start with {text, most}, and call until it is false. */
struct qp_text_cursor {
    const char *at;
    size_t room; /* bytes that may still follow */
};
bool qp_text_next(struct qp_text_cursor *cursor, const char **bytes, size_t *length);

#endif
