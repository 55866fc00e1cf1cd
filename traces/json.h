/*
 * What reading a line of JSON needs beside cJSON, which is lenient and forgets where things stood.
 *
 * Pure functions on a line that ends with a zero byte.
 */
#ifndef TRACES_JSON_H
#define TRACES_JSON_H

#include <stddef.h>
#include <stdint.h>

#define QP_JSON_DEPTH_MOST 8
#define QP_JSON_SELF SIZE_MAX

/*
 * Checks what cJSON lets pass: control characters and zero bytes, also escaped ones, invalid UTF-8, depth, and numbers
 * that are no plain integers of at most 16 digits. NULL: it found nothing. Otherwise what was expected, and the offset.
 * It does not see whether the line is JSON otherwise.
 */
const char *qp_json_check(const char *line, size_t length, size_t *offset);

/*
 * The offset of a value: of the outer-th member of the object that the line is or, unless `inner` is QP_JSON_SELF, of
 * the inner-th member or element of that one. The line has been parsed; 0 when it holds no such value.
 */
size_t qp_json_locate(const char *line, size_t outer, size_t inner);

#endif
