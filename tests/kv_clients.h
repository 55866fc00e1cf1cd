/*
 * Clients of the key-value server, on real sockets, all at once: some do what clients do, some vanish in the middle of
 * a line, some say nothing, and some are at it until the server ends.
 */
#ifndef TESTS_KV_CLIENTS_H
#define TESTS_KV_CLIENTS_H

#include <stdint.h>

/* What one of them knows: the numbers that it has set its key to. In memory that the server's side sees too. */
struct kv_record {
    int sent, acknowledged; /* the last of each */
};

/*
 * Runs `count` clients, the draws from `seed`, against the port of the loopback address. When all have ended but those
 * that are to be there at the end, it closes `stop`, and waits until the server has let those go. Returns how many did
 * not get what they should have.
 */
int kv_clients_run(int port, int count, uint64_t seed, int stop, struct kv_record *records);

#endif
