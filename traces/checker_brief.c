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

/* ---- digests ---- */

__extension__ typedef unsigned __int128 wide;

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Odd, and of random bits: by these a record's numbers are multiplied, each by one of its own, and added. */
enum { STEP, PARTS, TASK, SEQ, CHOSEN, FAIR, FUTURE, ANSWER, OBJECT, OP, WOKE, HOW, FIELD, TOLD = FIELD + 3 };
static const uint64_t factors[TOLD + 3] = {
    0x9fb21c651e98df25u, 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu, 0x8ebc6af09c88c6e3u, 0x589965cc75374cc3u,
    0x1d8e4e27c47d124fu, 0xeb44accab455d165u, 0x9c6e6877736c46e3u, 0xd6e8feb86659fd93u, 0xc2b2ae3d27d4eb4fu,
    0x27d4eb2f165667c5u, 0xff51afd7ed558ccdu, 0xc4ceb9fe1a85ec53u, 0xbf58476d1ce4e5b9u, 0x94d049bb133111ebu,
    0xd1342543de82ef95u, 0xaf251af3b0f025b5u, 0xb564ef22ec7aece5u,
};

static inline uint64_t times(int which, uint64_t number)
{
    return factors[which] * number;
}

static inline uint64_t digest_of_numbers(int first, const uint64_t numbers[QP_EVENT_FIELDS])
{
    return times(first, numbers[0]) + times(first + 1, numbers[1]) + times(first + 2, numbers[2]);
}

static inline uint64_t digest_of_run(const struct qp_event_brief *run)
{
    enum { DONE = QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED | QP_RUN_JOINED };
    const struct qp_event *e = &run->event;
    unsigned parts = run->parts;
    uint64_t digest = times(SEQ, e->seq) + times(PARTS, parts) + times(TASK, e->task);
    if (parts & QP_RUN_CHOSEN)
        digest += times(CHOSEN, (uint64_t)run->chosen << 32 | run->count);
    if (parts & QP_RUN_POLLED)
        digest += times(FUTURE, e->future) +
                  times(ANSWER, (uint64_t)run->skipped << 32 | (parts & QP_RUN_READY ? run->status : 0));
    if (parts & QP_RUN_CREATED)
        digest += times(OP, (uint64_t)(uintptr_t)e->op);
    if (parts & (QP_RUN_CREATED | QP_RUN_RECEIVED | QP_RUN_ACQUIRED))
        digest += times(OBJECT, e->object);
    if (parts & QP_RUN_ASKED)
        digest += digest_of_numbers(FIELD, e->fields);
    if (parts & (QP_RUN_UNWINDING | QP_RUN_SPAWNED))
        digest += times(FIELD, e->fields[0]) + times(FIELD + 1, e->fields[1]);
    if (parts & DONE)
        digest += digest_of_numbers(TOLD, run->told);
    if (parts & (QP_RUN_WOKE | QP_RUN_LET_GO))
        digest += times(WOKE, run->woke);
    return digest;
}

static uint64_t digest_of_event(const struct qp_event *e, unsigned parts)
{
    unsigned i;
    uint64_t digest = times(SEQ, e->seq) + times(PARTS, QP_RUN_NONE + (uint64_t)e->kind) + times(TASK, e->task);
    if (parts & QP_EVENT_HAS_OBJECT)
        digest += times(OBJECT, e->object);
    if (parts & QP_EVENT_HAS_FUTURE)
        digest += times(FUTURE, e->future);
    if (parts & QP_EVENT_HAS_OP)
        digest += times(OP, (uint64_t)(uintptr_t)e->op);
    if (e->kind == QP_EVENT_OBJECT_CREATED)
        digest += times(OP, (uint64_t)(uintptr_t)e->text);
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (parts & (unsigned)QP_EVENT_HAS_FIELD << i)
            digest += times(FIELD + (int)i, e->fields[i]);
    return digest;
}

/* Of what is judged by a name there is only whether the first task is main. */
uint64_t digest_of_held(const struct qp_checker *c, bool complete)
{
    const char *name = c->brief[0].parts & QP_RUN_SPAWNED ? c->brief[0].event.text : "";
    uint64_t how = (uint64_t)c->outcome << 2 | (uint64_t)complete << 1 | (uint64_t)(strcmp(name, "main") == 0);
    return mix(c->digest + times(FAIR, c->fair) + times(HOW, how), factors[STEP]) | 1;
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
    uint64_t digest = c->digest;
    bool room = true;
    for (brief = events; brief < end; brief++) {
        digest += brief->parts == QP_RUN_NONE ? digest_of_event(&brief->event, c->parts_of[brief->event.kind])
                                              : digest_of_run(brief);
        digest = mix(digest, factors[STEP]);
        if (UNLIKELY(names(brief)))
            room = room && keep_name(c, &brief->event);
    }
    c->digest = digest;
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
