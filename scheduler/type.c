/* The types that come with the library. No state. */
#include <inttypes.h>
#include <quipu/type.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void print_int(const void *value, char *text, size_t size)
{
    snprintf(text, size, "%d", *(const int *)value);
}

static void print_int64(const void *value, char *text, size_t size)
{
    snprintf(text, size, "%" PRId64, *(const int64_t *)value);
}

static void print_size(const void *value, char *text, size_t size)
{
    snprintf(text, size, "%zu", *(const size_t *)value);
}

static void print_bool(const void *value, char *text, size_t size)
{
    snprintf(text, size, "%s", *(const bool *)value ? "true" : "false");
}

static void print_string(const void *value, char *text, size_t size)
{
    const char *string = *(const char *const *)value;
    snprintf(text, size, "%s", string ? string : "(null)");
}

static void drop_string(void *value)
{
    free(*(char **)value);
}

const struct qp_type qp_int = {"int", sizeof(int), _Alignof(int), NULL, print_int};
const struct qp_type qp_int64 = {"int64", sizeof(int64_t), _Alignof(int64_t), NULL, print_int64};
const struct qp_type qp_size = {"size", sizeof(size_t), _Alignof(size_t), NULL, print_size};
const struct qp_type qp_bool = {"bool", sizeof(bool), _Alignof(bool), NULL, print_bool};
const struct qp_type qp_pointer = {"pointer", sizeof(void *), _Alignof(void *), NULL, NULL};
const struct qp_type qp_string = {"string", sizeof(char *), _Alignof(char *), NULL, print_string};
const struct qp_type qp_owned_string = {"owned string", sizeof(char *), _Alignof(char *), drop_string, print_string};
const struct qp_type qp_nothing = {"nothing", 0, 1, NULL, NULL};
