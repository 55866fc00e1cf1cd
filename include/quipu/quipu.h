/* All of the library. */
#ifndef QUIPU_QUIPU_H
#define QUIPU_QUIPU_H

#include <quipu/barrier.h>
#include <quipu/channel.h>
#include <quipu/contract.h>
#include <quipu/env.h>
#include <quipu/event.h>
#include <quipu/explore.h>
#include <quipu/future.h>
#include <quipu/io.h>
#include <quipu/lock.h>
#include <quipu/loop.h>
#include <quipu/main.h>
#include <quipu/oneshot.h>
#include <quipu/race.h>
#include <quipu/real.h>
#include <quipu/remote.h>
#include <quipu/resumable.h>
#include <quipu/runtime.h>
#include <quipu/scenario.h>
#include <quipu/semaphore.h>
#include <quipu/status.h>
#include <quipu/task.h>
#include <quipu/time.h>
#include <quipu/type.h>
#include <quipu/version.h>

#endif
