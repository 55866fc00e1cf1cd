/*
 * `quipu help`: what there is and what it does; for people, and as a table for completion and manual. No state: all of
 * it is what the commands say of themselves.
 */
#include "tools/options.h"
#include <string.h>

void print_usage(FILE *file, const char *program)
{
    const struct command *command;
    fprintf(file, "Usage: %s COMMAND [ARGUMENTS]\n\n", program);
    fputs("Runs asynchronous programs on a virtual clock, from a seed.\n\n", file);
    for (size_t i = 0; (command = command_at(i)) != NULL; i++)
        fprintf(file, "  %s %s\n", command->name, command->synopsis);
    fprintf(file, "\n'%s help COMMAND' says more; '%s --version' which one it is.\n", program, program);
    fputs("Exit status: 0 fine; 1 a scenario failed or a contract was broken; 2 usage or bad input; 3 a replay "
          "diverged.\n",
          file);
}

void print_help(const struct command *command, const char *program)
{
    printf("Usage: %s %s %s\n\n%s", program, command->name, command->synopsis, command->help);
}

/* ---- the table ---- */

/* The first sentence of a text, in one line. */
static void print_sentence(const char *text)
{
    for (; *text && strncmp(text, ".\n", 2) != 0 && strncmp(text, ". ", 2) != 0; text++)
        putchar(*text == '\n' || *text == '\t' ? ' ' : *text);
}

/* Where the help describes an option: behind what it takes. "": nowhere. */
static const char *description_of(const struct command *command, const struct option_use *use)
{
    const char *line = command->help, *gap;
    size_t length = (size_t)use->name_length;
    while ((line = strchr(line, '\n')) != NULL) {
        line++;
        if (strncmp(line, "  ", 2) != 0 || strncmp(line + 2, use->name, length) != 0 ||
            (line[2 + length] != ' ' && line[2 + length] != '\n'))
            continue;
        gap = strstr(line + 2 + length, "  ");
        return gap ? gap + strspn(gap, " ") : "";
    }
    return "";
}

/* The line, and those that go on with it, which are indented further than an option is. */
static void print_joined(const char *text)
{
    for (;;) {
        int length = (int)strcspn(text, "\n");
        printf("%.*s", length, text);
        if (strncmp(text + length, "\n   ", 4) != 0)
            return;
        text += length + 1;
        text += strspn(text, " ");
        putchar(' ');
    }
}

static void print_options(const struct command *command)
{
    const char *at = command->options;
    struct option_use use;
    while (option_next(&at, &use)) {
        printf("option\t%s\t%.*s\t%.*s\t", command->name, use.name_length, use.name, use.value_length, use.value);
        print_joined(description_of(command, &use));
        putchar('\n');
    }
}

/*
 * A line for each command and, below it, for each of its options, with tabs between:
 *     command NAME OPERANDS SENTENCE
 *     option COMMAND NAME VALUE DESCRIPTION
 */
static void print_table(void)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        printf("command\t%s\t%.*s\t", command->name, (int)strcspn(command->synopsis, " ["), command->synopsis);
        print_sentence(command->help);
        putchar('\n');
        print_options(command);
    }
}

static int help(struct arguments *arguments)
{
    const struct command *command = arguments->name_count == 1 ? command_find(arguments->names[0]) : NULL;
    if (arguments->table && !arguments->name_count)
        print_table();
    else if (!arguments->table && command)
        print_help(command, arguments->program);
    else if (!arguments->table && !arguments->name_count)
        print_usage(stdout, arguments->program);
    else if (arguments->name_count == 1 && !command)
        return complain("there is no command '%s' (%s --help lists them)", arguments->names[0], arguments->program);
    else
        return complain("'help' takes one command, or --table");
    return EXIT_FINE;
}

const struct command help_command = {
    "help", "[COMMAND] [--table]", " --table ",
    "Says what a command does and takes, or which commands there are.\n\n"
    "  --table           all commands and options, a line for each with tabs between; what completion reads\n",
    help};
