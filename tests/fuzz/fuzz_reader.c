/*
 * The trace reader on arbitrary bytes, and the checker behind it: there is a verdict, or a sentence that says where the
 * file is wrong.
 */
#include "traces/checker.h"
#include "traces/reader.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void finish(void *checker, const struct qp_trace_meta *meta, uint64_t digest)
{
    (void)meta;
    (void)digest;
    qp_checker_finish(checker, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct qp_checker *checker;
    struct qp_trace_handler handler = {.event = qp_checker_event, .summary = finish};
    char error[512] = "";
    FILE *file;
    if (size == 0 || !(file = fmemopen((void *)(uintptr_t)data, size, "r")))
        return 0;
    if (!checker && !(checker = qp_checker_create()))
        return 0;
    qp_checker_reset(checker);
    handler.context = checker;
    if (!qp_trace_read_file(file, "input", &handler, error, sizeof error) && strncmp(error, "input:", 6) != 0)
        abort(); /* a sentence says where */
    fclose(file);
    qp_checker_reset(checker); /* its events' names end with the reading */
    return 0;
}
