/* All that quipu-bench measures, in the order in which it is shown. */
#include "bench/tables.h"
#include <stddef.h>

const struct benchmark *const all_benchmarks[] = {
    simulation_benchmarks,
    checking_benchmarks,
    task_benchmarks,
    channel_benchmarks,
    sync_benchmarks,
    time_benchmarks,
    NULL,
};

const struct figure *const all_figures[] = {simulation_figures, checking_figures, crowd_figures,   abort_figures,
                                            timer_figures,      memory_figures,   machine_figures, NULL};
