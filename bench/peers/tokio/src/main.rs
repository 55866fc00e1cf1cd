//! The work of bench/runtime.c, written for Tokio: current_thread, everything enabled. Prints "name<TAB>ns", the median.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, Barrier, Mutex, RwLock, Semaphore};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout, Duration};

const RUNS: usize = 11;

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

async fn yields(count: u64) {
    for _ in 0..count {
        yield_now().await;
    }
}

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

fn measure<F, Fut>(name: &str, work: F)
where
    F: Fn(u64) -> Fut,
    Fut: Future<Output = ()>,
{
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
        return;
    }
    let timed = |count: u64| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let start = Instant::now();
        runtime.block_on(async { tokio::spawn(async {}).await.unwrap() });
        runtime.block_on(work(count));
        start.elapsed().as_nanos() as f64
    };
    let mut count = 1;
    while timed(count) < 1e8 {
        count *= 2;
    }
    let mut each: Vec<f64> = (0..RUNS).map(|_| timed(count) / count as f64).collect();
    each.sort_by(|a, b| a.partial_cmp(b).unwrap());
    println!("{name}\t{:.1}", each[RUNS / 2]);
}

fn main() {
    measure("yield, 1 task", yields);
    measure("yield, 1000 tasks", |count| async move {
        let each = share(count, 1000);
        together(1000, || yields(each)).await
    });
    measure("spawn and join", |count| async move {
        for _ in 0..count {
            tokio::spawn(async {}).await.unwrap();
        }
    });
    measure("spawn, park, abort, join", |count| async move {
        for _ in 0..count {
            let handle = tokio::spawn(sleep(Duration::from_secs(1000)));
            yield_now().await;
            handle.abort();
            let _ = handle.await;
        }
    });
    measure("spawn_blocking and join", |count| async move {
        for _ in 0..count {
            tokio::task::spawn_blocking(|| {}).await.unwrap();
        }
    });
    measure("channel of 1", |count| stream(count, 1, 1));
    measure("channel of 32", |count| stream(count, 32, 1));
    measure("channel of 1024", |count| stream(count, 1024, 1));
    measure("channel of 1024, 4 producers", |count| stream(count, 1024, 4));
    measure("channel, unbounded", unbounded);
    measure("mutex, uncontended", |count| async move {
        let mutex = Mutex::new(());
        for _ in 0..count {
            drop(mutex.lock().await);
        }
    });
    measure("mutex, 8 tasks across a yield", |count| async move {
        let mutex = Arc::new(Mutex::new(()));
        let each = share(count, 8);
        together(8, || {
            let mutex = mutex.clone();
            async move {
                for _ in 0..each {
                    let guard = mutex.lock().await;
                    yield_now().await;
                    drop(guard);
                }
            }
        })
        .await
    });
    measure("rwlock, read", |count| async move {
        let lock = RwLock::new(());
        for _ in 0..count {
            drop(lock.read().await);
        }
    });
    measure("semaphore, uncontended", |count| async move {
        let semaphore = Semaphore::new(2);
        for _ in 0..count {
            drop(semaphore.acquire().await.unwrap());
        }
    });
    measure("semaphore, 8 tasks on 2 permits", |count| async move {
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
    });
    measure("barrier of 8", |count| async move {
        let barrier = Arc::new(Barrier::new(8));
        let each = share(count, 8);
        together(8, || {
            let barrier = barrier.clone();
            async move {
                for _ in 0..each {
                    barrier.wait().await;
                }
            }
        })
        .await
    });
    measure("timeout around what is ready", |count| async move {
        let semaphore = Semaphore::new(1);
        for _ in 0..count {
            drop(timeout(Duration::from_secs(1), semaphore.acquire()).await.unwrap().unwrap());
        }
    });
    measure("timer armed and dropped", |count| async move {
        for _ in 0..count {
            timeout(Duration::from_secs(1), yield_now()).await.unwrap();
        }
    });
}
