/*
 * The checker: judges what a run did by the contracts of the surface, from its events alone.
 *
 * It keeps a sequential model of every object and says at each result of a poll, each answer of a call and each drop
 * what it should have been. It runs while the run goes on, or over a trace; its memory grows with what is live. Nothing
 * here suspends. Events may come from anywhere: whatever is in them, the answer is a list of violations.
 */
#ifndef TRACES_CHECKER_H
#define TRACES_CHECKER_H

#include <quipu/event.h>
#include <stdbool.h>

/* ---- the rules ---- */

enum qp_rule_id {
#define RULE(ident, identifier, sentence, hint) QP_RULE_##ident,
#include "traces/rules.def"
#undef RULE
    QP_RULES
};

struct qp_rule {
    const char *identifier; /* "CHAN-RECV-2" */
    const char *sentence;   /* of the contract */
    const char *hint;       /* what to look at where it is broken */
};

size_t qp_rule_count(void);
const struct qp_rule *qp_rule_at(size_t index);             /* NULL past the last */
const struct qp_rule *qp_rule_find(const char *identifier); /* NULL: none */

/* ---- violations ---- */

enum { QP_VIOLATION_EVENTS = 3, QP_VIOLATION_TEXT = 160, QP_VIOLATION_STATE = 1536, QP_VIOLATIONS_KEPT = 8 };

struct qp_violation {
    enum qp_rule_id id;
    const struct qp_rule *rule;
    size_t event_count;
    struct qp_event events[QP_VIOLATION_EVENTS]; /* copies, the one that breaks the rule first; without their text */
    struct qp_site sites[QP_VIOLATION_EVENTS];   /* what their sites point to */
    char ops[QP_VIOLATION_EVENTS][32];
    char files[QP_VIOLATION_EVENTS][QP_VIOLATION_TEXT], exprs[QP_VIOLATION_EVENTS][QP_VIOLATION_TEXT];
    char state[QP_VIOLATION_STATE]; /* the object, or who waits for whom, according to the model; lines */
};

/* ---- checking ---- */

struct qp_checker;

/* Returns owned. NULL: out of memory. */
struct qp_checker *qp_checker_create(void);

/* Takes; nothing for NULL. */
void qp_checker_destroy(struct qp_checker *checker);

/* Forgets the run, with what was expected of it, and keeps the memory for the next. */
void qp_checker_reset(struct qp_checker *checker);

/* Judges one event; a qp_event_fn, whose context is the checker; nothing for NULL. The event is borrowed during the
 * call, its operation and site until the run is over. */
void qp_checker_event(void *checker, const struct qp_event *event);

/*
 * Judges the events of one run after the other as they are told in brief; until the checker is destroyed. A run that is
 * not long is judged at its end, and is not where it is, event by event, one in which nothing was found before.
 */
const struct qp_event_batch *qp_checker_batch(struct qp_checker *checker);

/* Whether it is like that, from the next reset on; it is unless that is said. Else each run is judged while it goes. */
void qp_checker_remember(struct qp_checker *checker, bool whether);

/* The program is expected to end in this way: a QP_DEADLOCK is then no violation. At any time before the end. */
void qp_checker_expect(struct qp_checker *checker, enum qp_status outcome);

/* The schedule is fair: a task that is ready runs before so many others have been polled. 0: it is not known to be. */
void qp_checker_fair(struct qp_checker *checker, uint64_t bound);

/* No more events will come. Complete: the run is over, and what is left is judged. Once for each run. */
void qp_checker_finish(struct qp_checker *checker, bool complete);

/* Notes what a reader said of a trace that is not whole. */
void qp_checker_file(struct qp_checker *checker, const char *sentence);

/* Reads a trace and judges it, to the end. False: there was a violation, the file's own among them. */
bool qp_checker_read(struct qp_checker *checker, const char *path);

/* How many violations there were; the first QP_VIOLATIONS_KEPT are kept, until the next reset. */
size_t qp_checker_count(const struct qp_checker *checker);
const struct qp_violation *qp_checker_at(const struct qp_checker *checker, size_t index); /* NULL past the last kept */

/* Whether memory ran out: events from there on were not judged. */
bool qp_checker_is_full(const struct qp_checker *checker);

/* What is live of all it models: for measurements. */
size_t qp_checker_live(const struct qp_checker *checker);

/* Writes a violation, as a compiler would, with a zero byte. Returns the length of the whole text. */
size_t qp_checker_print(const struct qp_violation *violation, char *buffer, size_t size);

#endif
