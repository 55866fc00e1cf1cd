/* See client.h. */
#include "client.h"
#include <string.h>

bool client_send(struct client *self, const char *text)
{
    const struct stream_ops *ops = self->stream->ops;
    int left = (int)strlen(text);
    union stream_wait wait;
    while (left) {
        int sent = ops->write(self->stream, text, left);
        if (sent == GONE)
            return false;
        if (sent == AGAIN) {
            qp_await(ops->writable(self->stream, &wait));
            continue;
        }
        text += sent;
        left -= sent;
    }
    return true;
}

bool client_receive(struct client *self, char *reply)
{
    const struct stream_ops *ops = self->stream->ops;
    const char *end;
    union stream_wait wait;
    while (!(end = memchr(self->in, '\n', (size_t)self->received))) {
        int got = ops->read(self->stream, self->in + self->received, REPLY_ROOM - self->received);
        if (got == AGAIN)
            qp_await(ops->readable(self->stream, &wait));
        else if (got <= 0)
            return false;
        else
            self->received += got;
    }
    int size = (int)(end - self->in) + 1;
    memcpy(reply, self->in, (size_t)size);
    reply[size - 1] = '\0';
    self->received -= size;
    memmove(self->in, self->in + size, (size_t)self->received);
    return true;
}

bool client_ask(struct client *self, const char *text, const char *expected)
{
    char reply[REPLY_ROOM];
    return client_send(self, text) && client_receive(self, reply) && strcmp(reply, expected) == 0;
}
