/*
 * Loaded before the C library: the N-th thing that a program asks of the file system fails, as on a disk that is full.
 *
 * Counted are opening, each write of a stream, closing one, making a folder, and renaming. N is QUIPU_FAIL_AT; where
 * it came to that, the file QUIPU_FAILED is made, with the name of what failed. A stream that failed once goes on
 * failing, and so does nothing else: the disk has room again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long done; /* operations so far, of this process and, up to a fork, of the one that forked it */

struct stream {
    int file;
    int failed;
};

/* Whether this operation is the one that fails. */
static int fails(const char *operation, const char *path)
{
    const char *at = getenv("QUIPU_FAIL_AT"), *mark = getenv("QUIPU_FAILED");
    int file;
    if (!at || ++done != strtol(at, NULL, 10))
        return 0;
    file = mark ? open(mark, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (file >= 0) {
        dprintf(file, "%s %s\n", operation, path);
        close(file);
    }
    errno = ENOSPC;
    return 1;
}

static ssize_t stream_read(void *cookie, char *bytes, size_t size)
{
    return read(((struct stream *)cookie)->file, bytes, size);
}

static ssize_t stream_write(void *cookie, const char *bytes, size_t size)
{
    struct stream *self = cookie;
    if (self->failed || fails("write", "")) {
        self->failed = 1;
        errno = ENOSPC;
        return 0;
    }
    return write(self->file, bytes, size);
}

static int stream_seek(void *cookie, off_t *offset, int whence)
{
    off_t at = lseek(((struct stream *)cookie)->file, *offset, whence);
    if (at < 0)
        return -1;
    *offset = at;
    return 0;
}

static int stream_close(void *cookie)
{
    struct stream *self = cookie;
    int failed = fails("close", "");
    close(self->file);
    free(self);
    if (failed)
        errno = ENOSPC;
    return failed ? -1 : 0;
}

static int flags_of(const char *mode)
{
    int both = strchr(mode, '+') != NULL;
    switch (mode[0]) {
    case 'r':
        return both ? O_RDWR : O_RDONLY;
    case 'w':
        return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC;
    default:
        return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND;
    }
}

FILE *fopen(const char *path, const char *mode)
{
    static const cookie_io_functions_t functions = {stream_read, stream_write, stream_seek, stream_close};
    struct stream *self;
    if (fails("open", path))
        return NULL;
    self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->file = open(path, flags_of(mode) | O_CLOEXEC, 0666);
    if (self->file >= 0)
        return fopencookie(self, mode, functions);
    free(self);
    return NULL;
}

int mkdir(const char *path, mode_t mode)
{
    static int (*next)(const char *, mode_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "mkdir");
    return fails("mkdir", path) ? -1 : next(path, mode);
}

int rename(const char *from, const char *to)
{
    static int (*next)(const char *, const char *);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "rename");
    return fails("rename", to) ? -1 : next(from, to);
}

DIR *opendir(const char *path)
{
    static DIR *(*next)(const char *);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "opendir");
    return fails("opendir", path) ? NULL : next(path);
}
