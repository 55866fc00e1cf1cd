/*
 * The values in one line of JSON, taken with their types and ranges, and the sentences for those that are wrong.
 *
 * Each function here that returns false has put its sentence into the line's `error`, with the place of the value:
 * "run.jsonl:12:34: expected ...". Outputs are then untouched.
 */
#ifndef TRACES_VALUE_H
#define TRACES_VALUE_H

#include "traces/intern.h"
#include <cjson/cJSON.h>
#include <stdbool.h>

/* A line, and whom to tell what is wrong with it. Borrows all that it points to. */
struct qp_line {
    const char *file; /* its name, for sentences */
    uint64_t number;  /* from 1 */
    char *text;       /* ends with a zero byte */
    size_t length;
    cJSON *root; /* parsed from the text; an object */
    struct qp_intern *intern;
    char *error;
    size_t error_size;
};

/* Where a value is: a member of the root or, unless `inner` is NULL, one of the values in that. Nothing: the line. */
struct qp_place {
    const cJSON *outer, *inner;
};

static inline const cJSON *qp_place_item(const struct qp_place *place)
{
    return place->inner ? place->inner : place->outer;
}

/* ---- sentences; all return false ---- */

/* Without a place: "run.jsonl: cannot be read: <why>". */
bool qp_line_fail_reading(struct qp_line *line, const char *why);

bool qp_line_fail_memory(struct qp_line *line);

/* At an offset in the line. */
bool qp_line_fail(struct qp_line *line, size_t offset, const char *format, ...) QP_PRINTF(3, 4);

/* At a value. */
bool qp_value_fail(struct qp_line *line, const struct qp_place *place, const char *format, ...) QP_PRINTF(3, 4);

/* "expected <key> to be <expected>, found <value>" */
bool qp_value_fail_type(struct qp_line *line, const struct qp_place *place, const char *expected);

/* "expected <key> only once in <of>" */
bool qp_value_fail_twice(struct qp_line *line, const struct qp_place *place, const char *of);

/* ---- values ---- */

/* An integer from 0 to `most`, from `least` to `most`: as a number up to 2^53 - 1, or as a string of digits. */
bool qp_value_unsigned(struct qp_line *line, const struct qp_place *place, uint64_t most, uint64_t *value);
bool qp_value_signed(struct qp_line *line, const struct qp_place *place, int64_t least, int64_t most, int64_t *value);

/* A string of at most `most` bytes; borrowed from the line. */
bool qp_value_text(struct qp_line *line, const struct qp_place *place, size_t most, const char **text);

/* A string of at most QP_NAME_MOST bytes, interned. */
bool qp_value_name(struct qp_line *line, const struct qp_place *place, const char **name);

/* ---- objects ---- */

/* The keys that an object may have, and which of them it must have. A key that is "" it has not. */
struct qp_keys {
    const char *const *names;
    size_t count;    /* at most 32 */
    uint32_t needed; /* bit i: names[i] must be there */
    const char *of;  /* whose they are, "the header" */
};

/* Takes one member, whose key is the index-th. */
typedef bool (*qp_member_fn)(void *context, const struct qp_place *place, size_t index, void *out);

/* Takes all members of an object, the root (NULL) or a member of it, and sees to it that each key may be there, once.
 */
bool qp_value_members(struct qp_line *line, const cJSON *outer, const struct qp_keys *keys, qp_member_fn member,
                      void *context, void *out);

#endif
