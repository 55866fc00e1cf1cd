/*
 * Events in brief, from a runtime, and executions that were told before.
 *
 * Most executions of a small program are, event by event, one that was there before, and what was found in order once
 * is in order again. So an execution is held until it is over, as long as there is room; where its digest is known, it
 * is not judged. Else it is, from its first event on, as one is for which there is no room.
 *
 * State: the held ones, with the names that they give; and the digests of executions in which nothing was found, each
 * in the one place that it can have, where it lasts until another takes it. A digest is of all that any rule looks at:
 * not of sites and names, which only reports show. Two executions that are not alike have the same one once in 2^64.
 */
#include "traces/checker_model.h"
#include "traces/xxh.h"

/* ---- digests ---- */

enum { NUMBERS = 512, OF_RECORD = 20 }; /* that are hashed at once; of one record, at most */

/* What of a record any rule looks at, one number behind the other; what it begins with says what else it has. Returns
 * the place behind. */

static inline uint64_t *put_fields(uint64_t *at, const uint64_t fields[QP_EVENT_FIELDS])
{
    memcpy(at, fields, QP_EVENT_FIELDS * sizeof *at);
    return at + QP_EVENT_FIELDS;
}

static inline uint64_t *put_run(uint64_t *at, const struct qp_event_brief *run)
{
    enum { DONE = QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED | QP_RUN_JOINED };
    const struct qp_event *e = &run->event;
    unsigned parts = run->parts;
    *at++ = parts;
    *at++ = e->seq;
    *at++ = e->task;
    if (parts & QP_RUN_CHOSEN)
        *at++ = (uint64_t)run->chosen << 32 | run->count;
    if (parts & QP_RUN_POLLED) {
        *at++ = e->future;
        *at++ = (uint64_t)run->skipped << 32 | (parts & QP_RUN_READY ? run->status : 0);
    }
    if (parts & QP_RUN_CREATED)
        *at++ = (uint64_t)(uintptr_t)e->op;
    if (parts & (QP_RUN_CREATED | QP_RUN_RECEIVED | QP_RUN_ACQUIRED))
        *at++ = e->object;
    if (parts & QP_RUN_ASKED)
        at = put_fields(at, e->fields);
    if (parts & (QP_RUN_UNWINDING | QP_RUN_SPAWNED)) {
        *at++ = e->fields[0];
        *at++ = e->fields[1];
    }
    if (parts & DONE)
        at = put_fields(at, run->told);
    if (parts & (QP_RUN_WOKE | QP_RUN_LET_GO))
        *at++ = run->woke;
    return at;
}

static uint64_t *put_event(uint64_t *at, const struct qp_event *e, unsigned parts)
{
    unsigned i;
    *at++ = QP_RUN_NONE + (uint64_t)e->kind;
    *at++ = e->seq;
    *at++ = e->task;
    if (parts & QP_EVENT_HAS_OBJECT)
        *at++ = e->object;
    if (parts & QP_EVENT_HAS_FUTURE)
        *at++ = e->future;
    if (parts & QP_EVENT_HAS_OP)
        *at++ = (uint64_t)(uintptr_t)e->op;
    if (e->kind == QP_EVENT_OBJECT_CREATED)
        *at++ = (uint64_t)(uintptr_t)e->text;
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (parts & (unsigned)QP_EVENT_HAS_FIELD << i)
            *at++ = e->fields[i];
    return at;
}

/* The first of the numbers is the digest of what came before. */
static uint64_t digest_of(const uint64_t *numbers, const uint64_t *end)
{
    return XXH3_64bits(numbers, (size_t)(end - numbers) * sizeof *numbers);
}

/* Of what is judged by a name there is only whether the first task is main. */
uint64_t digest_of_held(const struct qp_checker *c, bool complete)
{
    const char *name = c->brief[0].parts & QP_RUN_SPAWNED ? c->brief[0].event.text : "";
    const uint64_t how[] = {c->digest, c->fair, (uint64_t)c->outcome, complete, strcmp(name, "main") == 0};
    return digest_of(how, how + sizeof how / sizeof *how) | 1;
}

bool is_known(const struct qp_checker *c, uint64_t digest)
{
    return c->known_digests[digest / 2 % KNOWN_DIGESTS] == digest;
}

void make_known(struct qp_checker *c, uint64_t digest)
{
    c->known_digests[digest / 2 % KNOWN_DIGESTS] = digest;
}

/* ---- holding ---- */

void begin_to_hold(struct qp_checker *c)
{
    c->holding = !c->forgetful;
    c->held = c->names_length = 0;
    c->digest = 0;
    c->batch.events = c->brief;
    c->batch.room = c->holding ? HELD : AT_ONCE;
}

void qp_checker_remember(struct qp_checker *c, bool whether)
{
    c->forgetful = !whether;
}

void forget_held(struct qp_checker *c)
{
    c->seq = c->held ? c->brief[c->held - 1].event.seq : 0;
    c->held = 0;
}

void judge_held(struct qp_checker *c)
{
    if (c->held)
        judge_in_brief(c, c->brief, c->held);
    c->held = 0;
    c->holding = false;
    c->batch.events = c->brief;
    c->batch.room = AT_ONCE;
}

/* Makes a copy of a name that may be gone later. False: there is no room. */
static bool keep_name(struct qp_checker *c, struct qp_event *e)
{
    size_t size = e->text ? strlen(e->text) + 1 : 0;
    if (size > sizeof c->names - c->names_length)
        return false;
    memcpy(c->names + c->names_length, e->text ? e->text : "", size);
    if (size)
        e->text = c->names + c->names_length;
    c->names_length += size;
    return true;
}

static inline bool names(const struct qp_event_brief *brief)
{
    if (LIKELY(brief->parts != QP_RUN_NONE))
        return brief->parts & QP_RUN_SPAWNED;
    return brief->event.kind == QP_EVENT_TASK_RENAMED || brief->event.kind == QP_EVENT_OBJECT_NAMED;
}

/* False: there is no room for more. */
static bool hold(struct qp_checker *c, struct qp_event_brief *events, size_t count)
{
    struct qp_event_brief *brief, *end = events + count;
    uint64_t numbers[NUMBERS], *at = numbers;
    bool room = true;
    *at++ = c->digest;
    for (brief = events; brief < end; brief++) {
        if (UNLIKELY(at > numbers + NUMBERS - OF_RECORD)) {
            numbers[0] = digest_of(numbers, at);
            at = numbers + 1;
        }
        at = LIKELY(brief->parts != QP_RUN_NONE) ? put_run(at, brief)
                                                 : put_event(at, &brief->event, c->parts_of[brief->event.kind]);
        if (UNLIKELY(names(brief)))
            room = room && keep_name(c, &brief->event);
    }
    c->digest = digest_of(numbers, at);
    c->held += count;
    c->batch.events += count;
    c->batch.room -= count;
    return room && c->batch.room > 0;
}

static void take(void *context, struct qp_event_brief *events, size_t count)
{
    struct qp_checker *c = context;
    if (!c->holding)
        judge_in_brief(c, events, count);
    else if (!hold(c, events, count))
        judge_held(c);
}

const struct qp_event_batch *qp_checker_batch(struct qp_checker *c)
{
    c->batch.take = take;
    c->batch.context = c;
    return &c->batch;
}
