/* quipu_main: finds the command, parses its arguments, and calls it. Holds no state beyond a call. */
#include "tools/command.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct command *const commands[] = {&list_command,   &run_command,   &replay_command, &explore_command,
                                                 &shrink_command, &check_command, &diff_command,   &verify_command};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int complain(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("quipu: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_BAD_INPUT;
}

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

/* ---- options ---- */

static bool parse_seed(struct arguments *arguments, const char *value)
{
    arguments->has_seeds = true;
    if (parse_unsigned(value, &arguments->first_seed)) {
        arguments->last_seed = arguments->first_seed;
        return true;
    }
    complain("--seed takes a whole number from 0 to 18446744073709551615, not '%s'", value);
    return false;
}

static bool parse_seeds(struct arguments *arguments, const char *value)
{
    const char *dots = strstr(value, "..");
    char first[32];
    arguments->has_seeds = true;
    if (dots && (size_t)(dots - value) < sizeof first) {
        memcpy(first, value, (size_t)(dots - value));
        first[dots - value] = '\0';
        if (parse_unsigned(first, &arguments->first_seed) && parse_unsigned(dots + 2, &arguments->last_seed) &&
            arguments->first_seed <= arguments->last_seed)
            return true;
    }
    complain("--seeds takes a range such as 0..99, not '%s'", value);
    return false;
}

static bool parse_param(struct arguments *arguments, const char *value)
{
    const char *equals = strchr(value, '=');
    struct qp_param_value *param = &arguments->params[arguments->param_count];
    char *name;
    if (arguments->param_count == MOST_PARAMS) {
        complain("more than %d --param", MOST_PARAMS);
        return false;
    }
    if (!equals || equals == value || !parse_signed(equals + 1, &param->value)) {
        complain("--param takes name=number, not '%s'", value);
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

static bool parse_text(const char *option, const char *value, const char **text)
{
    if (*value) {
        *text = value;
        return true;
    }
    complain("%s takes a value, and it is empty", option);
    return false;
}

static bool parse_flag(struct arguments *arguments, const char *option)
{
    if (strcmp(option, "--all") == 0)
        arguments->all = true;
    else if (strcmp(option, "--json") == 0)
        arguments->json = true;
    else if (strcmp(option, "--quiet") == 0)
        arguments->quiet = true;
    else if (strcmp(option, "--every") == 0)
        arguments->every = true;
    else if (strcmp(option, "--real") == 0)
        arguments->real = true;
    else if (strcmp(option, "--exhaustive") == 0)
        arguments->exhaustive = true;
    else if (strcmp(option, "--no-check") == 0)
        arguments->no_check = true;
    else
        return false;
    return true;
}

static bool parse_count(const char *option, const char *value, uint64_t *number)
{
    if (parse_unsigned(value, number) && *number)
        return true;
    complain("%s takes a whole number from 1, not '%s'", option, value);
    return false;
}

static bool parse_valued(struct arguments *arguments, const char *option, const char *value)
{
    if (strcmp(option, "--seed") == 0)
        return parse_seed(arguments, value);
    if (strcmp(option, "--seeds") == 0)
        return parse_seeds(arguments, value);
    if (strcmp(option, "--param") == 0)
        return parse_param(arguments, value);
    if (strcmp(option, "--runs") == 0)
        return parse_count(option, value, &arguments->runs);
    if (strcmp(option, "--time") == 0)
        return parse_count(option, value, &arguments->seconds);
    if (strcmp(option, "--depth") == 0)
        return parse_count(option, value, &arguments->depth);
    if (strcmp(option, "--jobs") == 0)
        return parse_count(option, value, &arguments->jobs);
    if (strcmp(option, "--most") == 0)
        return parse_count(option, value, &arguments->most);
    if (strcmp(option, "--cancel") == 0)
        return parse_text(option, value, &arguments->cancel_text);
    if (strcmp(option, "--faults") == 0)
        return parse_text(option, value, &arguments->faults);
    if (strcmp(option, "--strategy") == 0)
        return parse_text(option, value, &arguments->strategy);
    if (strcmp(option, "--json") == 0)
        return parse_text(option, value, &arguments->json_file);
    if (strcmp(option, "--explain") == 0) {
        arguments->explain = value;
        return true;
    }
    if (strcmp(option, "--trace") == 0)
        return parse_text(option, value, &arguments->trace);
    if (strcmp(option, "--junit") == 0)
        return parse_text(option, value, &arguments->junit);
    return parse_text(option, value, &arguments->out);
}

static bool takes(const struct command *command, const char *option, const char *mark)
{
    char padded[64];
    if (strlen(option) + 4 > sizeof padded)
        return false;
    snprintf(padded, sizeof padded, " %s%s ", option, mark);
    return strstr(command->options, padded) != NULL;
}

/* One option, whose value may be the next argument or stand behind '='. Returns how many arguments it was; 0: bad. */
static int parse_option(const struct command *command, struct arguments *arguments, int argc, char **argv)
{
    char option[32];
    const char *equals = strchr(argv[0], '=');
    size_t length = equals ? (size_t)(equals - argv[0]) : strlen(argv[0]);
    snprintf(option, sizeof option, "%.*s", (int)(length < 31 ? length : 31), argv[0]);
    if (!takes(command, option, "") && !takes(command, option, "=")) {
        complain("'%s' takes no option %s (quipu %s --help lists what it takes)", command->name, option, command->name);
        return 0;
    }
    if (!takes(command, option, "=") && parse_flag(arguments, option)) {
        if (!equals)
            return 1;
        complain("%s takes no value", option);
        return 0;
    }
    if (equals)
        return parse_valued(arguments, option, equals + 1) ? 1 : 0;
    if (argc < 2) {
        complain("%s takes a value", option);
        return 0;
    }
    return parse_valued(arguments, option, argv[1]) ? 2 : 0;
}

static bool parse(const struct command *command, struct arguments *arguments, int argc, char **argv)
{
    bool only_names = false;
    int i = 0;
    arguments->names = calloc((size_t)argc + 1, sizeof *arguments->names);
    if (!arguments->names) {
        complain("out of memory");
        return false;
    }
    while (i < argc) {
        int used = 1;
        if (!only_names && strcmp(argv[i], "--") == 0)
            only_names = true;
        else if (!only_names && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0))
            arguments->help = true;
        else if (!only_names && argv[i][0] == '-' && argv[i][1])
            used = parse_option(command, arguments, argc - i, argv + i);
        else
            arguments->names[arguments->name_count++] = argv[i];
        if (!used)
            return false;
        i += used;
    }
    return true;
}

static void release(struct arguments *arguments)
{
    size_t i;
    for (i = 0; i < arguments->param_count; i++)
        free((char *)(uintptr_t)arguments->params[i].name);
    free(arguments->names);
}

/* ---- help ---- */

static void print_usage(FILE *file, const char *program)
{
    size_t i;
    fprintf(file, "Usage: %s COMMAND [ARGUMENTS]\n\n", program);
    fputs("Runs asynchronous programs on a virtual clock, from a seed.\n\n", file);
    for (i = 0; i < COMMANDS; i++)
        fprintf(file, "  %s %s\n", commands[i]->name, commands[i]->synopsis);
    fprintf(file, "\n'%s COMMAND --help' says more.\n", program);
    fputs("Exit status: 0 fine; 1 a scenario failed or a contract was broken; 2 usage or bad input; 3 a replay "
          "diverged.\n",
          file);
}

static int print_help(const struct command *command, const char *program)
{
    printf("Usage: %s %s %s\n\n%s", program, command->name, command->synopsis, command->help);
    return EXIT_FINE;
}

/* ---- */

static const struct command *find(const char *name)
{
    size_t i;
    for (i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int dispatch(const struct command *command, const char *program, int argc, char **argv)
{
    struct arguments arguments = {.program = program};
    int status = EXIT_BAD_INPUT;
    if (parse(command, &arguments, argc, argv))
        status = arguments.help ? print_help(command, program) : command->run(&arguments);
    release(&arguments);
    if (fflush(stdout) != 0 && status == EXIT_FINE)
        return complain("cannot write to standard output: %s", strerror(errno));
    return status;
}

int quipu_main(int argc, char **argv)
{
    const char *program = argc > 0 && argv[0] ? argv[0] : "quipu";
    const struct command *command;
    if (argc < 2) {
        print_usage(stderr, program);
        return EXIT_BAD_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout, program);
        return EXIT_FINE;
    }
    command = find(argv[1]);
    if (!command)
        return complain("there is no command '%s' (%s --help lists them)", argv[1], program);
    return dispatch(command, program, argc - 2, argv + 2);
}
