/* What strategies keep of each task: an array by the task's number, whose entries are of one execution. No state. */
#include "sim/strategy.h"
#include <stdlib.h>
#include <string.h>

uint64_t *qp_task_value(struct qp_task_values *self, uint64_t task)
{
    struct qp_task_value *value;
    if (task >= self->room) {
        size_t room = self->room ? self->room : 16;
        while (room <= task)
            room *= 2;
        value = realloc(self->values, room * sizeof *value);
        if (!value)
            return NULL;
        memset(value + self->room, 0, (room - self->room) * sizeof *value);
        self->values = value;
        self->room = room;
    }
    value = &self->values[task];
    if (value->run != self->run + 1)
        *value = (struct qp_task_value){self->run + 1, 0};
    return &value->value;
}
