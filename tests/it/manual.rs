//! The manual, held to what the sources say.

use std::process::Command;

use portcullis::engine::metrics::{Kind, Metric};

use crate::source_text::rust_files;

const LOGGING: &str = include_str!("../../src/manual/logging.md");
const COMMAND_LINE: &str = include_str!("../../src/manual/command_line.md");
const LOCKOUTS: &str = include_str!("../../src/manual/lockouts.md");
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

/// What shows that an attack does not work is a test that is there.
#[test]
fn every_test_that_the_manual_names_is_there() {
    let sources = rust_files(&["src", "tests"]);
    let is_there = |name: &str| {
        let head = format!("fn {name}(");
        sources.iter().any(|file| file.code.contains(&head))
    };
    let rows = LOCKOUTS
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains(" | `"));
    let mut named = 0;
    for row in rows {
        let shown_by = row
            .trim_end_matches(" |")
            .rsplit(" | ")
            .next()
            .expect("a last column");
        for name in shown_by.split(", ").map(|name| name.trim_matches('`')) {
            assert!(is_there(name), "{name} is no test: {row}");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
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
        if below.is_empty() || does_something_itself(&command) {
            commands.push(command.clone());
        }
        commands.extend(below.iter().map(|sub| format!("{command} {sub}")));
    }
    assert!(commands.len() > 10, "{commands:?}");
    let rows = COMMAND_LINE
        .lines()
        .filter_map(|line| line.strip_prefix("| `"));
    let named: Vec<_> = rows.filter_map(|row| row.split('`').next()).collect();
    assert_eq!(named, commands);
}

/// Whether a command can be called without one of those below it.
fn does_something_itself(command: &str) -> bool {
    let help = help(&[command]);
    let usage = help.lines().find(|line| line.starts_with("Usage:"));
    usage.is_some_and(|usage| !usage.ends_with("<COMMAND>"))
}

fn help(command: &[&str]) -> String {
    let mut help = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let help = help
        .args(command)
        .arg("--help")
        .output()
        .expect("the program");
    String::from_utf8(help.stdout).expect("text")
}

/// The commands below this one, as its help lists them.
fn subcommands(command: &[&str]) -> Vec<String> {
    let help = help(command);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names
        .filter(|name| !name.is_empty() && *name != "help")
        .map(str::to_owned)
        .collect()
}
