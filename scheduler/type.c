/* The types that come with the library. No state. */
#include <quipu/type.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Whole numbers are printed for every value that is told of: several times faster than printf does it. */
static void print_number(uint64_t number, bool negative, char *text, size_t size)
{
    char digits[24], *at = digits + sizeof digits;
    *--at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    if (negative)
        *--at = '-';
    for (; size > 1 && *at; size--)
        *text++ = *at++;
    if (size)
        *text = '\0';
}

static void print_int64(const void *value, char *text, size_t size)
{
    int64_t number = *(const int64_t *)value;
    print_number(number < 0 ? 0 - (uint64_t)number : (uint64_t)number, number < 0, text, size);
}

static void print_int(const void *value, char *text, size_t size)
{
    int64_t number = *(const int *)value;
    print_int64(&number, text, size);
}

static void print_size(const void *value, char *text, size_t size)
{
    print_number(*(const size_t *)value, false, text, size);
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
