/* quipu_main: finds the command, parses its arguments, and calls it. Holds no state beyond a call. */
#include "tools/options.h"
#include <errno.h>
#include <quipu/version.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct command *const commands[] = {
    &list_command,  &run_command,  &replay_command, &explore_command, &fuzz_command, &merge_command,  &shrink_command,
    &check_command, &diff_command, &verify_command, &view_command,    &show_command, &export_command, &help_command};
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

/* ---- arguments ---- */

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
            used = option_read(command, arguments, argc - i, argv + i);
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

/* ---- */

const struct command *command_at(size_t index)
{
    return index < COMMANDS ? commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* What was printed may have been lost on the way. Returns the status that is left. */
static int printed(int status)
{
    bool lost = ferror(stdout) != 0;
    errno = 0;
    if (fflush(stdout) == 0 && !lost)
        return status;
    return complain("cannot write to standard output: %s", errno ? strerror(errno) : "some of it was lost");
}

static int help_with(const struct command *command, const char *program)
{
    print_help(command, program);
    return EXIT_FINE;
}

static int dispatch(const struct command *command, const char *program, int argc, char **argv)
{
    struct arguments arguments = {.program = program};
    int status = EXIT_BAD_INPUT;
    if (parse(command, &arguments, argc, argv))
        status = arguments.help ? help_with(command, program) : command->run(&arguments);
    release(&arguments);
    return printed(status);
}

int quipu_main(int argc, char **argv)
{
    const char *program = argc > 0 && argv[0] ? argv[0] : "quipu";
    const struct command *command;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not become so large is one that cannot be written, like any other */
    if (argc < 2) {
        print_usage(stderr, program);
        return EXIT_BAD_INPUT;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(stdout, program);
        return printed(EXIT_FINE);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("quipu %s\n", qp_version());
        return printed(EXIT_FINE);
    }
    command = command_find(argv[1]);
    if (!command)
        return complain("there is no command '%s' (%s --help lists them)", argv[1], program);
    return dispatch(command, program, argc - 2, argv + 2);
}
