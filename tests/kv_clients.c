/* See kv_clients.h. One loop over poll; each client sends a few commands at a time, and reads their replies. */
#include "kv_clients.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <quipu/status.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NUMBERS = 12, AT_A_TIME = 4, BATCH = 100, PATIENCE_MS = 60000, TEXT = 512 };

enum kind { USUAL, VANISHES, SILENT, STAYS };

struct client {
    enum kind kind;
    int number, fd; /* -1: it has ended */
    int batch;      /* of numbers whose replies it waits for */
    bool asked;     /* for its key, at the end */
    bool quits;     /* and then said so */
    char out[TEXT], in[TEXT];
    size_t out_size, in_size;
    struct kv_record *record;
};

struct crowd {
    struct client *clients;
    struct pollfd *polled;
    int count, opened, busy /* of those that end by themselves */, staying, wrong;
    struct sockaddr_in address;
    uint64_t random;
    int stop;
};

static uint64_t draw(struct crowd *self, uint64_t below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random % below;
}

static void count_down(struct crowd *self, const struct client *client)
{
    if (client->kind == STAYS)
        self->staying--;
    else if (--self->busy == 0 && self->opened == self->count)
        close(self->stop);
}

static void leave(struct crowd *self, struct client *client, bool well)
{
    close(client->fd);
    client->fd = -1;
    self->wrong += !well;
    count_down(self, client);
}

/* Sometimes so that the other end gets a reset. */
static void vanish(struct crowd *self, struct client *client)
{
    struct linger at_once = {1, 0};
    if (draw(self, 2))
        setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    leave(self, client, true);
}

/* ---- what it says ---- */

QP_PRINTF(2, 3) static void say(struct client *client, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    client->out_size += (size_t)vsnprintf(client->out + client->out_size, TEXT - client->out_size, format, args);
    va_end(args);
}

static void say_next(struct crowd *self, struct client *client)
{
    struct kv_record *record = client->record;
    int left = client->kind == STAYS ? AT_A_TIME : NUMBERS - record->sent;
    if (client->kind == SILENT) {
        say(client, "SET key-%d ", client->number);
    } else if (left) {
        client->batch = 1 + (int)draw(self, AT_A_TIME);
        client->batch = client->batch < left ? client->batch : left;
        for (int i = 0; i < client->batch; i++)
            say(client, "SET key-%d %d\n", client->number, ++record->sent);
    } else if (!client->asked) {
        client->asked = true;
        say(client, "GET key-%d\n", client->number);
    } else if (!client->quits) {
        client->quits = true;
        say(client, "QUIT\n");
    }
}

/* All that it has to say, or a part of it and then nothing for ever. */
static void send_some(struct crowd *self, struct client *client)
{
    bool last = client->kind == VANISHES && draw(self, 4) == 0;
    size_t size = last ? draw(self, client->out_size) : client->out_size;
    ssize_t sent = send(client->fd, client->out, size, MSG_NOSIGNAL);
    if (last) {
        vanish(self, client);
        return;
    }
    if (sent < 0)
        return; /* whether it is gone is found when reading */
    client->out_size -= (size_t)sent;
    memmove(client->out, client->out + sent, client->out_size);
}

/* ---- what it hears ---- */

/* Whether it is what it should be. */
static bool hear(struct client *client, const char *line)
{
    char expected[64];
    if (client->batch) {
        client->batch--;
        client->record->acknowledged++;
        return strcmp(line, "OK") == 0;
    }
    snprintf(expected, sizeof expected, "VALUE %d", client->record->sent);
    return strcmp(line, expected) == 0 || strcmp(line, "BYE") == 0;
}

static bool hear_all(struct client *client)
{
    char *end;
    bool well = true;
    while (well && (end = memchr(client->in, '\n', client->in_size)) != NULL) {
        *end = '\0';
        well = hear(client, client->in);
        client->in_size -= (size_t)(end + 1 - client->in);
        memmove(client->in, end + 1, client->in_size);
    }
    return well;
}

/* The server has ended it: as it may, if this one has nothing more to say, never says a thing, or is there to the end.
 */
static void is_let_go(struct crowd *self, struct client *client, bool orderly)
{
    bool said_all = client->quits && !client->in_size && orderly;
    leave(self, client, client->kind == SILENT || client->kind == STAYS || said_all);
}

static void receive(struct crowd *self, struct client *client)
{
    ssize_t got = recv(client->fd, client->in + client->in_size, TEXT - client->in_size, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        is_let_go(self, client, got == 0);
        return;
    }
    client->in_size += (size_t)got;
    if (!hear_all(client)) {
        fprintf(stderr, "client %d: a wrong reply\n", client->number);
        leave(self, client, false);
    } else if (!client->batch && !client->out_size && client->kind != SILENT) {
        say_next(self, client);
    }
}

/* ---- all of them ---- */

static enum kind kind_of(int number)
{
    return number % 5 == 1 ? VANISHES : number % 40 == 2 ? SILENT : number % 50 == 3 ? STAYS : USUAL;
}

static bool open_client(struct crowd *self, struct kv_record *record)
{
    int number = self->opened++;
    struct client *client = &self->clients[number];
    *client = (struct client){.kind = kind_of(number), .number = number, .record = record};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->fd < 0 ||
        (connect(client->fd, (struct sockaddr *)&self->address, sizeof self->address) != 0 && errno != EINPROGRESS)) {
        perror("a client cannot connect");
        return false;
    }
    *(client->kind == STAYS ? &self->staying : &self->busy) += 1;
    say_next(self, client);
    return true;
}

static bool open_some(struct crowd *self, struct kv_record *records)
{
    for (int i = 0; i < BATCH && self->opened < self->count; i++)
        if (!open_client(self, &records[self->opened]))
            return false;
    return true;
}

static void serve_one(struct crowd *self, struct client *client, short events)
{
    if (events & POLLOUT && client->out_size)
        send_some(self, client);
    if (client->fd >= 0 && events & (POLLIN | POLLERR | POLLHUP))
        receive(self, client);
}

static bool turn(struct crowd *self)
{
    for (int i = 0; i < self->opened; i++)
        self->polled[i] = (struct pollfd){.fd = self->clients[i].fd,
                                          .events = (short)(POLLIN | (self->clients[i].out_size ? POLLOUT : 0))};
    if (poll(self->polled, (nfds_t)self->opened, PATIENCE_MS) <= 0) {
        fprintf(stderr, "nothing happens any more: %d clients are at it, and %d at the end\n", self->busy,
                self->staying);
        return false;
    }
    for (int i = 0; i < self->opened; i++)
        if (self->clients[i].fd >= 0 && self->polled[i].revents)
            serve_one(self, &self->clients[i], self->polled[i].revents);
    return true;
}

int kv_clients_run(int port, int count, uint64_t seed, int stop, struct kv_record *records)
{
    struct crowd self = {.clients = calloc((size_t)count, sizeof *self.clients),
                         .polled = calloc((size_t)count, sizeof *self.polled),
                         .count = count,
                         .address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)},
                         .random = seed * 2 + 1,
                         .stop = stop};
    bool well = self.clients && self.polled;
    self.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (well && (self.opened < count || self.busy || self.staying))
        well = open_some(&self, records) && turn(&self);
    free(self.clients);
    free(self.polled);
    return well ? self.wrong : count;
}
