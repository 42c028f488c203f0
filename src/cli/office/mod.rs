//! Where commands are done: in the directory of this machine, or by a gateway's admin
//! address. Both answer with what the interface shows of things, so that a command
//! tells the same of both.

mod audit;
mod crowds;
mod deletions;
mod files;
mod groups;
mod people;
mod programs;
mod settings;

use crate::admin::{Actor, Admin, AdminError, Outcome};
use crate::api::own::view::{AccountView, OutcomeView};
use crate::cli::exit::Failure;
use crate::cli::remote::Client;
use crate::domain::time::Timestamp;

pub(super) use self::audit::Checked;
pub(super) use self::audit::asked;
pub(super) use self::crowds::Items;
pub(super) use self::deletions::Run;
pub(super) use self::files::ImportAsked;
pub(super) use self::people::{Detail, NewAccount};
pub(super) use self::programs::{ChangedApplication, MadeApplication, MadeToken, Owner};

/// Where commands are done.
#[derive(Clone, Debug)]
pub(super) enum Office {
    /// In the directory of this machine.
    Here(Host),
    /// By a gateway.
    There(Client),
}

/// Whoever is at the command line of the host, and what they administer.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) admin: Admin,
    pub(super) actor: Actor,
}

type Done<T> = Result<T, Failure>;

impl Office {
    /// The instant, by the clock of whoever does it here.
    pub(super) fn now(&self) -> Timestamp {
        match self {
            Self::Here(host) => host.admin.now(),
            Self::There(_) => Client::now(),
        }
    }
}

impl Host {
    fn outcome(&self, done: Result<Outcome, AdminError>) -> Done<OutcomeView> {
        Ok(OutcomeView::new(&done?, self.admin.now()))
    }

    fn account(&self, account: &crate::domain::account::Account) -> AccountView {
        AccountView::new(account, self.admin.now())
    }
}
