/* Running something that stops the process, in a child of its own: how it ended, and what it said on stderr. */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs function(arg) in a child and returns the status that waitpid gave; `text` gets the beginning of its stderr. */
static inline int run_in_child(void (*function)(void *arg), void *arg, char *text, size_t size)
{
    int ends[2], status = -1;
    size_t length = 0;
    ssize_t got;
    pid_t child;
    char rest[256];
    fflush(NULL);
    if (pipe(ends) != 0 || (child = fork()) < 0)
        return -1;
    if (child == 0) {
        struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        close(ends[0]);
        dup2(ends[1], STDERR_FILENO);
        function(arg);
        _exit(0);
    }
    close(ends[1]);
    while (length + 1 < size && (got = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    while (read(ends[0], rest, sizeof rest) > 0)
        continue;
    close(ends[0]);
    waitpid(child, &status, 0);
    return status;
}

#endif
