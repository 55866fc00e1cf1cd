//! What the programs beside this folder share: which work is asked for, and how it is told.
//!
//!     PROGRAM [--seconds N] NAME...
//!
//! A name is that of the work in quipu-bench. Of random executions it prints "name<TAB>ns per execution"; of all
//! schedules "name<TAB>number of executions<TAB>seconds<TAB>complete" (or "bounded", when its time was up before).

use std::time::{Duration, Instant};

pub struct Frame {
    names: Vec<String>,
    pub bound: Duration,
}

impl Frame {
    pub fn from_arguments() -> Frame {
        let mut frame = Frame { names: Vec::new(), bound: Duration::from_secs(1) };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            if argument == "--seconds" {
                let seconds = arguments.next().and_then(|text| text.parse().ok());
                frame.bound = Duration::from_secs_f64(seconds.expect("--seconds takes a number"));
            } else {
                frame.names.push(argument);
            }
        }
        frame
    }

    pub fn wants(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted == name)
    }

    /// `run` makes so many executions: more and more, until they take as long as was asked for.
    #[allow(dead_code)]
    pub fn random(&self, name: &str, run: impl Fn(usize)) {
        let mut count = 100;
        while self.wants(name) {
            let start = Instant::now();
            run(count);
            let took = start.elapsed();
            if took >= self.bound {
                println!("{name}\t{}", took.as_nanos() as f64 / count as f64);
                return;
            }
            count *= 2;
        }
    }

    /// `run` makes all there are; it gives their number, and whether there are no more.
    #[allow(dead_code)]
    pub fn all(&self, name: &str, run: impl FnOnce(Duration) -> (usize, bool)) {
        if !self.wants(name) {
            return;
        }
        let start = Instant::now();
        let (executions, complete) = run(self.bound);
        let word = if complete { "complete" } else { "bounded" };
        println!("{name}\t{executions}\t{:.3}\t{word}", start.elapsed().as_secs_f64());
    }
}
