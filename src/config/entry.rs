//! One of several sections of the same kind, as it is written.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};
use super::value::{Raw, Value, Wrong};

/// A section whose keys are read one by one.
pub(super) struct Entry<'a> {
    /// What the keys' names begin with in messages: `routes`.
    path: String,
    /// What it is called in messages: "a route".
    what: &'static str,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(
        path: impl Into<String>,
        what: &'static str,
        table: &'a DeTable<'a>,
        span: Range<usize>,
    ) -> Self {
        Self { path: path.into(), what, table, span, problems: Vec::new() }
    }

    /// Notes every key that is none of these.
    pub(super) fn refuse_others(&mut self, known: &[&str]) {
        for (key, _) in self.table {
            let name = key.get_ref();
            if known.contains(&name.as_ref()) {
                continue;
            }
            let what = format!("{} has no key `{}`", self.what, name.escape_debug());
            let problem = Problem::new(Place::File(key.span()), what);
            self.problems
                .push(problem.mend(format!("its keys are {}", known.join(", "))));
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// The value of a key; `None` where it is not written or wrong.
    pub(super) fn take<T: Value>(&mut self, key: &str) -> Option<T> {
        let value = self.table.get(key)?;
        let why = match T::read(&Raw::of(value.get_ref())) {
            Ok(value) => return Some(value),
            Err(Wrong::Kind(kind)) => format!("is {kind}"),
            Err(Wrong::Because(why)) => why,
        };
        let what = format!("`{}.{key}` {why}", self.path);
        let problem = Problem::new(Place::File(value.span()), what);
        self.problems.push(problem.allowed(T::allowed()));
        None
    }

    /// The same of a key that has to be there.
    pub(super) fn required<T: Value>(&mut self, key: &str) -> Option<T> {
        if !self.has(key) {
            self.wrong(format!("{} has no `{key}`", self.what), format!("write {key} = …"));
        }
        self.take(key)
    }

    /// A section inside, by its key.
    pub(super) fn inner(&mut self, key: &str, what: &'static str) -> Option<Self> {
        let value = self.table.get(key)?;
        let path = format!("{}.{key}", self.path);
        match value.get_ref() {
            DeValue::Table(table) => Some(Self::new(path, what, table, value.span())),
            _ => {
                let what = format!("`{path}` is no section");
                let problem = Problem::new(Place::File(value.span()), what);
                self.problems
                    .push(problem.mend("write { … }, and its keys in it"));
                None
            }
        }
    }

    /// Something is wrong with it as a whole.
    pub(super) fn wrong(&mut self, what: impl Into<String>, mend: impl Into<String>) {
        let problem = Problem::new(Place::File(self.span.clone()), what.into());
        self.problems.push(problem.mend(mend.into()));
    }
}

/// The sections of a list `[[name]]`, or what is wrong with it.
pub(super) fn list<'a>(
    name: &'static str,
    value: &'a DeValue<'a>,
    span: Range<usize>,
) -> (Vec<(&'a DeTable<'a>, Range<usize>)>, Vec<Problem>) {
    let DeValue::Array(entries) = value else {
        let what = format!("`{name}` is no list of sections");
        let problem = Problem::new(Place::File(span), what);
        return (
            Vec::new(),
            vec![problem.mend(format!("write [[{name}]], and its keys below it"))],
        );
    };
    let (mut sections, mut problems) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry.get_ref() {
            DeValue::Table(table) => sections.push((table, entry.span())),
            _ => {
                let what = format!("an entry of `{name}` is no section");
                problems.push(Problem::new(Place::File(entry.span()), what));
            }
        }
    }
    (sections, problems)
}
