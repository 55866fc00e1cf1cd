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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_stands_in_the_specification),
        cmocka_unit_test(every_line_of_the_specification_is_a_rule),
        cmocka_unit_test(no_rule_stands_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
