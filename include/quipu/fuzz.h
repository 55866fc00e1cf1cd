/*
 * A fuzzer's way in: its bytes are the list of choices of an execution.
 *
 *     int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
 *     {
 *         quipu_fuzz("no_job_is_lost", data, size);
 *         return 0;
 *     }
 */
#ifndef QUIPU_FUZZ_H
#define QUIPU_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * Executes a scenario of this program once: each choice takes one byte (four where there are more than 256
 * alternatives), and past their end the first alternative. An execution that fails, or breaks a contract, is told of on
 * stderr, with its story, and ends the process by abort(), as a fuzzer expects it; so does a name that no scenario has.
 */
void quipu_fuzz(const char *scenario, const uint8_t *data, size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
