/*
 * What a trace says of its run beside the events: the header, written before it, and the summary, written after it.
 *
 * Also the bounds of the format, the same for writing and reading: what the writer writes, the reader reads.
 */
#ifndef TRACES_META_H
#define TRACES_META_H

#include <quipu/status.h>
#include <stddef.h>
#include <stdint.h>

#define QP_TRACE_VERSION 1
#define QP_TRACE_LINE_MOST 1048576    /* bytes of a line, without the newline */
#define QP_TRACE_HEADER_MOST 16777216 /* bytes of the header, which has all choices */
#define QP_TRACE_PARAMS_MOST 64
#define QP_TRACE_INTEGER_MOST 9007199254740991 /* 2^53 - 1: larger integers are written as strings */

struct qp_trace_param {
    const char *name;
    int64_t value;
};

/* Borrows all that it points to. A text that is NULL counts as "". */
struct qp_trace_meta {
    /* the header */
    const char *library; /* the library's version, "0.1.0" */
    const char *scenario;
    uint64_t seed;
    const char *strategy;                /* "random", "replay", ... */
    const struct qp_trace_param *params; /* their names differ */
    size_t param_count;
    const uint32_t *choices; /* the chosen alternatives, in order */
    size_t choice_count;
    const char *main; /* the program, where it is one and no scenario; NULL: it is a scenario */
    uint32_t faults;  /* bits of kinds of choices that were asked for besides the usual ones: 1 << QP_CHOICE_CANCEL */
    enum qp_status expected; /* how it may end beside QP_OK: QP_DEADLOCK is then no violation. QP_OK: in no other way */

    /* the summary */
    enum qp_status outcome;
    const char *report; /* why it failed */
    int64_t time_ns;    /* on the runtime's clock, at the end */
    uint64_t steps;
};

#endif
