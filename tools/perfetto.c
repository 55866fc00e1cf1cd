/*
 * Trace events: see perfetto.h. State while a file is written: when each event is shown.
 *
 * In virtual time much happens at one instant, and what is drawn at one instant cannot be seen. So there each event is
 * shown a microsecond behind the one before it, or later where its time is later; what its time was stands in it.
 */
#include "tools/perfetto.h"
#include "tools/command.h"
#include "tools/plain.h"
#include "tools/story.h"
#include "tools/timeline.h"
#include "tools/whole.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { VIRTUAL_STEP_NS = 1000, REAL_STEP_NS = 1, PROCESS = 1, NAME_SIZE = 256, WAIT_SIZE = 128 };

struct writing {
    FILE *file;
    const struct qp_events *events;
    const struct qp_checker *checker;
    struct story *story;
    struct timeline timeline;
    int64_t *shown; /* by event, and of the end; in ns */
    size_t *slices; /* spans that are slices, by task and then in order; those of a task begin at firsts[task] */
    size_t *firsts;
    bool begun; /* an event stands in the file */
};

/* ---- when ---- */

static bool spread(struct writing *self, int64_t step)
{
    size_t count = self->events->count;
    self->shown = calloc(count + 1, sizeof *self->shown);
    if (!self->shown)
        return false;
    for (size_t i = 0; i < count; i++) {
        int64_t time = qp_events_at(self->events, i)->time_ns;
        if (time > INT64_MAX / 2)
            time = INT64_MAX / 2;
        self->shown[i] = i && time < self->shown[i - 1] + step ? self->shown[i - 1] + step : time;
    }
    self->shown[count] = count ? self->shown[count - 1] + step : 0;
    return true;
}

static int64_t when(const struct writing *self, size_t event)
{
    return self->shown[event < self->events->count ? event : self->events->count];
}

/* ---- pieces ---- */

/* Nanoseconds as microseconds, exactly. */
static void put_time(const struct writing *self, const char *key, int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    fprintf(self->file, ",\"%s\":%s%" PRIu64 ".%03" PRIu64, key, ns < 0 ? "-" : "", size / 1000, size % 1000);
}

/* {"ph": and what every event has. */
static void begin(struct writing *self, char phase, const char *category, const char *name, uint64_t task)
{
    fprintf(self->file,
            "%s{\"ph\":\"%c\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%" PRIu64 ",\"name\":", self->begun ? ",\n" : "\n",
            phase, category, PROCESS, task);
    put_json_text(self->file, name);
    self->begun = true;
}

/* What it is about: the event's number and time, and its await point. The event stays open within "args". */
static void begin_arguments(struct writing *self, size_t event)
{
    const struct qp_event *at = qp_events_at(self->events, event);
    fprintf(self->file, ",\"args\":{\"event\":%zu", event + 1);
    if (!at)
        return;
    fprintf(self->file, ",\"kind\":\"%s\",\"time_ns\":\"%" PRId64 "\"", qp_event_describe(at->kind)->name, at->time_ns);
}

static void put_argument(struct writing *self, const char *key, const char *text)
{
    fprintf(self->file, ",\"%s\":", key);
    put_json_text(self->file, text);
}

static void put_site(struct writing *self, const struct qp_site *site)
{
    char place[NAME_SIZE + 32];
    if (!site)
        return;
    snprintf(place, sizeof place, "%.*s:%d", NAME_SIZE, site->file ? site->file : "", site->line);
    put_argument(self, "at", place);
    put_argument(self, "expression", site->expr);
}

static void end_arguments(struct writing *self)
{
    fputs("}}", self->file);
}

/* ---- names ---- */

static void put_name(struct writing *self, const char *kind, uint64_t task, const char *name)
{
    begin(self, 'M', "__metadata", kind, task);
    fputs(",\"args\":{\"name\":", self->file);
    put_json_text(self->file, name);
    fputs("}}", self->file);
}

static void put_names(struct writing *self, const struct qp_trace_meta *meta)
{
    put_name(self, "process_name", 0, meta->main ? meta->main : meta->scenario ? meta->scenario : "an execution");
    put_name(self, "thread_name", 0, "outside of tasks");
    for (uint64_t task = 1; task <= self->timeline.task_count; task++) {
        const char *name = story_task(self->story, task);
        put_name(self, "thread_name", task, *name ? name : "a task");
        begin(self, 'M', "__metadata", "thread_sort_index", task);
        fprintf(self->file, ",\"args\":{\"sort_index\":%" PRIu64 "}}", task);
    }
}

/* ---- spans ---- */

/* "recv jobs", "join worker" */
static void name_wait(const struct writing *self, const struct span *span, char name[WAIT_SIZE])
{
    const char *what = span->target   ? story_task(self->story, span->target)
                       : span->object ? story_object(self->story, span->object)
                                      : "";
    snprintf(name, WAIT_SIZE, "%s%s%s", span->op ? span->op : "a future", *what ? " " : "", what);
}

static const struct span *wait_of(const struct writing *self, uint64_t future, const size_t *wait_by_future)
{
    size_t index = future <= self->events->count ? wait_by_future[future] : 0;
    return index ? &self->timeline.spans[index - 1] : NULL;
}

/* What a suspended task waits for: its innermost futures. */
static void name_idle(const struct writing *self, const struct span *span, const size_t *wait_by_future,
                      char name[NAME_SIZE])
{
    size_t used = 0;
    snprintf(name, NAME_SIZE, "suspended");
    for (size_t i = 0; i < span->wait_count && used < NAME_SIZE - 1; i++) {
        char one[WAIT_SIZE];
        const struct span *wait = wait_of(self, self->timeline.waits[span->first_wait + i], wait_by_future);
        if (!wait)
            continue;
        name_wait(self, wait, one);
        snprintf(name + used, NAME_SIZE - used, "%s%s", used ? ", " : "", one);
        used += strlen(name + used);
    }
}

static void name_span(const struct writing *self, const struct span *span, const size_t *wait_by_future,
                      char name[NAME_SIZE])
{
    switch (span->kind) {
    case SPAN_POLL:
        snprintf(name, NAME_SIZE, "runs");
        break;
    case SPAN_READY:
        snprintf(name, NAME_SIZE, "ready");
        break;
    case SPAN_IDLE:
        name_idle(self, span, wait_by_future, name);
        break;
    case SPAN_WAIT:
        name_wait(self, span, name);
        break;
    case SPAN_RELEASE:
        snprintf(name, NAME_SIZE, "ends as %s", qp_outcome_name(span->status) ? qp_outcome_name(span->status) : "?");
        break;
    case SPAN_WORK:
        snprintf(name, NAME_SIZE, "blocking work");
        break;
    }
}

/* Spans of one task that follow one another are slices of its thread. */
static void put_slice(struct writing *self, const struct span *span, const char *name)
{
    begin(self, 'X', "task", name, span->task);
    put_time(self, "ts", when(self, span->from));
    put_time(self, "dur", when(self, span->to) - when(self, span->from));
    begin_arguments(self, span->from);
    end_arguments(self);
}

/* Waits may overlap as they like: they are asynchronous slices, by the number of the future. */
static void put_wait(struct writing *self, const struct span *span, const char *name)
{
    static const char *const ends[] = {
        [SPAN_OPEN] = "still waits", [SPAN_OVER] = "over", [SPAN_CANCELLED] = "cancelled"};
    begin(self, 'b', "wait", name, span->task);
    fprintf(self->file, ",\"id\":\"%" PRIu64 "\"", span->future);
    put_time(self, "ts", when(self, span->from));
    begin_arguments(self, span->from);
    put_site(self, span->site);
    end_arguments(self);
    begin(self, 'e', "wait", name, span->task);
    fprintf(self->file, ",\"id\":\"%" PRIu64 "\"", span->future);
    put_time(self, "ts", when(self, span->to));
    begin_arguments(self, span->to);
    put_argument(self, "end", ends[span->end]);
    if (span->end == SPAN_OVER)
        put_argument(self, "status", qp_outcome_name(span->status));
    end_arguments(self);
}

static bool put_spans(struct writing *self)
{
    size_t *wait_by_future = calloc(self->events->count + 1, sizeof *wait_by_future); /* its span, + 1 */
    char name[NAME_SIZE];
    if (!wait_by_future)
        return false;
    for (size_t i = 0; i < self->timeline.span_count; i++)
        if (self->timeline.spans[i].kind == SPAN_WAIT)
            wait_by_future[self->timeline.spans[i].future] = i + 1;
    for (size_t i = 0; i < self->timeline.span_count; i++) {
        const struct span *span = &self->timeline.spans[i];
        name_span(self, span, wait_by_future, name);
        if (span->kind == SPAN_WAIT)
            put_wait(self, span, name);
        else
            put_slice(self, span, name);
    }
    free(wait_by_future);
    return true;
}

/* ---- flows ---- */

static void name_arrow(const struct writing *self, const struct arrow *arrow, char name[NAME_SIZE])
{
    static const char *const kinds[] = {[ARROW_SPAWN] = "spawns",
                                        [ARROW_WAKE] = "wakes",
                                        [ARROW_HANDOVER] = "hands over",
                                        [ARROW_VALUE] = "value",
                                        [ARROW_ABORT] = "aborts"};
    const char *object = arrow->object ? story_object(self->story, arrow->object) : "";
    const char *value = arrow->value ? story_value(self->story, arrow->value) : "";
    snprintf(name, NAME_SIZE, "%s%s%s%s%s", kinds[arrow->kind], *object ? " " : "", object, *value ? " " : "", value);
}

static bool is_slice(const struct span *span)
{
    return span->kind != SPAN_WAIT;
}

static bool find_slices(struct writing *self)
{
    const struct timeline *timeline = &self->timeline;
    self->firsts = calloc((size_t)timeline->task_count + 3, sizeof *self->firsts);
    self->slices = calloc(timeline->span_count + 1, sizeof *self->slices);
    if (!self->firsts || !self->slices)
        return false;
    for (size_t i = 0; i < timeline->span_count; i++)
        if (is_slice(&timeline->spans[i]))
            self->firsts[timeline->spans[i].task + 2]++;
    for (size_t task = 2; task < (size_t)timeline->task_count + 3; task++)
        self->firsts[task] += self->firsts[task - 1];
    for (size_t i = 0; i < timeline->span_count; i++)
        if (is_slice(&timeline->spans[i]))
            self->slices[self->firsts[timeline->spans[i].task + 1]++] = i;
    return true;
}

/* The number, among all slices, of the last of a task that begins at the event or before; that before its first: none.
 */
static size_t slice_before(const struct writing *self, uint64_t task, size_t event)
{
    size_t low = self->firsts[task], high = self->firsts[task + 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->timeline.spans[self->slices[middle]].from <= event)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

/*
 * A flow is shown only where it begins and ends within slices. What a task does as it ends belongs to its last slice,
 * and what is done to it before its first slice to that. False: there is none.
 */
static bool find_end(const struct writing *self, uint64_t task, size_t event, int64_t *time)
{
    const struct span *span;
    size_t slice;
    if (task > self->timeline.task_count || self->firsts[task] == self->firsts[task + 1])
        return false;
    *time = when(self, event);
    slice = slice_before(self, task, event);
    if (slice + 1 == self->firsts[task]) {
        *time = when(self, self->timeline.spans[self->slices[slice + 1]].from);
        return true;
    }
    span = &self->timeline.spans[self->slices[slice]];
    if (*time >= when(self, span->to))
        *time = when(self, span->to) - 1;
    return true;
}

static void put_flow_end(struct writing *self, char phase, size_t number, const char *name, uint64_t task, size_t event,
                         int64_t time)
{
    begin(self, phase, "flow", name, task);
    fprintf(self->file, ",\"id\":\"%zu\"%s", number + 1, phase == 'f' ? ",\"bp\":\"e\"" : "");
    put_time(self, "ts", time);
    begin_arguments(self, event);
    end_arguments(self);
}

static void put_flow(struct writing *self, const struct arrow *arrow, size_t number)
{
    char name[NAME_SIZE];
    int64_t begins, ends;
    if (arrow->to == TIMELINE_NONE || !arrow->from_task || !arrow->to_task ||
        !find_end(self, arrow->from_task, arrow->from, &begins) || !find_end(self, arrow->to_task, arrow->to, &ends) ||
        begins > ends)
        return;
    name_arrow(self, arrow, name);
    put_flow_end(self, 's', number, name, arrow->from_task, arrow->from, begins);
    put_flow_end(self, 'f', number, name, arrow->to_task, arrow->to, ends);
}

static void put_flows(struct writing *self)
{
    for (size_t i = 0; i < self->timeline.arrow_count; i++)
        put_flow(self, &self->timeline.arrows[i], i);
}

/* ---- what happens at one moment ---- */

static void put_instant(struct writing *self, const char *category, char scope, const char *name, size_t event,
                        const char *sentence)
{
    const struct qp_event *at = qp_events_at(self->events, event);
    begin(self, 'i', category, name, at ? at->task : 0);
    fprintf(self->file, ",\"s\":\"%c\"", scope);
    put_time(self, "ts", when(self, event));
    begin_arguments(self, event);
    if (sentence)
        put_argument(self, "sentence", sentence);
    else if (at)
        put_site(self, at->site);
    end_arguments(self);
}

static void put_story(struct writing *self)
{
    const struct story_line *line;
    for (size_t i = 0; (line = story_at(self->story, i)) != NULL; i++)
        put_instant(self, "story", line->task ? 't' : 'p', line->text, line->event, NULL);
}

static void put_violations(struct writing *self)
{
    const struct qp_violation *violation;
    for (size_t i = 0; (violation = qp_checker_at(self->checker, i)) != NULL; i++)
        for (size_t j = 0; j < violation->event_count; j++)
            put_instant(self, "broken", 'g', violation->rule->identifier,
                        violation->events[j].seq ? (size_t)violation->events[j].seq - 1 : 0, violation->rule->sentence);
}

/* How many values each channel holds. */
static bool put_counters(struct writing *self)
{
    size_t *held = calloc(self->timeline.object_count + 1, sizeof *held);
    if (!held)
        return false;
    for (size_t i = 0; i < self->timeline.change_count; i++) {
        const struct change *change = &self->timeline.changes[i];
        char name[NAME_SIZE];
        if ((change->kind != CHANGE_IN && change->kind != CHANGE_OUT) ||
            change->object >= self->timeline.object_count ||
            !timeline_is_channel(&self->timeline.objects[change->object]))
            continue;
        held[change->object] += change->kind == CHANGE_IN ? 1 : (size_t)-1;
        snprintf(name, sizeof name, "in %s (object %" PRIu64 ")", story_object(self->story, change->object),
                 change->object);
        begin(self, 'C', "object", name, 0);
        put_time(self, "ts", when(self, change->event));
        fprintf(self->file, ",\"args\":{\"values\":%zu}}", held[change->object]);
    }
    free(held);
    return true;
}

/* ---- the file ---- */

static bool put_events(struct writing *self, const struct qp_trace_meta *meta)
{
    bool whole;
    fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"scenario\":", self->file);
    put_json_text(self->file, meta->scenario ? meta->scenario : "");
    fprintf(self->file, ",\"seed\":\"%" PRIu64 "\",\"outcome\":\"%s\"},\n\"traceEvents\":[", meta->seed,
            qp_status_name(meta->outcome));
    put_names(self, meta);
    whole = put_spans(self) && put_counters(self) && find_slices(self);
    if (whole)
        put_flows(self);
    put_story(self);
    put_violations(self);
    fputs("\n]}\n", self->file);
    return whole;
}

static bool put_file(struct writing *self, const char *path, const struct qp_trace_meta *meta)
{
    struct whole_file whole = {.path = path};
    if (!whole_begin(&whole, path))
        return false;
    self->file = whole.file;
    return whole_end(&whole, put_events(self, meta) ? NULL : "out of memory");
}

bool write_perfetto(const char *path, const struct qp_trace_meta *meta, const struct qp_events *events,
                    const struct qp_checker *checker)
{
    bool real = meta->strategy && strcmp(meta->strategy, "real") == 0, written;
    struct writing self = {.events = events, .checker = checker, .story = story_create(events)};
    written =
        self.story && timeline_make(&self.timeline, events) && spread(&self, real ? REAL_STEP_NS : VIRTUAL_STEP_NS);
    if (written)
        written = put_file(&self, path, meta);
    else
        complain("cannot write %s: out of memory", path);
    story_destroy(self.story);
    timeline_free(&self.timeline);
    free(self.shown);
    free(self.slices);
    free(self.firsts);
    return written;
}
