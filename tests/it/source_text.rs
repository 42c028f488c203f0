//! Rust sources as text without comments and literals, for rules about code.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct SourceFile {
    /// From the top folder, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with every comment and literal blank; what is left stays where
    /// it was.
    pub(crate) code: String,
}

/// Every Rust file below these folders of the repository, in order.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<SourceFile> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in folders {
        collect(&top.join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path
            .strip_prefix(top)
            .expect("below the top")
            .to_string_lossy();
        let text = fs::read_to_string(path).expect("a text");
        SourceFile { path: name.replace('\\', "/"), code: code_of(&text), text }
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The number of the line that this place is on.
pub(crate) fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

/// Blanks comments, strings and characters.
pub(crate) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skipped = blank_length(rest, code.chars().next_back());
        if skipped == 0 {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        } else {
            // Byte by byte, so that what is left stays where it was.
            let blank = rest[..skipped]
                .bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { ' ' });
            code.extend(blank);
            rest = &rest[skipped..];
        }
    }
    code
}

/// How long the comment or literal is that begins here; 0: none does.
fn blank_length(rest: &str, before: Option<char>) -> usize {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if rest.starts_with('"') {
        closed_by(rest, 1, '"')
    } else if rest.starts_with('\'') {
        character(rest)
    } else if rest.starts_with('r') && !in_word {
        raw_string(rest)
    } else {
        0
    }
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let here = &rest[at..];
        let step = match here {
            "" => return at,
            _ if here.starts_with("/*") => {
                depth += 1;
                2
            }
            _ if here.starts_with("*/") => {
                depth -= 1;
                2
            }
            _ => here.chars().next().map_or(0, char::len_utf8),
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
}

/// The length up to an unescaped sign, past the opening.
fn closed_by(rest: &str, opening: usize, sign: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(opening) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == sign => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// A character's length; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut inside = rest.chars().skip(1);
    match (inside.next(), inside.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => closed_by(rest, 1, '\''),
        _ => 0,
    }
}

fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let inside = 2 + hashes;
    rest[inside..]
        .find(&end)
        .map_or(rest.len(), |at| inside + at + end.len())
}

#[test]
fn comments_and_literals_are_blank() {
    let text =
        "a // b\n/* c /* d */ e */ f \"g \\\" h\" 'i' '\\'' 'j: r#\"k\"# \"l\nm\" for_r\"n\"";
    let words: Vec<_> = code_of(text)
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    assert_eq!(words, ["a", "f", "'j:", "for_r"]);
    assert_eq!(code_of(text).lines().count(), text.lines().count());
}

/// Work that is not done, and tests that don't run, are not checked in.
#[test]
fn nothing_is_left_for_later() {
    for file in rust_files(&["src", "tests", "examples", "benches/src"]) {
        for word in ["todo!", "unimplemented!", "#[ignore"] {
            let found = file.code.find(word).map(|at| line_of(&file.code, at));
            assert_eq!(found, None, "{word} in {}", file.path);
        }
    }
}
