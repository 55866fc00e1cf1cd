/* The C library's clocks, sleeps and entropy, in a simulation: see ambient.h. */
#define _GNU_SOURCE
#include "tools/ambient.h"
#include "sim/sim.h"
#include "tools/command.h"
#include <dlfcn.h>
#include <errno.h>
#include <quipu/quipu.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static enum ambient_mode mode;

static const char *const modes[] = {"catch", "virtual", "allow"};

bool ambient_set(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(modes[i], name) == 0) {
            mode = (enum ambient_mode)i;
            return true;
        }
    }
    complain("--ambient takes catch, virtual or allow, not '%s'", name);
    return false;
}

const char *ambient_name(void)
{
    return modes[mode];
}

const char *ambient_option(void)
{
    return mode == AMBIENT_VIRTUAL ? " --ambient virtual" : mode == AMBIENT_ALLOW ? " --ambient allow" : "";
}

/* ---- whose call it is ---- */

static const char *instead_of(const char *name)
{
#define AMBIENT(name_, instead) {#name_, instead},
    static const struct {
        const char *name, *instead;
    } all[] = {
#include "tools/ambient.def"
    };
#undef AMBIENT
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0)
            return all[i].instead;
    return "";
}

QP_NORETURN static void refuse(const char *name, const void *caller)
{
    Dl_info place;
    char where[512] = "";
    if (dladdr(caller, &place) && place.dli_fname)
        snprintf(where, sizeof where, " (addr2line -e %s 0x%zx says where)", place.dli_fname,
                 (size_t)((uintptr_t)caller - (uintptr_t)place.dli_fbase) - 1);
    qp_sim_refuse("task %llu '%s' calls %s%s: nobody can repeat what it gives. In a simulated program use %s; "
                  "or --ambient virtual serves it from the simulation",
                  (unsigned long long)qp_task_id(), qp_task_name(), name, where, instead_of(name));
}

/* Whether the call is a simulated program's, and to be served from the simulation; what is caught does not return. */
static bool is_served(const char *name, const void *caller)
{
    if (!qp_sim_is_running() || mode == AMBIENT_ALLOW)
        return false;
    if (mode == AMBIENT_CATCH)
        refuse(name, caller);
    return true;
}

#define IS_SERVED(name) is_served(#name, __builtin_return_address(0))

/* The C library's own; NULL: it has none. */
static void look_up(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, size);
}

/* Calls the C library's own definition of a function. */
#define HAND_ON(name, ...)                            \
    __extension__({                                   \
        static __typeof__(&name) own;                 \
        if (!own)                                     \
            look_up(#name, (void *)&own, sizeof own); \
        own(__VA_ARGS__);                             \
    })

/* ---- clocks ---- */

static const time_t EPOCH = 946684800; /* the wall clock shows the year 2000 when a simulation begins */

static struct timespec virtual_time(time_t from)
{
    int64_t now = qp_now();
    return (struct timespec){.tv_sec = from + (time_t)(now / 1000000000), .tv_nsec = (long)(now % 1000000000)};
}

time_t time(time_t *result)
{
    time_t now;
    if (!IS_SERVED(time))
        return HAND_ON(time, result);
    now = virtual_time(EPOCH).tv_sec;
    if (result)
        *result = now;
    return now;
}

clock_t clock(void)
{
    if (!IS_SERVED(clock))
        return HAND_ON(clock);
    return (clock_t)(qp_now() / (1000000000 / CLOCKS_PER_SEC));
}

int gettimeofday(struct timeval *restrict result, void *restrict zone)
{
    struct timespec now;
    if (!IS_SERVED(gettimeofday))
        return HAND_ON(gettimeofday, result, zone);
    now = virtual_time(EPOCH);
    *result = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

int clock_gettime(clockid_t id, struct timespec *result)
{
    if (!IS_SERVED(clock_gettime))
        return HAND_ON(clock_gettime, id, result);
    *result = virtual_time(id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE ? EPOCH : 0);
    return 0;
}

int timespec_get(struct timespec *result, int base)
{
    if (!IS_SERVED(timespec_get))
        return HAND_ON(timespec_get, result, base);
    *result = virtual_time(EPOCH);
    return base;
}

/* ---- sleeping ---- */

static void sleep_virtually(int64_t duration_ns)
{
    if (duration_ns <= 0)
        return;
    if (qp_sim_in_blocking_work())
        qp_blocking_takes_ms((duration_ns + 999999) / 1000000);
    else
        qp_await(qp_sleep_ns(duration_ns));
}

static int64_t nanoseconds(const struct timespec *time)
{
    if (time->tv_sec > INT64_MAX / 1000000000 - 1)
        return QP_NEVER;
    return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

unsigned sleep(unsigned seconds)
{
    if (!IS_SERVED(sleep))
        return HAND_ON(sleep, seconds);
    sleep_virtually((int64_t)seconds * 1000000000);
    return 0;
}

int usleep(useconds_t microseconds)
{
    if (!IS_SERVED(usleep))
        return HAND_ON(usleep, microseconds);
    sleep_virtually((int64_t)microseconds * 1000);
    return 0;
}

int nanosleep(const struct timespec *duration, struct timespec *left)
{
    if (!IS_SERVED(nanosleep))
        return HAND_ON(nanosleep, duration, left);
    sleep_virtually(nanoseconds(duration));
    return 0;
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *duration, struct timespec *left)
{
    int64_t until;
    if (!IS_SERVED(clock_nanosleep))
        return HAND_ON(clock_nanosleep, id, flags, duration, left);
    until = nanoseconds(duration);
    if (flags & TIMER_ABSTIME)
        until -= qp_now() + (id == CLOCK_REALTIME ? (int64_t)EPOCH * 1000000000 : 0);
    sleep_virtually(until);
    return 0;
}

/* ---- entropy ---- */

static void fill(void *buffer, size_t size)
{
    unsigned char *bytes = buffer;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)qp_random(256);
}

int rand(void)
{
    return IS_SERVED(rand) ? (int)qp_random((uint64_t)RAND_MAX + 1) : HAND_ON(rand);
}

long random(void)
{
    return IS_SERVED(random) ? (long)qp_random((uint64_t)1 << 31) : HAND_ON(random);
}

long lrand48(void)
{
    return IS_SERVED(lrand48) ? (long)qp_random((uint64_t)1 << 31) : HAND_ON(lrand48);
}

long mrand48(void)
{
    return IS_SERVED(mrand48) ? (long)(int32_t)qp_random((uint64_t)1 << 32) : HAND_ON(mrand48);
}

double drand48(void)
{
    return IS_SERVED(drand48) ? (double)qp_random((uint64_t)1 << 48) / (double)((uint64_t)1 << 48) : HAND_ON(drand48);
}

ssize_t getrandom(void *buffer, size_t size, unsigned flags)
{
    if (!IS_SERVED(getrandom))
        return HAND_ON(getrandom, buffer, size, flags);
    fill(buffer, size);
    return (ssize_t)size;
}

int getentropy(void *buffer, size_t size)
{
    if (!IS_SERVED(getentropy))
        return HAND_ON(getentropy, buffer, size);
    if (size > 256) {
        errno = EIO;
        return -1;
    }
    fill(buffer, size);
    return 0;
}

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 36)
uint32_t arc4random(void)
{
    return IS_SERVED(arc4random) ? (uint32_t)qp_random((uint64_t)1 << 32) : HAND_ON(arc4random);
}

void arc4random_buf(void *buffer, size_t size)
{
    if (IS_SERVED(arc4random_buf))
        fill(buffer, size);
    else
        HAND_ON(arc4random_buf, buffer, size);
}

uint32_t arc4random_uniform(uint32_t bound)
{
    if (!IS_SERVED(arc4random_uniform))
        return HAND_ON(arc4random_uniform, bound);
    return bound ? (uint32_t)qp_random(bound) : 0;
}
#endif
#endif
