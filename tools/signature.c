/* See signature.h. No state. */
#include "tools/signature.h"
#include "traces/fnv.h"
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of a line without its numbers, what leads to them, and how far it is indented. */
static uint64_t hash_line(const char *line, size_t length)
{
    uint64_t hash = qp_fnv_start;
    for (size_t i = 0; i < length; i++) {
        bool leads = (line[i] == ' ' || line[i] == ':' || line[i] == '#') &&
                     (i + 1 == length || line[i + 1] == ' ' || is_digit(line[i + 1]));
        if (!is_digit(line[i]) && !leads)
            hash = qp_fnv_add(hash, (unsigned char)line[i]);
    }
    return hash;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The next line of a story behind `text`; NULL: there is none. */
static const char *next_line(const char *text, size_t *length)
{
    const char *at = strstr(text, STORY_INDENT);
    if (!at)
        return NULL;
    at += strlen(STORY_INDENT);
    *length = strcspn(at, "\n");
    return at;
}

bool signature_init(struct signature *self, const struct qp_failure_key *key, const char *text)
{
    const char *line;
    size_t length, room = 0;
    *self = (struct signature){.key = *key};
    for (line = text; (line = next_line(line, &length)) != NULL; line += length)
        room++;
    self->lines = malloc((room + 1) * sizeof *self->lines);
    if (!self->lines)
        return false;
    for (line = text; (line = next_line(line, &length)) != NULL; line += length)
        self->lines[self->count++] = hash_line(line, length);
    qsort(self->lines, self->count, sizeof *self->lines, by_number);
    return true;
}

void signature_end(struct signature *self)
{
    free(self->lines);
    self->lines = NULL;
}

/* Whether all of the shorter is in the longer. */
static bool holds_all(const struct signature *longer, const struct signature *shorter)
{
    size_t i = 0, k = 0;
    while (i < longer->count && k < shorter->count) {
        if (longer->lines[i] > shorter->lines[k])
            return false;
        k += longer->lines[i] == shorter->lines[k];
        i++;
    }
    return k == shorter->count;
}

bool signature_same_bug(const struct signature *a, const struct signature *b)
{
    if (!qp_failure_same(&a->key, &b->key))
        return false;
    return a->count < b->count ? holds_all(b, a) : holds_all(a, b);
}

uint64_t signature_number(const struct signature *self)
{
    uint64_t hash = qp_fnv_start ^ self->key.text ^ (uint64_t)(self->key.rule + 1) << 8 ^ (uint64_t)self->key.outcome;
    for (size_t i = 0; i < self->count; i++)
        hash = qp_fnv_add(hash, self->lines[i]);
    return hash;
}
