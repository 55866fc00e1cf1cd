//! The work of bench/simulation.c, written for loom, which makes all executions that differ under the memory model and
//! has no random ones. It has no bounded channel: here it is a queue with a lock and two conditions.

#[path = "../../explorers.rs"]
mod explorers;

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn yields() {
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..3 {
                    thread::yield_now();
                }
            })
        })
        .collect();
    for task in tasks {
        task.join().unwrap();
    }
}

#[derive(Default)]
struct Buffer {
    items: VecDeque<i32>,
    senders: usize,
}

struct Channel {
    buffer: Mutex<Buffer>,
    not_full: Condvar,
    not_empty: Condvar,
}

impl Channel {
    fn send(&self, item: i32) {
        let mut buffer = self.buffer.lock().unwrap();
        while buffer.items.len() == 1 {
            buffer = self.not_full.wait(buffer).unwrap();
        }
        buffer.items.push_back(item);
        self.not_empty.notify_one();
    }

    fn end(&self) {
        self.buffer.lock().unwrap().senders -= 1;
        self.not_empty.notify_one();
    }

    fn receive(&self) -> Option<i32> {
        let mut buffer = self.buffer.lock().unwrap();
        while buffer.items.is_empty() && buffer.senders > 0 {
            buffer = self.not_empty.wait(buffer).unwrap();
        }
        self.not_full.notify_one();
        buffer.items.pop_front()
    }
}

fn channel() {
    let channel = Arc::new(Channel {
        buffer: Mutex::new(Buffer { items: VecDeque::new(), senders: 2 }),
        not_full: Condvar::new(),
        not_empty: Condvar::new(),
    });
    let producers: Vec<_> = (0..2)
        .map(|_| {
            let channel = channel.clone();
            thread::spawn(move || {
                for i in 0..2 {
                    channel.send(i);
                }
                channel.end();
            })
        })
        .collect();
    let consumer = thread::spawn(move || {
        let mut count = 0;
        while channel.receive().is_some() {
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

fn all(program: fn()) -> impl FnOnce(Duration) -> (usize, bool) {
    move |bound| {
        static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);
        let start = Instant::now();
        let mut model = loom::model::Builder::new();
        model.max_duration = Some(bound);
        model.checkpoint_interval = 500; // so often it looks at the time
        EXECUTIONS.store(0, Ordering::Relaxed);
        model.check(move || {
            EXECUTIONS.fetch_add(1, Ordering::Relaxed);
            program();
        });
        (EXECUTIONS.load(Ordering::Relaxed), start.elapsed() < bound)
    }
}

fn main() {
    let frame = explorers::Frame::from_arguments();
    frame.all("sim: 2 tasks of 3 yields", all(yields));
    frame.all("sim: 2x2 messages, all schedules", all(channel));
    frame.all("sim: 3 tasks lock twice, all", all(locks));
}
