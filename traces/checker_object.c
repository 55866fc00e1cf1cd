/* Objects: their creation, name, close and end, and who of the families judges a call or an answer. No state. */
#include "traces/checker_model.h"
#include <string.h>

static enum kind kind_of(const char *text)
{
    static const struct {
        const char *name;
        enum kind kind;
    } all[] = {{"channel", CHANNEL}, {"unbounded channel", UNBOUNDED}, {"oneshot", ONESHOT}, {"mutex", MUTEX},
               {"rwlock", RWLOCK},   {"semaphore", SEMAPHORE},         {"barrier", BARRIER}};
    for (size_t i = 0; text && i < sizeof all / sizeof *all; i++)
        if (all[i].name[0] == text[0] && strcmp(all[i].name, text) == 0)
            return all[i].kind;
    return KIND_OTHER;
}

static void set_name(struct object *o, const char *name)
{
    size_t length = name ? strlen(name) : 0;
    if (length >= sizeof o->name)
        length = sizeof o->name - 1;
    memcpy(o->name, name ? name : "", length);
    o->name[length] = '\0';
}

static void created(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o;
    if (!new_number(c, &c->object_table, e->object, e) || !(o = stock_take(c, &c->objects)))
        return;
    memset(o, 0, offsetof(struct object, made));
    o->id = e->object;
    o->kind = kind_of(e->text);
    o->capacity = e->fields[0];
    o->available = o->kind == SEMAPHORE ? o->capacity : 0;
    o->has_sender = o->has_receiver = true;
    o->closed_by.seq = o->cancelled.seq = 0;
    o->name[0] = '\0';
    keep(&o->made, e);
    if (!table_add(&c->object_table, o))
        be_full(c);
}

/* ---- the end of an object ---- */

static const struct owned *hold_left(const struct object *o)
{
    const struct owned *owned;
    for (owned = o->first_owned; owned; owned = owned->next_of_object)
        if (owned->what == OWNED_HOLD || owned->what == OWNED_END)
            return owned;
    return NULL;
}

static void judge_what_is_left(struct qp_checker *c, struct object *o, const struct qp_event *e)
{
    const struct owned *owned = hold_left(o);
    const struct future *waiting = o->waiting.first ? o->waiting.first : o->receiving.first;
    if (o->kind == CHANNEL && o->capacity && (o->reserved || o->buffered) && !o->first)
        report(c, QP_RULE_CHAN_SLOTS_1, o, e, owned ? &owned->since : NULL, NULL);
    else if (owned)
        report(c, QP_RULE_HOLD_ALIVE_1, o, e, &owned->since, NULL);
    else if (waiting)
        report(c, QP_RULE_HOLD_ALIVE_1, o, e, &waiting->since, NULL);
    else if (o->first && o->kind != MUTEX && o->kind != RWLOCK)
        report(c, o->kind == ONESHOT ? QP_RULE_ONE_DROP_1 : QP_RULE_CHAN_DROP_1, o, e, &o->first->since, NULL);
    else if (o->first)
        report(c, QP_RULE_VALUE_KEPT_1, o, e, &o->first->since, NULL);
}

static void destroyed(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = object_of(c, e);
    if (!o)
        return;
    judge_what_is_left(c, o, e);
    o->spoilt = true;
    while (o->waiting.first)
        queue_remove(o->waiting.first);
    while (o->receiving.first)
        queue_remove(o->receiving.first);
    while (o->first)
        value_leaves(o->first);
    if (c->call_object == o)
        c->call_object = NULL;
    objects_owned_are_nobodys(o);
    barrier_gone(c, o);
    table_remove(&c->object_table, o);
    o->destroyed = c->objects_end = true;
    if (!o->references)
        object_unreferenced(c, o);
}

/* It has ended, and nothing points to it any more. */
void object_unreferenced(struct qp_checker *c, struct object *o)
{
    stock_give_back(&c->objects, o);
}

void on_object(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o;
    if (e->kind == QP_EVENT_OBJECT_CREATED) {
        created(c, e);
        return;
    }
    if (e->kind == QP_EVENT_OBJECT_DESTROYED) {
        destroyed(c, e);
        return;
    }
    o = object_of(c, e);
    if (!o)
        return;
    if (e->kind == QP_EVENT_OBJECT_NAMED)
        set_name(o, e->text);
    else if (o->spoilt)
        return;
    else if (e->kind == QP_EVENT_PERMITS_ADDED && o->kind == SEMAPHORE)
        semaphore_add(c, o, e->fields[0], QP_RULE_SEM_RELEASE_1);
    else if (e->kind == QP_EVENT_OBJECT_CLOSED && o->kind == SEMAPHORE)
        semaphore_closed(c, o);
    else if (e->kind == QP_EVENT_OBJECT_CLOSED && (o->kind == CHANNEL || o->kind == UNBOUNDED))
        channel_closed(c, o, e);
    else if (o->kind != KIND_OTHER)
        report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, &o->made, NULL);
}

/* ---- calls and answers ---- */

static bool fits(enum kind kind, enum op op)
{
    switch (kind) {
    case CHANNEL:
    case UNBOUNDED:
        return op == OP_SEND || op == OP_RESERVE || op == OP_RECV || (op >= OP_TRY_SEND && op <= OP_IS_CLOSED) ||
               op == OP_LENGTH || op == OP_DROPPED;
    case ONESHOT:
        return op == OP_ONESHOT_RECV || op == OP_ONESHOT_SEND;
    case MUTEX:
        return op == OP_LOCK || op == OP_TRY_LOCK;
    case RWLOCK:
        return op == OP_READ || op == OP_WRITE || op == OP_TRY_READ || op == OP_TRY_WRITE;
    case SEMAPHORE:
        return op == OP_ACQUIRE || op == OP_TRY_ACQUIRE || op == OP_AVAILABLE || op == OP_IS_CLOSED;
    case BARRIER:
        return op == OP_BARRIER;
    case KIND_OTHER:
        break;
    }
    return false;
}

static void called(struct qp_checker *c, struct object *o, enum op op, const struct qp_event *e)
{
    switch (o->kind) {
    case CHANNEL:
    case UNBOUNDED:
        channel_called(c, o, op, e);
        break;
    case ONESHOT:
        oneshot_called(c, o, e);
        break;
    case MUTEX:
        mutex_called(c, o, e);
        break;
    case RWLOCK:
        rwlock_called(c, o, op == OP_TRY_WRITE, e);
        break;
    case SEMAPHORE:
        semaphore_called(c, o, op, e);
        break;
    default:
        break;
    }
}

/* A permit that was used or dropped before: the call names it, and its object no more. */
static void used_permit(struct qp_checker *c, const struct qp_event *e)
{
    if (e->fields[0] != QP_USED || table_find(&c->hold_table, e->fields[2]))
        report(c, QP_RULE_CHAN_PERMIT_2, NULL, e, NULL, NULL);
}

void on_called(struct qp_checker *c, const struct qp_event *e)
{
    enum op op = op_of(c, e->op);
    struct object *o;
    if (op == OP_PERMIT_SEND && !e->object) {
        used_permit(c, e);
        return;
    }
    it_came(c);
    o = object_of(c, e);
    if (!o || o->kind == KIND_OTHER)
        return;
    if (!fits(o->kind, op) || op < OP_TRY_SEND)
        report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, &o->made, NULL);
    c->call_object = o;
    if (!o->spoilt)
        called(c, o, op, e);
    if (o->spoilt)
        c->call_value = NULL;
}
