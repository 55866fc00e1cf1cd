/* Coverage: see coverage.h for the state. Numbers of await points hang on their text: they are the same everywhere. */
#include "sim/coverage.h"
#include <stdbool.h>
#include <string.h>

static uint32_t mix(uint32_t a, uint32_t b)
{
    uint32_t hash = (a ^ b * 0x9e3779b1u) * 0x85ebca6bu;
    return hash ^ hash >> 15;
}

static uint32_t text_number(const char *text)
{
    uint32_t hash = 0x811c9dc5u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x01000193u;
    return hash;
}

static uint32_t site_number(struct qp_coverage *self, const struct qp_site *site)
{
    size_t at = ((uintptr_t)site >> 3) % QP_COVERAGE_SITES;
    if (!site)
        return 0;
    if (self->sites[at].site != site) {
        self->sites[at].site = site;
        self->sites[at].number = mix(text_number(site->file) ^ text_number(site->expr), (uint32_t)site->line);
    }
    return self->sites[at].number;
}

static void take(struct qp_coverage *self, uint32_t hash)
{
    uint16_t edge = (uint16_t)(hash ^ hash >> 16);
    if (!self->counts[edge])
        self->touched[self->touched_count++] = edge;
    if (self->counts[edge] < UINT8_MAX)
        self->counts[edge]++;
}

void qp_coverage_begin(struct qp_coverage *self)
{
    while (self->touched_count > 0)
        self->counts[self->touched[--self->touched_count]] = 0;
    self->before = self->here = 0;
}

/* What the choices were is no shape: only what came of them. */
static bool is_shape(const struct qp_event *event)
{
    return event->kind != QP_EVENT_CHOICE && event->kind != QP_EVENT_MESSAGE && event->kind != QP_EVENT_GRANT_HINT;
}

void qp_coverage_event(void *context, const struct qp_event *event)
{
    struct qp_coverage *self = context;
    uint32_t what;
    if (event->kind == QP_EVENT_TASK_POLLED) {
        self->before = self->here;
        self->here = mix(site_number(self, event->site), (uint32_t)event->task & 63);
        take(self, mix(self->before, self->here));
    } else if (is_shape(event)) {
        what = (uint32_t)event->kind << 16 ^ (uint32_t)event->object;
        if (event->kind == QP_EVENT_FUTURE_READY || event->kind == QP_EVENT_CALLED)
            what ^= (uint32_t)event->fields[0] << 8;
        take(self, mix(mix(self->before >> 1, self->here), what));
    }
}

/* 1, 2, 3, 4..7, 8..15, 16..31, 32..127, 128 and more. */
static uint8_t magnitude(uint8_t count)
{
    if (count < 4)
        return (uint8_t)(1u << (count - 1));
    return count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128;
}

uint32_t qp_coverage_end(struct qp_coverage *self)
{
    uint32_t fresh = 0;
    for (size_t i = 0; i < self->touched_count; i++) {
        uint8_t bit = magnitude(self->counts[self->touched[i]]);
        if (!(__atomic_load_n(&self->seen[self->touched[i]], __ATOMIC_RELAXED) & bit))
            fresh += !(__atomic_fetch_or(&self->seen[self->touched[i]], bit, __ATOMIC_RELAXED) & bit);
    }
    return fresh;
}

uint32_t qp_coverage_count(const uint8_t *seen)
{
    uint32_t count = 0;
    for (size_t i = 0; i < QP_COVERAGE_EDGES; i++)
        count += seen[i] != 0;
    return count;
}
