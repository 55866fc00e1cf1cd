/* FNV-1a, for what is hashed piece by piece because some of it is left out: a line without its numbers. No state. */
#ifndef TRACES_FNV_H
#define TRACES_FNV_H

#include <stdint.h>

static const uint64_t qp_fnv_start = 0xcbf29ce484222325u;

static inline uint64_t qp_fnv_add(uint64_t hash, uint64_t piece)
{
    return (hash ^ piece) * 0x100000001b3u;
}

#endif
