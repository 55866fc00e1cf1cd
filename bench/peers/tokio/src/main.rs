//! The work of bench/*.c, written for Tokio with everything enabled:
//!
//!     quipu-bench-tokio [--multi] [--runs N] [NAME...]
//!
//! on the current-thread runtime, or on the multi-threaded one as it comes. Prints "name<TAB>median<TAB>minimum" in the
//! units of quipu-bench. A NAME that is the whole name of a benchmark means that one, any other all whose names hold it.

mod frame;
mod work;

fn main() {
    let frame = frame::Frame::from_arguments();
    work::tasks(&frame);
    work::channels(&frame);
    work::sync(&frame);
    work::time(&frame);
    work::memory(&frame);
}
