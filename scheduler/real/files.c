/*
 * Waiting for descriptors: one uv_poll for each that somebody waits for, in both directions.
 *
 * Invariants: a file is there, and known to the loop for the directions in which somebody waits, while somebody does;
 * when nobody does it is closed, so that nothing of ours is left when the program closes the descriptor. Its memory is
 * the loop's from then until the loop has closed it.
 */
#include "scheduler/real/real.h"
#include "scheduler/wait_queue.h"
#include <stdlib.h>
#include <string.h>

enum { DIRECTIONS = 2 }; /* QP_IO_READABLE, QP_IO_WRITABLE */

struct file {
    uv_poll_t poll;
    struct qp_real *real;
    int number;
    int asked; /* the directions that the loop knows of, UV_READABLE and UV_WRITABLE */
    int got;   /* those in which something has happened */
    bool fired;
    struct file *next_fired;
    struct qp_wait_queue waiting[DIRECTIONS];
};

static const int bit_of[DIRECTIONS] = {[QP_IO_READABLE] = UV_READABLE, [QP_IO_WRITABLE] = UV_WRITABLE};

/* ---- of one ---- */

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void unlink_fired(struct files *files, struct file *file)
{
    struct file **link = &files->fired;
    if (!file->fired)
        return;
    while (*link != file)
        link = &(*link)->next_fired;
    *link = file->next_fired;
    file->fired = false;
}

static void close_file(struct file *file)
{
    struct files *files = &file->real->files;
    unlink_fired(files, file);
    files->by_number[file->number] = NULL;
    files->open--;
    uv_close((uv_handle_t *)&file->poll, closed);
}

static int wanted(const struct file *file)
{
    int bits = 0, i;
    for (i = 0; i < DIRECTIONS; i++)
        if (!qp_wait_queue_empty(&file->waiting[i]))
            bits |= bit_of[i];
    return bits;
}

/* A descriptor that has failed is worth a look in both directions: the program's own call will tell. */
static void happened(uv_poll_t *poll, int status, int events)
{
    struct file *file = poll->data;
    struct files *files = &file->real->files;
    file->got |= status < 0 ? UV_READABLE | UV_WRITABLE : events;
    if (status < 0)
        file->asked = 0; /* the loop has stopped */
    if (file->fired)
        return;
    file->fired = true;
    file->next_fired = files->fired;
    files->fired = file;
}

/* The loop is to know of just those directions in which somebody waits; of nobody, it closes the file. */
static int settle(struct file *file)
{
    int bits = wanted(file), error = 0;
    if (!bits)
        close_file(file);
    else if (bits != file->asked)
        error = uv_poll_start(&file->poll, bits, happened);
    if (bits && !error)
        file->asked = bits;
    return -error;
}

/* ---- of all ---- */

static bool reserve(struct files *files, size_t number)
{
    size_t room = files->room ? files->room : 64;
    struct file **grown;
    if (number < files->room)
        return true;
    while (room <= number)
        room *= 2;
    grown = realloc(files->by_number, room * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + files->room, 0, (room - files->room) * sizeof *grown);
    files->by_number = grown;
    files->room = room;
    return true;
}

/* The file of a descriptor for which nobody waited. An errno, or 0. */
static int open_file(struct qp_real *self, int number)
{
    struct file *file;
    int error, i;
    if (!reserve(&self->files, (size_t)number) || !(file = malloc(sizeof *file)))
        return ENOMEM;
    *file = (struct file){.real = self, .number = number};
    for (i = 0; i < DIRECTIONS; i++)
        qp_wait_queue_init(&file->waiting[i]);
    error = uv_poll_init(self->loop, &file->poll, number);
    if (error) {
        free(file);
        return -error;
    }
    file->poll.data = file;
    self->files.by_number[number] = file;
    self->files.open++;
    return 0;
}

int qp_real_file_begin(struct qp_real *self, struct qp_io_wait *io)
{
    struct file *file;
    int error = io->number < 0 ? EBADF : 0;
    if (!error && ((size_t)io->number >= self->files.room || !self->files.by_number[io->number]))
        error = open_file(self, io->number);
    if (error)
        return error;
    file = self->files.by_number[io->number];
    io->place = file;
    qp_wait_queue_push(&file->waiting[io->event], &io->wait, io->wait.waker);
    error = settle(file);
    if (error)
        qp_real_file_end(self, io);
    self->known = false;
    return error;
}

void qp_real_file_end(struct qp_real *self, struct qp_io_wait *io)
{
    qp_wait_remove(&io->wait);
    settle(io->place); /* asking for less does not fail */
    self->known = false;
}

static void deliver(struct file *file)
{
    struct qp_wait *wait;
    int i, got = file->got;
    file->got = 0;
    for (i = 0; i < DIRECTIONS; i++)
        while (got & bit_of[i] && (wait = qp_wait_queue_pop(&file->waiting[i])) != NULL) {
            QP_CONTAINER(wait, struct qp_io_wait, wait)->over = true;
            qp_wake(wait->waker);
        }
    settle(file);
    file->real->known = false;
}

void qp_real_deliver_files(struct qp_real *self)
{
    struct file *file;
    while ((file = self->files.fired) != NULL) {
        unlink_fired(&self->files, file);
        deliver(file);
    }
}
