/*
 * `quipu check`: holds recorded traces, of this library or of any other runtime, against the contracts of the surface.
 */
#include "tools/command.h"
#include "tools/output.h"
#include "traces/reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 8192, NAME_SIZE = 256 };

/* What is known of a file when it was read. */
struct checked {
    struct qp_checker *checker;
    const char *file;
    char scenario[NAME_SIZE];
    bool is_program;
    uint64_t events;
    char error[512]; /* why it is no whole trace; empty: it is one */
};

struct outputs {
    cJSON *files; /* NULL: text is wanted */
    struct junit junit;
    int status;
};

/* ---- rules ---- */

static void print_rule(const struct qp_rule *rule)
{
    printf("%s: %s\n  look at: %s\n", rule->identifier, rule->sentence, rule->hint);
}

static int explain(const char *identifier)
{
    const struct qp_rule *rule = qp_rule_find(identifier);
    if (rule) {
        print_rule(rule);
        return EXIT_FINE;
    }
    if (strcmp(identifier, "all") != 0)
        return complain("there is no rule '%s' (check --explain all prints those that there are)", identifier);
    for (size_t i = 0; i < qp_rule_count(); i++)
        print_rule(qp_rule_at(i));
    return EXIT_FINE;
}

/* ---- one file ---- */

static void on_header(void *context, const struct qp_trace_meta *meta)
{
    struct checked *self = context;
    self->is_program = meta->main != NULL;
    snprintf(self->scenario, sizeof self->scenario, "%s", meta->main ? meta->main : meta->scenario);
    qp_checker_expect(self->checker, meta->expected);
}

static void on_event(void *context, const struct qp_event *event)
{
    struct checked *self = context;
    self->events++;
    qp_checker_event(self->checker, event);
}

static void on_summary(void *context, const struct qp_trace_meta *meta, uint64_t digest)
{
    (void)meta;
    (void)digest;
    qp_checker_finish(((struct checked *)context)->checker, true);
}

static void read_file(struct checked *self)
{
    struct qp_trace_handler handler = {.context = self, .header = on_header, .event = on_event, .summary = on_summary};
    qp_checker_reset(self->checker);
    self->error[0] = self->scenario[0] = '\0';
    self->events = 0;
    if (!qp_trace_read(self->file, &handler, self->error, sizeof self->error))
        qp_checker_file(self->checker, self->error);
    else if (qp_checker_is_full(self->checker))
        snprintf(self->error, sizeof self->error, "%s: cannot be checked to the end: out of memory", self->file);
}

static int status_of(const struct checked *self)
{
    if (self->error[0])
        return EXIT_BAD_INPUT;
    return qp_checker_count(self->checker) ? EXIT_FAILED : EXIT_FINE;
}

/* ---- what is said of it ---- */

static void print_violations_of(const struct checked *self, FILE *file, const char *program)
{
    char text[TEXT_SIZE];
    for (size_t i = 0; qp_checker_at(self->checker, i); i++) {
        const struct qp_violation *violation = qp_checker_at(self->checker, i);
        if (violation->id == QP_RULE_TRACE_FILE_1)
            continue; /* complained of */
        qp_checker_print(violation, text, sizeof text);
        fprintf(file, "%s: %s", self->file, text);
        if (self->is_program)
            fprintf(file, "  replay: QUIPU_REPLAY=%s %s\n", self->file, self->scenario);
        else if (*self->scenario && qp_scenario_find(self->scenario))
            fprintf(file, "  replay: %s replay %s\n", program, self->file);
    }
}

static void say_text(const struct checked *self, const struct arguments *arguments)
{
    print_violations_of(self, stdout, arguments->program);
    if (self->error[0])
        complain("%s", self->error);
    else if (status_of(self) == EXIT_FINE && !arguments->quiet)
        printf("%s: %" PRIu64 " events of %s, no rule broken\n", self->file, self->events,
               *self->scenario ? self->scenario : "a run");
}

static bool say_json(const struct checked *self, cJSON *files)
{
    cJSON *object = cJSON_CreateObject(), *violations;
    if (!object || !cJSON_AddItemToArray(files, object))
        return false;
    violations = violations_json(self->checker);
    return violations && cJSON_AddItemToObject(object, "violations", violations) &&
           cJSON_AddStringToObject(object, "file", self->file) &&
           cJSON_AddStringToObject(object, "scenario", self->scenario) &&
           add_json_unsigned(object, "events", self->events) &&
           (!self->error[0] || cJSON_AddStringToObject(object, "error", self->error));
}

static void say_junit(const struct checked *self, struct junit *junit, double seconds, const char *program)
{
    static const enum junit_verdict verdicts[] = {JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR};
    const struct qp_violation *first = qp_checker_at(self->checker, 0);
    const char *message = self->error[0] ? self->error : first ? first->rule->sentence : "";
    char *text = NULL;
    size_t size;
    FILE *memory = junit->memory ? open_memstream(&text, &size) : NULL;
    if (memory) {
        print_violations_of(self, memory, program);
        fclose(memory);
    }
    junit_case(junit, *self->scenario ? self->scenario : "trace", self->file, seconds, verdicts[status_of(self)],
               message, text ? text : "");
    free(text);
}

static void check_file(struct checked *self, struct arguments *arguments, struct outputs *outputs)
{
    double began = seconds_now();
    int status;
    read_file(self);
    status = status_of(self);
    say_junit(self, &outputs->junit, seconds_now() - began, arguments->program);
    if (outputs->files && !say_json(self, outputs->files))
        status = complain("out of memory");
    else if (!outputs->files)
        say_text(self, arguments);
    if (status > outputs->status)
        outputs->status = status;
}

static int check_files(struct arguments *arguments)
{
    struct checked checked = {.checker = qp_checker_create()};
    struct outputs outputs = {.files = arguments->json ? cJSON_CreateArray() : NULL};
    if (!checked.checker || (arguments->json && !outputs.files)) {
        qp_checker_destroy(checked.checker);
        return complain("out of memory");
    }
    if (!junit_begin(&outputs.junit, arguments->junit)) {
        outputs.status = EXIT_BAD_INPUT;
    } else {
        for (size_t i = 0; i < arguments->name_count; i++) {
            checked.file = arguments->names[i];
            check_file(&checked, arguments, &outputs);
        }
        if (!junit_end(&outputs.junit, "quipu check"))
            outputs.status = EXIT_BAD_INPUT;
    }
    if (outputs.files && print_json(outputs.files) != EXIT_FINE)
        outputs.status = EXIT_BAD_INPUT;
    qp_checker_destroy(checked.checker);
    return outputs.status;
}

static int check(struct arguments *arguments)
{
    if (arguments->explain && arguments->name_count)
        return complain("'check' explains a rule or checks files, not both");
    if (arguments->explain)
        return explain(arguments->explain);
    if (!arguments->name_count)
        return complain("'check' takes the files of traces, or --explain RULE");
    return check_files(arguments);
}

const struct command check_command = {
    "check", "FILE...|--explain RULE|--explain all [--json] [--junit FILE] [--quiet]",
    " --explain:all|RULE --json --junit --quiet ",
    "Holds traces, written by this library or by any other runtime, against the contracts of the surface (SPEC.md), "
    "and\n"
    "says for each rule that is broken which events break it and what the object was like.\n\n"
    "  --explain RULE    prints the rule and what to look at; 'all': every rule\n"
    "  --json            prints a JSON array: for each file its violations\n"
    "  --junit FILE      writes JUnit XML: a test case for each file\n"
    "  --quiet           prints nothing of files that are fine\n"
    "Exit status 0: no rule is broken; 1: one is; 2: a file is no whole trace.\n",
    check};
