/* `quipu list`: the scenarios of this program, for people and for machines. */
#include "tools/command.h"
#include "tools/output.h"
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_params(const struct qp_scenario *scenario)
{
    const struct qp_scenario_param *param;
    for (param = qp_param_first(); param; param = param->next)
        if (strcmp(param->scenario, scenario->name) == 0)
            printf("  [%s=%" PRId64 "]", param->name, param->value);
}

static int list_text(void)
{
    const struct qp_scenario *scenario;
    for (scenario = qp_scenario_first(); scenario; scenario = scenario->next) {
        printf("%-38s %s", scenario->name, scenario->summary);
        print_params(scenario);
        if (scenario->timed)
            printf("  [by time: %s]", scenario->timed);
        putchar('\n');
    }
    return EXIT_FINE;
}

static bool add_scenario(cJSON *array, const struct qp_scenario *scenario)
{
    const struct qp_scenario_param *param;
    cJSON *object = cJSON_CreateObject(), *params;
    if (!object || !cJSON_AddItemToArray(array, object))
        return false;
    if (!cJSON_AddStringToObject(object, "name", scenario->name) ||
        !cJSON_AddStringToObject(object, "summary", scenario->summary) ||
        !cJSON_AddStringToObject(object, "file", scenario->file) ||
        (scenario->timed && !cJSON_AddStringToObject(object, "by_time", scenario->timed)) ||
        !(params = cJSON_AddObjectToObject(object, "params")))
        return false;
    for (param = qp_param_first(); param; param = param->next)
        if (strcmp(param->scenario, scenario->name) == 0 && !add_json_signed(params, param->name, param->value))
            return false;
    return true;
}

static int list_json(void)
{
    const struct qp_scenario *scenario = qp_scenario_first();
    cJSON *array = cJSON_CreateArray();
    bool complete = array != NULL;
    for (; scenario && complete; scenario = scenario->next)
        complete = add_scenario(array, scenario);
    if (complete)
        return print_json(array);
    cJSON_Delete(array);
    return complain("out of memory");
}

static int list(struct arguments *arguments)
{
    if (arguments->name_count)
        return complain("'list' takes no argument, but got '%s'", arguments->names[0]);
    return arguments->json ? list_json() : list_text();
}

const struct command list_command = {
    "list", "[--json]", " --json ",
    "Lists the scenarios of this program, with their parameters and the defaults of these, and\n"
    "what of their outcome only virtual time decides, so that it is not asserted on the real clock.\n\n"
    "  --json    as an array of {name, summary, file, params}, and by_time where there is something to say\n",
    list};
