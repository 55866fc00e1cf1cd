/*
 * The real clock, real sleep and real entropy in a simulated program: caught, served from the simulation, or let
 * through.
 *
 * The C library's functions for these (ambient.def) have a second definition in ambient.c, which a program has from
 * libquipu.a when it can simulate, and which it alone calls: other libraries go on with the C library's. While no
 * simulation runs on the calling thread, it hands the call on. Programs that link the shared library have none of this.
 *
 * State: the mode, of the whole process.
 */
#ifndef TOOLS_AMBIENT_H
#define TOOLS_AMBIENT_H

#include <stdbool.h>

enum ambient_mode {
    AMBIENT_CATCH,   /* the run ends as misuse, with a sentence that says what to use */
    AMBIENT_VIRTUAL, /* time is the virtual clock's, sleeping awaits it, entropy is drawn as qp_random does */
    AMBIENT_ALLOW    /* as if it were not simulated */
};

/* "catch", "virtual", "allow". False: a sentence was printed. */
bool ambient_set(const char *mode);

const char *ambient_name(void);

/* What a command must say so that another process does the same: " --ambient virtual", or nothing. */
const char *ambient_option(void);

#endif
