/* Which scenarios a command line names, and with what parameters. */
#ifndef TOOLS_SELECTION_H
#define TOOLS_SELECTION_H

#include "tools/command.h"

/* Whether it names some (or says --all), all of which there are, with parameters that they have. False: a sentence was
 * printed. */
bool selection_makes_sense(const struct arguments *arguments, const char *command);

/* The index-th scenario, with the parameters that it declares among those that are set. False: there are no more. */
bool selection_at(const struct arguments *arguments, size_t index, struct qp_scenario_run *run,
                  struct qp_param_value params[MOST_PARAMS]);

/* How many scenarios it names. */
size_t selection_count(const struct arguments *arguments);

/* Whether a file can be written there, or NULL; what was in it is gone. False: a sentence was printed. */
bool can_write(const char *path);

/* Makes a folder unless there is one. False: a sentence was printed. */
bool make_folder(const char *path);

#endif
