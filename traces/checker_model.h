/*
 * The checker's models: what the events so far say that there is.
 *
 * Invariants: everything that is live is in the table of its kind; what ended is in none, and its memory is used again.
 * Numbers are given one after the other, so a number up to a table's `last` that is not in it has ended. A violation of
 * an object makes its model worthless: it is `spoilt`, and what follows on it is not judged. After a violation of the
 * trace itself nothing is judged any more.
 */
#ifndef TRACES_CHECKER_MODEL_H
#define TRACES_CHECKER_MODEL_H

#include "traces/checker.h"
#include "traces/hash.h"
#include "traces/pool.h"
#include <string.h>

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define SELDOM __attribute__((cold, noinline))

/* ---- memory and numbers ---- */

struct qp_checker;

/* Things by number, whatever the numbers are: for what a table has no place for. */
struct hash {
    uint64_t *ids;
    void **items;
    unsigned shift; /* 64 - log2 of its size */
    size_t size, count;
};

SELDOM void *hash_find(const struct hash *hash, uint64_t id);
SELDOM bool hash_add(struct hash *hash, uint64_t id, void *item);
SELDOM void hash_remove(struct hash *hash, uint64_t id);
void hash_free(struct hash *hash);

/* What the things in a table begin with. */
struct item {
    uint64_t id;
};

/* The live things of a kind. Of those whose numbers share a place the newest has it, and the others are `older`. */
struct table {
    struct item **places; /* NULL where there is none */
    size_t mask;          /* their number - 1 */
    size_t count;         /* of things */
    uint64_t last;        /* the highest number given */
    struct hash older;
};

bool table_init(struct table *table);
void table_clear(struct table *table);
void table_free(struct table *table);
SELDOM bool table_add_beside(struct table *table, void *thing);

/* One thing after the other, in no order, from *at = 0 on; NULL past the last. */
void *table_next(const struct table *table, size_t *at);

static inline void *table_find(const struct table *table, uint64_t id)
{
    struct item *item = table->places[id & table->mask];
    if (LIKELY(item && item->id == id))
        return item;
    return UNLIKELY(table->older.count) ? hash_find(&table->older, id) : NULL;
}

/* False: there is no memory. */
static inline bool table_add(struct table *table, void *thing)
{
    struct item *item = thing, **place = &table->places[item->id & table->mask];
    if (UNLIKELY(*place != NULL))
        return table_add_beside(table, thing);
    *place = item;
    table->count++;
    return true;
}

static inline void table_remove(struct table *table, const void *thing)
{
    const struct item *item = thing;
    struct item **place = &table->places[item->id & table->mask];
    if (LIKELY(*place == item))
        *place = NULL;
    else
        hash_remove(&table->older, item->id);
    table->count--;
}

/* Pieces of memory of one size. What is taken has whatever was there before in it. */
struct stock {
    size_t size;
    void *free; /* each begins with where the next is */
};

SELDOM void *stock_carve(struct qp_checker *c, const struct stock *stock);

/* NULL: there is no memory, and the checker is full. */
static inline void *stock_take(struct qp_checker *c, struct stock *stock)
{
    void *piece = stock->free;
    if (UNLIKELY(!piece))
        return stock_carve(c, stock);
    memcpy(&stock->free, piece, sizeof stock->free);
    return piece;
}

static inline void stock_give_back(struct stock *stock, void *piece)
{
    memcpy(piece, &stock->free, sizeof stock->free);
    stock->free = piece;
}

/* ---- what there is ---- */

enum op {
    OP_OTHER,
    OP_ASYNC,
    OP_SLEEP,
    OP_TIMEOUT,
    OP_TIMEOUT_JOIN,
    OP_RACE,
    OP_JOIN_ALL,
    OP_JOIN,
    OP_YIELD,
    OP_SEND,
    OP_RESERVE,
    OP_RECV,
    OP_ONESHOT_RECV,
    OP_LOCK,
    OP_READ,
    OP_WRITE,
    OP_ACQUIRE,
    OP_BARRIER,
    /* those that never wait */
    OP_TRY_SEND,
    OP_PERMIT_SEND,
    OP_TRY_RECV,
    OP_IS_CLOSED,
    OP_ONESHOT_SEND,
    OP_TRY_LOCK,
    OP_TRY_READ,
    OP_TRY_WRITE,
    OP_TRY_ACQUIRE,
    OP_AVAILABLE,
    OP_LENGTH,
    OP_DROPPED,
    OPS
};

enum kind { KIND_OTHER, CHANNEL, UNBOUNDED, ONESHOT, MUTEX, RWLOCK, SEMAPHORE, BARRIER };

/* Values of the events' fields that belong to the format: enum qp_hold_style, enum qp_task_style. */
enum { STYLE_LOCK, STYLE_READ, STYLE_WRITE, STYLE_PERMIT, STYLE_SLOT };
enum { TASK_COROUTINE, TASK_FUTURE, TASK_BLOCKING };

struct object;
struct future;
struct task;

/* What an async function owns, in order of acquisition. */
struct scope {
    struct owned *first, *last;
    bool lenient; /* user's code may have run while it was released */
};

struct owned {
    uint64_t id;
    enum { OWNED_HOLD, OWNED_END, OWNED_DEFERRED } what;
    bool used, forgotten;
    struct owned *prev, *next;
    struct scope *scope;   /* NULL: nobody's */
    uint64_t task;         /* whose it is; 0: nobody's */
    struct object *object; /* NULL: of none */
    struct owned *prev_of_object, *next_of_object;
    uint64_t count, style; /* of a hold; for an end, style: it sends */
    struct qp_event since;
};

struct value {
    uint64_t id;
    enum {
        VALUE_GIVEN,    /* to a send under way */
        VALUE_BACK,     /* refused; about to be returned */
        VALUE_QUEUED,   /* in its channel */
        VALUE_LOCKED,   /* in its lock */
        VALUE_REPLACED, /* another was set in its place; about to be dropped */
        VALUE_RESULT,   /* its task's */
        VALUE_LEAVING   /* out; with the poll under way */
    } state;
    struct object *object;
    struct future *future;     /* of a send under way */
    struct task *task;         /* whose result it is */
    struct value *prev, *next; /* in its channel */
    struct qp_event since;
};

/* A deadline in the heap. */
struct timed {
    int64_t deadline_ns;
    size_t place; /* from 1; 0: not in it */
    struct future *future;
    struct task *task;
};

enum stage { NEW, WAITING, GRANTED, REFUSED };

/* The participants of a barrier's generation. */
struct generation {
    struct generation *prev, *next; /* of all there are */
    struct hash told;               /* slots, each + 1, of those who crossed */
    uint64_t members;               /* futures that point here */
    bool is_current, withdrawals;
};

struct queue {
    struct future *first, *last;
    size_t count;
};

/* What an operation's future may answer, status QP_PENDING: it waits; and what follows when it is cancelled. */
struct family {
    void (*answer)(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
    void (*cancelled)(struct qp_checker *c, struct future *f); /* NULL: nothing */
    unsigned kinds;                                            /* bits: of the objects that it may be of; 0: of none */
    bool has_more;
};

struct future {
    uint64_t id;
    const struct family *family;
    struct object *object;
    const char *name; /* of its operation, and the number of what it is of: as its creation told them */
    uint64_t of;
    /* From here on all is 0 at first. */
    uint8_t op, stage;
    bool polled, polling, dropping, asked, able, checked;
    bool won, told, child_dropped; /* a compound's: in this pass; told: also a join's */
    bool value_over;               /* its value was returned or dropped */
    bool compound;
    enum qp_rule_id able_rule;
    uint64_t task; /* who polled it last; 0: nobody that is a task */
    struct future *parent, *first_child, *last_child;
    struct future *awaited; /* an async function's: what it waits for */
    struct queue *queue;
    struct task *target; /* of a join */
    struct value *value;
    uint64_t joined, hold; /* the value that came out in this poll, and what it acquired; 0: none */
    uint64_t got;          /* permits gathered */
    uint64_t wanted, target_id;
    int64_t duration_ns;
    uint64_t index;         /* among its parent's */
    uint64_t arms, promise; /* of a contract: promise + 1, 0: none was made */
    /* And from here on where it has more: 0, or NULL. */
    struct {
        struct timed timed; /* its deadline is the latest that it may be */
        struct generation *generation;
        uint64_t slot, crossed; /* of a barrier */
        struct scope scope;
        struct future *cursor; /* the child that is to be polled next */
        uint64_t children_polled, failed_index, failed_status;
        int64_t deadline_min_ns;
    } more;
    /* These are set before they are read. */
    struct future *outer; /* while it is polled or dropped: what that happens inside of, or NULL */
    struct future *prev_sibling, *next_sibling, *prev_waiting, *next_waiting, *prev_able, *next_able;
    int64_t poll_ns;
    uint64_t won_index, won_status, hold_count, digest; /* digest: of the state before */
    struct qp_event since;                              /* its first pending poll; seq 0: it has had none */
};

struct task {
    uint64_t id;
    struct task *prev, *next; /* in order of spawning */
    uint64_t style, status;
    union {
        struct {
            bool queued, running, aborted, unwinding, ended;
        };
        uint64_t state; /* 0: it is suspended, or new, and nothing is to happen to it */
    };
    bool started;
    bool panicked, returned; /* its blocking work did, a value */
    bool captured;           /* its argument is to be dropped */
    bool handle, by_task;    /* the handle is out; a task spawned it */
    bool yielded;            /* a choice made it suspend before an await, in this poll */
    bool injected;           /* the abort that was just asked for came from a choice */
    enum { WORK_NONE, WORK_QUEUED, WORK_STARTED, WORK_DUE, WORK_FINISHED } work;
    struct timed timed; /* when blocking work that has started is over */
    struct task *prev_aborted, *next_aborted;
    struct future *awaits;    /* while it is suspended */
    struct future *last_root; /* in this poll: what ended pending */
    struct value *result;
    uint64_t woken_step;
    struct queue joiners;
    struct scope scope;
    uint64_t owner;                /* of its handle: a task; 0: nobody that is one */
    uint64_t handles;              /* how many it owns */
    const struct owned *looked_at; /* while a cycle is looked for */
    struct task *came_from;
    uint8_t mark;
    bool looked;
    struct qp_event since; /* its abort, suspension or end */
    char name[32];
};

struct object {
    uint64_t id, capacity;
    enum kind kind;
    bool spoilt, destroyed, closed, used, promised, writer, has_sender, has_receiver;
    uint64_t senders, receivers, reserved, buffered, dropped, readers, available;
    uint64_t references; /* futures that point here */
    struct queue waiting, receiving;
    struct value *first, *last; /* buffered; or the one value of a lock or a one-shot */
    struct owned *first_owned, *last_owned;
    struct generation *generation;
    uint64_t arrived, fresh;
    uint64_t *freed;
    size_t freed_count, freed_room;
    struct qp_event made, closed_by, cancelled; /* its creation, close, last cancelled wait */
    char name[32];
};

/* What keeps the next event from being judged as usual: nothing is judged any more, or a certain kind must come. */
enum { ALERT_DEAF = 1, ALERT_EXPECTING = 2 };

/* How many words of events in brief are held, with how much text; how many without are told at once; what is known. */
enum { HELD = 2048, HELD_NAMES = 1024, AT_ONCE = 512, KNOWN_DIGESTS = 4096 };

struct qp_checker {
    unsigned alert; /* bits */
    uint64_t
        known; /* tasks below that are known, 0 among them; 0 while there is an alert, when each event is looked at */
    enum qp_event_kind expected; /* while ALERT_EXPECTING */
    uint64_t seq;
    int64_t now_ns, brief_ns;     /* the time of events in brief */
    const struct qp_event *brief; /* the one that is judged, and not taken apart; NULL: none */
    struct task *running;
    struct future *innermost; /* of the polls and drops under way; NULL: there is none */
    size_t depth;             /* how many there are */
    union {
        struct {
            struct table future_table, task_table, object_table, value_table, hold_table, end_table, deferred_table;
        };
        struct table tables[7];
    };
    struct stock futures, tasks, objects, values, owneds, generations;
    struct qp_budget budget;
    struct qp_pool pool;
    struct timed **heap;
    size_t heap_count, heap_room;
    uint64_t *ready; /* tasks, as in the scheduler's ready queue */
    size_t ready_first, ready_end, ready_room;
    struct task *first_task, *last_task, *first_aborted;
    size_t alive; /* tasks that have not ended */
    struct future *first_able;
    struct generation *first_generation;
    struct object *call_object; /* of the call that was just answered, and what must follow it */
    uint64_t call_count, call_style;
    struct value *call_value;
    uint64_t steps, choice_index, deferred_depth, work_queued, work_due, fair;
    uint64_t last_choice_seq;
    uint64_t fault_seq; /* of the last event that injected something into the clock's way; 0: none */
    bool spurious, disordered, full, closing, aborted_run, deadlocked;
    bool no_memory; /* an allocation failed, by what was injected: whatever waits may answer so and give up what is
                       inside */
    uint64_t last_dropped_task; /* at shutdown */
    enum qp_status outcome;
    struct qp_event deadlock_event;
    char deadlock[QP_VIOLATION_STATE];
    struct {
        const char *name; /* NULL: none was looked up */
        enum op op;
    } ops[64];
    bool untouched;              /* nothing was judged since the reset */
    bool objects_end;            /* an object did: the trace tells of that */
    bool names_go;               /* with the run; those of events in brief stay */
    struct qp_event_batch batch; /* and what it has room for now */
    size_t held;                 /* of the words, the first that are not judged yet; while `holding` */
    bool holding, forgetful;
    qp_hash_fn hash;
    bool nameless;               /* there was no room for a name */
    uint8_t has[QP_EVENT_KINDS]; /* the parts of events in brief, as qp_event_parts says */
    uint64_t known_digests[KNOWN_DIGESTS];
    char names[HELD_NAMES]; /* of what is not judged yet */
    size_t names_length;
    uint64_t words[HELD];
    size_t violation_count;
    struct qp_violation violations[QP_VIOLATIONS_KEPT];
};

static inline void look_at_each(struct qp_checker *c)
{
    c->known = c->alert ? 0 : c->task_table.last + 1;
}

/* Nothing is judged any more; a report says why, or `full`. */
static inline void be_deaf(struct qp_checker *c)
{
    c->alert |= ALERT_DEAF;
    look_at_each(c);
}

static inline bool is_deaf(const struct qp_checker *c)
{
    return (c->alert & ALERT_DEAF) != 0;
}

static inline void be_full(struct qp_checker *c)
{
    c->full = true;
    be_deaf(c);
}

/* The next event must be of that kind. */
static inline void expect(struct qp_checker *c, enum qp_event_kind kind)
{
    c->alert |= ALERT_EXPECTING;
    c->expected = kind;
    look_at_each(c);
}

/* Whether it is one of that kind that must come; and that it came. */
static inline bool is_expected(const struct qp_checker *c, enum qp_event_kind kind)
{
    return (c->alert & ALERT_EXPECTING) && c->expected == kind;
}

static inline void it_came(struct qp_checker *c)
{
    if (!(c->alert & ALERT_EXPECTING))
        return;
    c->alert &= ~(unsigned)ALERT_EXPECTING;
    look_at_each(c);
}

/* ---- saying so ---- */

/* Notes a violation: `object` is described and spoilt (NULL: none); the events are copied, NULL ones left out. */
SELDOM void report(struct qp_checker *c, enum qp_rule_id rule, struct object *object, const struct qp_event *event,
                   const struct qp_event *other, const struct qp_event *third);
SELDOM void report_text(struct qp_checker *c, enum qp_rule_id rule, const char *text, const struct qp_event *event,
                        const struct qp_event *other);
struct qp_print;
void describe_label(struct qp_print *print, const struct object *object);
void describe_object(struct qp_print *print, const struct object *object);
void describe_task(struct qp_print *print, const struct task *task);
void describe_future(struct qp_print *print, const struct future *future);
const char *op_name(enum op op);

/* Who waits for whom; true when there is a cycle. */
bool describe_waits(struct qp_checker *c, char *text, size_t size);

/* Says what an event in brief leaves out that belongs to its future. */
void complete_event(const struct qp_checker *c, struct qp_event *event);

static inline void keep(struct qp_event *copy, const struct qp_event *event)
{
    *copy = *event;
}

/* Of a kind that has nothing beside, and whatever is left out is not looked at. Word by word: of one that was just
 * written so, a copy in wider pieces has to wait. */
static inline void keep_bare(struct qp_event *copy, const struct qp_event *event)
{
    copy->seq = event->seq;
    copy->time_ns = event->time_ns;
    copy->task = event->task;
    copy->site = event->site;
    copy->kind = event->kind;
}

/* ---- the families ---- */

SELDOM enum op look_up(struct qp_checker *c, size_t place, const char *name);

/* Which operation has that name, by the address of the name. */
static inline enum op op_of(struct qp_checker *c, const char *name)
{
    size_t place = (size_t)(((uintptr_t)name * 0x9e3779b97f4a7c15u) >> 58);
    if (LIKELY(c->ops[place].name == name && name))
        return c->ops[place].op;
    return look_up(c, place, name);
}

/* The future that is being polled just now, innermost, if it does `op` on this object. */
static inline struct future *under_way(const struct qp_checker *c, const struct object *object)
{
    struct future *f = c->innermost;
    return f && f->object == object && f->polling ? f : NULL;
}

/* waits */
static inline void queue_push(struct queue *queue, struct future *f)
{
    struct future *last = queue->last;
    f->queue = queue;
    f->prev_waiting = last;
    f->next_waiting = NULL;
    *(last ? &last->next_waiting : &queue->first) = f;
    queue->last = f;
    queue->count++;
}

static inline void queue_remove(struct future *f)
{
    struct queue *queue = f->queue;
    struct future *prev, *next;
    if (!queue)
        return;
    prev = f->prev_waiting;
    next = f->next_waiting;
    *(prev ? &prev->next_waiting : &queue->first) = next;
    *(next ? &next->prev_waiting : &queue->last) = prev;
    f->queue = NULL;
    queue->count--;
}

/* Its next poll is ready, says the model: so its task must be woken before nothing runs any more. */
static inline void make_able(struct qp_checker *c, struct future *f, enum qp_rule_id rule)
{
    struct future *first = c->first_able;
    if (f->able)
        return;
    f->able = true;
    f->checked = false;
    f->able_rule = rule;
    f->prev_able = NULL;
    f->next_able = first;
    if (first)
        first->prev_able = f;
    c->first_able = f;
}

static inline void make_unable(struct qp_checker *c, struct future *f)
{
    struct future *prev, *next;
    if (!f->able)
        return;
    prev = f->prev_able;
    next = f->next_able;
    f->able = false;
    *(prev ? &prev->next_able : &c->first_able) = next;
    if (next)
        next->prev_able = prev;
}

void check_woken(struct qp_checker *c, const struct qp_event *event);
void forget_future(struct qp_checker *c, struct future *future);

/* futures */
void on_future_created(struct qp_checker *c, const struct qp_event *e);
void on_future_inner(struct qp_checker *c, const struct qp_event *e);
void on_future_asked(struct qp_checker *c, const struct qp_event *e);
void on_future_polled(struct qp_checker *c, const struct qp_event *e);
void on_future_pending(struct qp_checker *c, const struct qp_event *e);
void on_future_ready(struct qp_checker *c, const struct qp_event *e);
void on_future_dropping(struct qp_checker *c, const struct qp_event *e);
void on_future_dropped(struct qp_checker *c, const struct qp_event *e);
void on_race_won(struct qp_checker *c, const struct qp_event *e);
void on_status_given(struct qp_checker *c, const struct qp_event *e);
void on_promise(struct qp_checker *c, const struct qp_event *e);
void on_promise_settled(struct qp_checker *c, const struct qp_event *e);

/* The running task of an event must be one that was spawned; what follows from its end still happens in its name. */
bool task_exists(struct qp_checker *c, const struct qp_event *e);

/* Whether it is to be judged; looked at where there is an alert. */
bool is_judged(struct qp_checker *c, const struct qp_event *e);

/* Who judges which event; notes are for nobody, and are never told in brief. */
extern void (*const judges[QP_EVENT_KINDS])(struct qp_checker *c, const struct qp_event *e);

/* Learns what each kind has in brief. */
void know_kinds(struct qp_checker *c);

/* Judges events in brief, in order. */
void judge_in_brief(struct qp_checker *c, const uint64_t *words, size_t count);

/* ---- executions that were told before: see checker_brief.c ---- */
void begin_to_hold(struct qp_checker *c);
void judge_held(struct qp_checker *c);
uint64_t digest_of_held(const struct qp_checker *c, bool complete);
bool is_known(const struct qp_checker *c, uint64_t digest);
void make_known(struct qp_checker *c, uint64_t digest);

/* The polls under way were left by a panic, or by the end of the run. */
SELDOM void leave_frames_behind(struct qp_checker *c);

static inline void leave_frames(struct qp_checker *c)
{
    if (UNLIKELY(c->innermost != NULL))
        leave_frames_behind(c);
}

/* what each future may answer; status QP_PENDING: it waits */
void compound_begin(struct future *f);
void compound_child_polled(struct qp_checker *c, struct future *f, struct future *child, const struct qp_event *e);
void compound_child_ready(struct future *f, const struct future *child, uint64_t status);
void compound_child_dropping(struct qp_checker *c, struct future *f, struct future *child, const struct qp_event *e);
void compound_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void compound_dropped(struct qp_checker *c, struct future *f, const struct qp_event *e);
void unlink_child(struct future *child);

/* objects */
void on_object(struct qp_checker *c, const struct qp_event *e);
void on_called(struct qp_checker *c, const struct qp_event *e);
static inline struct object *object_of(struct qp_checker *c, const struct qp_event *e)
{
    struct object *o = table_find(&c->object_table, e->object);
    if (UNLIKELY(!o))
        report(c, QP_RULE_TRACE_OBJECT_1, NULL, e, NULL, NULL);
    return o;
}

void object_unreferenced(struct qp_checker *c, struct object *o);

void send_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void send_cancelled(struct qp_checker *c, struct future *f);
void recv_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void recv_cancelled(struct qp_checker *c, struct future *f);
void channel_called(struct qp_checker *c, struct object *o, enum op op, const struct qp_event *e);
void channel_closed(struct qp_checker *c, struct object *o, const struct qp_event *e);
void channel_end_dropped(struct qp_checker *c, struct object *o, bool sending, const struct qp_event *e);
void channel_permit_over(struct qp_checker *c, struct object *o, const struct owned *hold);
void channel_received(struct qp_checker *c, struct object *o, struct value *v, const struct qp_event *e);

void oneshot_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void oneshot_cancelled(struct qp_checker *c, struct future *f);
void oneshot_called(struct qp_checker *c, struct object *o, const struct qp_event *e);
void oneshot_end_dropped(struct qp_checker *c, struct object *o, bool sending, const struct qp_event *e);

void mutex_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void mutex_cancelled(struct qp_checker *c, struct future *f);
void mutex_called(struct qp_checker *c, struct object *o, const struct qp_event *e);
void mutex_released(struct qp_checker *c, struct object *o);
void rwlock_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void rwlock_cancelled(struct qp_checker *c, struct future *f);
void rwlock_called(struct qp_checker *c, struct object *o, bool writing, const struct qp_event *e);
void rwlock_released(struct qp_checker *c, struct object *o, bool writing);

void semaphore_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void semaphore_cancelled(struct qp_checker *c, struct future *f);
void semaphore_called(struct qp_checker *c, struct object *o, enum op op, const struct qp_event *e);
void semaphore_closed(struct qp_checker *c, struct object *o);
void semaphore_add(struct qp_checker *c, struct object *o, uint64_t count, enum qp_rule_id rule);

void barrier_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void barrier_cancelled(struct qp_checker *c, struct future *f);
void barrier_forget(struct qp_checker *c, struct future *f);
void barrier_gone(struct qp_checker *c, struct object *o);
void barriers_reset(struct qp_checker *c);
void on_barrier_crossed(struct qp_checker *c, const struct qp_event *e);

/* values, and what is held */
void on_value_sent(struct qp_checker *c, const struct qp_event *e);
void on_value_received(struct qp_checker *c, const struct qp_event *e);
void check_bytes(struct qp_checker *c, const struct value *value, uint64_t altered, const struct qp_event *e);
void on_value_returned(struct qp_checker *c, const struct qp_event *e);
void on_value_dropped(struct qp_checker *c, const struct qp_event *e);
void on_value_set(struct qp_checker *c, const struct qp_event *e);
void forget_value(struct qp_checker *c, struct value *value);
void value_enters(struct object *o, struct value *value, const struct qp_event *e);
void value_leaves(struct value *value);
/* What a call did with its value: it entered (true), or it must come back at once, or that was a violation. */
bool value_of_call(struct qp_checker *c, struct object *o, const struct qp_event *e);

void on_hold_acquired(struct qp_checker *c, const struct qp_event *e);
void on_hold_released(struct qp_checker *c, const struct qp_event *e);
void on_hold_forgotten(struct qp_checker *c, const struct qp_event *e);
void on_hold_given(struct qp_checker *c, const struct qp_event *e);
void on_end_created(struct qp_checker *c, const struct qp_event *e);
void on_end_dropped(struct qp_checker *c, const struct qp_event *e);
void on_end_given(struct qp_checker *c, const struct qp_event *e);
void on_deferred(struct qp_checker *c, const struct qp_event *e);
void empty_scope(struct scope *scope);
void objects_owned_are_nobodys(struct object *o);
void users_code_runs(struct qp_checker *c, const struct qp_event *e);

/* The function has ended: all that it owned must have been released. */
void check_released(struct qp_checker *c, struct scope *scope, const struct qp_event *e);

/* The next number of its kind; false: the event is a violation of its own. */
static inline bool new_number(struct qp_checker *c, struct table *table, uint64_t id, const struct qp_event *e)
{
    if (LIKELY(id == table->last + 1)) {
        table->last = id;
        return true;
    }
    report(c, QP_RULE_TRACE_NUMBER_1, NULL, e, NULL, NULL);
    return false;
}

/* tasks and time */
static inline struct task *task_of(struct qp_checker *c, uint64_t id, const struct qp_event *e)
{
    struct task *task = table_find(&c->task_table, id);
    if (UNLIKELY(!task))
        report(c, QP_RULE_TRACE_TASK_1, NULL, e, NULL, NULL);
    return task;
}

void on_task_spawned(struct qp_checker *c, const struct qp_event *e);
void on_task_polled(struct qp_checker *c, const struct qp_event *e);
void on_task_suspended(struct qp_checker *c, const struct qp_event *e);
void on_task_woken(struct qp_checker *c, const struct qp_event *e);
void on_task_aborted(struct qp_checker *c, const struct qp_event *e);
void on_task_detached(struct qp_checker *c, const struct qp_event *e);
void owns_handle(struct qp_checker *c, struct task *target, uint64_t owner);
void on_task_given(struct qp_checker *c, const struct qp_event *e);
void on_argument(struct qp_checker *c, const struct qp_event *e);
void on_task_joined(struct qp_checker *c, const struct qp_event *e);
void on_task_result(struct qp_checker *c, const struct qp_event *e);
void on_task_asked(struct qp_checker *c, const struct qp_event *e);
void on_task_unwinding(struct qp_checker *c, const struct qp_event *e);
void on_task_renamed(struct qp_checker *c, const struct qp_event *e);
void on_task_ended(struct qp_checker *c, const struct qp_event *e);
void on_blocking(struct qp_checker *c, const struct qp_event *e);
void on_choice(struct qp_checker *c, const struct qp_event *e);
void on_fault(struct qp_checker *c, const struct qp_event *e);
void on_closing(struct qp_checker *c, const struct qp_event *e);
void check_starved(struct qp_checker *c, struct task *task, const struct qp_event *e);
void task_unreferenced(struct qp_checker *c, struct task *task);
void join_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void yield_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void sleep_answer(struct qp_checker *c, struct future *f, const struct qp_event *e, uint64_t status);
void on_clock(struct qp_checker *c, const struct qp_event *e);
bool heap_add(struct qp_checker *c, struct timed *timed, int64_t deadline_ns);
void heap_remove(struct qp_checker *c, struct timed *timed);
int64_t deadline(int64_t now_ns, int64_t duration_ns);
/* A deadline of a poll that may have taken time: whether it may be over, whether it must be. */
bool may_be_due(const struct future *f, const struct qp_event *e);
bool must_be_due(const struct future *f);
void start_deadline(struct qp_checker *c, struct future *f, const struct qp_event *e);

#endif
