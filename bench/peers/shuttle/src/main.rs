//! The work of bench/simulation.c, written for Shuttle: random schedules, and all there are by depth-first search.

#[path = "../../explorers.rs"]
mod explorers;

use shuttle::scheduler::{DfsScheduler, RandomScheduler, Scheduler};
use shuttle::sync::mpsc::sync_channel;
use shuttle::sync::{Arc, Mutex};
use shuttle::{future, thread, Config, FailurePersistence, Runner};
use std::time::{Duration, Instant};

fn yields() {
    future::block_on(async {
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                future::spawn(async {
                    for _ in 0..3 {
                        future::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn channel() {
    let (sender, receiver) = sync_channel(1);
    let producers: Vec<_> = (0..2)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || {
                for i in 0..2 {
                    sender.send(i).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let consumer = thread::spawn(move || {
        let mut count = 0;
        while receiver.recv().is_ok() {
            count += 1;
        }
        assert_eq!(count, 4);
    });
    for producer in producers {
        producer.join().unwrap();
    }
    consumer.join().unwrap();
}

fn locks() {
    let counter = Arc::new(Mutex::new(0));
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let counter = counter.clone();
            thread::spawn(move || {
                for _ in 0..2 {
                    *counter.lock().unwrap() += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.join().unwrap();
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config
}

fn random(program: fn()) -> impl Fn(usize) {
    move |count| {
        Runner::new(RandomScheduler::new_from_seed(0, count), config()).run(program);
    }
}

/// Shuttle says how many executions it made, and stops when the time is up.
fn all(program: fn()) -> impl FnOnce(Duration) -> (usize, bool) {
    move |bound| {
        let mut config = config();
        config.max_time = Some(bound);
        let start = Instant::now();
        let scheduler: Box<dyn Scheduler + Send> = Box::new(DfsScheduler::new(None, false));
        let executions = Runner::new(scheduler, config).run(program);
        (executions, start.elapsed() < bound)
    }
}

fn main() {
    let frame = explorers::Frame::from_arguments();
    frame.random("sim: 2 tasks of 3 yields", random(yields));
    frame.random("sim: 2x2 messages, capacity 1", random(channel));
    frame.random("sim: 3 tasks lock twice", random(locks));
    frame.all("sim: 2x2 messages, all schedules", all(channel));
    frame.all("sim: 3 tasks lock twice, all", all(locks));
}
