/*
 * Text that programs gave us, made fit to be shown: in a terminal, in a page, in another tool's file.
 *
 * The plain form of a text is its canonical form (traces/text.h) with each character that does something other than
 * stand there, a control character, one that turns the direction of writing, one that cannot be seen, in the form
 * "\u202e". So whatever a name holds, it is seen where it stands and nowhere else.
 */
#ifndef TOOLS_PLAIN_H
#define TOOLS_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { PLAIN_CHARACTER = 12 };

/* Walks through the plain form by characters: start with {text}, and call until it is false. */
struct plain {
    const char *at;
    bool lines; /* newlines stay what they are */
    char character[PLAIN_CHARACTER];
    size_t length; /* of it, in bytes */
    int width;     /* in columns of a terminal */
};
bool plain_next(struct plain *plain);

/* Copies the plain form, as much of it as fits `size` bytes with the zero byte. Returns its length. */
size_t plain_copy(char *to, size_t size, const char *text);

/* How many columns a text takes that is plain. */
int plain_width(const char *text);

/*
 * Writes the plain form as a JSON string, which is safe inside of HTML too: no character of it means anything there.
 * NULL is null. The second keeps newlines, as \n.
 */
void put_json_text(FILE *file, const char *text);
void put_json_lines(FILE *file, const char *text);

#endif
