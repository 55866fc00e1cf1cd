/*
 * `quipu merge`: joins what the shards of an exploration wrote with --json.
 *
 * Each scenario's numbers add up; of its failures that of the first case counts, which is the one that a run without
 * shards would have told of. Await points are not named there: of these it tells the most that one shard saw.
 */
#include "tools/output.h"
#include "tools/selection.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHARDS = 4096, MOST_BYTES = 1 << 28 };

static const char *const added[] = {"executions", "redundant", "blocked", "steps"};
static const char *const highest[] = {"await_points", "cancelled_points"};
static const char *const same[] = {"strategy", "seed", "runs"};

enum { ADDED = sizeof added / sizeof *added, HIGHEST = sizeof highest / sizeof *highest };
enum { SAME = sizeof same / sizeof *same };

/* ---- reading ---- */

static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t size = 0, room = 1 << 16, got = 1;
    if (!file) {
        complain("%s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    while (got) {
        char *longer = realloc(text, room + 1);
        if (!longer)
            free(text);
        text = longer;
        if (!text)
            break;
        got = fread(text + size, 1, room - size, file);
        size += got;
        if (size == room)
            room *= 2;
        if (size > MOST_BYTES)
            got = 0;
    }
    fclose(file);
    if (!text)
        complain("out of memory");
    else
        text[size] = '\0';
    return text;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

/* As add_json_unsigned wrote it; false: there is none. */
static bool number_of(const cJSON *object, const char *name, uint64_t *number)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_IsString(item))
        return parse_unsigned(item->valuestring, number);
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > 9007199254740992.0)
        return false;
    *number = (uint64_t)item->valuedouble;
    return true;
}

static bool is_result(const cJSON *object)
{
    uint64_t number;
    for (size_t i = 0; i < ADDED; i++)
        if (!number_of(object, added[i], &number))
            return false;
    for (size_t i = 0; i < HIGHEST; i++)
        if (!number_of(object, highest[i], &number))
            return false;
    return *text_of(object, "name") && *text_of(object, "shard") && number_of(object, "failures", &number);
}

/* Returns owned: the array of a file; NULL: a sentence was printed. */
static cJSON *read_results(const char *path)
{
    char *text = read_whole(path);
    cJSON *array = text ? cJSON_Parse(text) : NULL;
    const cJSON *object;
    bool fine = cJSON_IsArray(array) && cJSON_GetArraySize(array) > 0;
    cJSON_ArrayForEach(object, array) fine = fine && is_result(object);
    if (text && !fine)
        complain("%s is not what explore --json writes", path);
    free(text);
    if (fine)
        return array;
    cJSON_Delete(array);
    return NULL;
}

/* ---- whether they belong together ---- */

static bool same_value(const cJSON *a, const cJSON *b, const char *name)
{
    return cJSON_Compare(cJSON_GetObjectItemCaseSensitive(a, name), cJSON_GetObjectItemCaseSensitive(b, name), true);
}

static const cJSON *find(const cJSON *array, const char *name)
{
    const cJSON *object;
    cJSON_ArrayForEach(object, array) if (strcmp(text_of(object, "name"), name) == 0) return object;
    return NULL;
}

static bool parse_shard(const char *text, uint64_t *index, uint64_t *count)
{
    return sscanf(text, "%" SCNu64 "/%" SCNu64, index, count) == 2 && *index >= 1 && *index <= *count &&
           *count <= MOST_SHARDS;
}

/* The same scenarios, explored in the same way. */
static bool belong_together(const char *path, const cJSON *array, const char *first_path, const cJSON *first)
{
    const cJSON *object, *other;
    if (cJSON_GetArraySize(array) != cJSON_GetArraySize(first)) {
        complain("%s and %s are of other scenarios", first_path, path);
        return false;
    }
    cJSON_ArrayForEach(object, array)
    {
        other = find(first, text_of(object, "name"));
        if (!other) {
            complain("%s has %s, and %s does not", path, text_of(object, "name"), first_path);
            return false;
        }
        for (size_t i = 0; i < SAME; i++) {
            if (!same_value(object, other, same[i])) {
                complain("%s and %s were explored in other ways: %s", first_path, path, same[i]);
                return false;
            }
        }
    }
    return true;
}

/* Each of the shards once. */
static bool are_whole(const struct arguments *arguments, cJSON *const *arrays)
{
    unsigned char here[MOST_SHARDS + 1] = {0};
    uint64_t index, count = 0, total = 0;
    for (size_t i = 0; i < arguments->name_count; i++) {
        if (!parse_shard(text_of(cJSON_GetArrayItem(arrays[i], 0), "shard"), &index, &count) ||
            (total && count != total)) {
            complain("%s is of other shards than %s", arguments->names[i], arguments->names[0]);
            return false;
        }
        total = count;
        if (here[index]++) {
            complain("shard %" PRIu64 "/%" PRIu64 " is there twice: %s", index, total, arguments->names[i]);
            return false;
        }
    }
    for (index = 1; index <= total; index++) {
        if (!here[index]) {
            complain("shard %" PRIu64 "/%" PRIu64 " is missing", index, total);
            return false;
        }
    }
    return true;
}

/* ---- joining ---- */

static bool set_number(cJSON *object, const char *name, uint64_t value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    return add_json_unsigned(object, name, value);
}

/* What is proved of all is the least that is proved of one. */
static const char *weaker(const char *a, const char *b)
{
    static const char *const order[] = {"sampled", "bounded", "complete"};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (strcmp(order[i], a) == 0 || strcmp(order[i], b) == 0)
            return order[i];
    return a;
}

/* The one of the first case. */
static bool take_failure(cJSON *into, const cJSON *from)
{
    uint64_t failures = 0, theirs = 0, number = 0, other = 0;
    number_of(into, "failures", &failures);
    number_of(from, "failures", &theirs);
    if (!theirs || (number_of(into, "case", &number), number_of(from, "case", &other), failures && number <= other))
        return true;
    cJSON_DeleteItemFromObjectCaseSensitive(into, "failure");
    return set_number(into, "failures", 1) && set_number(into, "case", other) &&
           cJSON_AddStringToObject(into, "failure", text_of(from, "failure")) != NULL;
}

/* An exhaustive search is another shard's, or this one's: those that did not search proved nothing, and nothing less.
 */
static bool has_nothing(const cJSON *object)
{
    uint64_t executions = 0;
    number_of(object, "executions", &executions);
    return !executions;
}

static bool join(cJSON *into, const cJSON *from)
{
    uint64_t a, b;
    const char *proved = has_nothing(into)   ? text_of(from, "proved")
                         : has_nothing(from) ? text_of(into, "proved")
                                             : weaker(text_of(into, "proved"), text_of(from, "proved"));
    cJSON *proof = cJSON_CreateString(proved);
    if (!proof || !cJSON_ReplaceItemInObjectCaseSensitive(into, "proved", proof))
        return false;
    for (size_t i = 0; i < ADDED; i++)
        if (!number_of(into, added[i], &a) || !number_of(from, added[i], &b) || !set_number(into, added[i], a + b))
            return false;
    for (size_t i = 0; i < HIGHEST; i++)
        if (!number_of(into, highest[i], &a) || !number_of(from, highest[i], &b) ||
            !set_number(into, highest[i], a > b ? a : b))
            return false;
    return take_failure(into, from);
}

/* Joins all into the first. */
static bool join_all(cJSON *first, cJSON *const *arrays, size_t count)
{
    cJSON *object;
    cJSON_ArrayForEach(object, first)
    {
        for (size_t i = 1; i < count; i++)
            if (!join(object, find(arrays[i], text_of(object, "name"))))
                return complain("out of memory") == EXIT_FINE;
        cJSON_DeleteItemFromObjectCaseSensitive(object, "coverage");
        cJSON_DeleteItemFromObjectCaseSensitive(object, "shard");
        if (!cJSON_AddStringToObject(object, "shard", "1/1"))
            return complain("out of memory") == EXIT_FINE;
    }
    return true;
}

/* ---- what is said ---- */

static size_t say(const cJSON *array, bool quiet)
{
    const cJSON *object;
    size_t failed = 0;
    uint64_t all = 0;
    cJSON_ArrayForEach(object, array)
    {
        uint64_t executions = 0, failures = 0;
        number_of(object, "executions", &executions);
        number_of(object, "failures", &failures);
        failed += failures > 0;
        all += executions;
        if (!quiet || failures)
            printf("%-38s %9" PRIu64 " executions  %s\n%s", text_of(object, "name"), executions,
                   failures ? "FAILED" : text_of(object, "proved"), failures ? text_of(object, "failure") : "");
    }
    printf("%d scenarios, %zu failed; %" PRIu64 " executions\n", cJSON_GetArraySize(array), failed, all);
    return failed;
}

static bool write_junit(const cJSON *array, const char *path)
{
    struct junit junit;
    const cJSON *object;
    if (!junit_begin(&junit, path))
        return false;
    cJSON_ArrayForEach(object, array)
    {
        uint64_t failures = 0;
        number_of(object, "failures", &failures);
        junit_case(&junit, "quipu explore", text_of(object, "name"), 0, failures ? JUNIT_FAILED : JUNIT_PASSED,
                   failures ? "an execution failed" : "", text_of(object, "failure"));
    }
    return junit_end(&junit, "quipu explore");
}

static int merge_read(const struct arguments *arguments, cJSON **arrays)
{
    size_t failed;
    for (size_t i = 0; i < arguments->name_count; i++)
        if (!(arrays[i] = read_results(arguments->names[i])) ||
            !belong_together(arguments->names[i], arrays[i], arguments->names[0], arrays[0]))
            return EXIT_BAD_INPUT;
    if (!are_whole(arguments, arrays) || !join_all(arrays[0], arrays, arguments->name_count))
        return EXIT_BAD_INPUT;
    failed = say(arrays[0], arguments->quiet);
    if (!write_junit(arrays[0], arguments->junit))
        return EXIT_BAD_INPUT;
    if (arguments->json_file) {
        cJSON *result = arrays[0];
        arrays[0] = NULL;
        if (write_json(arguments->json_file, result) != EXIT_FINE)
            return EXIT_BAD_INPUT;
    }
    return failed ? EXIT_FAILED : EXIT_FINE;
}

static int merge(struct arguments *arguments)
{
    cJSON **arrays;
    int status;
    if (!arguments->name_count)
        return complain("merge takes the files that the shards wrote with --json");
    arrays = calloc(arguments->name_count, sizeof(cJSON *));
    if (!arrays)
        return complain("out of memory");
    status = merge_read(arguments, arrays);
    for (size_t i = 0; i < arguments->name_count; i++)
        cJSON_Delete(arrays[i]);
    free(arrays);
    return status;
}

const struct command merge_command = {
    "merge", "FILE... [--json FILE] [--junit FILE] [--quiet]", " --json= --junit --quiet ",
    "Joins the results of all shards of an exploration, as explore --shard I/N --json wrote them: the numbers add up, "
    "and\n"
    "of the failures of a scenario the first case counts, as if there had been no shards.\n\n"
    "  --json FILE       the same form again, for the whole\n"
    "  --junit FILE      the same as JUnit XML\n"
    "  --quiet           prints only what failed, and the sums\n"
    "Exit status 0: nothing failed; 1: something did; 2: a shard is missing, is there twice, or is of something "
    "else.\n",
    merge};
