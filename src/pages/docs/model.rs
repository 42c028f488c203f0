//! What the pages show.

use super::kind::Piece;
use super::prose::{Prose, Span};

/// Everything that is described.
#[derive(Debug)]
pub(in crate::pages) struct Manual {
    pub(in crate::pages) words: Prose,
    pub(in crate::pages) interfaces: Vec<Interface>,
}

/// What is mounted at one path.
#[derive(Debug)]
pub(in crate::pages) struct Interface {
    pub(in crate::pages) slug: String,
    pub(in crate::pages) title: String,
    pub(in crate::pages) at: String,
    pub(in crate::pages) words: Prose,
    pub(in crate::pages) tags: Vec<Tag>,
    pub(in crate::pages) schemas: Vec<Schema>,
}

/// Operations on one kind of thing.
#[derive(Debug)]
pub(in crate::pages) struct Tag {
    pub(in crate::pages) name: String,
    pub(in crate::pages) title: String,
    pub(in crate::pages) words: Vec<Span>,
    pub(in crate::pages) operations: Vec<Operation>,
}

/// What can be asked.
#[derive(Debug)]
pub(in crate::pages) struct Operation {
    pub(in crate::pages) id: String,
    pub(in crate::pages) method: String,
    pub(in crate::pages) path: String,
    pub(in crate::pages) title: String,
    pub(in crate::pages) words: Prose,
    /// Who may ask, in words.
    pub(in crate::pages) needs: Vec<Span>,
    pub(in crate::pages) parameters: Vec<Row>,
    pub(in crate::pages) body: Option<Body>,
    pub(in crate::pages) requests: Vec<Example>,
    pub(in crate::pages) answers: Vec<Answer>,
}

/// A named value: a parameter, or a field.
#[derive(Debug)]
pub(in crate::pages) struct Row {
    pub(in crate::pages) name: String,
    /// Where it stands, of a parameter.
    pub(in crate::pages) place: String,
    pub(in crate::pages) required: bool,
    pub(in crate::pages) kind: Vec<Piece>,
    pub(in crate::pages) words: Vec<Span>,
}

/// What is sent along.
#[derive(Debug)]
pub(in crate::pages) struct Body {
    pub(in crate::pages) required: bool,
    pub(in crate::pages) types: String,
    pub(in crate::pages) kind: Vec<Piece>,
    pub(in crate::pages) rows: Vec<Row>,
}

/// An example with what it shows.
#[derive(Debug)]
pub(in crate::pages) struct Example {
    pub(in crate::pages) title: String,
    pub(in crate::pages) text: String,
}

/// What comes back.
#[derive(Debug)]
pub(in crate::pages) struct Answer {
    pub(in crate::pages) status: String,
    pub(in crate::pages) is_done: bool,
    pub(in crate::pages) words: Vec<Span>,
    pub(in crate::pages) headers: String,
    pub(in crate::pages) bodies: Vec<AnswerBody>,
}

/// One of the types that an answer can have.
#[derive(Debug)]
pub(in crate::pages) struct AnswerBody {
    pub(in crate::pages) content_type: String,
    pub(in crate::pages) kind: Vec<Piece>,
    pub(in crate::pages) rows: Vec<Row>,
    pub(in crate::pages) example: Option<String>,
}

/// A schema that has a name.
#[derive(Debug)]
pub(in crate::pages) struct Schema {
    pub(in crate::pages) name: String,
    pub(in crate::pages) words: Vec<Span>,
    pub(in crate::pages) kind: Vec<Piece>,
    pub(in crate::pages) rows: Vec<Row>,
}

impl Interface {
    /// How many things can be asked of it.
    pub(in crate::pages) fn count(&self) -> usize {
        self.tags.iter().map(|tag| tag.operations.len()).sum()
    }
}
