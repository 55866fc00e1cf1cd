//! Measuring: like bench/main.c.

use std::future::Future;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};

pub struct Frame {
    names: Vec<String>,
    multi: bool,
    runs: usize,
}

/// The names of all benchmarks, to tell a whole name from a part of one.
const NAMES: &[&str] = &[
    "yield, 1 task",
    "self-wake, 1 task",
    "yield, 1,000 tasks",
    "spawn and join",
    "spawn, park, abort, join",
    "spawn_blocking and join",
    "100,000 tasks",
    "100,000 tasks that wait",
    "abort of a parked task",
    "channel of 1",
    "channel of 32",
    "channel of 1,024",
    "channel of 1,024, 4 producers",
    "channel, unbounded",
    "request and response",
    "mutex, uncontended",
    "mutex, 8 tasks across a yield",
    "mutex, 8 tasks across a self-wake",
    "rwlock, read",
    "semaphore, uncontended",
    "semaphore, 8 tasks on 2 permits",
    "barrier of 8",
    "timeout around what is ready",
    "timeout around one suspension",
    "timer registered and dropped",
    "timer registered and dropped, 10,000 live",
    "100,000 sleepers",
    "memory of 100,000 parked tasks",
    "memory of 100,000 tasks at a semaphore",
    "memory of 1,000,000 parked tasks",
];

impl Frame {
    pub fn from_arguments() -> Frame {
        let mut frame = Frame { names: Vec::new(), multi: false, runs: 11 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--multi" => frame.multi = true,
                "--runs" => {
                    let runs = arguments.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                    frame.runs = runs.unwrap_or_else(|| {
                        eprintln!("quipu-bench-tokio: --runs needs a number above 0");
                        std::process::exit(2)
                    });
                }
                _ => frame.names.push(argument),
            }
        }
        frame
    }

    fn wanted(&self, name: &str) -> bool {
        let whole = |w: &String| NAMES.contains(&w.as_str());
        self.names.is_empty() || self.names.iter().any(|w| if whole(w) { name == w } else { name.contains(w.as_str()) })
    }

    pub fn runtime(&self) -> Runtime {
        let mut builder = if self.multi { Builder::new_multi_thread() } else { Builder::new_current_thread() };
        builder.enable_all().build().unwrap()
    }

    fn print(name: &str, mut each: Vec<f64>) {
        each.sort_by(|a, b| a.partial_cmp(b).unwrap());
        println!("{name}\t{:.1}\t{:.1}", each[each.len() / 2], each[0]);
    }

    /// `work` does its operation so many times; it runs as a task, as the work of a program does.
    pub fn benchmark<F, Fut>(&self, name: &str, work: F)
    where
        F: Fn(u64) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        assert!(NAMES.contains(&name));
        if !self.wanted(name) {
            return;
        }
        let runtime = self.runtime();
        let timed = |count: u64| {
            let start = Instant::now();
            runtime.block_on(async { tokio::spawn(work(count)).await.unwrap() });
            start.elapsed().as_nanos() as f64
        };
        let mut count = 1;
        while timed(count) < 1e8 {
            count *= 2;
        }
        Frame::print(name, (0..self.runs).map(|_| timed(count) / count as f64).collect());
    }

    /// `work` measures once, by itself.
    pub fn figure<F, Fut>(&self, name: &str, work: F)
    where
        F: Fn() -> Fut,
        Fut: Future<Output = f64> + Send + 'static,
    {
        assert!(NAMES.contains(&name));
        if !self.wanted(name) {
            return;
        }
        let runtime = self.runtime();
        let take = || runtime.block_on(async { tokio::spawn(work()).await.unwrap() });
        take();
        Frame::print(name, (0..self.runs).map(|_| take()).collect());
    }

    /// The same in a process of its own, once.
    pub fn figure_alone<F, Fut>(&self, name: &str, work: F)
    where
        F: Fn() -> Fut,
        Fut: Future<Output = f64> + Send + 'static,
    {
        assert!(NAMES.contains(&name));
        if !self.wanted(name) {
            return;
        }
        if self.names.len() == 1 && self.names[0] == name {
            let runtime = self.runtime();
            Frame::print(name, vec![runtime.block_on(async { tokio::spawn(work()).await.unwrap() })]);
            return;
        }
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        if self.multi {
            command.arg("--multi");
        }
        assert!(command.arg(name).status().unwrap().success());
    }
}
