/* Files that are written whole, or not at all. Of several processes that write the same one, the last one's stays. */
#ifndef TOOLS_WHOLE_H
#define TOOLS_WHOLE_H

#include <stdbool.h>
#include <stdio.h>

struct whole_file {
    FILE *file; /* what is written into */
    const char *path;
    char temporary[1024]; /* the file's name until it is whole; "": it is no plain file, and is written as it stands */
};

/* Begins it; `path` is borrowed until the end. False: a sentence was printed. */
bool whole_begin(struct whole_file *whole, const char *path);

/* Puts it in its place, or removes it where `trouble` says why it is not whole (NULL: it is). False: a sentence was
 * printed. */
bool whole_end(struct whole_file *whole, const char *trouble);

#endif
