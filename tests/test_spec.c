/*
 * SPEC.md and the checker have the same rules: each rule of traces/rules.def stands in a line of section 7 with its
 * sentence, and each line there is a rule.
 */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    const char *identifier, *sentence;
};

static const struct rule rules[] = {
#define RULE(ident, identifier, sentence, hint) {identifier, sentence},
#include "traces/rules.def"
#undef RULE
};
enum { RULES = sizeof rules / sizeof rules[0] };

static char *read_file(const char *name)
{
    FILE *file = fopen(name, "r"); /* tests run at the top of the checkout */
    char *text;
    size_t length;
    assert_non_null(file);
    text = malloc(1 << 20);
    assert_non_null(text);
    length = fread(text, 1, (1 << 20) - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

static void every_rule_stands_in_the_specification(void **state)
{
    char *spec = read_file("SPEC.md"), line[1024];
    size_t i;
    (void)state;
    for (i = 0; i < RULES; i++) {
        snprintf(line, sizeof line, "\n| `%s` | %s |\n", rules[i].identifier, rules[i].sentence);
        if (!strstr(spec, line))
            fail_msg("SPEC.md has no line for %s with the sentence: %s", rules[i].identifier, rules[i].sentence);
    }
    free(spec);
}

static bool is_rule(const char *name, size_t length)
{
    size_t i;
    for (i = 0; i < RULES; i++)
        if (strlen(rules[i].identifier) == length && memcmp(rules[i].identifier, name, length) == 0)
            return true;
    return false;
}

static void every_line_of_the_specification_is_a_rule(void **state)
{
    char *spec = read_file("SPEC.md"), *at = strstr(spec, "\n## 7.");
    size_t lines = 0;
    (void)state;
    assert_non_null(at);
    while ((at = strstr(at, "\n| `")) != NULL) {
        size_t length = strcspn(at + 4, "`");
        if (!is_rule(at + 4, length))
            fail_msg("SPEC.md has a rule %.*s that the checker does not know", (int)length, at + 4);
        lines++;
        at += 4;
    }
    assert_int_equal(lines, RULES);
    free(spec);
}

static void no_rule_stands_twice(void **state)
{
    size_t i, k;
    (void)state;
    for (i = 0; i < RULES; i++)
        for (k = i + 1; k < RULES; k++)
            assert_string_not_equal(rules[i].identifier, rules[k].identifier);
}

/* The rows of the surface: the words of a heading of section 7, and what an example of its rules has to show. */
static const struct {
    const char *heading, *shown;
} rows[] = {
    {"sleep, sleep_ms", "op=sleep"},
    {"timeout, timeout_ms", "op=timeout "},
    {"timeout_join, timeout_join_ms", "op=timeout_join"},
    {"spawn;", "task.spawned"},
    {"yield_now", "op=yield"},
    {"await handle", "task.joined"},
    {"drop of the handle", "task.detached"},
    {"is_finished", "task.is_finished"},
    {"handle.abort()", "task.abort_requested"},
    {"a panic in a task", "TASK-PANIC-1"},
    {"spawn_blocking", "blocking.started"},
    {"bounded: send", "op=send"},
    {"try_send", "op=try_send"},
    {"clone, is_closed", "op=is_closed"},
    {"channels: length, dropped", "op=length"},
    {"channels: length, dropped", "op=dropped"},
    {"reserve", "op=reserve"},
    {"permit.send", "op=permit_send"},
    {"a dropped permit", "style=4"},
    {"recv, order", "op=recv"},
    {"recv, order", "op=try_recv"},
    {"the end;", "CHAN-END-1"},
    {"cloned receivers", "sending=0"},
    {"rx.close()", "object.closed"},
    {"receiver dropped", "end.dropped"},
    {"slots", "CHAN-SLOTS-1"},
    {"channels: unbounded", "unbounded channel"},
    {"channels: one-shot", "op=oneshot_send"},
    {"channels: one-shot", "op=oneshot_recv"},
    {"sync: mutex", "op=lock"},
    {"sync: mutex", "op=try_lock"},
    {"sync: mutex", "value.set"},
    {"sync: readers-writer lock", "op=read"},
    {"sync: readers-writer lock", "op=write"},
    {"sync: readers-writer lock", "op=try_read"},
    {"sync: semaphore", "op=acquire"},
    {"sync: semaphore", "op=try_acquire"},
    {"sync: semaphore", "op=available_permits"},
    {"sync: semaphore", "permits.added"},
    {"sync: semaphore", "hold.forgotten"},
    {"sync: barrier", "barrier.crossed"},
    {"race(arm, ...)", "race.won"},
    {"race for value", "op=race"},
    {"race: join_all", "op=join_all"},
    {"race: join_all", "status.given"},
    {"select_timeout, race_timeout", "op=timeout "},
    {"runtime: main, shutdown", "runtime.closing"},
};

/* Whether a heading of section 7 has these words. */
static bool is_headed(const char *spec, const char *words)
{
    const char *at = strstr(spec, "\n## 7.");
    while (at && (at = strstr(at, "\n### ")) != NULL) {
        size_t length = strcspn(at + 1, "\n");
        const char *found = strstr(at + 1, words);
        if (found && found < at + 1 + length)
            return true;
        at++;
    }
    return false;
}

static void every_row_of_the_surface_has_rules(void **state)
{
    char *spec = read_file("SPEC.md"), *examples = read_file("tests/rules.txt");
    size_t i;
    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!is_headed(spec, rows[i].heading))
            fail_msg("no heading of SPEC.md, section 7, covers: %s", rows[i].heading);
        if (!strstr(examples, rows[i].shown))
            fail_msg("no example in tests/rules.txt shows: %s", rows[i].shown);
    }
    free(examples);
    free(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_stands_in_the_specification),
        cmocka_unit_test(every_line_of_the_specification_is_a_rule),
        cmocka_unit_test(no_rule_stands_twice),
        cmocka_unit_test(every_row_of_the_surface_has_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
