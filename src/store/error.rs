//! Why a store did not do what it was asked.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::application::ApplicationId;
use crate::domain::login::Login;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no room for another counter of attempts: all are lockouts.
    #[error("the attempt table is full of lockouts: it has room again when one of them ends")]
    Crowded,
    /// What is stored can't be read as what it should be.
    #[error("{what} is damaged: {detail}; restore it from a backup")]
    Damaged {
        /// The file or table.
        what: String,
        /// What was found there.
        detail: String,
    },
    /// There is no room to write.
    #[error("{what} can't be written, the disk is full: free some space; nothing was lost")]
    Full {
        /// The file.
        what: String,
    },
    /// A file or folder that has to be there is not.
    #[error("{what} is missing: {mend}")]
    Missing {
        /// The file or folder.
        what: String,
        /// What to do about it.
        mend: &'static str,
    },
    /// The file can't be written to.
    #[error("{what} can't be written: {detail}; check who owns the file and its folder")]
    ReadOnly {
        /// The file.
        what: String,
        /// What the system said.
        detail: String,
    },
    /// A newer program has been here.
    #[error(
        "{what} has schema {found}, and this program knows up to {known}: \
         install the newer portcullis that wrote it"
    )]
    SchemaTooNew {
        /// The file.
        what: String,
        /// The schema's number.
        found: i64,
        /// The highest number this program knows.
        known: i64,
    },
    /// Something that must be unique has an owner already. Nothing was changed.
    #[error("{name} is taken")]
    Taken {
        /// What.
        name: UniqueName,
    },
    /// It can't answer now; later it may.
    #[error("the store does not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Something went wrong that may pass.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// The same once more, for the next of those who were refused together.
    #[cfg(any(feature = "postgres", feature = "sqlite"))]
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Crowded => Self::Crowded,
            Self::Damaged { what, detail } => {
                Self::Damaged { what: what.clone(), detail: detail.clone() }
            }
            Self::Full { what } => Self::Full { what: what.clone() },
            Self::Missing { what, mend } => Self::Missing { what: what.clone(), mend },
            Self::ReadOnly { what, detail } => {
                Self::ReadOnly { what: what.clone(), detail: detail.clone() }
            }
            Self::SchemaTooNew { what, found, known } => {
                Self::SchemaTooNew { what: what.clone(), found: *found, known: *known }
            }
            Self::Taken { name } => Self::Taken { name: name.clone() },
            Self::Unavailable(cause) => Self::unavailable(cause.to_string()),
        }
    }
}

/// What only one account is called.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UniqueName {
    /// The id of an application.
    #[error("the id {0}")]
    Application(ApplicationId),
    /// A primary e-mail address.
    #[error("the e-mail address {0}")]
    Email(String),
    /// What another system knows the account by.
    #[error("the external id {0}")]
    ExternalId(String),
    /// A login, also one that somebody had before.
    #[error("the login {0}")]
    Login(Login),
}

/// Why an account was not made. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Another account has this e-mail address.
    #[error("the e-mail address {email} belongs to another account")]
    EmailTaken {
        /// The address.
        email: String,
    },
    /// Another account has this external id.
    #[error("the external id {external_id} belongs to another account")]
    ExternalIdTaken {
        /// The id.
        external_id: String,
    },
    /// Another account has this login.
    #[error("the login {login} is taken")]
    LoginTaken {
        /// The login.
        login: Login,
    },
    /// A deleted account had this login.
    #[error("the login {login} belonged to a deleted account and is never given out again")]
    LoginRetired {
        /// The login.
        login: Login,
    },
    /// All licences are in use.
    #[error("{used} of {limit} licences are in use")]
    NoLicence {
        /// How many accounts use one.
        used: u64,
        /// How many may.
        limit: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CreateError {
    /// Refuses one more account than licences allow.
    pub(crate) const fn unless_licensed(used: u64, limit: Option<u64>) -> Result<(), Self> {
        match limit {
            Some(limit) if used >= limit => Err(Self::NoLicence { used, limit }),
            _ => Ok(()),
        }
    }
}

/// The audit log was altered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("{how}: position {position} is the first that does not fit")]
pub struct BrokenChain {
    /// The first position that does not fit.
    pub position: u64,
    /// What was found there.
    pub how: Break,
}

/// How an audit log does not fit its chain.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Break {
    /// A record does not say what was written there.
    Altered,
    /// The log ends earlier than it did.
    CutOff,
    /// There are records behind the end.
    Extra,
    /// What says where the log ends was not written with the key.
    Head,
    /// A record is not there.
    Missing,
    /// What says where the log begins was not written with the key.
    Pruned,
    /// Records are others than were there before, as after an older copy of the
    /// database was put back.
    Replaced,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Altered => "a record of the audit log was altered",
            Self::CutOff => "records were cut off the end of the audit log",
            Self::Extra => "records were put behind the end of the audit log",
            Self::Head => "the end of the audit log was rewritten",
            Self::Missing => "a record of the audit log is missing",
            Self::Pruned => "the beginning of the audit log was rewritten",
            Self::Replaced => "the audit log was replaced by an older copy, or by another one",
        })
    }
}

impl Break {
    pub(crate) const fn at(self, position: u64) -> BrokenChain {
        BrokenChain { position, how: self }
    }
}
