/*
 * Every rule of the checker, by a run that keeps it and one that breaks it.
 *
 * tests/rules.txt has for each rule the events of two runs as a difference: lines that begin with a space are in both,
 * those with '-' only in the run that keeps the rule, those with '+' only in the one that breaks it. The rule must be
 * the first that the second one breaks, and the first one must break none.
 *
 *     == CHAN-RECV-5 expect=deadlock      the rule; how the run may end; fair=8: the bound of a fair schedule
 *       0 future.polled task=1 future=3 object=1 op=recv
 *     - 0 future.ready task=1 future=3 object=1 op=recv status=3
 *     + 0 future.pending task=1 future=3 object=1 op=recv
 *     ...                                 the runs go on: what is left at their end is not judged
 *
 * An event is its time in ns, its kind, and its numbers by name; texts stand in quotes. `seq=+5` leaves a gap.
 */
#include "support.h"
#include "traces/checker.h"
#include "traces/events.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_EVENTS = 400, MOST_TEXTS = 8000, TEXT = 64 };

struct run {
    struct qp_event events[MOST_EVENTS];
    size_t count;
};

struct example {
    char rule[TEXT];
    enum qp_status expected;
    uint64_t fair;
    bool goes_on;
    struct run keeping, breaking;
};

static char texts[MOST_TEXTS][TEXT];
static size_t text_count;

/* ---- reading ---- */

static const char *text_of(const char *from, size_t length)
{
    size_t i;
    assert_true(length < TEXT);
    for (i = 0; i < text_count; i++)
        if (strlen(texts[i]) == length && memcmp(texts[i], from, length) == 0)
            return texts[i];
    assert_true(text_count < MOST_TEXTS);
    memcpy(texts[text_count], from, length);
    texts[text_count][length] = '\0';
    return texts[text_count++];
}

static void set(struct qp_event *event, const char *line, const char *name, size_t length, const char *value)
{
    const struct qp_event_info *info = qp_event_describe(event->kind);
    uint64_t number = strtoull(value, NULL, 10);
    size_t i;
    if (length == 4 && memcmp(name, "task", 4) == 0)
        event->task = number;
    else if (length == 6 && memcmp(name, "object", 6) == 0)
        event->object = number;
    else if (length == 6 && memcmp(name, "future", 6) == 0)
        event->future = number;
    else if (length == 3 && memcmp(name, "seq", 3) == 0)
        event->seq = number;
    else if (length == 2 && memcmp(name, "op", 2) == 0)
        event->op = text_of(value, strcspn(value, " \n"));
    else if (*value == '"')
        event->text = text_of(value + 1, strcspn(value + 1, "\""));
    else {
        for (i = 0; i < QP_EVENT_FIELDS; i++)
            if (strlen(info->fields[i]) == length && memcmp(name, info->fields[i], length) == 0)
                break;
        if (i < QP_EVENT_FIELDS)
            event->fields[i] = number;
        else
            fail_msg("tests/rules.txt: no such field: %s", line);
    }
}

static struct qp_event parse_event(const char *line)
{
    struct qp_event event = {0};
    char kind[TEXT];
    const char *at;
    int used;
    long long time;
    if (sscanf(line, "%lld %63s%n", &time, kind, &used) != 2 || !qp_event_find(kind, &event.kind))
        fail_msg("tests/rules.txt: not an event: %s", line);
    event.time_ns = time;
    for (at = line + used; *at == ' ';) {
        const char *name = at + 1, *equals = strchr(name, '=');
        assert_non_null(equals);
        set(&event, line, name, (size_t)(equals - name), equals + 1);
        at = equals[1] == '"' ? strchr(equals + 2, '"') + 1 : equals + 1 + strcspn(equals + 1, " \n");
    }
    return event;
}

static void add(struct run *run, const struct qp_event *event)
{
    assert_true(run->count < MOST_EVENTS);
    run->events[run->count] = *event;
    run->events[run->count].seq += run->count + 1;
    run->count++;
}

static void parse_line(struct example *example, const char *line)
{
    struct qp_event event;
    if (strncmp(line, "...", 3) == 0) {
        example->goes_on = true;
        return;
    }
    event = parse_event(line + 2);
    if (line[0] != '+')
        add(&example->keeping, &event);
    if (line[0] != '-')
        add(&example->breaking, &event);
}

static void begin(struct example *example, const char *line)
{
    const char *fair = strstr(line, "fair=");
    memset(example, 0, sizeof *example);
    assert_int_equal(sscanf(line, "== %63s", example->rule), 1);
    example->expected = strstr(line, "expect=deadlock") ? QP_DEADLOCK : QP_OK;
    example->fair = fair ? strtoull(fair + 5, NULL, 10) : 0;
}

/* ---- judging ---- */

static void judge(struct qp_checker *checker, const struct example *example, const struct run *run)
{
    size_t i;
    qp_checker_reset(checker);
    qp_checker_expect(checker, example->expected);
    qp_checker_fair(checker, example->fair);
    for (i = 0; i < run->count; i++)
        qp_checker_event(checker, &run->events[i]);
    qp_checker_finish(checker, !example->goes_on);
    assert_false(qp_checker_is_full(checker));
}

/* ---- the same in brief ---- */

/* A record, before it is put into words. */
struct record {
    struct qp_event event; /* a run's first one; its future, and the object and operation with which that was created */
    uint64_t told[QP_EVENT_FIELDS], asked[QP_EVENT_FIELDS];
    const struct qp_site *site;
    uint64_t status, woke, chosen, count, notes;
    unsigned parts;
    size_t words; /* how many it has */
};

static struct record records[MOST_EVENTS];
static size_t record_count;

/* And the words, with what makes another number of one; 0: it is an address. */
static uint64_t words[QP_RECORD_WORDS * MOST_EVENTS], steps[QP_RECORD_WORDS * MOST_EVENTS];
static size_t word_count;

/* What may be added to the last one, if that is a run. */
static bool goes_on(unsigned parts, unsigned part)
{
    switch (part) {
    case QP_RUN_STEP:
        return parts == QP_RUN_CHOSEN;
    case QP_RUN_CREATED:
        return parts == QP_RUN_STEP || parts == (QP_RUN_CHOSEN | QP_RUN_STEP);
    case QP_RUN_POLLED:
        return parts < QP_RUN_POLLED && parts > QP_RUN_CHOSEN;
    case QP_RUN_ASKED:
    case QP_RUN_SENT:
    case QP_RUN_RECEIVED:
    case QP_RUN_ACQUIRED:
    case QP_RUN_JOINED:
        return parts >= QP_RUN_POLLED && parts < (part == QP_RUN_ASKED ? QP_RUN_ASKED : QP_RUN_SENT);
    case QP_RUN_WOKE:
    case QP_RUN_PENDING:
    case QP_RUN_READY:
        return parts >= QP_RUN_POLLED && parts < (part == QP_RUN_WOKE ? QP_RUN_WOKE : QP_RUN_PENDING);
    case QP_RUN_SUSPENDED:
        return parts < QP_RUN_SUSPENDED && parts > QP_RUN_CHOSEN;
    case QP_RUN_WOKEN:
        return parts >= QP_RUN_SUSPENDED && parts < QP_RUN_WOKEN;
    case QP_RUN_BEGINS:
        return parts == QP_RUN_SPAWNED;
    case QP_RUN_COMPLETED:
        return parts == QP_RUN_UNWINDING;
    case QP_RUN_LET_GO:
        return parts == (QP_RUN_UNWINDING | QP_RUN_COMPLETED);
    default:
        return false;
    }
}

/* As which part it could be told in the last run, or begin one. */
static unsigned part_of(const struct qp_event *event, const struct record *last)
{
    switch (event->kind) {
    case QP_EVENT_CHOICE:
        return event->fields[0] ? QP_RUN_NONE : QP_RUN_CHOSEN;
    case QP_EVENT_TASK_POLLED:
        return QP_RUN_STEP;
    case QP_EVENT_FUTURE_CREATED:
        return QP_RUN_CREATED;
    case QP_EVENT_FUTURE_POLLED:
        return QP_RUN_POLLED;
    case QP_EVENT_FUTURE_ASKED:
        return QP_RUN_ASKED;
    case QP_EVENT_VALUE_SENT:
        return QP_RUN_SENT;
    case QP_EVENT_VALUE_RECEIVED:
        return QP_RUN_RECEIVED;
    case QP_EVENT_HOLD_ACQUIRED:
        return QP_RUN_ACQUIRED;
    case QP_EVENT_TASK_JOINED:
        return QP_RUN_JOINED;
    case QP_EVENT_FUTURE_PENDING:
        return QP_RUN_PENDING;
    case QP_EVENT_FUTURE_READY:
        return QP_RUN_READY;
    case QP_EVENT_TASK_SUSPENDED:
        return QP_RUN_SUSPENDED;
    case QP_EVENT_TASK_SPAWNED:
        return QP_RUN_SPAWNED;
    case QP_EVENT_TASK_UNWINDING:
        return QP_RUN_UNWINDING;
    case QP_EVENT_TASK_COMPLETED:
        return QP_RUN_COMPLETED;
    case QP_EVENT_TASK_WOKEN:
        return last->parts & QP_RUN_SPAWNED     ? QP_RUN_BEGINS
               : last->parts & QP_RUN_COMPLETED ? QP_RUN_LET_GO
               : last->parts & QP_RUN_SUSPENDED ? QP_RUN_WOKEN
                                                : QP_RUN_WOKE;
    default:
        return QP_RUN_NONE;
    }
}

/* Whether the run and the event say nothing that is not the same. */
static bool fits(const struct record *run, const struct qp_event *event, unsigned part)
{
    const struct qp_event *e = &run->event;
    bool of_future = event->kind >= QP_EVENT_FUTURE_CREATED && event->kind <= QP_EVENT_FUTURE_READY;
    if (part == QP_RUN_COMPLETED)
        return event->task == e->fields[1];
    if (part == QP_RUN_BEGINS && event->fields[0] != e->fields[0])
        return false;
    if (part == QP_RUN_WOKEN && event->fields[0] != e->task)
        return false;
    if (part == QP_RUN_SENT && (!(run->parts & QP_RUN_CREATED) || event->future != e->future || event->op != e->op))
        return false;
    if (part & (QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED) && run->parts & QP_RUN_CREATED &&
        event->object != e->object)
        return false;
    if (of_future && part > QP_RUN_CREATED && run->parts >= QP_RUN_CREATED && event->future != e->future)
        return false;
    return run->parts == QP_RUN_CHOSEN || event->task == e->task;
}

static void put(struct record *run, const struct qp_event *event, unsigned part)
{
    struct qp_event *e = &run->event;
    run->parts = run->parts == QP_RUN_NONE ? part : run->parts | part;
    if (part != QP_RUN_COMPLETED && part != QP_RUN_LET_GO)
        e->task = event->task;
    if (part & (QP_RUN_CREATED | QP_RUN_POLLED | QP_RUN_SPAWNED | QP_RUN_UNWINDING))
        run->site = event->site;
    if (part & (QP_RUN_CREATED | QP_RUN_POLLED))
        e->future = event->future;
    if (part == QP_RUN_CREATED)
        e->op = event->op;
    if (part & (QP_RUN_CREATED | QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED))
        e->object = event->object;
    if (part & (QP_RUN_SPAWNED | QP_RUN_UNWINDING))
        memcpy(e->fields, event->fields, sizeof e->fields);
    if (part == QP_RUN_ASKED)
        memcpy(run->asked, event->fields, sizeof run->asked);
    if (part & (QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED | QP_RUN_JOINED))
        memcpy(run->told, event->fields, sizeof run->told);
    if (part == QP_RUN_SPAWNED)
        e->text = event->text;
    if (part == QP_RUN_READY)
        run->status = event->fields[0];
    if (part & (QP_RUN_WOKE | QP_RUN_LET_GO))
        run->woke = event->fields[0];
    if (part == QP_RUN_CHOSEN) {
        run->count = event->fields[1];
        run->chosen = event->fields[2];
    }
}

/* What begins a record of its own. */
static bool begins(unsigned part)
{
    return part & (QP_RUN_CHOSEN | QP_RUN_STEP | QP_RUN_CREATED | QP_RUN_POLLED | QP_RUN_SUSPENDED | QP_RUN_SPAWNED |
                   QP_RUN_UNWINDING);
}

static bool is_polled_next(const struct run *run, size_t created)
{
    const struct qp_event *event = &run->events[created];
    return created + 1 < run->count && event[1].kind == QP_EVENT_FUTURE_POLLED && event[1].future == event->future &&
           event[1].task == event->task;
}

/* Tells the events in brief. False: they cannot be: their numbers have gaps, or time is not as the clock says. */
static bool in_brief(const struct run *run)
{
    int64_t now_ns = 0;
    size_t i;
    bool closed = true;
    record_count = 0;
    memset(records, 0, sizeof records);
    for (i = 0; i < run->count; i++) {
        const struct qp_event *event = &run->events[i];
        struct record *last = &records[record_count ? record_count - 1 : 0];
        unsigned part = part_of(event, last);
        if (part == QP_RUN_CREATED && !is_polled_next(run, i))
            part = QP_RUN_NONE;
        if (event->kind == QP_EVENT_CLOCK_ADVANCED)
            now_ns = (int64_t)event->fields[0];
        if (event->seq != i + 1 || event->time_ns != now_ns)
            return false;
        if (qp_event_parts(event->kind) & QP_EVENT_IS_NOTE && !closed && last->parts >= QP_RUN_POLLED &&
            last->parts < QP_RUN_WOKE) {
            last->notes++;
            continue;
        }
        if (!closed && goes_on(last->parts, part) && fits(last, event, part) && !(last->notes && part < QP_RUN_WOKE)) {
            put(last, event, part);
            continue;
        }
        last = &records[record_count++];
        last->event = *event;
        last->parts = QP_RUN_NONE;
        closed = !begins(part) || part == QP_RUN_NONE;
        if (!closed)
            put(last, event, part);
    }
    return true;
}

/* ---- in words ---- */

static void put_word(uint64_t word, uint64_t step)
{
    steps[word_count] = step;
    words[word_count++] = word;
}

static void put_number(uint64_t number)
{
    put_word(number, 1);
}

static void put_address(const void *address)
{
    put_word((uintptr_t)address, 0);
}

/* The first word: only the task is a number. */
static void put_first(uint64_t parts, uint64_t task)
{
    put_word(task << 32 | parts, (uint64_t)1 << 32);
}

static void put_numbers(const uint64_t *numbers, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++)
        put_number(numbers[i]);
}

static void put_poll(const struct record *run)
{
    bool created = run->parts & QP_RUN_CREATED;
    put_address(run->site);
    if (created) {
        put_address(run->event.op);
        put_number(run->event.object);
    }
    if (run->parts & QP_RUN_ASKED)
        put_numbers(run->asked, QP_EVENT_FIELDS);
    if (run->parts & (QP_RUN_RECEIVED | QP_RUN_ACQUIRED) && !created)
        put_number(run->event.object);
    if (run->parts & (QP_RUN_SENT | QP_RUN_RECEIVED | QP_RUN_ACQUIRED | QP_RUN_JOINED))
        put_numbers(run->told, run->parts & QP_RUN_SENT ? 1 : run->parts & QP_RUN_RECEIVED ? 2 : 3);
    if (run->parts & QP_RUN_WOKE)
        put_number(run->woke);
    if (run->parts & QP_RUN_READY)
        put_number(run->status);
}

static void put_run(const struct record *run)
{
    put_first(run->parts, run->event.task);
    put_number(run->notes << 32 | run->event.future);
    if (run->parts & QP_RUN_CHOSEN)
        put_number(run->count << 32 | run->chosen);
    if (run->parts & QP_RUN_POLLED)
        put_poll(run);
    if (run->parts & (QP_RUN_SPAWNED | QP_RUN_UNWINDING)) {
        put_address(run->site);
        put_numbers(run->event.fields, 2);
    }
    if (run->parts & QP_RUN_SPAWNED)
        put_address(run->event.text);
    if (run->parts & QP_RUN_LET_GO)
        put_number(run->woke);
}

static void put_event(const struct qp_event *event)
{
    unsigned has = qp_event_parts(event->kind), i;
    put_first(QP_RUN_NONE + (uint64_t)event->kind, event->task);
    if (has & QP_EVENT_IS_NOTE)
        return;
    put_address(event->site);
    if (has & QP_EVENT_HAS_OBJECT)
        put_number(event->object);
    if (has & QP_EVENT_HAS_FUTURE)
        put_number(event->future);
    if (has & QP_EVENT_HAS_OP)
        put_address(event->op);
    for (i = 0; i < QP_EVENT_FIELDS; i++)
        if (has & (unsigned)QP_EVENT_HAS_FIELD << i)
            put_number(event->fields[i]);
    if (qp_event_names(event->kind) || event->kind == QP_EVENT_OBJECT_CREATED)
        put_address(event->text);
}

static void put_all(void)
{
    size_t i, before;
    word_count = 0;
    for (i = 0; i < record_count; i++) {
        before = word_count;
        if (records[i].parts == QP_RUN_NONE)
            put_event(&records[i].event);
        else
            put_run(&records[i]);
        records[i].words = word_count - before;
    }
}

static void judge_in_brief(struct qp_checker *checker, const struct example *example)
{
    const struct qp_event_batch *batch = qp_checker_batch(checker);
    size_t at = 0, next, i;
    qp_checker_reset(checker);
    qp_checker_expect(checker, example->expected);
    qp_checker_fair(checker, example->fair);
    for (i = 0; i < record_count; i++, at = next) {
        next = at + records[i].words;
        memcpy(batch->words, words + at, (next - at) * sizeof *words);
        batch->take(batch->context, next - at);
    }
    qp_checker_finish(checker, !example->goes_on);
    assert_false(qp_checker_is_full(checker));
}

static bool is_alike(const struct qp_violation *a, const struct qp_violation *b)
{
    size_t i;
    if (a->id != b->id || a->event_count != b->event_count || strcmp(a->state, b->state) != 0)
        return false;
    for (i = 0; i < a->event_count; i++)
        if (a->events[i].seq != b->events[i].seq || a->events[i].kind != b->events[i].kind ||
            a->events[i].task != b->events[i].task || a->events[i].future != b->events[i].future)
            return false;
    return true;
}

/* Both have found the same. In words there may be a difference: a future that is over has no operation in brief. */
static void compare(const struct qp_checker *checker, const struct qp_checker *other, const char *rule)
{
    char text[8192] = "nothing", others[8192] = "nothing";
    size_t i;
    for (i = 0; qp_checker_at(checker, i) || qp_checker_at(other, i); i++) {
        const struct qp_violation *a = qp_checker_at(checker, i), *b = qp_checker_at(other, i);
        if (a && b && is_alike(a, b))
            continue;
        if (a)
            qp_checker_print(a, text, sizeof text);
        if (b)
            qp_checker_print(b, others, sizeof others);
        fail_msg("%s, in brief: not\n%s\nbut\n%s", rule, text, others);
    }
}

/* Who knows an execution finds in one that differs in one number what somebody finds who does not. */
static void differ_in_each(struct qp_checker *knowing, const struct example *example)
{
    size_t i;
    for (i = 0; i < word_count; i++) {
        struct qp_checker *other = steps[i] ? qp_checker_create() : NULL;
        if (!other)
            continue;
        words[i] += steps[i];
        judge_in_brief(knowing, example);
        judge_in_brief(other, example);
        words[i] -= steps[i];
        compare(other, knowing, example->rule);
        qp_checker_destroy(other);
    }
}

static void compare_in_brief(const struct qp_checker *checker, struct qp_checker *other, const struct example *example,
                             const struct run *run)
{
    if (!in_brief(run))
        return;
    put_all();
    judge_in_brief(other, example);
    compare(checker, other, example->rule);
    judge_in_brief(other, example); /* what was told before */
    compare(checker, other, example->rule);
    differ_in_each(other, example);
}

static void check(struct qp_checker *checker, struct qp_checker *other, const struct example *example)
{
    char text[8192];
    judge(checker, example, &example->keeping);
    if (qp_checker_count(checker)) {
        qp_checker_print(qp_checker_at(checker, 0), text, sizeof text);
        fail_msg("the run that keeps %s breaks a rule:\n%s", example->rule, text);
    }
    compare_in_brief(checker, other, example, &example->keeping);
    judge(checker, example, &example->breaking);
    compare_in_brief(checker, other, example, &example->breaking);
    if (!qp_checker_count(checker))
        fail_msg("the run that breaks %s breaks nothing", example->rule);
    qp_checker_print(qp_checker_at(checker, 0), text, sizeof text);
    if (strcmp(qp_checker_at(checker, 0)->rule->identifier, example->rule) != 0)
        fail_msg("the run that breaks %s breaks another rule first:\n%s", example->rule, text);
    assert_memory_equal(text, example->rule, strlen(example->rule));
}

static size_t seen[QP_RULES];

static void note(const char *identifier)
{
    const struct qp_rule *rule = qp_rule_find(identifier);
    if (!rule)
        fail_msg("tests/rules.txt has a rule that the checker does not: %s", identifier);
    seen[rule - qp_rule_at(0)]++;
}

static void every_example(void **state)
{
    static struct example example;
    char line[1024];
    FILE *file = fopen("tests/rules.txt", "r"); /* tests run at the top of the checkout */
    struct qp_checker *checker = qp_checker_create(), *other = qp_checker_create();
    bool any = false;
    (void)state;
    assert_non_null(file);
    assert_non_null(checker);
    assert_non_null(other);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "==", 2) == 0) {
            if (any)
                check(checker, other, &example);
            begin(&example, line);
            note(example.rule);
            any = true;
        } else if (*line != '\n' && *line != '#') {
            parse_line(&example, line);
        }
    }
    assert_true(any);
    check(checker, other, &example);
    fclose(file);
    qp_checker_destroy(checker);
    qp_checker_destroy(other);
}

/* A file's own rule: what is wrong with it is the reader's to say. */
static void a_file_that_is_cut_off(void **state)
{
    char path[] = "/tmp/quipu-rules-XXXXXX";
    int file = mkstemp(path);
    struct qp_checker *checker = qp_checker_create();
    (void)state;
    assert_true(file >= 0);
    assert_non_null(checker);
    close(file);
    assert_false(qp_checker_read(checker, path));
    assert_string_equal(qp_checker_at(checker, 0)->rule->identifier, "TRACE-FILE-1");
    note("TRACE-FILE-1");
    remove(path);
    qp_checker_destroy(checker);
}

static void every_rule_has_an_example(void **state)
{
    size_t i;
    (void)state;
    for (i = 0; i < QP_RULES; i++)
        if (!seen[i])
            fail_msg("no run in tests/rules.txt breaks %s", qp_rule_at(i)->identifier);
}

/* The first violations stay as they are, whatever follows; after a reset there are none. */
static void many_violations(void **state)
{
    struct qp_checker *checker = qp_checker_create();
    struct qp_event event = {.kind = QP_EVENT_TASK_ASKED, .fields = {7, 1}};
    size_t i;
    (void)state;
    assert_non_null(checker);
    for (i = 0; i < 2000; i++) {
        event.seq = i + 1;
        qp_checker_event(checker, &event);
    }
    assert_true(qp_checker_count(checker) < 1100);
    for (i = 0; i < QP_VIOLATIONS_KEPT; i++)
        assert_int_equal(qp_checker_at(checker, i)->events[0].seq, i + 1);
    assert_null(qp_checker_at(checker, QP_VIOLATIONS_KEPT));
    qp_checker_reset(checker);
    assert_int_equal(qp_checker_count(checker), 0);
    assert_int_equal(qp_checker_live(checker), 0);
    qp_checker_destroy(checker);
}

/* ---- memory ---- */

struct watched {
    struct qp_checker *checker;
    uint64_t events;
    size_t most_live;
};

static void watch(void *context, const struct qp_event *event)
{
    struct watched *self = context;
    size_t live;
    qp_checker_event(self->checker, event);
    live = qp_checker_live(self->checker);
    self->events++;
    self->most_live = live > self->most_live ? live : self->most_live;
}

static void produce(void *arg)
{
    int i;
    for (i = 0; i < 20000; i++)
        qp_await(qp_send((struct qp_sender *)arg, &i));
}

static void long_program(void *arg)
{
    struct qp_sender *sender;
    struct qp_receiver *receiver;
    struct qp_handle producer;
    int value;
    (void)arg;
    QP_ASSERT_EQ(qp_channel_create(&qp_int, 4, &sender, &receiver), QP_OK);
    producer = qp_spawn(produce, sender);
    qp_sender_give(sender, &producer);
    while (qp_await(qp_recv(receiver, &value)) == QP_OK)
        continue;
    QP_ASSERT_EQ(qp_await(qp_join(&producer, NULL)), QP_OK);
}

/* What the checker keeps grows with what is live, and not with the length of the run. */
static void memory_of_a_long_run(void **state)
{
    struct watched watched = {.checker = qp_checker_create()};
    struct qp_random_strategy random;
    struct qp_sim_config config = {.strategy = &random.strategy, .event = watch, .event_context = &watched};
    static struct qp_sim_result result;
    struct qp_sim sim;
    (void)state;
    assert_non_null(watched.checker);
    qp_random_strategy_init(&random);
    qp_sim_init(&sim);
    qp_sim_run(&sim, &config, long_program, NULL, &result);
    qp_sim_end(&sim);
    qp_checker_finish(watched.checker, true);
    assert_int_equal(result.outcome, QP_OK);
    assert_int_equal(qp_checker_count(watched.checker), 0);
    assert_true(watched.events > 200000);
    assert_true(watched.most_live < 24);
    qp_checker_destroy(watched.checker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example),
        cmocka_unit_test(a_file_that_is_cut_off),
        cmocka_unit_test(every_rule_has_an_example),
        cmocka_unit_test(many_violations),
        cmocka_unit_test(memory_of_a_long_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
