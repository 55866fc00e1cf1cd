/*
 * The options of all commands: one table says how each is read. A command's `options` names those that it takes, each
 * between spaces:
 *
 *     --quiet            as the table says
 *     --json=            takes a value here, and is a flag elsewhere
 *     --cancel:each|K    the same as --cancel; the value is one of these words, where capitals stand for any such value
 *
 * "-o" is short for "--out", as everywhere.
 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "tools/command.h"

/* An option as a command takes it. */
struct option_use {
    const char *name; /* "--seed"; not terminated */
    int name_length;
    const char *value; /* "N", "FILE", "each|K"; not terminated; "" for a flag */
    int value_length;
    const struct option *option;
};

/* The next option that a command takes; `at` begins as its `options`. False: there is no more. */
bool option_next(const char **at, struct option_use *use);

/* Reads the option in argv[0], whose value may be the next argument or stand behind '='. Returns how many arguments it
 * was; 0: a sentence was printed. */
int option_read(const struct command *command, struct arguments *arguments, int argc, char **argv);

#endif
