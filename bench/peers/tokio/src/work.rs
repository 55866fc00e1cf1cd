//! The work itself, in the order of bench/*.c.

use crate::frame::Frame;
use std::future::{pending, poll_fn, Future};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot, Barrier, Mutex, RwLock, Semaphore};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout, Duration};

const CROWD: u64 = 1_000;
const MANY: usize = 100_000;
const ABORT_ROUNDS: usize = 100;
const OTHERS: usize = 10_000;
const REGISTERED: usize = 1_000_000;

fn share(count: u64, tasks: u64) -> u64 {
    count.div_ceil(tasks)
}

async fn together<F, Fut>(tasks: u64, make: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let handles: Vec<_> = (0..tasks).map(|_| tokio::spawn(make())).collect();
    for handle in handles {
        handle.await.unwrap();
    }
}

/// Ready at the second poll, for which it wakes its task itself: without the detour by the driver of yield_now.
async fn self_wake() {
    let mut woken = false;
    poll_fn(|context| {
        if woken {
            return Poll::Ready(());
        }
        woken = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// xorshift64 (Marsaglia), as in bench/runtime.c.
struct Random(u64);

impl Random {
    fn new() -> Random {
        Random(88172645463325252)
    }

    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % count
    }
}

// ---- tasks ----

async fn yields(count: u64) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// 100,000 tasks, all spawned and then all joined: ns each.
async fn crowd<F, Fut>(make: F) -> f64
where
    F: Fn() -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut handles = Vec::with_capacity(MANY);
    let start = Instant::now();
    handles.extend((0..MANY).map(|_| tokio::spawn(make())));
    for handle in handles {
        handle.await.unwrap();
    }
    start.elapsed().as_nanos() as f64 / MANY as f64
}

async fn abort_crowds() -> f64 {
    let mut ns = 0.0;
    for _ in 0..ABORT_ROUNDS {
        let handles: Vec<_> = (0..CROWD).map(|_| tokio::spawn(pending::<()>())).collect();
        yield_now().await;
        let start = Instant::now();
        for handle in handles {
            handle.abort();
            let _ = handle.await;
        }
        ns += start.elapsed().as_nanos() as f64;
    }
    ns / (CROWD as f64 * ABORT_ROUNDS as f64)
}

pub fn tasks(frame: &Frame) {
    frame.benchmark("yield, 1 task", yields);
    frame.benchmark("self-wake, 1 task", |count| async move {
        for _ in 0..count {
            self_wake().await;
        }
    });
    frame.benchmark("yield, 1,000 tasks", |count| async move {
        let each = share(count, CROWD);
        together(CROWD, || yields(each)).await
    });
    frame.benchmark("spawn and join", |count| async move {
        for _ in 0..count {
            tokio::spawn(async {}).await.unwrap();
        }
    });
    frame.benchmark("spawn, park, abort, join", |count| async move {
        for _ in 0..count {
            let handle = tokio::spawn(pending::<()>());
            yield_now().await;
            handle.abort();
            let _ = handle.await;
        }
    });
    frame.benchmark("spawn_blocking and join", |count| async move {
        for _ in 0..count {
            tokio::task::spawn_blocking(|| {}).await.unwrap();
        }
    });
    frame.figure("100,000 tasks", || crowd(|| async {}));
    frame.figure("100,000 tasks that wait", || crowd(self_wake));
    frame.figure("abort of a parked task", abort_crowds);
}

// ---- channels ----

async fn stream(count: u64, capacity: usize, producers: u64) {
    let each = share(count, producers);
    let (tx, mut rx) = mpsc::channel::<i32>(capacity);
    let handles: Vec<_> = (0..producers)
        .map(|_| {
            let tx = tx.clone();
            tokio::spawn(async move {
                for i in 0..each {
                    tx.send(i as i32).await.unwrap();
                }
            })
        })
        .collect();
    drop(tx);
    while rx.recv().await.is_some() {}
    for handle in handles {
        handle.await.unwrap();
    }
}

async fn unbounded(count: u64) {
    let (tx, mut rx) = mpsc::unbounded_channel::<i32>();
    let handle = tokio::spawn(async move {
        for i in 0..count {
            tx.send(i as i32).unwrap();
        }
    });
    while rx.recv().await.is_some() {}
    handle.await.unwrap();
}

async fn ask(count: u64) {
    let (tx, mut rx) = mpsc::channel::<(i32, oneshot::Sender<i32>)>(1);
    let server = tokio::spawn(async move {
        while let Some((question, reply)) = rx.recv().await {
            reply.send(question + 1).unwrap();
        }
    });
    for i in 0..count {
        let question = (i & 0xffff) as i32;
        let (reply, answer) = oneshot::channel();
        tx.send((question, reply)).await.unwrap();
        assert_eq!(answer.await.unwrap(), question + 1);
    }
    drop(tx);
    server.await.unwrap();
}

pub fn channels(frame: &Frame) {
    frame.benchmark("channel of 1", |count| stream(count, 1, 1));
    frame.benchmark("channel of 32", |count| stream(count, 32, 1));
    frame.benchmark("channel of 1,024", |count| stream(count, 1024, 1));
    frame.benchmark("channel of 1,024, 4 producers", |count| stream(count, 1024, 4));
    frame.benchmark("channel, unbounded", unbounded);
    frame.benchmark("request and response", ask);
}

// ---- sync ----

async fn eight_lock<F, Fut>(count: u64, wait: F)
where
    F: Fn() -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mutex = Arc::new(Mutex::new(()));
    let each = share(count, 8);
    together(8, || {
        let mutex = mutex.clone();
        async move {
            for _ in 0..each {
                let guard = mutex.lock().await;
                wait().await;
                drop(guard);
            }
        }
    })
    .await
}

async fn eight_acquire(count: u64) {
    let semaphore = Arc::new(Semaphore::new(2));
    let each = share(count, 8);
    together(8, || {
        let semaphore = semaphore.clone();
        async move {
            for _ in 0..each {
                let permit = semaphore.acquire().await.unwrap();
                yield_now().await;
                drop(permit);
            }
        }
    })
    .await
}

pub fn sync(frame: &Frame) {
    frame.benchmark("mutex, uncontended", |count| async move {
        let mutex = Mutex::new(());
        for _ in 0..count {
            drop(mutex.lock().await);
        }
    });
    frame.benchmark("mutex, 8 tasks across a yield", |count| eight_lock(count, yield_now));
    frame.benchmark("mutex, 8 tasks across a self-wake", |count| eight_lock(count, self_wake));
    frame.benchmark("rwlock, read", |count| async move {
        let lock = RwLock::new(());
        for _ in 0..count {
            drop(lock.read().await);
        }
    });
    frame.benchmark("semaphore, uncontended", |count| async move {
        let semaphore = Semaphore::new(2);
        for _ in 0..count {
            drop(semaphore.acquire().await.unwrap());
        }
    });
    frame.benchmark("semaphore, 8 tasks on 2 permits", eight_acquire);
    frame.benchmark("barrier of 8", |count| async move {
        let barrier = Arc::new(Barrier::new(8));
        together(8, || {
            let barrier = barrier.clone();
            async move {
                for _ in 0..count {
                    barrier.wait().await;
                }
            }
        })
        .await
    });
}

// ---- time ----

/// The CPU time of the process so far, in nanoseconds.
fn cpu_ns() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on Linux, and `time` is a timespec that lives across the call.
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) }, 0);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn some_seconds(random: &mut Random) -> Duration {
    Duration::from_nanos(1_000_000_000 + random.below(1_000_000_000_000))
}

async fn timer_beside(others: usize) -> f64 {
    let mut random = Random::new();
    let mut live: Vec<_> = (0..others).map(|_| Box::pin(sleep(some_seconds(&mut random)))).collect();
    let durations: Vec<_> = (0..1024).map(|_| some_seconds(&mut random)).collect();
    poll_fn(|context| {
        for other in live.iter_mut() {
            assert!(other.as_mut().poll(context).is_pending());
        }
        let start = Instant::now();
        for i in 0..REGISTERED {
            assert!(pin!(sleep(durations[i % 1024])).poll(context).is_pending());
        }
        Poll::Ready(start.elapsed().as_nanos() as f64 / REGISTERED as f64)
    })
    .await
}

async fn sleepers() -> f64 {
    let mut random = Random::new();
    let start = cpu_ns();
    let handles: Vec<_> =
        (0..MANY).map(|_| tokio::spawn(sleep(Duration::from_nanos(random.below(100_000_000))))).collect();
    for handle in handles {
        handle.await.unwrap();
    }
    (cpu_ns() - start) / MANY as f64
}

pub fn time(frame: &Frame) {
    frame.benchmark("timeout around what is ready", |count| async move {
        let semaphore = Semaphore::new(1);
        for _ in 0..count {
            drop(timeout(Duration::from_secs(1), semaphore.acquire()).await.unwrap().unwrap());
        }
    });
    frame.benchmark("timeout around one suspension", |count| async move {
        for _ in 0..count {
            timeout(Duration::from_secs(1), self_wake()).await.unwrap();
        }
    });
    frame.figure("timer registered and dropped", || timer_beside(0));
    frame.figure("timer registered and dropped, 10,000 live", || timer_beside(OTHERS));
    frame.figure("100,000 sleepers", sleepers);
}

// ---- memory ----

fn resident_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    // SAFETY: the name is one that sysconf knows.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * page as f64
}

/// `count` tasks that nobody wakes: bytes each.
async fn parked(count: usize) -> f64 {
    let before = resident_bytes();
    for _ in 0..count {
        tokio::spawn(pending::<()>());
    }
    sleep(Duration::from_secs(1)).await; // until the last one waits
    (resident_bytes() - before) / count as f64
}

async fn at_a_semaphore(count: usize) -> f64 {
    let semaphore = Arc::new(Semaphore::new(0));
    let before = resident_bytes();
    for _ in 0..count {
        let semaphore = semaphore.clone();
        tokio::spawn(async move {
            let _permit = semaphore.acquire().await;
        });
    }
    sleep(Duration::from_secs(1)).await;
    (resident_bytes() - before) / count as f64
}

pub fn memory(frame: &Frame) {
    frame.figure_alone("memory of 100,000 parked tasks", || parked(100_000));
    frame.figure_alone("memory of 100,000 tasks at a semaphore", || at_a_semaphore(100_000));
    frame.figure_alone("memory of 1,000,000 parked tasks", || parked(1_000_000));
}
