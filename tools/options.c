/* See options.h. No state: the table is constant. */
#include "tools/options.h"
#include "tools/ambient.h"
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

bool parse_unsigned(const char *text, uint64_t *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

bool parse_signed(const char *text, int64_t *number)
{
    char *end;
    const char *digits = *text == '-' ? text + 1 : text;
    if (*digits < '0' || *digits > '9')
        return false;
    errno = 0;
    *number = strtoll(text, &end, 10);
    return *end == '\0' && errno == 0;
}

/* ---- how values are read: into `member` of the arguments; false: a sentence was printed ---- */

static bool read_flag(struct arguments *arguments, const char *option, const char *value, void *member)
{
    (void)arguments;
    (void)option;
    (void)value;
    *(bool *)member = true;
    return true;
}

static bool read_text(struct arguments *arguments, const char *option, const char *value, void *member)
{
    (void)arguments;
    if (*value) {
        *(const char **)member = value;
        return true;
    }
    complain("%s takes a value, and it is empty", option);
    return false;
}

static bool read_count(struct arguments *arguments, const char *option, const char *value, void *member)
{
    (void)arguments;
    if (parse_unsigned(value, member) && *(uint64_t *)member)
        return true;
    complain("%s takes a whole number from 1, not '%s'", option, value);
    return false;
}

static bool read_seed(struct arguments *arguments, const char *option, const char *value, void *member)
{
    (void)member;
    arguments->has_seeds = true;
    if (parse_unsigned(value, &arguments->first_seed)) {
        arguments->last_seed = arguments->first_seed;
        return true;
    }
    complain("%s takes a whole number from 0 to 18446744073709551615, not '%s'", option, value);
    return false;
}

static bool read_seeds(struct arguments *arguments, const char *option, const char *value, void *member)
{
    const char *dots = strstr(value, "..");
    char first[32];
    (void)member;
    arguments->has_seeds = true;
    if (dots && (size_t)(dots - value) < sizeof first) {
        memcpy(first, value, (size_t)(dots - value));
        first[dots - value] = '\0';
        if (parse_unsigned(first, &arguments->first_seed) && parse_unsigned(dots + 2, &arguments->last_seed) &&
            arguments->first_seed <= arguments->last_seed)
            return true;
    }
    complain("%s takes a range such as 0..99, not '%s'", option, value);
    return false;
}

static bool read_param(struct arguments *arguments, const char *option, const char *value, void *member)
{
    const char *equals = strchr(value, '=');
    struct qp_param_value *param = &arguments->params[arguments->param_count];
    char *name;
    (void)member;
    if (arguments->param_count == MOST_PARAMS) {
        complain("more than %d %s", MOST_PARAMS, option);
        return false;
    }
    if (!equals || equals == value || !parse_signed(equals + 1, &param->value)) {
        complain("%s takes name=number, not '%s'", option, value);
        return false;
    }
    name = malloc((size_t)(equals - value) + 1);
    if (!name) {
        complain("out of memory");
        return false;
    }
    memcpy(name, value, (size_t)(equals - value));
    name[equals - value] = '\0';
    param->name = name;
    arguments->param_count++;
    return true;
}

static bool read_ambient(struct arguments *arguments, const char *option, const char *value, void *member)
{
    (void)arguments;
    (void)option;
    (void)member;
    return ambient_set(value);
}

/* ---- the table ---- */

struct option {
    const char *name;
    const char *value; /* what it takes; "": nothing, it is a flag */
    bool (*read)(struct arguments *arguments, const char *option, const char *value, void *member);
    size_t member; /* of struct arguments; 0: `read` knows */
};

#define MEMBER(name) offsetof(struct arguments, name)

static const struct option table[] = {
    {"--all", "", read_flag, MEMBER(all)},
    {"--ambient", "MODE", read_ambient, 0},
    {"--cancel", "MODE", read_text, MEMBER(cancel_text)},
    {"--corpus", "DIR", read_text, MEMBER(corpus)},
    {"--depth", "N", read_count, MEMBER(depth)},
    {"--drift", "", read_flag, MEMBER(drift)},
    {"--every", "", read_flag, MEMBER(every)},
    {"--exhaustive", "", read_flag, MEMBER(exhaustive)},
    {"--explain", "RULE", read_text, MEMBER(explain)},
    {"--faults", "LIST", read_text, MEMBER(faults)},
    {"--jobs", "N", read_count, MEMBER(jobs)},
    {"--json", "", read_flag, MEMBER(json)},
    {"--json=", "FILE", read_text, MEMBER(json_file)},
    {"--junit", "FILE", read_text, MEMBER(junit)},
    {"--most", "N", read_count, MEMBER(most)},
    {"--no-check", "", read_flag, MEMBER(no_check)},
    {"--out", "DIR", read_text, MEMBER(out)},
    {"--param", "NAME=VALUE", read_param, 0},
    {"--perfetto", "FILE", read_text, MEMBER(perfetto)},
    {"--quiet", "", read_flag, MEMBER(quiet)},
    {"--real", "", read_flag, MEMBER(real)},
    {"--runs", "N", read_count, MEMBER(runs)},
    {"--seed", "N", read_seed, 0},
    {"--seeds", "A..B", read_seeds, 0},
    {"--shard", "I/N", read_text, MEMBER(shard)},
    {"--strategy", "S", read_text, MEMBER(strategy)},
    {"--table", "", read_flag, MEMBER(table)},
    {"--time", "SECONDS", read_count, MEMBER(seconds)},
    {"--trace", "FILE", read_text, MEMBER(trace)},
    {"--until", "EVENT", read_count, MEMBER(until)},
    {"--view", "", read_flag, MEMBER(view)},
};

static const struct option *find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

bool option_next(const char **at, struct option_use *use)
{
    const char *token = *at + strspn(*at, " ");
    size_t length = strcspn(token, " "), name = strcspn(token, " :");
    *at = token + length;
    if (!length || !(use->option = find(token, name)))
        return false;
    use->name = token;
    use->name_length = (int)(name - (token[name - 1] == '='));
    use->value = name < length ? token + name + 1 : use->option->value;
    use->value_length = (int)(name < length ? length - name - 1 : strlen(use->option->value));
    return true;
}

static const struct option *find_use(const struct command *command, const char *name)
{
    const char *at = command->options;
    struct option_use use;
    while (option_next(&at, &use))
        if (strlen(name) == (size_t)use.name_length && memcmp(use.name, name, strlen(name)) == 0)
            return use.option;
    return NULL;
}

int option_read(const struct command *command, struct arguments *arguments, int argc, char **argv)
{
    const struct option *option;
    const char *equals = strchr(argv[0], '='), *value = equals ? equals + 1 : argv[1];
    size_t length = equals ? (size_t)(equals - argv[0]) : strlen(argv[0]);
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)(length < 31 ? length : 31), argv[0]);
    option = find_use(command, strcmp(name, "-o") == 0 ? "--out" : name);
    if (!option) {
        complain("'%s' takes no option %s (quipu %s --help lists what it takes)", command->name, name, command->name);
        return 0;
    }
    if (*option->value && !equals && argc < 2) {
        complain("%s takes a value", name);
        return 0;
    }
    if (!*option->value && equals) {
        complain("%s takes no value", name);
        return 0;
    }
    if (!option->read(arguments, name, value, (char *)arguments + option->member))
        return 0;
    return *option->value && !equals ? 2 : 1;
}
