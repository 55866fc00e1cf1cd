/*
 * The checker on arbitrary events: whatever they are, it judges them, and its memory is bounded by their number.
 *
 * Twelve bytes are an event: kind, time that has passed, task, object, future, operation, three fields, text, whether
 * what is made gets the next number (it does where the bit is 0), and one that is not used. Small numbers stand for
 * themselves, so that events often fit together; the highest ones for numbers that are likely to do harm.
 */
#include "traces/checker.h"
#include "traces/events.h"
#include <stdlib.h>
#include <string.h>

enum { BYTES = 12, PLAIN = 240 };

static const char *const ops[] = {
    NULL,           "async",    "sleep",     "timeout",  "timeout_join", "race",        "join_all",
    "join",         "yield",    "send",      "reserve",  "recv",         "lock",        "oneshot_recv",
    "read",         "write",    "acquire",   "try_send", "barrier_wait", "try_recv",    "permit_send",
    "oneshot_send", "try_lock", "is_closed", "try_read", "try_write",    "try_acquire", "available_permits",
    "length",       "dropped"};
static const char *const texts[] = {NULL,     "channel",   "unbounded channel", "oneshot", "mutex",
                                    "rwlock", "semaphore", "barrier",           "main",    "\xff\n"};

static uint64_t number(uint8_t byte)
{
    static const uint64_t harmful[] = {
        INT64_MAX, UINT64_MAX, (uint64_t)INT64_MIN, UINT32_MAX, 1000000, 1000, 1000000000000, 20, 21, 250, 255, 256,
        65535,     65536,      INT64_MAX - 1,       1u << 31};
    return byte < PLAIN ? byte : harmful[byte - PLAIN];
}

/* How many there are so far of what events can make. */
struct made {
    uint64_t tasks, futures, objects, values, holds, deferred;
};

/* Gives a thing that is made the next number. */
static void count(struct made *made, struct qp_event *event)
{
    switch (event->kind) {
    case QP_EVENT_TASK_SPAWNED:
        event->fields[0] = ++made->tasks;
        break;
    case QP_EVENT_FUTURE_CREATED:
        event->future = ++made->futures;
        break;
    case QP_EVENT_OBJECT_CREATED:
        event->object = ++made->objects;
        break;
    case QP_EVENT_END_CREATED:
        event->fields[0] = ++made->objects;
        break;
    case QP_EVENT_VALUE_SENT:
    case QP_EVENT_VALUE_SET:
    case QP_EVENT_TASK_RESULT:
        event->fields[0] = ++made->values;
        break;
    case QP_EVENT_HOLD_ACQUIRED:
        event->fields[0] = ++made->holds;
        break;
    case QP_EVENT_DEFERRED:
        event->fields[0] = ++made->deferred;
        break;
    default:
        break;
    }
}

static void must_be_bounded(const struct qp_checker *checker, size_t events)
{
    char text[16384];
    size_t i;
    if (qp_checker_live(checker) > events + 1)
        abort();
    for (i = 0; qp_checker_at(checker, i); i++)
        if (qp_checker_print(qp_checker_at(checker, i), text, sizeof text) == 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct qp_site site = {"file.c", "await", 7};
    static struct qp_checker *checker;
    struct made made = {0};
    int64_t time_ns = 0;
    size_t i;
    if (!checker && !(checker = qp_checker_create()))
        return 0;
    qp_checker_reset(checker);
    qp_checker_fair(checker, size % 7);
    for (i = 0; i + BYTES <= size; i += BYTES) {
        const uint8_t *bytes = data + i;
        struct qp_event event = {.seq = i / BYTES + 1,
                                 .kind = (enum qp_event_kind)(bytes[0] % (QP_EVENT_KINDS + 1)),
                                 .task = number(bytes[2]),
                                 .object = number(bytes[3]),
                                 .future = number(bytes[4]),
                                 .op = ops[bytes[5] % (sizeof ops / sizeof *ops)],
                                 .site = bytes[5] & 0x80 ? &site : NULL,
                                 .fields = {number(bytes[6]), number(bytes[7]), number(bytes[8])},
                                 .text = texts[bytes[9] % (sizeof texts / sizeof *texts)]};
        time_ns = (int64_t)((uint64_t)time_ns + number(bytes[1]));
        event.time_ns = time_ns;
        if (!(bytes[10] & 1))
            count(&made, &event);
        qp_checker_event(checker, &event);
    }
    qp_checker_finish(checker, data && size % 2);
    must_be_bounded(checker, size / BYTES);
    return 0;
}
