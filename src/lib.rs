//! Portcullis stops locked and disabled people at the door.

pub mod admin;
#[cfg(feature = "gateway")]
pub mod cli;
pub mod domain;
pub mod engine;
pub mod guard;
pub mod store;
pub mod testing;

pub use crate::domain::account::{Account, AccountId, AccountKey};
pub use crate::domain::client::{ClientAddr, TrustedProxies};
pub use crate::domain::denial::{Denial, DenialReason};
pub use crate::domain::policy::{InvalidPolicy, LockoutPolicy};
pub use crate::domain::standing::{Generation, Standing, Status, Version};
pub use crate::domain::time::{Clock, Timestamp};
pub use crate::engine::{
    Attempt, BuildError, CurrentAccount, OnStale, Portcullis, SessionClaim, SessionSource,
    SignInError, SignedIn,
};
pub use crate::guard::{Guard, GuardLayer, ReturnTo};
pub use crate::store::StatusSource;
