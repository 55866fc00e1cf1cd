/* See array.h. No state. */
#include "tools/array.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool array_reserve(void *items, size_t *room, size_t needed, size_t size)
{
    size_t more = *room ? *room : 16;
    char *grown;
    void *before;
    if (needed <= *room)
        return true;
    while (more < needed && more <= SIZE_MAX / 2)
        more *= 2;
    if (more < needed || more > SIZE_MAX / size)
        return false;
    memcpy(&before, items, sizeof before);
    grown = realloc(before, more * size);
    if (!grown)
        return false;
    memset(grown + *room * size, 0, (more - *room) * size);
    memcpy(items, &grown, sizeof grown);
    *room = more;
    return true;
}
