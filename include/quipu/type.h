/*
 * The types of values that channels, locks and tasks carry.
 *
 * A value is moved by copying its bytes, and has one owner at any time. `drop` releases what the value owns (not its
 * storage) and is called exactly once for every value that nobody took. `print` puts it into traces: without it a trace
 * shows the value's identity alone.
 *
 *     static const struct qp_type job_type = QP_TYPE_OF(struct job);
 */
#ifndef QUIPU_TYPE_H
#define QUIPU_TYPE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct qp_type {
    const char *name;
    size_t size;                                               /* in bytes; zero for a value without bytes */
    size_t align;                                              /* a power of two, at most 16 */
    void (*drop)(void *value);                                 /* may be NULL; must not await */
    void (*print)(const void *value, char *text, size_t size); /* may be NULL; writes a terminated string */
};

#if defined(__cplusplus)
#define QP_ALIGNOF(T) alignof(T)
#else
#define QP_ALIGNOF(T) _Alignof(T)
#endif

/* An initialiser for a plain type, and for one with a drop function. */
#define QP_TYPE_OF(T)                            \
    {                                            \
#T, sizeof(T), QP_ALIGNOF(T), NULL, NULL \
    }
#define QP_TYPE_DROP(T, drop)                      \
    {                                              \
#T, sizeof(T), QP_ALIGNOF(T), (drop), NULL \
    }

extern const struct qp_type qp_int;          /* int, printed in decimal */
extern const struct qp_type qp_int64;        /* int64_t, printed in decimal */
extern const struct qp_type qp_size;         /* size_t, printed in decimal */
extern const struct qp_type qp_bool;         /* bool */
extern const struct qp_type qp_pointer;      /* void *, not owned, not printed: an address is not reproducible */
extern const struct qp_type qp_string;       /* const char *, not owned, printed in full */
extern const struct qp_type qp_owned_string; /* char * from malloc, freed when dropped, printed in full */
extern const struct qp_type qp_nothing;      /* no bytes: a signal */

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
