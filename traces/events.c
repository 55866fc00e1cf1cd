/*
 * The table of events, made from events.def, and the names of statuses. No state.
 *
 * The statuses are listed here once more because this folder reads traces of any runtime and links with none.
 */
#include "traces/events.h"
#include <quipu/env.h>
#include <string.h>

static const struct qp_event_info table[] = {
#define QP_EVENT(kind, name, a, b, c, text) [QP_EVENT_##kind] = {name, {a, b, c}, text},
#include <quipu/events.def>
#undef QP_EVENT
};

static const char *const statuses[] = {
#define X(name, text) [QP_##name] = #name,
    QP_STATUS_MAP(X)
#undef X
};

const struct qp_event_info *qp_event_describe(enum qp_event_kind kind)
{
    return (unsigned)kind < QP_EVENT_KINDS ? &table[kind] : NULL;
}

bool qp_event_find(const char *name, enum qp_event_kind *kind)
{
    for (unsigned i = 0; i < QP_EVENT_KINDS; i++) {
        if (strcmp(table[i].name, name) == 0) {
            *kind = (enum qp_event_kind)i;
            return true;
        }
    }
    return false;
}

bool qp_event_has_field(enum qp_event_kind kind, size_t index)
{
    return (unsigned)kind < QP_EVENT_KINDS && index < QP_EVENT_FIELDS && *table[kind].fields[index];
}

bool qp_event_has_text(enum qp_event_kind kind)
{
    return (unsigned)kind < QP_EVENT_KINDS && *table[kind].text;
}

const char *qp_fault_name(uint64_t kind)
{
    static const char *const names[] = {
        [QP_CHOICE_YIELD] = "yield", [QP_CHOICE_SPURIOUS] = "spurious", [QP_CHOICE_CANCEL] = "cancel",
        [QP_CHOICE_CLOCK] = "clock", [QP_CHOICE_RETRY] = "retry",       [QP_CHOICE_PANIC] = "panic",
        [QP_CHOICE_ALLOC] = "alloc", [QP_CHOICE_LATE] = "late",         [QP_CHOICE_DELAY] = "delay",
    };
    return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

int qp_fault_find(const char *name)
{
    for (int kind = 0; kind < 32; kind++)
        if (qp_fault_name((uint64_t)kind) && strcmp(qp_fault_name((uint64_t)kind), name) == 0)
            return kind;
    return -1;
}

const char *qp_outcome_name(uint64_t status)
{
    return status < sizeof statuses / sizeof *statuses ? statuses[status] : NULL;
}
