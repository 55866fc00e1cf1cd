/* Following a recorded execution in an edited program: see drift.h for the state. */
#include "scheduler/task.h"
#include "scheduler/thread.h"
#include "sim/drift.h"
#include "traces/fnv.h"
#include <stdlib.h>
#include <string.h>

enum { LOOK_AHEAD = 6 };

/* ---- hashes ---- */

static uint64_t hash_text(const char *text, size_t length)
{
    uint64_t hash = qp_fnv_start;
    for (size_t i = 0; i < length; i++)
        hash = qp_fnv_add(hash, (unsigned char)text[i]);
    return hash;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t hash = (a ^ (b + 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 29;
}

static uint64_t place_of(const struct qp_site *site)
{
    return site && site->expr ? hash_text(site->expr, strlen(site->expr)) : 0;
}

/* The operation, without what it is done to. */
static uint64_t action_of(const struct qp_site *site)
{
    return site && site->expr ? hash_text(site->expr, strcspn(site->expr, "(")) : 0;
}

/* ---- tables ---- */

static bool grow(struct qp_drift_table *self)
{
    struct qp_drift_table larger = {.room = self->room ? self->room * 2 : 64};
    larger.places = calloc(larger.room, sizeof *larger.places);
    if (!larger.places)
        return false;
    for (size_t i = 0; i < self->room; i++) {
        size_t at = self->places[i].key & (larger.room - 1);
        if (!self->places[i].key)
            continue;
        while (larger.places[at].key)
            at = (at + 1) & (larger.room - 1);
        larger.places[at] = self->places[i];
    }
    larger.used = self->used;
    free(self->places);
    *self = larger;
    return true;
}

/* The value of a key, 0 where it is new; NULL: out of memory. */
static uint64_t *value_of(struct qp_drift_table *self, uint64_t key)
{
    size_t at;
    key |= key == 0;
    if (self->used * 2 >= self->room && !grow(self))
        return NULL;
    at = key & (self->room - 1);
    while (self->places[at].key && self->places[at].key != key)
        at = (at + 1) & (self->room - 1);
    self->used += !self->places[at].key;
    self->places[at].key = key;
    return &self->places[at].value;
}

static void clear(struct qp_drift_table *self)
{
    if (self->room)
        memset(self->places, 0, self->room * sizeof *self->places);
    self->used = 0;
}

/* How often it was counted before. */
static uint64_t count(struct qp_drift *self, uint64_t key)
{
    uint64_t *value = value_of(&self->counts, key);
    if (!value)
        self->failed = true;
    return value ? (*value)++ : 0;
}

/* ---- tasks ---- */

static bool more_room(void **array, size_t *room, size_t used, size_t size)
{
    size_t larger = *room ? *room * 2 : 64;
    void *grown;
    if (used < *room)
        return true;
    grown = realloc(*array, larger * size);
    if (!grown)
        return false;
    *array = grown;
    *room = larger;
    return true;
}

/* The lane of an identity; a new one where there is none. */
static size_t lane_of_identity(struct qp_drift *self, uint64_t identity)
{
    uint64_t *lane = value_of(&self->identities, identity);
    if (lane && !*lane && more_room((void **)&self->lanes, &self->lane_room, self->lane_count, sizeof *self->lanes)) {
        self->lanes[self->lane_count] = (struct qp_drift_lane){0};
        *lane = ++self->lane_count;
    }
    if (lane && *lane)
        return (size_t)*lane - 1;
    self->failed = true;
    return 0;
}

/* Of several tasks with one name each is known by which of them it is. */
static void meet(struct qp_drift *self, uint64_t task, const char *name)
{
    uint64_t hash = name ? hash_text(name, strlen(name)) : qp_fnv_start;
    uint64_t *number = qp_task_value(&self->numbers, task);
    if (number)
        *number = lane_of_identity(self, mix(hash, count(self, mix(hash, qp_fnv_start)))) + 1;
    else
        self->failed = true;
}

/* The lane of a task, + 1; 0: it is none that was met. */
static size_t lane_of(struct qp_drift *self, uint64_t task)
{
    uint64_t *number = task ? qp_task_value(&self->numbers, task) : NULL;
    return number ? (size_t)*number : 0;
}

/* ---- what is asked ---- */

static bool is_of_a_task(uint64_t kind)
{
    return kind == QP_CHOICE_RANDOM || kind == QP_CHOICE_YIELD || kind == QP_CHOICE_CANCEL || kind == QP_CHOICE_RETRY ||
           kind == QP_CHOICE_PANIC || kind == QP_CHOICE_ALLOC;
}

/* Who asks for what, and where. */
static uint64_t place_of_ask(struct qp_drift *self, uint64_t kind, uint64_t task, const struct qp_site *site)
{
    return mix(mix(kind + 1, lane_of(self, task)), place_of(site)) | 1;
}

/* ---- the plan ---- */

static void plan_step(struct qp_drift *self, const struct qp_event *event, size_t index)
{
    size_t lane = lane_of(self, event->task);
    if (!lane)
        return;
    if (!more_room((void **)&self->steps, &self->step_room, self->step_count, sizeof *self->steps)) {
        self->failed = true;
        return;
    }
    self->steps[self->step_count++] = (struct qp_drift_step){
        .lane = lane - 1, .place = place_of(event->site), .action = action_of(event->site), .event = index};
    self->lanes[lane - 1].count++;
}

static void plan_ask(struct qp_drift *self, const struct qp_event *event, size_t last_of_kind[QP_CHOICE_KINDS])
{
    uint64_t kind = event->fields[0], place, *answer;
    if (kind == QP_CHOICE_TASK || kind >= QP_CHOICE_KINDS)
        return;
    if (!more_room((void **)&self->asks, &self->ask_room, self->ask_count, sizeof *self->asks)) {
        self->failed = true;
        return;
    }
    self->asks[self->ask_count++] =
        (struct qp_drift_ask){.chosen = (uint32_t)event->fields[2], .before = self->step_count};
    if (is_of_a_task(kind)) {
        place = place_of_ask(self, kind, event->task, event->site);
        self->asks[self->ask_count - 1].place = place;
        answer = value_of(&self->answers, mix(place, count(self, place)));
        if (answer)
            *answer = self->ask_count;
        else
            self->failed = true;
        return;
    }
    if (last_of_kind[kind])
        self->asks[last_of_kind[kind] - 1].next = self->ask_count;
    else
        self->first_of_kind[kind] = self->ask_count;
    last_of_kind[kind] = self->ask_count;
}

/* The steps of each lane, one after the other. */
static bool sort_steps(struct qp_drift *self)
{
    size_t at = 0;
    self->order = malloc((self->step_count + 1) * sizeof *self->order);
    if (!self->order)
        return false;
    for (size_t i = 0; i < self->lane_count; i++) {
        self->lanes[i].first = self->lanes[i].next = at;
        at += self->lanes[i].count;
    }
    for (size_t i = 0; i < self->step_count; i++)
        self->order[self->lanes[self->steps[i].lane].next++] = i;
    return true;
}

/* ---- how it is followed ---- */

static void begin(struct qp_strategy *strategy, uint64_t seed)
{
    struct qp_drift *self = (struct qp_drift *)strategy;
    (void)seed;
    clear(&self->counts);
    self->numbers.run++;
    self->cursor = self->position = 0;
    self->choices = 0;
    self->last_timer_first = 0;
    self->extra_taken = self->extra_runs = false;
    self->taken = self->added = self->gone = 0;
    memcpy(self->next_of_kind, self->first_of_kind, sizeof self->next_of_kind);
    for (size_t i = 0; i < self->step_count; i++)
        self->steps[i].done = self->departure == QP_DRIFT_WITHOUT && i == self->at;
    for (size_t i = 0, first = 0; i < self->lane_count; first += self->lanes[i++].count)
        self->lanes[i] = (struct qp_drift_lane){.first = first, .next = first, .count = self->lanes[i].count};
}

/* The next step of a lane, or one behind it; SIZE_MAX: there is none. */
static size_t step_of(struct qp_drift *self, struct qp_drift_lane *lane, size_t behind)
{
    while (lane->next < lane->first + lane->count && self->steps[self->order[lane->next]].done)
        lane->next++;
    return lane->next + behind < lane->first + lane->count ? self->order[lane->next + behind] : SIZE_MAX;
}

/* How many steps of its lane the plan is past when a task goes on from here; 0: it is a step that the plan has not. */
static size_t match(struct qp_drift *self, struct qp_drift_lane *lane, const struct qp_site *site)
{
    uint64_t place = place_of(site);
    size_t step = step_of(self, lane, 0), later, behind;
    if (step == SIZE_MAX)
        return 0;
    for (behind = 0; behind < LOOK_AHEAD && (later = step_of(self, lane, behind)) != SIZE_MAX; behind++) {
        if (self->steps[later].place != place)
            continue;
        return behind == 0 || self->skips || lane->added >= LOOK_AHEAD ? behind + 1 : 0;
    }
    return self->steps[step].action == action_of(site);
}

/* A task goes on. */
static void follow(struct qp_drift *self, size_t number, const struct qp_site *site)
{
    struct qp_drift_lane *lane = &self->lanes[number];
    bool is_extra = self->extra_runs && number == self->extra_lane;
    size_t past = is_extra ? 0 : match(self, lane, site);
    self->extra_runs = false;
    if (!past) {
        lane->added++;
        self->added++;
        return;
    }
    lane->added = 0;
    for (; past > 1; past--, self->gone++)
        self->steps[self->order[lane->next++]].done = true;
    self->position = self->order[lane->next++];
    self->steps[self->position++].done = true;
    self->last_timer_first = 0;
    self->taken++;
    while (self->cursor < self->step_count && self->steps[self->cursor].done)
        self->cursor++;
}

static void hear(struct qp_strategy *strategy, const struct qp_event *event)
{
    struct qp_drift *self = (struct qp_drift *)strategy;
    size_t lane;
    if (event->kind == QP_EVENT_TASK_SPAWNED)
        meet(self, event->fields[0], event->text);
    else if (event->kind == QP_EVENT_TASK_POLLED && (lane = lane_of(self, event->task)) != 0)
        follow(self, lane - 1, event->site);
}

/* Notes which lanes have a ready task. Returns the first that the plan knows nothing more of; count: there is none. */
static uint32_t note_ready(struct qp_drift *self, const struct qp_choice *choice)
{
    uint32_t unknown = choice->count;
    self->choices++;
    for (uint32_t i = 0; i < choice->count; i++) {
        size_t lane = lane_of(self, qp_choice_task(choice, i));
        if (lane) {
            self->lanes[lane - 1].asked = self->choices;
            self->lanes[lane - 1].index = i;
        }
        if (unknown == choice->count && (!lane || step_of(self, &self->lanes[lane - 1], 0) == SIZE_MAX))
            unknown = i;
    }
    return unknown;
}

static bool is_ready(const struct qp_drift *self, size_t lane)
{
    return self->lanes[lane].asked == self->choices;
}

static uint32_t choose_task(struct qp_drift *self, const struct qp_choice *choice)
{
    uint32_t unknown = note_ready(self, choice);
    for (size_t i = self->cursor; i < self->step_count; i++) {
        size_t lane = self->steps[i].lane;
        if (self->departure == QP_DRIFT_EXTRA && !self->extra_taken && i >= self->at &&
            is_ready(self, self->extra_lane)) {
            self->extra_taken = self->extra_runs = true;
            return self->lanes[self->extra_lane].index;
        }
        if (self->steps[i].done)
            continue;
        if (is_ready(self, lane))
            return self->lanes[lane].index;
        if (unknown < choice->count)
            return unknown;
    }
    return unknown < choice->count ? unknown : 0;
}

/* What was answered, at this place in the plan, to a question that no task asks. */
static uint32_t answer_in_order(struct qp_drift *self, enum qp_choice_kind kind)
{
    size_t *next = &self->next_of_kind[kind];
    const struct qp_drift_ask *ask;
    while (*next && self->asks[*next - 1].before < self->position)
        *next = self->asks[*next - 1].next;
    ask = *next ? &self->asks[*next - 1] : NULL;
    if (!ask || ask->before > self->position)
        return kind == QP_CHOICE_TIMER_FIRST ? self->last_timer_first : 0;
    *next = ask->next;
    if (kind == QP_CHOICE_TIMER_FIRST)
        self->last_timer_first = ask->chosen;
    return ask->chosen;
}

/* What was answered to this task, here, the same time. */
static uint32_t answer_of_task(struct qp_drift *self, enum qp_choice_kind kind)
{
    uint64_t task = qp_thread.task ? qp_thread.task->id : 0;
    uint64_t place = place_of_ask(self, kind, task, qp_site_now()), time = count(self, place), *ask;
    if (self->departure == QP_DRIFT_LATER && place == self->place)
        time -= (uint64_t)self->later;
    ask = value_of(&self->answers, mix(place, time));
    return ask && *ask ? self->asks[*ask - 1].chosen : 0;
}

static uint32_t choose(struct qp_strategy *strategy, const struct qp_choice *choice)
{
    struct qp_drift *self = (struct qp_drift *)strategy;
    uint32_t chosen;
    if (choice->kind == QP_CHOICE_TASK)
        return choose_task(self, choice);
    chosen = is_of_a_task(choice->kind) ? answer_of_task(self, choice->kind) : answer_in_order(self, choice->kind);
    return chosen < choice->count ? chosen : 0;
}

static const struct qp_strategy_ops drift_ops = {.name = "drift", .begin = begin, .choose = choose, .event = hear};

size_t qp_drift_parted(const struct qp_drift *self)
{
    return self->cursor;
}

/* ---- making it ---- */

bool qp_drift_init(struct qp_drift *self, const struct qp_events *recorded)
{
    size_t last_of_kind[QP_CHOICE_KINDS] = {0};
    const struct qp_event *event;
    *self = (struct qp_drift){.strategy.ops = &drift_ops};
    for (size_t i = 0; (event = qp_events_at(recorded, i)) != NULL && event->kind != QP_EVENT_RUNTIME_CLOSING; i++) {
        if (event->kind == QP_EVENT_TASK_SPAWNED)
            meet(self, event->fields[0], event->text);
        else if (event->kind == QP_EVENT_TASK_POLLED)
            plan_step(self, event, i);
        else if (event->kind == QP_EVENT_CHOICE)
            plan_ask(self, event, last_of_kind);
    }
    return sort_steps(self) && !self->failed;
}

void qp_drift_end(struct qp_drift *self)
{
    free(self->steps);
    free(self->order);
    free(self->lanes);
    free(self->asks);
    free(self->answers.places);
    free(self->identities.places);
    free(self->counts.places);
    free(self->numbers.values);
    *self = (struct qp_drift){0};
}
