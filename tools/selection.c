/* See selection.h. No state. */
#include "tools/selection.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static size_t select_params(const struct arguments *arguments, const struct qp_scenario *scenario,
                            struct qp_param_value params[MOST_PARAMS])
{
    size_t i, count = 0;
    for (i = 0; i < arguments->param_count; i++)
        if (qp_scenario_param_find(scenario, arguments->params[i].name))
            params[count++] = arguments->params[i];
    return count;
}

static bool params_are_known(const struct arguments *arguments)
{
    size_t i, k;
    for (i = 0; i < arguments->param_count; i++) {
        const char *name = arguments->params[i].name;
        const struct qp_scenario_param *any = qp_param_first();
        bool known = false;
        for (k = 0; k < arguments->name_count; k++)
            known = known || qp_scenario_param_find(qp_scenario_find(arguments->names[k]), name);
        for (; arguments->all && any; any = any->next)
            known = known || strcmp(any->name, name) == 0;
        if (!known) {
            complain("no scenario that was named has a parameter '%s'", name);
            return false;
        }
    }
    return true;
}

static bool names_are_known(const struct arguments *arguments)
{
    size_t i;
    for (i = 0; i < arguments->name_count; i++)
        if (!qp_scenario_find(arguments->names[i])) {
            complain("there is no scenario '%s' (%s list shows those that there are)", arguments->names[i],
                     arguments->program);
            return false;
        }
    return true;
}

bool selection_makes_sense(const struct arguments *arguments, const char *command)
{
    if (arguments->all == (arguments->name_count > 0)) {
        complain("'%s' takes the names of scenarios, or --all", command);
        return false;
    }
    return names_are_known(arguments) && params_are_known(arguments);
}

bool selection_at(const struct arguments *arguments, size_t index, struct qp_scenario_run *run,
                  struct qp_param_value params[MOST_PARAMS])
{
    const struct qp_scenario *scenario = NULL;
    if (arguments->all)
        for (scenario = qp_scenario_first(); scenario && index > 0; index--)
            scenario = scenario->next;
    else if (index < arguments->name_count)
        scenario = qp_scenario_find(arguments->names[index]);
    if (!scenario)
        return false;
    *run = (struct qp_scenario_run){.scenario = scenario, .params = params};
    run->param_count = select_params(arguments, scenario, params);
    return true;
}

size_t selection_count(const struct arguments *arguments)
{
    size_t count = 0;
    if (!arguments->all)
        return arguments->name_count;
    for (const struct qp_scenario *scenario = qp_scenario_first(); scenario; scenario = scenario->next)
        count++;
    return count;
}

bool can_write(const char *path)
{
    FILE *file = path ? fopen(path, "a") : NULL; /* what is there stays until there is something better */
    if (file)
        fclose(file);
    else if (path)
        complain("cannot write %s: %s", path, strerror(errno));
    return file || !path;
}

bool make_folder(const char *path)
{
    struct stat status;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode)))
        return true;
    complain("cannot make the folder '%s': %s", path, strerror(errno));
    return false;
}
