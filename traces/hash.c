/* See hash.h. No state. */
#include "traces/hash.h"
#include "traces/xxh.h"

static uint64_t hash(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}

qp_hash_fn qp_hash_fastest(void)
{
#ifdef QUIPU_AVX2
    if (__builtin_cpu_supports("avx2"))
        return qp_hash_avx2;
#endif
    return hash;
}
