/* What the runtime has to know of contracts (quipu/contract.h). */
#ifndef SCHEDULER_CONTRACT_H
#define SCHEDULER_CONTRACT_H

#include "scheduler/task.h"
#include <stdbool.h>

struct qp_durable;

/* Whether it is a wait held to a contract, which is cancel-safe and can be begun again. */
bool qp_contract_can_begin_again(const struct qp_future *future);

/* A task has ended, out of the list; was aborted; all that are over are forgotten, for the run is over. */
void qp_contract_task_ended(struct qp_runtime *runtime, enum qp_status status, uint64_t task);
void qp_contract_task_aborted(struct qp_runtime *runtime, uint64_t task);
void qp_contracts_forget(struct qp_runtime *runtime);

/* Drops what it waits for; both are as before their first poll. */
void qp_contract_begin_again(struct qp_future *future);

#endif
