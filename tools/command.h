/*
 * The commands of quipu_main, and what they share: the parsed command line, sentences on stderr, exit statuses.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "sim/scenario.h"
#include <stdbool.h>
#include <stdio.h>

enum exit_status { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2, EXIT_DIVERGED = 3 };

enum { MOST_PARAMS = 64 };

/* A parsed command line. Strings are borrowed from argv. */
struct arguments {
    const char *program; /* as it was called, for commands that are printed */
    const char **names;  /* the arguments that are no options; owned */
    size_t name_count;
    bool all, json, help, quiet, every, view, no_check, real, exhaustive, cancel_each, table, drift;
    const char *cancel_text; /* what --cancel says; NULL: nothing */
    uint64_t cancel;         /* of `run`: the moment of the one cancellation; 0: none */
    bool has_seeds;
    uint64_t first_seed, last_seed;
    const char *trace, *out, *junit, *json_file, *explain, *strategy, *faults, *corpus, *shard, *perfetto;
    uint64_t runs, seconds, depth, jobs, most, until; /* 0: not given */
    struct qp_param_value params[MOST_PARAMS];        /* names are owned */
    size_t param_count;
};

struct command {
    const char *name;
    const char *synopsis; /* "NAME... [--seed N]" */
    const char *options;  /* those that it takes, between spaces; see options.h */
    const char *help; /* what it does, in lines: a sentence, what there is to say, and "  --seed N   ..." for each */
    int (*run)(struct arguments *arguments);
};

extern const struct command list_command, run_command, replay_command, explore_command, shrink_command, verify_command,
    check_command, diff_command, help_command, fuzz_command, merge_command, view_command, show_command, export_command;

/* The index-th command, in the order in which they are listed; NULL past the last. By its name; NULL: there is none. */
const struct command *command_at(size_t index);
const struct command *command_find(const char *name);

/* Which commands there are; and what one does and takes. */
void print_usage(FILE *file, const char *program);
void print_help(const struct command *command, const char *program);

/* On a clock that never goes back. */
double seconds_now(void);

/* Prints "quipu: ..." to stderr and returns EXIT_BAD_INPUT. */
int complain(const char *format, ...) QP_PRINTF(1, 2);

/* A whole number of up to 64 bits, without a sign; or with one. False: it is none. */
bool parse_unsigned(const char *text, uint64_t *number);
bool parse_signed(const char *text, int64_t *number);

#endif
