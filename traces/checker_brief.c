/*
 * Events in brief, from a runtime, and executions that were told before.
 *
 * Most executions of a small program are, event by event, one that was there before, and what was found in order once
 * is in order again. So an execution is held until it is over, as long as there is room; where its digest is known, it
 * is not judged. Else it is, from its first event on, as one is for which there is no room.
 *
 * State: the words that are held, with the names that they give; and the digests of executions in which nothing was
 * found, each in the one place that it can have, where it lasts until another takes it. A digest is of all that was
 * told. Two executions that are not alike have the same one once in 2^64.
 */
#include "traces/checker_model.h"
#include "traces/xxh.h"

/* ---- digests ---- */

/* Of what is judged by a name there is only whether the first task is main. */
uint64_t digest_of_held(const struct qp_checker *c, bool complete)
{
    const uint64_t all[] = {c->hash(c->words, c->held * sizeof *c->words), c->fair, (uint64_t)c->outcome, complete,
                            strcmp(c->names, "main") == 0};
    return XXH3_64bits(all, sizeof all) | 1;
}

bool is_known(const struct qp_checker *c, uint64_t digest)
{
    return c->known_digests[digest / 2 % KNOWN_DIGESTS] == digest;
}

void make_known(struct qp_checker *c, uint64_t digest)
{
    c->known_digests[digest / 2 % KNOWN_DIGESTS] = digest;
}

/* ---- names ---- */

/* Those of one run are at the same places in each that is like it. */
static void let_names_go(struct qp_checker *c)
{
    c->names[0] = '\0';
    c->names_length = 0;
    c->nameless = false;
}

static const char *keep_text(void *context, const char *text)
{
    struct qp_checker *c = context;
    char *copy = c->names + c->names_length;
    size_t size = strlen(text ? text : "") + 1;
    if (size > sizeof c->names - c->names_length) {
        c->nameless = true;
        return NULL;
    }
    c->names_length += size;
    return memcpy(copy, text ? text : "", size);
}

/* ---- holding ---- */

void begin_to_hold(struct qp_checker *c)
{
    c->holding = !c->forgetful;
    c->held = 0;
    c->batch.words = c->words;
    c->batch.room = c->holding ? HELD : AT_ONCE;
    let_names_go(c);
}

void qp_checker_remember(struct qp_checker *c, bool whether)
{
    c->forgetful = !whether;
}

static void judge_words(struct qp_checker *c, size_t count)
{
    c->untouched = false;
    judge_in_brief(c, c->words, count);
    let_names_go(c);
}

void judge_held(struct qp_checker *c)
{
    if (c->held)
        judge_words(c, c->held);
    c->held = 0;
    c->holding = false;
    c->batch.words = c->words;
    c->batch.room = AT_ONCE;
}

/* False: there is no room for more. */
static bool hold(struct qp_checker *c, size_t count)
{
    c->held += count;
    c->batch.words += count;
    c->batch.room -= count;
    return !c->nameless && c->batch.room >= QP_RECORD_WORDS;
}

static void take(void *context, size_t count)
{
    struct qp_checker *c = context;
    if (!c->holding)
        judge_words(c, count);
    else if (!hold(c, count))
        judge_held(c);
}

const struct qp_event_batch *qp_checker_batch(struct qp_checker *c)
{
    c->batch.take = take;
    c->batch.text = keep_text;
    c->batch.context = c;
    return &c->batch;
}
