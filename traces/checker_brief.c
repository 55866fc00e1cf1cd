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

/* Odd, and of random bits. */
#define A 0xa0761d6478bd642fu
#define B 0xe7037ed1a0b428dbu
#define C 0x8ebc6af09c88c6e3u
#define D 0x589965cc75374cc3u
#define E 0x1d8e4e27c47d124fu
#define F 0xeb44accab455d165u

static inline uint64_t digest_of_fields(const uint64_t fields[QP_EVENT_FIELDS])
{
    return mix(fields[0] ^ C, fields[1] ^ D) ^ mix(fields[2] ^ E, F);
}

static uint64_t digest_of_run(const struct qp_event_brief *run)
{
    enum { TOLD = QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED | QP_RUN_JOINED };
    const struct qp_event *e = &run->event;
    unsigned parts = run->parts;
    uint64_t digest = mix(e->seq ^ (uint64_t)parts << 32 ^ A, e->task ^ B);
    if (parts & QP_RUN_CHOSEN)
        digest += mix(run->chosen ^ C, run->count ^ D);
    if (parts & QP_RUN_POLLED)
        digest += mix(e->future ^ D, run->skipped ^ (uint64_t)(parts & QP_RUN_READY ? run->status : 0) << 32 ^ E);
    if (parts & QP_RUN_CREATED)
        digest += mix(e->object ^ E, (uint64_t)(uintptr_t)e->op ^ F);
    if (parts & (QP_RUN_ASKED | QP_RUN_UNWINDING | QP_RUN_SPAWNED))
        digest += mix(e->fields[0] ^ F, e->fields[1] ^ A) + (parts & QP_RUN_ASKED ? mix(e->fields[2] ^ B, C) : 0);
    if (parts & TOLD)
        digest += digest_of_fields(run->told) ^ (parts & QP_RUN_JOINED ? 0 : mix(e->object ^ F, E));
    if (parts & (QP_RUN_WOKE | QP_RUN_LET_GO))
        digest += mix(run->woke ^ A, D);
    return digest;
}

static uint64_t digest_of_event(const struct qp_event *e)
{
    unsigned parts = qp_event_parts(e->kind), i;
    uint64_t digest = mix(e->seq ^ (uint64_t)e->kind << 32 ^ B, e->task ^ A), fields[QP_EVENT_FIELDS] = {0};
    if (parts & QP_EVENT_HAS_OBJECT)
        digest += mix(e->object ^ C, F);
    if (parts & QP_EVENT_HAS_FUTURE)
        digest += mix(e->future ^ D, A);
    if (parts & QP_EVENT_HAS_OP)
        digest += mix((uint64_t)(uintptr_t)e->op ^ E, B);
    if (e->kind == QP_EVENT_OBJECT_CREATED)
        digest += mix((uint64_t)(uintptr_t)e->text ^ F, C);
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (parts & (unsigned)QP_EVENT_HAS_FIELD << i)
            fields[i] = e->fields[i];
    return digest + digest_of_fields(fields);
}

/* Of what is judged by a name there is only whether the first task is main. */
uint64_t digest_of_held(const struct qp_checker *c, bool complete)
{
    const char *name = c->brief[0].parts & QP_RUN_SPAWNED ? c->brief[0].event.text : "";
    uint64_t digest = mix(c->fair ^ A, (uint64_t)c->outcome ^ (uint64_t)complete << 32 ^
                                           (uint64_t)(strcmp(name, "main") == 0) << 33 ^ B);
    size_t i;
    for (i = 0; i < c->held; i++) {
        const struct qp_event_brief *brief = &c->brief[i];
        digest = mix(digest ^ (brief->parts == QP_RUN_NONE ? digest_of_event(&brief->event) : digest_of_run(brief)), C);
    }
    return digest | 1;
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
    c->holding = true;
    c->held = c->names_length = 0;
    c->batch.events = c->brief;
    c->batch.room = HELD;
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
static bool keep_name(struct qp_checker *c, struct qp_event_brief *brief)
{
    enum qp_event_kind kind = brief->event.kind;
    bool named = brief->parts & QP_RUN_SPAWNED ||
                 (brief->parts == QP_RUN_NONE && (kind == QP_EVENT_TASK_RENAMED || kind == QP_EVENT_OBJECT_NAMED));
    size_t size = named && brief->event.text ? strlen(brief->event.text) + 1 : 0;
    if (!size)
        return true;
    if (size > sizeof c->names - c->names_length)
        return false;
    memcpy(c->names + c->names_length, brief->event.text, size);
    brief->event.text = c->names + c->names_length;
    c->names_length += size;
    return true;
}

static bool hold(struct qp_checker *c, struct qp_event_brief *events, size_t count)
{
    size_t i;
    c->held += count;
    for (i = 0; i < count; i++)
        if (!keep_name(c, &events[i]))
            return false;
    c->batch.events += count;
    c->batch.room -= count;
    return c->batch.room > 0;
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
