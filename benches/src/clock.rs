//! The two clocks that the measures read, in nanoseconds.

use rustix::time::{ClockId, clock_gettime};

/// CPU time that the calling thread has used.
pub fn thread_cpu() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

/// Time that has passed, whoever had the processor.
pub fn wall() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}
