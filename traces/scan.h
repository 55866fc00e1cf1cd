/*
 * Scans an event's line that is written as the writer writes it: keys in order, no spaces, plain numbers and texts.
 *
 * Nearly all lines are. A line that is not, whether it is wrong or only written in another way, is refused without a
 * word and left as it was: whoever reads it then parses it as JSON, and says what is wrong.
 */
#ifndef TRACES_SCAN_H
#define TRACES_SCAN_H

#include "traces/events.h"
#include "traces/intern.h"

struct qp_scan {
    struct qp_intern *intern;   /* borrowed */
    uint8_t kinds[256];         /* a hash table of the kinds' names: the kind + 1, or 0 */
    const struct qp_site *site; /* that of the line before: the next one often has the same */
    size_t site_length;
    char site_text[256]; /* as it was written */
};

void qp_scan_init(struct qp_scan *scan, struct qp_intern *intern);

/*
 * The event of a line of `length` bytes, which ends with a zero byte, and must have this number. Its operation and site
 * are interned; its text points into the line, where its closing quote then is a zero byte. False: it is to be parsed.
 */
bool qp_scan_event(struct qp_scan *scan, char *line, size_t length, uint64_t seq, struct qp_event *event);

#endif
