//! The manual, held to what the sources say.

use std::process::Command;

use portcullis::engine::metrics::{Kind, Metric};

use crate::source_text::rust_files;

const LOGGING: &str = include_str!("../../src/manual/logging.md");
const COMMAND_LINE: &str = include_str!("../../src/manual/command_line.md");
const METRICS: &str = include_str!("../../src/manual/metrics.md");

/// The level and the message of every line that is logged.
fn logged() -> Vec<(String, String)> {
    let mut logged = Vec::new();
    for file in rust_files(&["src"]) {
        for (at, start) in file.code.match_indices("tracing::") {
            let rest = &file.code[at + start.len()..];
            let Some((level, _)) = rest.split_once("!(") else { continue };
            if !["error", "warn", "info", "debug", "trace"].contains(&level) {
                continue;
            }
            // The message is the last text inside the call.
            let from = at + start.len();
            let end = end_of_call(rest);
            let words = file.text[from..from + end]
                .split('"')
                .rev()
                .nth(1)
                .expect("a message");
            logged.push((level.to_owned(), words.to_owned()));
        }
    }
    logged
}

/// Where the parenthesis closes that opens first.
fn end_of_call(code: &str) -> usize {
    let mut open = 0;
    for (at, sign) in code.match_indices(['(', ')']) {
        open += if sign == "(" { 1 } else { -1 };
        if open == 0 {
            return at;
        }
    }
    code.len()
}

#[test]
fn every_line_of_the_log_is_in_its_table() {
    let logged = logged();
    assert!(logged.len() > 8, "{logged:?}");
    for (level, message) in &logged {
        let row = format!("| {level} | `{message}` |");
        assert!(LOGGING.contains(&row), "no row begins {row}");
    }
    let rows = LOGGING.lines().filter(|line| line.contains(" | `"));
    for row in rows {
        let known = |(level, message): &(String, String)| {
            row.starts_with(&format!("| {level} | `{message}` |"))
        };
        assert!(logged.iter().any(known), "nobody logs this: {row}");
    }
}

#[test]
fn every_figure_is_in_its_table() {
    let rows = Metric::ALL.iter().map(|metric| {
        let total = if metric.kind() == Kind::Counter { "_total" } else { "" };
        let (name, kind) = (metric.name(), metric.kind().as_str());
        let label = metric
            .label()
            .map_or_else(String::new, |label| format!("`{label}` "));
        format!("| `{name}{total}` | {kind} | {label}| {} |", metric.help())
    });
    let written = METRICS.lines().filter(|line| {
        let kinds = ["| counter |", "| gauge |", "| histogram |"];
        kinds.iter().any(|kind| line.contains(kind))
    });
    assert_eq!(written.collect::<Vec<_>>(), rows.collect::<Vec<_>>());
}

#[test]
fn every_command_is_in_its_table() {
    let mut commands = Vec::new();
    for command in subcommands(&[]) {
        let below = subcommands(&[&command]);
        match below.is_empty() {
            true => commands.push(command),
            false => commands.extend(below.iter().map(|sub| format!("{command} {sub}"))),
        }
    }
    assert!(commands.len() > 10, "{commands:?}");
    let rows = COMMAND_LINE
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(named, commands);
}

/// The commands below this one, as its help lists them.
fn subcommands(command: &[&str]) -> Vec<String> {
    let mut help = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let help = help
        .args(command)
        .arg("--help")
        .output()
        .expect("the program");
    let help = String::from_utf8(help.stdout).expect("text");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}
