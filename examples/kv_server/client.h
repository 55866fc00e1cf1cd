/* A client, on whatever connection: a command and its reply at a time, or many. */
#ifndef KV_SERVER_CLIENT_H
#define KV_SERVER_CLIENT_H

#include "stream.h"

enum { REPLY_ROOM = 512 };

struct client {
    struct stream *stream; /* borrowed */
    char in[REPLY_ROOM];
    int received;
};

/* Sends the text, which ends in a newline where it is to be obeyed. False: the server is gone. */
bool client_send(struct client *self, const char *text);

/* Waits for a reply, without its newline; of at least REPLY_ROOM bytes. False: there will be none. */
bool client_receive(struct client *self, char *reply);

/* Both; whether the reply is this one. */
bool client_ask(struct client *self, const char *text, const char *expected);

#endif
