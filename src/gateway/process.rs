//! What the system says of this process, where it is Linux.

use std::fs;

use crate::engine::metrics::{Metric, Page};

/// Ticks of a second in what Linux tells programs, on every architecture.
const TICKS: u64 = 100;

/// Writes what the system says; nothing where it says nothing.
pub(crate) fn report(page: &mut Page) {
    let read = |path| fs::read_to_string(path).ok();
    let started = read("/proc/self/stat")
        .zip(read("/proc/stat"))
        .and_then(|(own, all)| started_at(&own, &all));
    if let Some(secs) = started {
        page.gauge(Metric::ProcessStart, secs);
    }
    if let Some(bytes) = read("/proc/self/status").and_then(|status| resident(&status)) {
        page.gauge(Metric::ProcessMemory, bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // The one that lists them is among them.
        page.gauge(Metric::ProcessFiles, open.count().saturating_sub(1) as u64);
    }
}

/// Seconds since 1970, from `/proc/self/stat` and `/proc/stat`.
fn started_at(own: &str, all: &str) -> Option<u64> {
    // The program's name is in parentheses, and may hold any character.
    let (_, fields) = own.rsplit_once(')')?;
    // proc_pid_stat(5): field 22 of all, the third of which is the first here.
    let ticks: u64 = fields.split_whitespace().nth(22 - 3)?.parse().ok()?;
    let booted = all.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(booted.trim().parse::<u64>().ok()? + ticks / TICKS)
}

/// Bytes, from `/proc/self/status`.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let own = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 3 0 12345 1 2";
        let all = "cpu  1 2 3\nbtime 1700000000\nprocesses 7\n";
        assert_eq!(started_at(own, all), Some(1_700_000_123));
        let status = "Name:\tportcullis\nVmHWM:\t  99 kB\nVmRSS:\t    2048 kB\n";
        assert_eq!(resident(status), Some(2 * 1024 * 1024));
        for damaged in ["", ")", "1 (a) S 1", "VmRSS: many kB"] {
            assert_eq!(started_at(damaged, all), None, "{damaged}");
            assert_eq!(resident(damaged), None, "{damaged}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_read() {
        let mut page = Page::default();
        report(&mut page);
        let text = page.text();
        for metric in [Metric::ProcessStart, Metric::ProcessMemory, Metric::ProcessFiles] {
            let sample = format!("\n{} ", metric.name());
            let value = text.split_once(&sample).expect("a sample").1.lines().next();
            let value: f64 = value.expect("a value").parse().expect("a number");
            assert!(value > 1.0, "{text}");
        }
    }
}
