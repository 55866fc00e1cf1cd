/*
 * XXH3 of what is long enough for it to matter which instructions do it. The value does not depend on them.
 */
#ifndef TRACES_HASH_H
#define TRACES_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef uint64_t (*qp_hash_fn)(const void *bytes, size_t size);

/* The one for this processor. */
qp_hash_fn qp_hash_fastest(void);

/* Where it has AVX2. */
uint64_t qp_hash_avx2(const void *bytes, size_t size);

#endif
