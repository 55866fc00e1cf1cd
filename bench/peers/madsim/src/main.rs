//! The work of bench/simulation.c, written for madsim: a runtime with another seed for each execution. It has no search.

#[path = "../../explorers.rs"]
mod explorers;

use madsim::runtime::Runtime;
use madsim::task::spawn;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, Mutex};

struct YieldNow(bool);

impl Future for YieldNow {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn yields() {
    let tasks: Vec<_> = (0..2)
        .map(|_| {
            spawn(async {
                for _ in 0..3 {
                    YieldNow(false).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn channel() {
    let (sender, mut receiver) = mpsc::channel(1);
    let producers: Vec<_> = (0..2)
        .map(|_| {
            let sender = sender.clone();
            spawn(async move {
                for i in 0..2 {
                    sender.send(i).await.unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let consumer = spawn(async move {
        let mut count = 0;
        while receiver.recv().await.is_some() {
            count += 1;
        }
        assert_eq!(count, 4);
    });
    for producer in producers {
        producer.await.unwrap();
    }
    consumer.await.unwrap();
}

async fn locks() {
    let counter = Arc::new(Mutex::new(0));
    let tasks: Vec<_> = (0..3)
        .map(|_| {
            let counter = counter.clone();
            spawn(async move {
                for _ in 0..2 {
                    *counter.lock().await += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn random<F: Future<Output = ()> + 'static>(program: fn() -> F) -> impl Fn(usize) {
    move |count| {
        for seed in 0..count {
            Runtime::with_seed_and_config(seed as u64, Default::default()).block_on(program());
        }
    }
}

fn main() {
    let frame = explorers::Frame::from_arguments();
    frame.random("sim: 2 tasks of 3 yields", random(yields));
    frame.random("sim: 2x2 messages, capacity 1", random(channel));
    frame.random("sim: 3 tasks lock twice", random(locks));
}
