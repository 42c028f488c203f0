//! What is wrong with a configuration, shown where it is written.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Where a value was written.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Place {
    /// In the file: these bytes of it.
    File(Range<usize>),
    /// The file, and no line of it: it can't be read.
    WholeFile,
    /// In the environment: the variable of this name.
    Variable(String),
    /// Nowhere: it is the default of this key.
    Default(&'static str),
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    pub(super) place: Place,
    /// What is wrong, naming the key.
    pub(super) what: String,
    /// What is allowed, beside the value.
    pub(super) allowed: String,
    /// Where else to look, and what is said there.
    pub(super) also: Vec<(Place, String)>,
    /// What to do about it.
    pub(super) mend: Option<String>,
}

impl Problem {
    pub(super) fn new(place: Place, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { place, what, allowed: String::new(), also: Vec::new(), mend: None }
    }

    pub(super) fn allowed(self, allowed: impl Into<String>) -> Self {
        Self { allowed: allowed.into(), ..self }
    }

    pub(super) fn mend(self, mend: impl Into<String>) -> Self {
        Self { mend: Some(mend.into()), ..self }
    }

    pub(super) fn also(mut self, place: Place, words: impl Into<String>) -> Self {
        self.also.push((place, words.into()));
        self
    }

    /// What problems are sorted by: where they are in the file, then others.
    pub(super) const fn start(&self) -> usize {
        match &self.place {
            Place::File(span) => span.start,
            _ => usize::MAX,
        }
    }

    /// What is wrong, in a line, with the keys that it is about.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What is allowed there, if that is what is wrong.
    pub fn allowed_values(&self) -> Option<&str> {
        Some(self.allowed.as_str()).filter(|words| !words.is_empty())
    }

    /// What to do about it, where that is known.
    pub fn mend_words(&self) -> Option<&str> {
        self.mend.as_deref()
    }

    /// Where it was written.
    pub const fn place(&self) -> &Place {
        &self.place
    }
}

/// Why there is no configuration: everything that is wrong, not only the first.
#[derive(Clone, Debug)]
pub struct ConfigErrors {
    /// What the file is called, if one was read.
    pub(super) name: Option<String>,
    /// The file's text; what may be a secret in it is hidden.
    pub(super) source: String,
    pub(super) problems: Vec<Problem>,
}

/// More than anybody reads.
const SHOWN: usize = 20;

impl ConfigErrors {
    pub(super) fn new(name: Option<String>, source: &str, problems: Vec<Problem>) -> Self {
        Self { name, source: without_secrets(source), problems }
    }

    /// Everything that is wrong, in the order it is written.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What the file is called, if one was read.
    pub fn file(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The line in the file that a problem is about, the first being 1.
    pub fn line(&self, problem: &Problem) -> Option<usize> {
        let Place::File(span) = &problem.place else { return None };
        let before = self.source.get(..span.start)?;
        Some(1 + before.matches('\n').count())
    }

    /// Every problem under its line, in colours or without.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let shown = self.problems.iter().take(SHOWN);
        let mut pages: Vec<_> = shown.map(|problem| self.page(&renderer, problem)).collect();
        if self.problems.len() > SHOWN {
            pages.push(format!("and {} more", self.problems.len() - SHOWN));
        }
        pages.join("\n\n")
    }

    fn page(&self, renderer: &Renderer, problem: &Problem) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(problem.what.as_str()));
        let mut notes = Vec::new();
        let mut snippet = None;
        if let Place::File(span) = &problem.place {
            let mark = AnnotationKind::Primary.span(self.whole(span));
            let label = Some(problem.allowed.as_str()).filter(|words| !words.is_empty());
            snippet = Some(self.snippet().annotation(mark.label(label)));
        } else if !problem.allowed.is_empty() {
            notes.push(format!("allowed: {}", problem.allowed));
        }
        if let Place::Variable(name) = &problem.place
            && !problem.what.contains(name)
        {
            notes.push(format!("{name} is where this is set"));
        }
        for (place, words) in &problem.also {
            match place {
                Place::File(span) => {
                    let mark = AnnotationKind::Context.span(self.whole(span));
                    let held = snippet.take().unwrap_or_else(|| self.snippet());
                    snippet = Some(held.annotation(mark.label(words.as_str())));
                }
                Place::Variable(name) => notes.push(format!("{name}: {words}")),
                Place::Default(key) => notes.push(format!("`{key}` is not written: {words}")),
                Place::WholeFile => notes.push(words.clone()),
            }
        }
        if let Some(snippet) = snippet {
            group = group.element(snippet);
        }
        for note in &notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        if let Some(mend) = &problem.mend {
            group = group.element(Level::HELP.message(mend.as_str()));
        }
        renderer.render(&[group])
    }

    fn snippet(&self) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let name = self.name.as_deref().unwrap_or("configuration");
        Snippet::source(self.source.as_str()).path(name)
    }

    /// The bytes, if they are whole characters of the source.
    fn whole(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.source.floor_char_boundary(span.start);
        let end = self.source.ceil_char_boundary(span.end.max(start));
        start..end
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigErrors {}

/// The text with a star for each byte of what stands between `//` and `@`, or after
/// `password=` in an address: it may hold a password, which no message shows. Nothing
/// moves.
fn without_secrets(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let before_host = line.find("//").and_then(|at| {
            let end = line.rfind('@')?;
            (at + 2 <= end).then_some(at + 2..end)
        });
        let named = line.find("password=").map(|at| {
            let start = at + "password=".len();
            let end = line[start..].find(['&', '"', '\'', ' ', '\n']);
            start..end.map_or(line.len(), |end| start + end)
        });
        let hidden = |at: usize| {
            let mut ranges = [&before_host, &named].into_iter().flatten();
            ranges.any(|range| range.contains(&at))
        };
        for (at, shown) in line.char_indices() {
            match hidden(at) {
                true => clean.extend(std::iter::repeat_n('*', shown.len_utf8())),
                false => clean.push(shown),
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_in_an_address_is_shown() {
        let hidden = without_secrets("a = 1\nurl = \"http://ada:p@ss@host\" # x\nb = 2");
        assert_eq!(hidden, "a = 1\nurl = \"http://********@host\" # x\nb = 2");
        assert_eq!(without_secrets("# mail a@b // c"), "# mail a@b // c");
        let hidden = without_secrets("d = \"x://a@h/d?password=é&b=1\"\ne = 1");
        assert_eq!(hidden, "d = \"x://*@h/d?password=**&b=1\"\ne = 1");
    }
}
