/*
 * Who waits for whom, when nothing can run: a sentence for each task, those in a cycle first.
 *
 * State: in each task, while the cycle is looked for: its mark, whence it was reached, and which of those it waits for
 * was looked at last.
 */
#include "traces/checker_model.h"
#include "traces/print.h"
#include <inttypes.h>
#include <string.h>

enum { MOST_DEPTH = 10000, MOST_TASKS = 12 };
enum { UNSEEN, ON_THE_WAY, SEEN };

/* The innermost future that its task waits for; of several the first. */
static const struct future *leaf_of(const struct task *task)
{
    const struct future *f = task->awaits;
    for (unsigned depth = 0; f && depth < MOST_DEPTH; depth++) {
        const struct future *inner = f->compound ? f->first_child : f->awaited;
        if (!inner)
            break;
        f = inner;
    }
    return f;
}

/* Whether this end or hold of its object is what the wait is for. */
static bool could_help(const struct future *f, const struct owned *owned)
{
    if (f->op == OP_RECV)
        return owned->what == OWNED_END ? owned->style != 0 : owned->style == STYLE_SLOT;
    if (f->op == OP_SEND)
        return owned->what == OWNED_END ? owned->style == 0 : owned->style == STYLE_SLOT;
    if (f->op == OP_RESERVE)
        return owned->what == OWNED_HOLD || owned->style == 0;
    return owned->what == OWNED_HOLD;
}

static const struct owned *next_owned(const struct future *f, const struct owned *last)
{
    const struct owned *owned = last ? last->next_of_object : f->object ? f->object->first_owned : NULL;
    while (owned && !could_help(f, owned))
        owned = owned->next_of_object;
    return owned;
}

/* The next task that this one waits for; NULL: there is none left. */
static struct task *next_blocker(struct qp_checker *c, struct task *task)
{
    const struct future *f = leaf_of(task);
    struct task *blocker = NULL;
    if (!f)
        return NULL;
    if (f->op == OP_JOIN) {
        blocker = task->looked ? NULL : f->target;
        task->looked = true;
        return blocker;
    }
    while (!blocker) {
        task->looked_at = next_owned(f, task->looked_at);
        if (!task->looked_at)
            return NULL;
        blocker = table_find(&c->task_table, task->looked_at->task);
    }
    return blocker;
}

/* Goes on from one task to those it waits for. The last of a cycle; NULL: there is none from here. */
static struct task *find_cycle_from(struct qp_checker *c, struct task *task)
{
    while (task) {
        struct task *blocker = next_blocker(c, task);
        task->mark = ON_THE_WAY;
        if (!blocker) {
            task->mark = SEEN;
            task = task->came_from;
        } else if (blocker->mark == ON_THE_WAY) {
            blocker->came_from = NULL; /* where the cycle is cut */
            return task;
        } else if (blocker->mark == UNSEEN) {
            blocker->came_from = task;
            task = blocker;
        }
    }
    return NULL;
}

static struct task *find_cycle(struct qp_checker *c)
{
    struct task *task, *last = NULL;
    for (task = c->first_task; task; task = task->next) {
        task->mark = UNSEEN;
        task->came_from = NULL;
        task->looked_at = NULL;
        task->looked = false;
    }
    for (task = c->first_task; task && !last; task = task->next)
        if (task->mark == UNSEEN && !task->ended)
            last = find_cycle_from(c, task);
    return last;
}

/* ---- sentences ---- */

static void describe_holders(struct qp_print *print, const struct future *f)
{
    const struct owned *owned = NULL;
    size_t count = 0;
    while ((owned = next_owned(f, owned)) != NULL && count < 4)
        if (owned->task)
            qp_print_format(print, "%s task %" PRIu64, count++ ? "," : "; that is up to", owned->task);
}

static void describe_wait(struct qp_print *print, const struct task *task)
{
    const struct future *f = leaf_of(task);
    describe_task(print, task);
    if (!f) {
        qp_print_format(print, " waits");
        return;
    }
    qp_print_format(print, " waits in %s", op_name((enum op)f->op));
    if (f->object)
        qp_print_format(print, " of ");
    if (f->object)
        describe_label(print, f->object);
    if (f->since.site)
        qp_print_format(print, " at %s:%d", f->since.site->file, f->since.site->line);
    if (f->op == OP_JOIN && f->target) {
        qp_print_format(print, " for ");
        describe_task(print, f->target);
    }
    describe_holders(print, f);
}

static bool waits(const struct task *task)
{
    return !task->ended && task->awaits;
}

bool describe_waits(struct qp_checker *c, char *text, size_t size)
{
    struct qp_print print;
    const struct task *last = find_cycle(c), *task;
    size_t count = 0;
    qp_print_init(&print, text, size);
    if (last)
        qp_print_format(&print, "a cycle, each waiting for the one before, the first for the last:");
    for (task = last; task && count < MOST_TASKS; task = task->came_from, count++) {
        qp_print_format(&print, "\n");
        describe_wait(&print, task);
    }
    for (task = c->first_task; task; task = task->next) {
        const struct task *of_cycle = last;
        while (of_cycle && of_cycle != task)
            of_cycle = of_cycle->came_from;
        if (of_cycle || !waits(task) || count++ >= MOST_TASKS)
            continue;
        qp_print_format(&print, print.length ? "\n" : "");
        describe_wait(&print, task);
    }
    if (count > MOST_TASKS)
        qp_print_format(&print, "\nand %zu tasks more wait", count - MOST_TASKS);
    return last != NULL;
}
