//! What is wrong with a form, and beside which of its fields that is said.

use http::StatusCode;

use crate::admin::AdminError;
use crate::pages::console::answer::{Trouble, sentence, status_of};

/// What is wrong with a form, or nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Wrong {
    pub(super) field: &'static str,
    pub(super) words: String,
}

impl Wrong {
    pub(super) fn at(field: &'static str, words: impl Into<String>) -> Self {
        Self { field, words: words.into() }
    }

    /// What an operation says of a field of a form; what is none's is trouble of its own.
    pub(super) fn of(error: AdminError) -> Result<Self, Trouble> {
        let field = match &error {
            AdminError::InvalidName { .. } => "name",
            AdminError::InvalidScope { .. } => "others",
            AdminError::NoScope
            | AdminError::TooManyScopes { .. }
            | AdminError::BeyondMaker { .. }
            | AdminError::BeyondApplication { .. } => "scope",
            AdminError::EndIsPast { .. } => "expires",
            AdminError::NotFound { .. } | AdminError::OwnerNotActive { .. } => "owner",
            other if status_of(other) == StatusCode::CONFLICT => "form",
            _ => return Err(error.into()),
        };
        Ok(Self::at(field, sentence(&error.to_string())))
    }

    /// What is said beside this field.
    pub(super) fn beside(&self, field: &str) -> &str {
        if self.field == field { &self.words } else { "" }
    }

    pub(super) fn is_at(&self, field: &str) -> bool {
        self.field == field
    }

    pub(super) const fn is_none(&self) -> bool {
        self.words.is_empty()
    }
}
