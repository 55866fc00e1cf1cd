/* What is injected has to know of contracts (quipu/contract.h). */
#ifndef SCHEDULER_CONTRACT_H
#define SCHEDULER_CONTRACT_H

#include <quipu/future.h>
#include <stdbool.h>

/* Whether it is a wait held to a contract, which is cancel-safe and can be begun again. */
bool qp_contract_can_begin_again(const struct qp_future *future);

/* Drops what it waits for; both are as before their first poll. */
void qp_contract_begin_again(struct qp_future *future);

#endif
