/*
 * Barriers: the model.
 *
 * State of one: how many have `arrived` in the generation that is gathering, those of them who wait, and its slots: as
 * many as were given out afresh, and the stack of those given back. A participant crosses when it says which slot it
 * had; a generation stays until all its participants are done with, to know which slots were told.
 */
#include "traces/checker_model.h"
#include <stdlib.h>

static uint64_t participants(const struct object *o)
{
    return o->capacity ? o->capacity : 1;
}

/* ---- generations ---- */

static struct generation *current(struct qp_checker *c, struct object *o)
{
    struct generation *generation = o->generation;
    if (generation || !(generation = stock_take(c, &c->generations)))
        return generation;
    memset(generation, 0, sizeof *generation);
    generation->is_current = true;
    generation->next = c->first_generation;
    if (c->first_generation)
        c->first_generation->prev = generation;
    c->first_generation = generation;
    o->generation = generation;
    return generation;
}

static void forget_if_over(struct qp_checker *c, struct generation *generation)
{
    if (generation->members || generation->is_current)
        return;
    *(generation->prev ? &generation->prev->next : &c->first_generation) = generation->next;
    if (generation->next)
        generation->next->prev = generation->prev;
    hash_free(&generation->told);
    stock_give_back(&c->generations, generation);
}

static void close_generation(struct qp_checker *c, struct object *o)
{
    struct generation *generation = o->generation;
    o->generation = NULL;
    o->arrived = o->fresh = 0;
    o->freed_count = 0;
    if (!generation)
        return;
    generation->is_current = false;
    forget_if_over(c, generation);
}

void barrier_forget(struct qp_checker *c, struct future *f)
{
    struct generation *generation = f->more.generation;
    if (!generation)
        return;
    f->more.generation = NULL;
    generation->members--;
    forget_if_over(c, generation);
}

void barrier_gone(struct qp_checker *c, struct object *o)
{
    close_generation(c, o);
    free(o->freed);
    o->freed = NULL;
    o->freed_room = 0;
}

void barriers_reset(struct qp_checker *c)
{
    struct object *o;
    size_t at = 0;
    for (struct generation *generation = c->first_generation; generation; generation = generation->next)
        hash_free(&generation->told);
    c->first_generation = NULL;
    while ((o = table_next(&c->object_table, &at)) != NULL)
        free(o->freed);
}

/* ---- slots ---- */

static void free_slot(struct qp_checker *c, struct object *o, uint64_t slot)
{
    if (o->freed_count == o->freed_room) {
        size_t room = o->freed_room ? o->freed_room * 2 : 8;
        uint64_t *freed = realloc(o->freed, room * sizeof *freed);
        if (!freed) {
            be_full(c);
            return;
        }
        o->freed = freed;
        o->freed_room = room;
    }
    o->freed[o->freed_count++] = slot;
}

/* Each slot of a generation is told once; one that was given back is the next to be given out. */
static bool slot_is_right(struct qp_checker *c, const struct future *f)
{
    struct generation *generation = f->more.generation;
    if (f->more.crossed == 0 || f->more.crossed > participants(f->object) ||
        hash_find(&generation->told, f->more.crossed))
        return false;
    if (!hash_add(&generation->told, f->more.crossed, generation))
        be_full(c);
    return true;
}

/* ---- waits ---- */

/* It arrives; whether that completes the generation. */
static bool arrive(struct qp_checker *c, struct future *f)
{
    struct object *o = f->object;
    f->more.generation = current(c, o);
    if (!f->more.generation)
        return false;
    f->more.generation->members++;
    f->more.slot = o->freed_count ? o->freed[--o->freed_count] : o->fresh++;
    return ++o->arrived >= participants(o);
}

static void release_all(struct qp_checker *c, struct object *o)
{
    struct future *f;
    while ((f = o->waiting.first) != NULL) {
        queue_remove(f);
        f->stage = GRANTED;
        make_able(c, f, QP_RULE_BAR_WAKE_1);
    }
    close_generation(c, o);
}

static enum qp_rule_id rule_of_wait(const struct future *f, uint64_t status, bool completes)
{
    if (status == QP_PENDING)
        return completes ? QP_RULE_BAR_WAIT_2 : QP_RULE_BAR_WAIT_3;
    return f->more.generation && f->more.generation->withdrawals ? QP_RULE_BAR_CANCEL_1 : QP_RULE_BAR_WAIT_1;
}

static void crossed(struct qp_checker *c, struct future *f, const struct qp_event *e)
{
    if (!slot_is_right(c, f))
        report(c, QP_RULE_BAR_SLOT_1, f->object, e, &f->since, NULL);
    else if (f->more.generation->withdrawals && f->more.crossed != f->more.slot + 1)
        report(c, QP_RULE_BAR_SLOT_2, f->object, e, &f->since, NULL);
}

void barrier_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status)
{
    bool completes = f->stage == NEW && arrive(c, f);
    uint64_t expected = completes || f->stage == GRANTED ? QP_OK : QP_PENDING;
    if (c->full)
        return;
    if (status != expected) {
        report(c, rule_of_wait(f, status, completes), f->object, e, &f->since,
               f->object->cancelled.seq ? &f->object->cancelled : NULL);
        return;
    }
    if (status == QP_PENDING) {
        if (f->stage == NEW)
            queue_push(&f->object->waiting, f);
        f->stage = WAITING;
        return;
    }
    if (completes)
        release_all(c, f->object);
    crossed(c, f, e);
}

void barrier_cancelled(struct qp_checker *c, struct future *f)
{
    if (f->stage != WAITING)
        return;
    queue_remove(f);
    f->object->arrived--;
    f->more.generation->withdrawals = true;
    free_slot(c, f->object, f->more.slot);
}

void on_barrier_crossed(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = object_of(c, e);
    struct future *f = o ? under_way(c, o) : NULL;
    if (!o)
        return;
    if (!f || f->family->answer != barrier_answer || f->more.crossed)
        report(c, QP_RULE_TRACE_NEST_1, NULL, e, f ? &f->since : NULL, NULL);
    else
        f->more.crossed = e->fields[0] == UINT64_MAX ? UINT64_MAX : e->fields[0] + 1;
}
