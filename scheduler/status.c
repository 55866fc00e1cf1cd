/* The names and texts of statuses: one table, made from QP_STATUS_MAP. No state. */
#include <quipu/status.h>

static const char *const names[] = {
#define X(name, text) #name,
    QP_STATUS_MAP(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) text,
    QP_STATUS_MAP(X)
#undef X
};

enum { STATUSES = sizeof names / sizeof *names };

const char *qp_status_name(enum qp_status status)
{
    return (unsigned)status < STATUSES ? names[status] : "UNKNOWN";
}

const char *qp_status_text(enum qp_status status)
{
    return (unsigned)status < STATUSES ? texts[status] : "unknown status";
}
