//! Whom a command is about, by what they have in common.

use clap::Args;

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::remote::{Query, precise};
use crate::cli::when::When;
use crate::domain::standing::Status;
use crate::store::{AccountFilter, TextField, TextFit, TimeField};

/// What people have in common.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Filters {
    /// Only those who are active, disabled, invited, locked or registered
    #[arg(long, value_parser = status)]
    pub(super) status: Option<Status>,

    /// Only those whose login, name or e-mail address contains this
    #[arg(long, value_name = "TEXT")]
    pub(super) search: Option<String>,

    /// Only those who are in this group: what it is called, or its number
    #[arg(long, value_name = "GROUP")]
    pub(super) group: Option<String>,

    #[command(flatten)]
    pub(super) signed_in: SignedIn,
}

/// When people signed in last.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct SignedIn {
    /// Only those who signed in before that, and not since: 90 days, or
    /// 2030-01-31T12:00:00Z; who never did is not among them
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub(super) last_sign_in_before: Option<When>,

    /// Only those who never signed in
    #[arg(long, conflicts_with = "last_sign_in_before")]
    pub(super) never_signed_in: bool,
}

impl Filters {
    pub(super) const fn are_none(&self) -> bool {
        self.status.is_none()
            && self.search.is_none()
            && self.group.is_none()
            && self.signed_in.is_left_open()
    }

    pub(super) async fn of(&self, desk: &Desk) -> Result<Vec<AccountFilter>, Failure> {
        let mut filters = self.signed_in.of(desk)?;
        if let Some(word) = &self.group {
            filters.push(AccountFilter::InGroups(vec![desk.office.group_named(word).await?]));
        }
        if let Some(status) = self.status {
            filters.push(AccountFilter::Status { any_of: vec![status], negated: false });
        }
        filters.extend(self.search.as_deref().map(containing));
        Ok(filters)
    }
}

impl Filters {
    /// The same, as a server is asked for it.
    pub(super) async fn asked(&self, desk: &Desk) -> Result<Query<'static>, Failure> {
        let mut asked = match self.signed_in.is_left_open() {
            true => Vec::new(),
            false => self.signed_in.asked(desk)?,
        };
        if let Some(word) = &self.group {
            asked.push(("group", desk.office.group_named(word).await?.to_string()));
        }
        asked.extend(self.status.map(|status| ("status", status.to_string())));
        asked.extend(self.search.clone().map(|search| ("search", search)));
        Ok(asked)
    }
}

impl SignedIn {
    pub(super) const fn is_left_open(&self) -> bool {
        self.last_sign_in_before.is_none() && !self.never_signed_in
    }

    pub(super) fn of(&self, desk: &Desk) -> Result<Vec<AccountFilter>, Failure> {
        let (field, from) = (TimeField::LastSignInAt, None);
        let mut filters = Vec::new();
        if let Some(when) = &self.last_sign_in_before {
            let before = Some(desk.past(when)?);
            filters.push(AccountFilter::Time { field, from, before });
        }
        if self.never_signed_in {
            let ever = AccountFilter::Time { field, from, before: None };
            filters.push(AccountFilter::Not(Box::new(ever)));
        }
        Ok(filters)
    }
}

impl SignedIn {
    /// The same, as a server is asked for it: to it, who never came did not come since.
    pub(super) fn asked(&self, desk: &Desk) -> Result<Query<'static>, Failure> {
        let mut asked = Vec::new();
        if let Some(when) = &self.last_sign_in_before {
            asked.push(("last_sign_in_before", precise(desk.past(when)?)));
        }
        asked.push(("never_signed_in", self.never_signed_in.to_string()));
        Ok(asked)
    }
}

/// Whose login, name or address contains this.
pub(super) fn containing(text: &str) -> AccountFilter {
    let any_of = vec![text.to_owned()];
    AccountFilter::Text { field: TextField::Any, fit: TextFit::Part, any_of, negated: false }
}

fn status(word: &str) -> Result<Status, String> {
    let status = Status::from_word(word).filter(|status| *status != Status::Deleted);
    status.ok_or_else(|| "write active, disabled, invited, locked or registered".to_owned())
}
