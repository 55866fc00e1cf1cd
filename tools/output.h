/* What machines read: violations as JSON, and JUnit XML. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include "tools/whole.h"
#include "traces/checker.h"
#include <cjson/cJSON.h>

/* Adds a whole number; as a string where readers of JSON may not represent it exactly. False: out of memory. */
bool add_json_unsigned(cJSON *object, const char *name, uint64_t value);
bool add_json_signed(cJSON *object, const char *name, int64_t value);

/* The violations that a checker kept, as an array. Returns owned; NULL: out of memory. */
cJSON *violations_json(const struct qp_checker *checker);

/* Prints the value and a newline to standard output, or into a file; takes the value (NULL: out of memory). Returns
 * EXIT_FINE, or what complain() did. */
int print_json(cJSON *value);
int write_json(const char *path, cJSON *value);

/* ---- JUnit ---- */

struct junit {
    struct whole_file whole;
    size_t cases, failures, errors;
    FILE *memory; /* NULL: none is written */
    char *text;   /* the cases so far, which come from there */
    size_t size;
};

enum junit_verdict { JUNIT_PASSED, JUNIT_FAILED, JUNIT_ERROR };

/* Begins a report that goes to `path`, borrowed. False: a sentence was printed. */
bool junit_begin(struct junit *junit, const char *path);

/* One case; `message` and `text` say why it did not pass. */
void junit_case(struct junit *junit, const char *class_name, const char *name, double seconds,
                enum junit_verdict verdict, const char *message, const char *text);

/* Writes it. False: a sentence was printed. */
bool junit_end(struct junit *junit, const char *suite);

#endif
