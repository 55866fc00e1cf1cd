/*
 * The page: an execution as one HTML file that needs nothing else, to be opened in a browser.
 *
 * Its sources are in tools/view/. The data is JSON in which no character means anything to HTML, and the page itself
 * shows texts as texts only, so whatever a trace holds stays a text.
 */
#ifndef TOOLS_PAGE_H
#define TOOLS_PAGE_H

#include "traces/checker.h"
#include "traces/events.h"
#include "traces/meta.h"

/* Writes it; `checker` has judged the events, or NULL: nobody has. False: a sentence was printed, and there is no file
 * where none was. */
bool write_page(const char *path, const struct qp_trace_meta *meta, const struct qp_events *events,
                const struct qp_checker *checker);

#endif
