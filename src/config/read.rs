//! Reads what is written, from the file and the environment, key by key.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::environment::{DIRECTORY_VARIABLE, Environment, PREFIX, variable_of};
use super::file::{Section, Written};
use super::modules::{self, ModuleSettings};
use super::problem::{Place, Problem};
use super::value::{Raw, Value, Wrong};
use super::webhooks::{self, WebhookSettings};
use super::{routes, upstreams};
use crate::gateway::settings::UpstreamPool;

/// What was found for each key, and what is wrong so far.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    found: BTreeMap<String, (Raw<'a>, Place)>,
    sections: Vec<Section>,
    places: BTreeMap<String, Place>,
    modules: Vec<ModuleSettings>,
    webhooks: Vec<WebhookSettings>,
    routes: Vec<routes::Placed>,
    upstreams: Vec<UpstreamPool>,
    problems: Vec<Problem>,
}

/// Where each key was written, what modules and webhooks there are, and what is wrong.
#[derive(Debug)]
pub(super) struct Places {
    places: BTreeMap<String, Place>,
    pub(super) modules: Vec<ModuleSettings>,
    pub(super) webhooks: Vec<WebhookSettings>,
    pub(super) routes: Vec<routes::Placed>,
    pub(super) upstreams: Vec<UpstreamPool>,
    pub(super) problems: Vec<Problem>,
}

impl Places {
    /// Where a key was written.
    pub(super) fn of(&self, key: &'static str) -> Place {
        let place = self.places.get(key).cloned();
        place.unwrap_or(Place::Default(key))
    }

    /// Adds the contradictions of keys with which nothing else is wrong: a key that
    /// can't be read has its default here, which nobody meant.
    pub(super) fn contradicted(&mut self, found: Vec<Problem>) {
        let wrong: Vec<_> = self
            .problems
            .iter()
            .map(|problem| problem.place.clone())
            .collect();
        let about = |problem: &Problem| {
            let also = problem.also.iter().map(|(place, _)| place);
            also.chain([&problem.place])
                .any(|place| wrong.contains(place))
        };
        let meant = found.into_iter().filter(|problem| !about(problem));
        self.problems.extend(meant);
    }

    /// Every key that was written.
    pub(super) fn written(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.places.iter().map(|(key, place)| (key.as_str(), place))
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new() -> Self {
        let sections = Written::default().sections();
        Self {
            found: BTreeMap::new(),
            sections,
            places: BTreeMap::new(),
            modules: Vec::new(),
            webhooks: Vec::new(),
            routes: Vec::new(),
            upstreams: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Notes what the file says.
    pub(super) fn file(&mut self, table: &'a DeTable<'a>) {
        self.table("", table);
    }

    fn table(&mut self, above: &str, table: &'a DeTable<'a>) {
        for (key, value) in table {
            let name = if above.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{above}.{}", key.get_ref())
            };
            match value.get_ref() {
                written if name == webhooks::SECTION => {
                    let (read, problems) = webhooks::read(written, value.span());
                    self.webhooks = read;
                    self.problems.extend(problems);
                }
                written if name == modules::SECTION => {
                    let (read, problems) = modules::read(written, value.span());
                    self.modules = read;
                    self.problems.extend(problems);
                }
                written if name == routes::SECTION => {
                    let (read, problems) = routes::read(written, value.span());
                    self.routes = read;
                    self.problems.extend(problems);
                }
                written if name == upstreams::SECTION => {
                    let (read, problems) = upstreams::read(written, value.span());
                    self.upstreams = read;
                    self.problems.extend(problems);
                }
                DeValue::Table(inner) if self.is_section(&name) => self.table(&name, inner),
                other if self.is_key(&name) => {
                    let raw = Raw::of(other);
                    self.found.insert(name, (raw, Place::File(value.span())));
                }
                other => {
                    let is_table = matches!(other, DeValue::Table(_));
                    self.unknown(&name, key.span(), is_table);
                }
            }
        }
    }

    /// Notes what the environment says: it goes before the file.
    pub(super) fn environment(&mut self, environment: &'a Environment) {
        self.directory(environment);
        for (variable, value) in environment.of_configuration() {
            let place = Place::Variable(variable.to_owned());
            let words = variable[PREFIX.len()..].to_ascii_lowercase();
            let name = words.replace("__", ".");
            let Some(value) = value else {
                let problem = Problem::new(place, format!("{variable} is not UTF-8 text"));
                self.problems.push(problem);
                continue;
            };
            if self.is_key(&name) && variable_of(&name) == variable {
                self.found.insert(name, (Raw::Variable(value), place));
            } else {
                let problem = Problem::new(place, format!("{variable} is the name of no key"));
                let near = self.nearest(&name).map(|key| variable_of(&key));
                self.problems.push(suggest(problem, near));
            }
        }
    }

    /// The directory has a variable of its own, which is shorter.
    fn directory(&mut self, environment: &'a Environment) {
        const KEY: &str = "store.directory";
        let place = Place::Variable(DIRECTORY_VARIABLE.to_owned());
        let long = variable_of(KEY);
        match (environment.raw(DIRECTORY_VARIABLE), environment.raw(&long)) {
            (Some(Some(short)), None) => {
                self.found
                    .insert(KEY.to_owned(), (Raw::Variable(short), place));
            }
            (Some(None), None) => {
                let what = format!("{DIRECTORY_VARIABLE} is not UTF-8 text");
                self.problems
                    .push(Problem::new(place, what).mend("name the file with --directory"));
            }
            (Some(short), Some(other)) if short != other => {
                let what = format!("{DIRECTORY_VARIABLE} and {long} name two directories");
                self.problems
                    .push(Problem::new(place, what).mend("unset one of them"));
            }
            _ => {}
        }
    }

    /// The value of a key, or the default where it is not written or wrong.
    pub(super) fn take<T: Value>(&mut self, key: &'static str, default: T) -> T {
        let Some((raw, place)) = self.found.remove(key) else { return default };
        self.places.insert(key.to_owned(), place.clone());
        let why = match T::read(&raw) {
            Ok(value) => return value,
            Err(Wrong::Kind(kind)) => format!("is {kind}"),
            Err(Wrong::Because(why)) => why,
        };
        let (what, allowed) = match &place {
            Place::Variable(name) => (format!("{name} {why}"), T::allowed_in_variable()),
            _ => (format!("`{key}` {why}"), T::allowed()),
        };
        self.problems
            .push(Problem::new(place, what).allowed(allowed));
        default
    }

    pub(super) fn finish(self) -> Places {
        let Self { places, modules, webhooks, routes, upstreams, problems, .. } = self;
        Places { places, modules, webhooks, routes, upstreams, problems }
    }

    fn is_section(&self, name: &str) -> bool {
        self.sections.iter().any(|section| {
            section.path == name
                || section
                    .path
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('.'))
        })
    }

    fn is_key(&self, name: &str) -> bool {
        self.keys().any(|key| key == name)
    }

    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = self.sections.iter().flat_map(|section| &section.keys);
        keys.map(|key| key.name)
    }

    fn unknown(&mut self, name: &str, span: Range<usize>, is_table: bool) {
        let shown = name.escape_debug();
        let place = Place::File(span);
        let problem = if self.is_section(name) {
            Problem::new(place, format!("`{shown}` is a section, not a key"))
                .mend(format!("write [{shown}], and its keys below it"))
        } else if is_table {
            let paths = self.sections.iter().map(|section| section.path);
            let near = nearest(name, paths).map(|path| format!("[{path}]"));
            suggest(Problem::new(place, format!("there is no section `{shown}`")), near)
        } else {
            suggest(Problem::new(place, format!("there is no key `{shown}`")), self.nearest(name))
        };
        self.problems.push(problem);
    }

    /// The key that was probably meant: one of that name in another section, or
    /// the one that is spelled most alike.
    fn nearest(&self, name: &str) -> Option<String> {
        let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let own = last(name);
        let moved: Vec<_> = self.keys().filter(|key| last(key) == own).collect();
        match moved.as_slice() {
            [one] => Some((*one).to_owned()),
            _ => nearest(name, self.keys()),
        }
    }
}

fn suggest(problem: Problem, near: Option<String>) -> Problem {
    match near {
        Some(near) => problem.mend(format!("did you mean {near}?")),
        None => problem.mend("`portcullis check --reference` prints every key"),
    }
}

/// The word that is spelled most alike, if one is alike enough.
fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<String> {
    // Nobody meant a key by something much longer than any.
    if word.len() > 64 {
        return None;
    }
    let enough = 1 + word.chars().count() / 4;
    let near = known.map(|known| (distance(word, known), known)).min();
    near.filter(|(distance, _)| *distance <= enough)
        .map(|(_, known)| known.to_owned())
}

/// How many letters have to be put in, left out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_are_alike_are_found() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        let reader = Reader::new();
        for (written, meant) in [
            ("public.listen_to", Some("public.listen")),
            ("upstraem.url", Some("upstream.url")),
            ("directory", Some("store.directory")),
            ("server.trusted_proxies", Some("clients.trusted_proxies")),
            ("something.else.entirely", None),
        ] {
            assert_eq!(reader.nearest(written).as_deref(), meant, "{written}");
        }
    }
}
