/* See whole.h. No state. */
#include "tools/whole.h"
#include "tools/command.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_plain(const char *path)
{
    struct stat status;
    return lstat(path, &status) != 0 || S_ISREG(status.st_mode);
}

bool whole_begin(struct whole_file *whole, const char *path)
{
    bool plain = is_plain(path);
    int length = snprintf(whole->temporary, sizeof whole->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof whole->temporary) {
        complain("the path of the file is longer than %zu bytes", sizeof whole->temporary - 32);
        return false;
    }
    if (!plain)
        whole->temporary[0] = '\0';
    whole->path = path;
    whole->file = fopen(plain ? whole->temporary : path, "w");
    if (!whole->file)
        complain("cannot write %s: %s", path, strerror(errno));
    return whole->file != NULL;
}

bool whole_end(struct whole_file *whole, const char *trouble)
{
    bool written = !ferror(whole->file);
    written = fclose(whole->file) == 0 && written && !trouble;
    if (written && whole->temporary[0])
        written = rename(whole->temporary, whole->path) == 0;
    if (written)
        return true;
    complain("cannot write %s: %s", whole->path, trouble ? trouble : strerror(errno));
    if (whole->temporary[0])
        remove(whole->temporary);
    return false;
}
