/* See coverage.h. No state. */
#include "tools/coverage.h"
#include "tools/output.h"
#include <inttypes.h>

static const char *const moments[QP_MOMENTS] = {"before", "pending", "woken", "tied"};
static const char *const boundaries[QP_BOUNDARIES] = {"abort", "timeout", "race", "retry"};

enum { CELL = 40 };

void coverage_add(struct qp_explore_tally *to, const struct qp_explore_tally *from)
{
    for (size_t i = 0; i < from->point_count; i++) {
        size_t k = 0;
        while (k < to->point_count && to->points[k].site != from->points[i].site)
            k++;
        if (k == QP_EXPLORE_POINTS)
            continue;
        if (k == to->point_count)
            to->points[to->point_count++] = (struct qp_explore_point){.site = from->points[i].site};
        for (size_t m = 0; m < QP_MOMENTS; m++) {
            for (size_t b = 0; b < QP_BOUNDARIES; b++) {
                to->points[k].ways[m][b].seen += from->points[i].ways[m][b].seen;
                to->points[k].ways[m][b].cancelled += from->points[i].ways[m][b].cancelled;
            }
        }
    }
}

/* What there was of one point: at any moment where `moment` is QP_MOMENTS, by any boundary likewise. */
static struct qp_explore_ways sum(const struct qp_explore_point *point, size_t moment, size_t boundary)
{
    struct qp_explore_ways all = {0, 0};
    for (size_t m = 0; m < QP_MOMENTS; m++) {
        for (size_t b = 0; b < QP_BOUNDARIES; b++) {
            if ((moment != QP_MOMENTS && m != moment) || (boundary != QP_BOUNDARIES && b != boundary))
                continue;
            all.seen += point->ways[m][b].seen;
            all.cancelled += point->ways[m][b].cancelled;
        }
    }
    return all;
}

/* At how many await points there was such a way, and at how many it was taken. */
static struct qp_explore_ways count_points(const struct qp_explore_tally *tally, size_t moment, size_t boundary)
{
    struct qp_explore_ways points = {0, 0};
    for (size_t i = 0; i < tally->point_count; i++) {
        struct qp_explore_ways ways = sum(&tally->points[i], moment, boundary);
        points.seen += ways.seen > 0;
        points.cancelled += ways.cancelled > 0;
    }
    return points;
}

size_t coverage_cancelled(const struct qp_explore_tally *tally)
{
    return (size_t)count_points(tally, QP_MOMENTS, QP_BOUNDARIES).cancelled;
}

/* "12 of 14", or "-" where there is nothing. */
static const char *cell(struct qp_explore_ways ways, char text[CELL])
{
    if (ways.seen)
        snprintf(text, CELL, "%" PRIu64 " of %" PRIu64, ways.cancelled, ways.seen);
    else
        snprintf(text, CELL, "-");
    return text;
}

static void print_point(FILE *file, const struct qp_explore_point *point)
{
    char text[CELL];
    fprintf(file, "    %s:%d %s:", point->site ? point->site->file : "a task's beginning",
            point->site ? point->site->line : 0, point->site ? point->site->expr : "");
    for (size_t m = 0; m < QP_MOMENTS; m++)
        if (sum(point, m, QP_BOUNDARIES).seen)
            fprintf(file, "  %s %s", moments[m], cell(sum(point, m, QP_BOUNDARIES), text));
    fputc('\n', file);
}

void coverage_print(FILE *file, const struct qp_explore_tally *tally, bool each)
{
    char text[CELL];
    fprintf(file, "    %-28s", "await points cancelled");
    for (size_t m = 0; m < QP_MOMENTS; m++)
        fprintf(file, " %12s", moments[m]);
    fputc('\n', file);
    for (size_t b = 0; b < QP_BOUNDARIES; b++) {
        if (!count_points(tally, QP_MOMENTS, b).seen)
            continue;
        fprintf(file, "    by %-25s", boundaries[b]);
        for (size_t m = 0; m < QP_MOMENTS; m++)
            fprintf(file, " %12s", cell(count_points(tally, m, b), text));
        fputc('\n', file);
    }
    for (size_t i = 0; each && i < tally->point_count; i++)
        print_point(file, &tally->points[i]);
}

static bool add_moment(cJSON *object, size_t moment, struct qp_explore_ways points)
{
    cJSON *counts = points.seen ? cJSON_AddObjectToObject(object, moments[moment]) : NULL;
    return !points.seen || (counts && add_json_unsigned(counts, "points", points.seen) &&
                            add_json_unsigned(counts, "cancelled", points.cancelled));
}

bool coverage_json(const struct qp_explore_tally *tally, cJSON *object)
{
    for (size_t b = 0; b < QP_BOUNDARIES; b++) {
        cJSON *boundary =
            count_points(tally, QP_MOMENTS, b).seen ? cJSON_AddObjectToObject(object, boundaries[b]) : NULL;
        if (!boundary && count_points(tally, QP_MOMENTS, b).seen)
            return false;
        for (size_t m = 0; boundary && m < QP_MOMENTS; m++)
            if (!add_moment(boundary, m, count_points(tally, m, b)))
                return false;
    }
    return true;
}
