//! The document and the routes in the sources are the same.

use std::collections::BTreeSet;

use super::world::World;
use super::{Operation, operations};
use crate::source_text::{SourceFile, rust_files};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

type Route = (String, String);

/// Paths with parameters, whatever those are called.
fn plain(path: &str) -> String {
    let parts = path
        .split('/')
        .map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Everything in the parentheses that open first, in the code and in the text.
fn inside(file: &SourceFile, at: usize) -> (&str, &str) {
    let code = &file.code[at..];
    let mut depth = 0;
    for (place, sign) in code.match_indices(['(', ')']) {
        depth += if sign == "(" { 1 } else { -1 };
        if depth == 0 {
            let range = at + code.find('(').expect("one") + 1..at + place;
            return (&file.code[range.clone()], &file.text[range]);
        }
    }
    panic!("{} is no whole source", file.path)
}

/// The text of the literal, or of the constant, that this begins with.
fn literal(file: &SourceFile, argument: &str) -> String {
    let argument = argument.trim();
    if let Some(rest) = argument.strip_prefix('"') {
        return rest.split('"').next().expect("an end").to_owned();
    }
    let name = argument.split(',').next().expect("a first argument").trim();
    let head = format!("const {name}: &str = \"");
    let (_, rest) = file
        .text
        .split_once(&head)
        .unwrap_or_else(|| panic!("{head} in {}", file.path));
    rest.split('"').next().expect("an end").to_owned()
}

/// The methods that are called in this code, or in that of the variable that it names.
fn methods(file: &SourceFile, code: &str) -> Vec<String> {
    let handler = code
        .split_once(',')
        .map_or("", |(_, handler)| handler)
        .trim();
    let name = handler.trim_end_matches("()");
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let code: String = match is_name && !name.is_empty() {
        true => {
            let head = format!("let {name} =");
            let made = file.code.split(&head).skip(1);
            made.filter_map(|rest| rest.split(';').next()).collect()
        }
        false => handler.to_owned(),
    };
    let called = |method: &&str| {
        let call = format!("{method}(");
        code.match_indices(&call).any(|(at, _)| {
            !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
        })
    };
    METHODS
        .into_iter()
        .filter(called)
        .map(str::to_ascii_uppercase)
        .collect()
}

/// Every route of a file. Where routes are nested below a path, so are those that do
/// not begin with it; where they are made with `at`, they are at each of the mounts.
fn routes(file: &SourceFile, mounts: &[String]) -> BTreeSet<Route> {
    let base = file.text.contains("const BASE: &str");
    let base = base.then(|| vec![literal(file, "BASE")]);
    let mounts = base.as_deref().unwrap_or(mounts);
    let nested = file
        .code
        .find(".nest(")
        .map(|at| literal(file, inside(file, at).1));
    let mut routes = BTreeSet::new();
    for (at, _) in file.code.match_indices(".route(") {
        let (code, text) = inside(file, at);
        let paths: Vec<String> = match (text.trim().strip_prefix("&at("), &nested) {
            (Some(below), _) => {
                let below = literal(file, below);
                mounts
                    .iter()
                    .map(|mount| format!("{mount}{below}"))
                    .collect()
            }
            (None, Some(nested)) if !literal(file, text).starts_with(nested) => {
                vec![format!("{nested}{}", literal(file, text))]
            }
            _ => vec![literal(file, text)],
        };
        for path in paths {
            // What there is nothing at is no route.
            let of_nothing = code.contains("nothing") || path.contains("{*");
            for method in methods(file, code).into_iter().filter(|_| !of_nothing) {
                routes.insert((plain(&path), method));
            }
        }
    }
    routes
}

/// Where the interface is mounted that has two mounts.
fn mounts(files: &[SourceFile]) -> Vec<String> {
    let file = files
        .iter()
        .find(|file| file.path.ends_with("scim/flavour.rs"));
    let text = file.map_or("", |file| file.text.as_str());
    let literals = text.split('"').skip(1).step_by(2);
    literals
        .filter(|text| text.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn what_is_described_is_what_is_routed() {
    let document = World::new().await.document().await;
    let described: BTreeSet<Route> = operations(&document)
        .into_iter()
        .map(|Operation { path, method, .. }| (plain(path), method))
        .collect();
    let files = rust_files(&["src/api"]);
    let mounts = mounts(&files);
    let routed: BTreeSet<Route> = files
        .iter()
        .flat_map(|file| routes(file, &mounts))
        .collect();
    let missing: Vec<_> = routed.difference(&described).collect();
    assert!(missing.is_empty(), "routed, and not described in src/api/openapi: {missing:?}");
    let more: Vec<_> = described.difference(&routed).collect();
    assert!(more.is_empty(), "described, and not routed: {more:?}");
    assert!(routed.len() > 30, "{}", routed.len());
}

#[test]
fn routes_are_read_as_they_are_written() {
    let text = r#"
        const HERE: &str = "/a";
        let things = get(list).post(make);
        // .route("/no", get(no))
        router.nest("/n", x).route(HERE, things)
            .route("/n/{id}", get(show::one).patch(with_get(x)).delete(gone))
            .route("/n/{*rest}", get(other)).route("/b", get(nothing));
        let one = || get(show); let one = || one().put(set);
        other.route(&at("/x"), one());
    "#;
    let code = crate::source_text::code_of(text);
    let file = SourceFile { path: "x".to_owned(), text: text.to_owned(), code };
    let mounts = ["/m", "/w"].map(str::to_owned);
    let found: Vec<String> = routes(&file, &mounts)
        .iter()
        .map(|(path, method)| format!("{method} {path}"))
        .collect();
    let expected = [
        "GET /m/x",
        "PUT /m/x",
        "GET /n/a",
        "POST /n/a",
        "DELETE /n/{}",
        "GET /n/{}",
        "PATCH /n/{}",
        "GET /w/x",
        "PUT /w/x",
    ];
    assert_eq!(found, expected);
}
