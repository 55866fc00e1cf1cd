/*
 * The page: see page.h. State while one is written: the numbers that operations and await points have in it.
 *
 * What the data looks like is read by tools/view/model.js, and by nobody else.
 */
#include "tools/page.h"
#include "tools/array.h"
#include "tools/command.h"
#include "tools/page_sources.h"
#include "tools/plain.h"
#include "tools/story.h"
#include "tools/timeline.h"
#include "tools/whole.h"
#include <inttypes.h>
#include <quipu/env.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(QP_CHOICE_KINDS == 14, "tools/view/model.js has a name for each kind of choice");
_Static_assert(QP_DROP_RESULT == 4, "and for each reason why a value is dropped");

/* Pointers, numbered from 1 in the order in which they came; equal texts have equal pointers in a trace. */
struct numbering {
    const void **items;
    size_t count, room;
    uint32_t *slots; /* numbers, by the pointer's hash */
    size_t size;     /* a power of two */
};

struct page {
    FILE *file;
    const struct qp_events *events;
    struct story *story;
    struct timeline timeline;
    struct numbering ops, sites;
    bool failed; /* memory ran out */
};

/* ---- numbering ---- */

static size_t slot_of(const struct numbering *self, const void *item)
{
    uint64_t hash = (uint64_t)(uintptr_t)item * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(hash >> 32) & (self->size - 1);
    while (self->slots[slot] && self->items[self->slots[slot] - 1] != item)
        slot = (slot + 1) & (self->size - 1);
    return slot;
}

static bool spread(struct numbering *self)
{
    size_t size = self->size ? self->size * 2 : 64;
    uint32_t *slots = calloc(size, sizeof *slots);
    if (!slots)
        return false;
    free(self->slots);
    self->slots = slots;
    self->size = size;
    for (size_t i = 0; i < self->count; i++)
        slots[slot_of(self, self->items[i])] = (uint32_t)(i + 1);
    return true;
}

/* 0 for NULL, and where memory ran out. */
static uint32_t number_of(struct page *page, struct numbering *self, const void *item)
{
    size_t slot;
    if (!item)
        return 0;
    if (self->count * 2 >= self->size && !spread(self))
        page->failed = true;
    if (page->failed)
        return 0;
    slot = slot_of(self, item);
    if (self->slots[slot])
        return self->slots[slot];
    if (!array_reserve(&self->items, &self->room, self->count + 1, sizeof *self->items)) {
        page->failed = true;
        return 0;
    }
    self->items[self->count++] = item;
    return self->slots[slot] = (uint32_t)self->count;
}

/* ---- pieces of JSON ---- */

static void put_unsigned(FILE *file, uint64_t value)
{
    fprintf(file, value > QP_TRACE_INTEGER_MOST ? "\"%" PRIu64 "\"" : "%" PRIu64, value);
}

static void put_signed(FILE *file, int64_t value)
{
    bool large = value > QP_TRACE_INTEGER_MOST || value < -QP_TRACE_INTEGER_MOST;
    fprintf(file, large ? "\"%" PRId64 "\"" : "%" PRId64, value);
}

/* An index, -1 where there is none. */
static void put_index(FILE *file, size_t index)
{
    fprintf(file, "%" PRId64, index == TIMELINE_NONE ? (int64_t)-1 : (int64_t)index);
}

/* "name": [ and what stands between the rows. */
static void begin_rows(FILE *file, const char *name)
{
    fprintf(file, ",\n\"%s\":[", name);
}

static void next_row(FILE *file, size_t index)
{
    fputs(index ? ",\n" : "\n", file);
}

static void end_rows(FILE *file)
{
    fputs("]", file);
}

/* ---- what the run was ---- */

static void put_params(FILE *file, const struct qp_trace_meta *meta)
{
    fputs(",\"params\":{", file);
    for (size_t i = 0; i < meta->param_count; i++) {
        fputs(i ? "," : "", file);
        put_json_text(file, meta->params[i].name);
        putc(':', file);
        put_signed(file, meta->params[i].value);
    }
    putc('}', file);
}

static void put_meta(struct page *page, const struct qp_trace_meta *meta)
{
    FILE *file = page->file;
    fputs("{\"meta\":{\"scenario\":", file);
    put_json_text(file, meta->scenario);
    fputs(",\"main\":", file);
    put_json_text(file, meta->main);
    fprintf(file, ",\"seed\":\"%" PRIu64 "\",\"strategy\":", meta->seed);
    put_json_text(file, meta->strategy);
    fputs(",\"library\":", file);
    put_json_text(file, meta->library);
    fputs(",\"outcome\":", file);
    put_json_text(file, qp_outcome_name((uint64_t)meta->outcome));
    fputs(",\"report\":", file);
    put_json_lines(file, meta->report ? meta->report : "");
    fputs(",\"time\":", file);
    put_signed(file, meta->time_ns);
    fputs(",\"steps\":", file);
    put_unsigned(file, meta->steps);
    fprintf(file, ",\"still\":%s", page->timeline.stands_still ? "true" : "false");
    put_params(file, meta);
    putc('}', file);
}

static void put_names(struct page *page)
{
    FILE *file = page->file;
    size_t i;
    begin_rows(file, "kinds");
    for (i = 0; i < QP_EVENT_KINDS; i++) {
        const struct qp_event_info *info = qp_event_describe((enum qp_event_kind)i);
        next_row(file, i);
        fprintf(file, "[\"%s\",[\"%s\",\"%s\",\"%s\"],\"%s\"]", info->name, info->fields[0], info->fields[1],
                info->fields[2], info->text);
    }
    end_rows(file);
    begin_rows(file, "statuses");
    for (i = 0; qp_outcome_name(i); i++)
        fprintf(file, "%s\"%s\"", i ? "," : "", qp_outcome_name(i));
    end_rows(file);
}

/* ---- the events ---- */

static void put_event(struct page *page, const struct qp_event *event)
{
    FILE *file = page->file;
    putc('[', file);
    put_signed(file, event->time_ns);
    fprintf(file, ",%d,", (int)event->kind);
    put_unsigned(file, event->task);
    putc(',', file);
    put_unsigned(file, event->object);
    putc(',', file);
    put_unsigned(file, event->future);
    fprintf(file, ",%" PRIu32 ",%" PRIu32, number_of(page, &page->ops, event->op),
            number_of(page, &page->sites, event->site));
    for (size_t i = 0; i < QP_EVENT_FIELDS; i++) {
        putc(',', file);
        put_unsigned(file, event->fields[i]);
    }
    if (event->text) {
        putc(',', file);
        put_json_text(file, event->text);
    }
    putc(']', file);
}

static void put_events(struct page *page)
{
    const struct qp_event *event;
    const struct story_line *line;
    size_t i;
    begin_rows(page->file, "events");
    for (i = 0; (event = qp_events_at(page->events, i)) != NULL; i++) {
        next_row(page->file, i);
        put_event(page, event);
    }
    end_rows(page->file);
    begin_rows(page->file, "story");
    for (i = 0; (line = story_at(page->story, i)) != NULL; i++) {
        next_row(page->file, i);
        fprintf(page->file, "[%zu,", line->event);
        put_json_text(page->file, line->text);
        putc(']', page->file);
    }
    end_rows(page->file);
}

/* ---- what was worked out of them ---- */

static void put_spans(struct page *page)
{
    FILE *file = page->file;
    begin_rows(file, "spans");
    for (size_t i = 0; i < page->timeline.span_count; i++) {
        const struct span *span = &page->timeline.spans[i];
        next_row(file, i);
        fprintf(file, "[%d,%d,%" PRIu64 ",%zu,", (int)span->kind, (int)span->end, span->task, span->from);
        put_index(file, span->to);
        fprintf(file, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", span->status, span->future, span->object);
        put_unsigned(file, span->target);
        fprintf(file, ",%" PRIu32 ",%" PRIu32 ",", number_of(page, &page->ops, span->op),
                number_of(page, &page->sites, span->site));
        put_index(file, span->parent);
        putc(']', file);
    }
    end_rows(file);
}

static void put_arrows(struct page *page)
{
    FILE *file = page->file;
    begin_rows(file, "arrows");
    for (size_t i = 0; i < page->timeline.arrow_count; i++) {
        const struct arrow *arrow = &page->timeline.arrows[i];
        next_row(file, i);
        fprintf(file, "[%d,%zu,", (int)arrow->kind, arrow->from);
        put_index(file, arrow->to);
        fprintf(file, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", arrow->from_task, arrow->to_task,
                arrow->object, arrow->value);
    }
    end_rows(file);
}

static void put_changes(struct page *page)
{
    FILE *file = page->file;
    begin_rows(file, "changes");
    for (size_t i = 0; i < page->timeline.change_count; i++) {
        const struct change *change = &page->timeline.changes[i];
        next_row(file, i);
        fprintf(file, "[%d,%zu,", (int)change->kind, change->event);
        put_unsigned(file, change->object);
        putc(',', file);
        put_unsigned(file, change->id);
        fprintf(file, ",%" PRIu64 ",", change->task);
        put_unsigned(file, change->count);
        putc(',', file);
        put_unsigned(file, change->style);
        putc(']', file);
    }
    end_rows(file);
}

/* ---- what things are called ---- */

static void put_labels(struct page *page)
{
    FILE *file = page->file;
    uint64_t i;
    begin_rows(file, "tasks");
    for (i = 1; i <= page->timeline.task_count; i++) {
        next_row(file, i > 1);
        put_json_text(file, story_task(page->story, i));
    }
    end_rows(file);
    begin_rows(file, "objects");
    for (i = 0; i < page->timeline.object_count; i++) {
        const struct timeline_object *object = &page->timeline.objects[i];
        next_row(file, i > 0);
        putc('[', file);
        put_json_text(file, object->kind);
        putc(',', file);
        put_json_text(file, story_object(page->story, i));
        putc(',', file);
        put_unsigned(file, object->capacity);
        putc(']', file);
    }
    end_rows(file);
}

static void put_numbered(struct page *page)
{
    FILE *file = page->file;
    size_t i;
    begin_rows(file, "ops");
    for (i = 0; i < page->ops.count; i++) {
        next_row(file, i);
        put_json_text(file, page->ops.items[i]);
    }
    end_rows(file);
    begin_rows(file, "sites");
    for (i = 0; i < page->sites.count; i++) {
        const struct qp_site *site = page->sites.items[i];
        next_row(file, i);
        putc('[', file);
        put_json_text(file, site->file);
        fprintf(file, ",%d,", site->line);
        put_json_text(file, site->expr);
        putc(']', file);
    }
    end_rows(file);
}

/* ---- the verdict ---- */

static void put_violation(FILE *file, const struct qp_violation *violation)
{
    fputs("{\"rule\":", file);
    put_json_text(file, violation->rule->identifier);
    fputs(",\"sentence\":", file);
    put_json_text(file, violation->rule->sentence);
    fputs(",\"hint\":", file);
    put_json_text(file, violation->rule->hint);
    fputs(",\"model\":", file);
    put_json_lines(file, violation->state);
    fputs(",\"events\":[", file);
    for (size_t i = 0; i < violation->event_count; i++) {
        fputs(i ? "," : "", file);
        put_unsigned(file, violation->events[i].seq);
    }
    fputs("]}", file);
}

static void put_violations(struct page *page, const struct qp_checker *checker)
{
    const struct qp_violation *violation;
    begin_rows(page->file, "violations");
    for (size_t i = 0; checker && (violation = qp_checker_at(checker, i)) != NULL; i++) {
        next_row(page->file, i);
        put_violation(page->file, violation);
    }
    end_rows(page->file);
    fprintf(page->file, ",\"violated\":%zu}", checker ? qp_checker_count(checker) : 0);
}

/* ---- the page around it ---- */

static void put_data(struct page *page, const struct qp_trace_meta *meta, const struct qp_checker *checker)
{
    put_meta(page, meta);
    put_names(page);
    put_events(page);
    put_spans(page);
    put_arrows(page);
    put_changes(page);
    put_labels(page);
    put_numbered(page);
    put_violations(page, checker);
}

/* Writes the page's frame up to a mark in it, and returns what comes behind that. */
static const char *put_until(FILE *file, const char *html, const char *mark)
{
    const char *at = strstr(html, mark);
    fwrite(html, 1, (size_t)(at - html), file);
    return at + strlen(mark);
}

static void put_page(struct page *page, const struct qp_trace_meta *meta, const struct qp_checker *checker)
{
    const char *rest = put_until(page->file, (const char *)page_html, "/*STYLE*/");
    fputs((const char *)page_css, page->file);
    rest = put_until(page->file, rest, "/*DATA*/");
    put_data(page, meta, checker);
    rest = put_until(page->file, rest, "/*SCRIPT*/");
    fputs((const char *)page_js, page->file);
    fputs(rest, page->file);
}

static bool put_file(struct page *page, const char *path, const struct qp_trace_meta *meta,
                     const struct qp_checker *checker)
{
    struct whole_file whole = {.path = path};
    if (!whole_begin(&whole, path))
        return false;
    page->file = whole.file;
    put_page(page, meta, checker);
    return whole_end(&whole, page->failed ? "out of memory" : NULL);
}

bool write_page(const char *path, const struct qp_trace_meta *meta, const struct qp_events *events,
                const struct qp_checker *checker)
{
    struct page page = {.events = events, .story = story_create(events)};
    bool written = page.story && timeline_make(&page.timeline, events);
    if (written)
        written = put_file(&page, path, meta, checker);
    else
        complain("cannot write %s: out of memory", path);
    story_destroy(page.story);
    timeline_free(&page.timeline);
    free(page.ops.items);
    free(page.ops.slots);
    free(page.sites.items);
    free(page.sites.slots);
    return written;
}
