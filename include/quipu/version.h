/* Which version of the library this is. The numbers here are the only ones: everything else takes them from here. */
#ifndef QUIPU_VERSION_H
#define QUIPU_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define QP_VERSION_MAJOR 0
#define QP_VERSION_MINOR 1
#define QP_VERSION_PATCH 0

/* "0.1.0", of the headers that the program was compiled with. */
#define QP_VERSION QP_VERSION_TEXT_(QP_VERSION_MAJOR, QP_VERSION_MINOR, QP_VERSION_PATCH)
#define QP_VERSION_TEXT_(major, minor, patch) QP_VERSION_JOIN_(major, minor, patch)
#define QP_VERSION_JOIN_(major, minor, patch) #major "." #minor "." #patch

/* The same, of the library that it runs with. */
const char *qp_version(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
