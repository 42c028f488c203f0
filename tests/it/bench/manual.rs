//! The manual's page on load tests, held to what the program says.

use super::{Stand, text};

const MANUAL: &str = include_str!("../../../src/manual/load_testing.md");

/// The run in the manual, as its own command prints one now: with other numbers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manual_shows_what_is_printed() {
    let (_, run) = MANUAL
        .split_once("<!-- a run -->\n```console\n")
        .expect("a run");
    let (run, _) = run.split_once("```").expect("an end");
    let (command, shown) = run.split_once('\n').expect("a command");
    let args = command
        .strip_prefix("$ portcullis bench ")
        .expect("of ours");

    let stand = Stand::new().await;
    let args = args.replace("http://127.0.0.1:8080", &stand.url());
    let args: Vec<_> = args.split(' ').collect();
    let ran = stand.run(&args).await;
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let printed = text(&ran.stderr) + &text(&ran.stdout);
    assert_eq!(shape(&printed), shape(shown), "{printed}");
}

/// What is printed without its numbers, the widths that follow from them, and the
/// name of the run.
fn shape(printed: &str) -> Vec<String> {
    let is_run = |word: &str| word.len() == 9 && word.ends_with(':') && !word.contains('/');
    let word = |word: &str| match word {
        word if is_run(word) => "RUN:".to_owned(),
        "µs" | "ms" | "s" => "UNIT".to_owned(),
        word => word.replace(|c: char| c.is_ascii_digit() || c == '.' || c == ',', ""),
    };
    let line = |line: &str| {
        let words: Vec<_> = line.split_whitespace().map(word).collect();
        words.join(" ")
    };
    printed.lines().map(line).collect()
}

/// What every command has, and the manual's page on commands names.
const GLOBAL: [&str; 7] =
    ["--config", "--directory", "--help", "--server", "--token-file", "--ca-file", "--allow-plain"];

#[tokio::test]
async fn the_manual_names_every_option() {
    let stand = Stand::new().await;
    let help = text(&stand.run(&["--help"]).await.stdout);
    let (_, options) = help.split_once("Options:").expect("options");
    let names = options
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    let names: Vec<_> = names.filter(|name| !GLOBAL.contains(name)).collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        assert!(MANUAL.contains(&format!("`{name}`")), "{name}");
    }
    for default in ["[default: 100]", "[default: 16]", "[default: 10s]", "[default: /]"] {
        assert!(options.contains(default), "{default}");
    }
}
