/*
 * What fuzzing keeps of a scenario: lists of choices whose executions had a new shape, and the bugs that were found.
 *
 * In memory, and as files of a folder DIR/SCENARIO: `list-NUMBER` holds a list, in words; `bug-NUMBER.txt` what was
 * told of a bug, behind a line with its key; the numbers hang on what is in the file. A file that cannot be read as one
 * is left alone, and said.
 *
 * Invariant: no two bugs are the same by signature_same_bug.
 */
#ifndef TOOLS_CORPUS_H
#define TOOLS_CORPUS_H

#include "tools/signature.h"

struct corpus_list {
    uint32_t *choices; /* owned */
    size_t count;
    uint32_t tried; /* jobs that began with it */
    bool loaded;    /* from a file, and not executed since */
};

struct corpus_bug {
    struct signature signature;
    char *text;     /* as it was told; owned */
    bool known;     /* before this run */
    uint64_t times; /* that it was found in this run */
};

struct corpus {
    char *folder; /* of the scenario; owned; NULL: nothing is written */
    struct corpus_list *lists;
    size_t count, room;
    struct corpus_bug *bugs;
    size_t bug_count, bug_room;
};

/* Opens DIR/SCENARIO, made where it is missing, and reads what is there; `folder` NULL: only in memory. False: a
 * sentence was printed. */
bool corpus_open(struct corpus *self, const char *folder, const char *scenario);
void corpus_close(struct corpus *self);

/* Adds a list (copied) and writes it. False: a sentence was printed. */
bool corpus_add(struct corpus *self, const uint32_t *choices, size_t count);

/* Notes a failure: which bug it is. One that was not known is `fresh`, and is written too. NULL: out of memory. */
const struct corpus_bug *corpus_note(struct corpus *self, const struct qp_failure_key *key, const char *text,
                                     bool *fresh);

#endif
