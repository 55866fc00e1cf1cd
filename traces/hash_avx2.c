/* See hash.h. Compiled for processors that have AVX2, where there are such, for xxHash uses it then. No state. */
#ifdef __AVX2__
#include "traces/hash.h"
#include "traces/xxh.h"

uint64_t qp_hash_avx2(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}
#endif
