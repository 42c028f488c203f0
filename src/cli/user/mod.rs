//! `portcullis user`: people.

mod add;
mod bulk;
mod change;
mod delete;
mod describe;
mod export;
mod filters;
mod import;
mod invite;
mod list;
mod lock;
mod permit;
mod show;
mod sign_out;

use clap::Subcommand;

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;

pub(super) use self::add::Add;
pub(super) use self::change::reason;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a person: active with a password, invited without one
    Add(Add),
    /// Make a link that lets somebody choose a password, once
    Invite(invite::Invite),
    /// List people
    List(list::List),
    /// Show a person, why they can't sign in, and their live sessions
    Show(show::Show),
    /// Lock a person out and end their sessions, for a while or until unlocked
    Lock(lock::Lock),
    /// Lift the locks of a person, and forget their failed sign-ins
    Unlock(lock::Unlock),
    /// Disable a person for good, when they left
    Disable(change::Disable),
    /// Lift a disablement
    Enable(change::Enable),
    /// Lock, unlock, disable, enable or sign out many people at once
    Bulk(Box<bulk::Bulk>),
    /// Write people to standard output, as a table for other programs
    Export(export::Export),
    /// Take people over from another system, with the passwords that they have
    Import(import::Import),
    /// Delete a person for good, and give their records to somebody else
    Delete(Box<delete::Delete>),
    /// Sign a person out everywhere, or end one session
    SignOut(sign_out::SignOut),
    /// Set a password, and sign the person out everywhere
    Passwd(change::Passwd),
    /// Say what a person may do to others' accounts
    Permit(permit::Permit),
}

impl UserCommand {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run_at(desk).await,
            Self::Invite(invite) => invite.run(desk).await,
            Self::List(list) => list.run(desk).await,
            Self::Show(show) => show.run(desk).await,
            Self::Lock(lock) => lock.run(desk).await,
            Self::Unlock(unlock) => unlock.run(desk).await,
            Self::Disable(disable) => disable.run(desk).await,
            Self::Enable(enable) => enable.run(desk).await,
            Self::Bulk(bulk) => bulk.run(desk).await,
            Self::Export(export) => export.run(desk).await,
            Self::Import(import) => import.run(desk).await,
            Self::Delete(delete) => delete.run(desk).await,
            Self::SignOut(sign_out) => sign_out.run(desk).await,
            Self::Passwd(passwd) => passwd.run(desk).await,
            Self::Permit(permit) => permit.run(desk).await,
        }
    }
}
