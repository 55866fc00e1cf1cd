/* See output.h. No state. */
#include "tools/output.h"
#include "tools/command.h"
#include "traces/events.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON ---- */

bool add_json_unsigned(cJSON *object, const char *name, uint64_t value)
{
    char text[32];
    if (value < UINT64_C(1) << 53)
        return cJSON_AddNumberToObject(object, name, (double)value) != NULL;
    snprintf(text, sizeof text, "%" PRIu64, value);
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

bool add_json_signed(cJSON *object, const char *name, int64_t value)
{
    char text[32];
    if (value > -(INT64_C(1) << 53) && value < INT64_C(1) << 53)
        return cJSON_AddNumberToObject(object, name, (double)value) != NULL;
    snprintf(text, sizeof text, "%" PRId64, value);
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_site(cJSON *object, const struct qp_site *site)
{
    cJSON *at = site ? cJSON_AddObjectToObject(object, "at") : NULL;
    if (!site)
        return true;
    return at && cJSON_AddStringToObject(at, "file", site->file) && add_json_signed(at, "line", site->line) &&
           cJSON_AddStringToObject(at, "expr", site->expr);
}

/* As in a trace's line. */
static bool add_event(cJSON *array, const struct qp_event *event)
{
    const struct qp_event_info *info = qp_event_describe(event->kind);
    cJSON *object = cJSON_CreateObject();
    if (!object || !cJSON_AddItemToArray(array, object))
        return false;
    if (!add_json_unsigned(object, "seq", event->seq) || !add_json_signed(object, "t", event->time_ns) ||
        !cJSON_AddStringToObject(object, "event", info ? info->name : "unknown") ||
        (event->task && !add_json_unsigned(object, "task", event->task)) ||
        (event->object && !add_json_unsigned(object, "object", event->object)) ||
        (event->future && !add_json_unsigned(object, "future", event->future)) ||
        (event->op && !cJSON_AddStringToObject(object, "op", event->op)) || !add_site(object, event->site))
        return false;
    for (size_t i = 0; info && i < QP_EVENT_FIELDS; i++)
        if (*info->fields[i] && !add_json_unsigned(object, info->fields[i], event->fields[i]))
            return false;
    return true;
}

static bool add_violation(cJSON *array, const struct qp_violation *violation)
{
    cJSON *object = cJSON_CreateObject(), *events;
    if (!object || !cJSON_AddItemToArray(array, object))
        return false;
    if (!cJSON_AddStringToObject(object, "rule", violation->rule->identifier) ||
        !cJSON_AddStringToObject(object, "sentence", violation->rule->sentence) ||
        !cJSON_AddStringToObject(object, "hint", violation->rule->hint) ||
        !cJSON_AddStringToObject(object, "model", violation->state) ||
        !(events = cJSON_AddArrayToObject(object, "events")))
        return false;
    for (size_t i = 0; i < violation->event_count; i++)
        if (!add_event(events, &violation->events[i]))
            return false;
    return true;
}

cJSON *violations_json(const struct qp_checker *checker)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; array && qp_checker_at(checker, i); i++) {
        if (!add_violation(array, qp_checker_at(checker, i))) {
            cJSON_Delete(array);
            return NULL;
        }
    }
    return array;
}

/* Takes the value. Returns owned; NULL: out of memory, as it says. */
static char *text_of_json(cJSON *value)
{
    char *text = value ? cJSON_Print(value) : NULL;
    cJSON_Delete(value);
    if (!text)
        complain("out of memory");
    return text;
}

int print_json(cJSON *value)
{
    char *text = text_of_json(value);
    if (!text)
        return EXIT_BAD_INPUT;
    puts(text);
    cJSON_free(text);
    return EXIT_FINE;
}

int write_json(const char *path, cJSON *value)
{
    char *text = text_of_json(value);
    struct whole_file whole;
    bool written = text && whole_begin(&whole, path);
    if (written) {
        fprintf(whole.file, "%s\n", text);
        written = whole_end(&whole, NULL);
    }
    cJSON_free(text);
    return written ? EXIT_FINE : EXIT_BAD_INPUT;
}

/* ---- JUnit ---- */

/* XML has no way to write most control characters; they become a replacement character. */
static void put_xml(FILE *file, const char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '&')
            fputs("&amp;", file);
        else if (byte == '<')
            fputs("&lt;", file);
        else if (byte == '>')
            fputs("&gt;", file);
        else if (byte == '"')
            fputs("&quot;", file);
        else if (byte == '\n')
            fputs("&#10;", file);
        else if (byte < 0x20 && byte != '\t')
            fputs("\xef\xbf\xbd", file);
        else
            fputc(byte, file);
    }
}

bool junit_begin(struct junit *junit, const char *path)
{
    memset(junit, 0, sizeof *junit);
    if (!path)
        return true;
    if (!whole_begin(&junit->whole, path)) /* at once: a path that is wrong should be known before the work */
        return false;
    junit->memory = open_memstream(&junit->text, &junit->size);
    return junit->memory || whole_end(&junit->whole, "out of memory");
}

void junit_case(struct junit *junit, const char *class_name, const char *name, double seconds,
                enum junit_verdict verdict, const char *message, const char *text)
{
    const char *element = verdict == JUNIT_ERROR ? "error" : "failure";
    if (!junit->memory)
        return;
    junit->cases++;
    junit->failures += verdict == JUNIT_FAILED;
    junit->errors += verdict == JUNIT_ERROR;
    fputs("    <testcase classname=\"", junit->memory);
    put_xml(junit->memory, class_name);
    fputs("\" name=\"", junit->memory);
    put_xml(junit->memory, name);
    fprintf(junit->memory, "\" time=\"%.6f\"", seconds);
    if (verdict == JUNIT_PASSED) {
        fputs("/>\n", junit->memory);
        return;
    }
    fprintf(junit->memory, ">\n      <%s message=\"", element);
    put_xml(junit->memory, message);
    fputs("\">", junit->memory);
    put_xml(junit->memory, text);
    fprintf(junit->memory, "</%s>\n    </testcase>\n", element);
}

bool junit_end(struct junit *junit, const char *suite)
{
    bool made;
    if (!junit->memory)
        return true;
    made = fclose(junit->memory) == 0 && junit->text;
    fprintf(
        junit->whole.file,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        "  <testsuite name=\"%s\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\">\n%s  </testsuite>\n</testsuites>\n",
        suite, junit->cases, junit->failures, junit->errors, made ? junit->text : "");
    free(junit->text);
    return whole_end(&junit->whole, made ? NULL : "out of memory");
}
