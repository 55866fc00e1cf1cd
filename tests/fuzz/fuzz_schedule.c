/*
 * A fuzzer that looks for schedules: its input is the list of choices of one scenario, named by QUIPU_SCENARIO.
 *
 * Built with libFuzzer as the others are; without it (FUZZ_MAIN) it is a program that executes the file that it is
 * given, or standard input, which is how AFL++ calls it, or so many random inputs (--random N).
 */
#include <quipu/fuzz.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *scenario = getenv("QUIPU_SCENARIO");
    quipu_fuzz(scenario ? scenario : "stack_aba", data, size);
    return 0;
}

#ifdef FUZZ_MAIN
static uint8_t input[1 << 16];

static void run_random(unsigned long count)
{
    uint64_t state = 88172645463325252u;
    for (; count > 0; count--) {
        for (size_t i = 0; i < 256; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            input[i] = (uint8_t)(state >> 24);
        }
        LLVMFuzzerTestOneInput(input, 256);
    }
}

int main(int argc, char **argv)
{
    FILE *file = stdin;
    size_t size;
    if (argc == 3 && strcmp(argv[1], "--random") == 0) {
        run_random(strtoul(argv[2], NULL, 10));
        return 0;
    }
    if (argc == 2 && !(file = fopen(argv[1], "rb"))) {
        fprintf(stderr, "cannot open %s\n", argv[1]);
        return 2;
    }
    size = fread(input, 1, sizeof input, file);
    fclose(file);
    LLVMFuzzerTestOneInput(input, size);
    return 0;
}
#endif
