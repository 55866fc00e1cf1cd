/* See version.h. No state. */
#include <quipu/version.h>

const char *qp_version(void)
{
    return QP_VERSION;
}
