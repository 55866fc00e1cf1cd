/*
 * The digest of a run: a chain of hashes, one for each event, equal on every machine and with every compiler.
 *
 * digest(0) = 0, and digest(n) = XXH3_64bits_withSeed(bytes of event n, seed = digest(n - 1)). The bytes, all integers
 * little-endian, with no gaps between them:
 *
 *     seq u64, t i64, task u64, object u64, future u64,
 *     kind string, op string, file string, expr string, line i64 (0: no site),
 *     three fields u64 (0 where the kind has none), text string (none where the kind has none)
 *
 * A string is its length as u32 and its canonical form (text.h; bounds QP_NAME_MOST, for the text QP_TEXT_MOST); none
 * is the length 0xFFFFFFFF alone. The kind is its name, so that kinds can be added without changing old digests.
 *
 * Two runs with equal digests did the same. It is no protection against somebody who wants two runs to look the same.
 */
#ifndef TRACES_DIGEST_H
#define TRACES_DIGEST_H

#include <quipu/event.h>

#define QP_DIGEST_HEX 17 /* bytes of a digest in text, with the zero byte */

/* Zero is the digest of no events. */
struct qp_digest {
    uint64_t value;
    uint64_t count; /* of events */
};

/* Adds an event; a qp_event_fn, whose context is the struct qp_digest. Allocates nothing. */
void qp_digest_event(void *digest, const struct qp_event *event);

/* The 16 lower-case hexadecimal digits by which traces give a digest. */
void qp_digest_print(uint64_t value, char text[QP_DIGEST_HEX]);

#endif
