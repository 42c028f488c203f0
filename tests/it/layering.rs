//! The rooms of the house: each uses only itself and the rooms before it.

use std::collections::HashMap;

use crate::source_text::{SourceFile, line_of, rust_files};

const ROOMS: [&str; 11] = [
    "domain", "store", "engine", "guard", "admin", "api", "pages", "console", "gateway", "config",
    "cli",
];

/// What belongs to the whole house.
const EXEMPT: [&str; 4] = ["src/lib.rs", "src/main.rs", "src/manual.rs", "src/testing.rs"];

#[test]
fn rooms_use_only_what_is_below_them() {
    let files = rust_files(&["src"]);
    let front_page = files
        .iter()
        .find(|file| file.path == "src/lib.rs")
        .expect("lib.rs");
    let house = House { names: re_exports(&front_page.code) };
    let inside = files
        .iter()
        .filter(|file| !EXEMPT.contains(&file.path.as_str()));
    let wrong: Vec<_> = inside.flat_map(|file| house.upward_edges(file)).collect();
    assert!(wrong.is_empty(), "these reach up:\n{}", wrong.join("\n"));
}

struct House {
    /// The room that each name of the front page comes from.
    names: HashMap<String, String>,
}

impl House {
    /// The places of a file that use a room above its own, with their lines.
    fn upward_edges(&self, file: &SourceFile) -> Vec<String> {
        let mut parts = file.path.trim_start_matches("src/").split('/');
        let own = parts.next().unwrap_or_default().trim_end_matches(".rs");
        let Some(own_floor) = floor(own) else {
            return vec![format!("{}: {own} is no room", file.path)];
        };
        let mut wrong = Vec::new();
        for (at, used) in uses(file) {
            let room = self.names.get(&used).unwrap_or(&used);
            // Tests may use the whole house to try one room.
            let of_tests = file.path.ends_with("/tests.rs") || file.path.contains("/tests/");
            if of_tests || (room == "testing" && modules_around(&file.code, at) > 0) {
                continue;
            }
            if floor(room).is_none_or(|floor| floor > own_floor) {
                let line = line_of(&file.code, at);
                let text = file.code.lines().nth(line - 1).unwrap_or_default().trim();
                wrong.push(format!("{}:{line}: {own} uses {room}: {text}", file.path));
            }
        }
        wrong
    }
}

fn floor(room: &str) -> Option<usize> {
    ROOMS.iter().position(|name| *name == room)
}

/// The first name after each way out of a room, and where it stands.
fn uses(file: &SourceFile) -> Vec<(usize, String)> {
    let code = &file.code;
    let mut uses = Vec::new();
    for (at, _) in code
        .match_indices("crate::")
        .filter(|(at, _)| begins_word(code, *at))
    {
        for name in first_names(&code[at + "crate::".len()..]) {
            uses.push((at, name));
        }
    }
    for (at, _) in code
        .match_indices("super::")
        .filter(|(at, _)| begins_path(code, *at))
    {
        let path = &code[at..];
        let ups = path.split("::").take_while(|part| *part == "super").count();
        // Where as many steps up as there are modules lead out of the room.
        if ups >= depth(&file.path) + modules_around(code, at) {
            for name in first_names(&path[ups * "super::".len()..]) {
                uses.push((at, name));
            }
        }
    }
    uses
}

fn begins_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The first `super` of a chain, not a later one.
fn begins_path(code: &str, at: usize) -> bool {
    begins_word(code, at) && !code[..at].ends_with("::")
}

/// The names that a path or a group of paths begins with.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut nested, mut begins) = (Vec::new(), 0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => nested += 1,
            '}' if nested == 0 => break,
            '}' => nested -= 1,
            ',' if nested == 0 => begins = true,
            c if begins && !c.is_whitespace() => {
                names.push(name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// How many modules a file is below the crate.
fn depth(path: &str) -> usize {
    let modules = path.trim_start_matches("src/").trim_end_matches(".rs");
    modules.split('/').filter(|module| *module != "mod").count()
}

/// How many modules are open around a place in a file.
fn modules_around(code: &str, at: usize) -> usize {
    let mut open = Vec::new();
    for (brace, sign) in code[..at].match_indices(['{', '}']) {
        if sign == "}" {
            open.pop();
        } else {
            let before = code[..brace].trim_end();
            let head = before.rsplit(['{', '}', ';']).next().unwrap_or_default();
            open.push(head.split_whitespace().rev().nth(1) == Some("mod"));
        }
    }
    open.into_iter().filter(|is_module| *is_module).count()
}

/// Which room each name of the front page comes from.
fn re_exports(front_page: &str) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for (at, _) in front_page.match_indices("pub use crate::") {
        let path = &front_page[at + "pub use crate::".len()..];
        let path = path.split(';').next().unwrap_or_default();
        let (room, rest) = path.split_once("::").unwrap_or((path, ""));
        let last = rest.rfind('{').map_or_else(
            || rest.rsplit("::").next().unwrap_or_default().to_owned(),
            |group| rest[group..].to_owned(),
        );
        for name in first_names(&last) {
            names.insert(name, room.to_owned());
        }
    }
    names
}

fn edges(path: &str, code: &str) -> Vec<String> {
    let front_page = "pub use crate::engine::{Portcullis, SignedIn}; pub use crate::store::Bus;";
    let house = House { names: re_exports(front_page) };
    house.upward_edges(&SourceFile {
        path: path.to_owned(),
        text: String::new(),
        code: code.to_owned(),
    })
}

#[test]
fn ways_up_are_found() {
    for (path, code) in [
        ("src/domain/lock.rs", "use crate::store::Bus;"),
        ("src/domain/lock.rs", "use crate::{\n    domain::time::Clock,\n    guard::{Guard},\n};"),
        ("src/domain/lock.rs", "fn f() -> crate::Portcullis {}"),
        ("src/domain/lock.rs", "use super::super::engine::Portcullis;"),
        ("src/domain/mod.rs", "use super::engine::Portcullis;"),
        ("src/domain/a/b.rs", "mod tests { use super::super::super::super::cli::run; }"),
        ("src/store/mod.rs", "use crate::SignedIn;"),
        ("src/engine/mod.rs", "use crate::testing::TestGate;"),
        ("src/attic/mod.rs", ""),
    ] {
        assert_eq!(edges(path, code).len(), 1, "{path}: {code}");
    }
}

#[test]
fn ways_down_and_within_are_free() {
    for (path, code) in [
        ("src/guard/mod.rs", "use crate::{Portcullis, store::Bus}; use super::engine::Look;"),
        ("src/guard/layer.rs", "use super::service::Guard; use super::super::engine::Look;"),
        ("src/domain/a/b.rs", "mod tests { use super::super::super::lock::Lock; }"),
        ("src/domain/lock.rs", "mod tests { fn f() { if x {} } use super::super::time::Clock; }"),
        ("src/domain/lock.rs", "use mycrate::guard::Guard;"),
        ("src/engine/tests.rs", "use crate::testing::TestGate;"),
        ("src/engine/cell.rs", "mod tests { use crate::testing::TestGate; }"),
    ] {
        assert_eq!(edges(path, code), [""; 0], "{path}: {code}");
    }
}
