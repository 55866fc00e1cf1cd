/*
 * See sockets.h. A descriptor is tried first, and waited for when that would block. What is behind the end of the log,
 * of a write that failed or was cut off by a power failure, is overwritten by the next.
 */
#define _GNU_SOURCE /* accept4 */
#include "sockets.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

struct tcp_stream {
    struct stream stream;
    int fd;
};

struct tcp_listener {
    struct listener listener;
    int fd;
};

struct file_disk {
    struct disk disk;
    int fd;
    long end; /* of the last record; what is behind it is none */
};

static int failure(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? AGAIN : GONE;
}

/* ---- a connection ---- */

static int tcp_read(struct stream *stream, char *bytes, int size)
{
    ssize_t got = recv(((struct tcp_stream *)stream)->fd, bytes, (size_t)size, 0);
    return got < 0 ? failure() : (int)got;
}

static int tcp_write(struct stream *stream, const char *bytes, int size)
{
    ssize_t put = send(((struct tcp_stream *)stream)->fd, bytes, (size_t)size, MSG_NOSIGNAL);
    return put < 0 ? failure() : (int)put;
}

static struct qp_future *tcp_readable(struct stream *stream, union stream_wait *wait)
{
    return qp_io_init(&wait->io, QP_IO_READABLE, ((struct tcp_stream *)stream)->fd);
}

static struct qp_future *tcp_writable(struct stream *stream, union stream_wait *wait)
{
    return qp_io_init(&wait->io, QP_IO_WRITABLE, ((struct tcp_stream *)stream)->fd);
}

static void tcp_close(struct stream *stream)
{
    struct tcp_stream *self = (struct tcp_stream *)stream;
    close(self->fd);
    free(self);
}

static const struct stream_ops tcp_stream_ops = {tcp_read, tcp_write, tcp_readable, tcp_writable, tcp_close};

/* ---- the listener ---- */

static int tcp_accept(struct listener *listener, struct stream **stream)
{
    struct tcp_stream *accepted = malloc(sizeof *accepted);
    if (!accepted)
        return GONE;
    accepted->stream.ops = &tcp_stream_ops;
    accepted->fd = accept4(((struct tcp_listener *)listener)->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted->fd < 0) {
        free(accepted);
        return failure();
    }
    *stream = &accepted->stream;
    return 0;
}

static struct qp_future *tcp_acceptable(struct listener *listener, union stream_wait *wait)
{
    return qp_io_init(&wait->io, QP_IO_READABLE, ((struct tcp_listener *)listener)->fd);
}

static const struct listener_ops tcp_listener_ops = {tcp_accept, tcp_acceptable};

static void tcp_listener_close(void *arg)
{
    struct tcp_listener *self = arg;
    int why = errno;
    if (self->fd >= 0)
        close(self->fd);
    free(self);
    errno = why;
}

static bool tcp_bind(int fd, int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t size = sizeof address;
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    *port = ntohs(address.sin_port);
    return true;
}

struct listener *tcp_listen(int *port)
{
    struct tcp_listener *self = malloc(sizeof *self);
    if (!self)
        return NULL;
    *self = (struct tcp_listener){{&tcp_listener_ops}, socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (tcp_bind(self->fd, port) && qp_defer(tcp_listener_close, self) == QP_OK)
        return &self->listener;
    tcp_listener_close(self);
    return NULL;
}

/* ---- the file ---- */

static bool append(struct disk *disk, const char *bytes, size_t size)
{
    struct file_disk *self = (struct file_disk *)disk;
    size_t done = 0;
    while (done < size) {
        ssize_t put = pwrite(self->fd, bytes + done, size - done, self->end + (off_t)done);
        if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? (size_t)put : 0;
    }
    if (fdatasync(self->fd) != 0)
        return false;
    self->end += (long)size;
    return true;
}

static void file_disk_close(void *arg)
{
    struct file_disk *self = arg;
    int why = errno;
    if (self->fd >= 0)
        close(self->fd);
    free(self);
    errno = why;
}

struct disk *file_disk_open(const char *path)
{
    struct file_disk *self = malloc(sizeof *self);
    if (!self)
        return NULL;
    *self = (struct file_disk){{append}, open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), 0};
    if (self->fd >= 0 && qp_defer(file_disk_close, self) == QP_OK)
        return &self->disk;
    file_disk_close(self);
    return NULL;
}

static bool read_all(int fd, char *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t got = pread(fd, bytes + done, size - done, (off_t)done);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

bool file_disk_load(struct disk *disk, struct store *store)
{
    struct file_disk *self = (struct file_disk *)disk;
    struct stat file;
    char *log;
    if (fstat(self->fd, &file) != 0 || !(log = malloc((size_t)file.st_size + 1)))
        return false;
    self->end = read_all(self->fd, log, (size_t)file.st_size) ? store_load(store, log, (size_t)file.st_size) : -1;
    free(log);
    if (self->end < 0) {
        errno = EINVAL;
        return false;
    }
    return ftruncate(self->fd, self->end) == 0; /* half a line */
}
