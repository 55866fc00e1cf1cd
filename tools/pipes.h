/* Whole pieces of memory through pipes between processes. No state. */
#ifndef TOOLS_PIPES_H
#define TOOLS_PIPES_H

#include <stdbool.h>
#include <stddef.h>

/* False: the other end is gone, or there was an error; a part may have gone through. */
bool write_all(int file, const void *data, size_t size);
bool read_all(int file, void *data, size_t size);

#endif
