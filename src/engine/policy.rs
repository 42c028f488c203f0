//! The lockout policy that a gate goes by: its own, or the directory's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::policy::LockoutPolicy;
use crate::engine::{Gate, Portcullis, Unanswered};
use crate::store::{Directory, StoreError};

/// The setting of the directory that holds the policy, as
/// [`LockoutPolicy`] is spelled.
pub const LOCKOUT_SETTING: &str = "lockout";

/// A policy that can change while attempts are counted by it. Off the hot path:
/// only who signs in asks.
#[derive(Debug)]
pub(super) struct Policy {
    now: RwLock<Arc<LockoutPolicy>>,
    pinned: AtomicBool,
}

impl Policy {
    /// The policy that was given for good, else the directory's, else the default.
    pub(super) async fn settle(
        given: Option<LockoutPolicy>,
        directory: Option<&dyn Directory>,
    ) -> Result<Self, StoreError> {
        let pinned = AtomicBool::new(given.is_some());
        let stored = match (given, directory) {
            (Some(given), _) => Some(given),
            (None, Some(directory)) => readable(directory.setting(LOCKOUT_SETTING).await?),
            (None, None) => None,
        };
        Ok(Self { now: RwLock::new(Arc::new(stored.unwrap_or_default())), pinned })
    }

    /// Goes by what was settled anew.
    pub(super) fn renew(&self, settled: Self) {
        let Self { now, pinned } = settled;
        self.pinned.store(pinned.into_inner(), Ordering::Relaxed);
        let policy = now.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    fn get(&self) -> Arc<LockoutPolicy> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, policy: LockoutPolicy) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

/// What is stored, unless it can't be read: then `None`, and it is logged.
fn readable(stored: Option<String>) -> Option<LockoutPolicy> {
    let text = stored.filter(|text| !text.is_empty())?;
    let policy = text.parse();
    policy
        .inspect_err(|_| tracing::error!(setting.name = LOCKOUT_SETTING, "stored setting unusable"))
        .ok()
}

impl Portcullis {
    /// How failed sign-ins lock an account now.
    ///
    /// Where [`Builder::lockout`](crate::engine::Builder::lockout) said nothing,
    /// this is the directory's setting, and follows it.
    pub fn lockout_policy(&self) -> Arc<LockoutPolicy> {
        self.0.policy()
    }

    /// Tells of changes of the directory's settings: the number rises when one may
    /// have changed, in whichever process.
    pub fn settings_changed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.settings_changed.subscribe()
    }

    /// Tells of a change of settings that this process itself was told of.
    pub(crate) fn tell_settings_changed(&self) {
        self.0.settings_changed.send_modify(|changes| *changes += 1);
    }
}

impl Gate {
    pub(super) fn policy(&self) -> Arc<LockoutPolicy> {
        self.policy.get()
    }

    /// Settings may have changed: the policy is read again. What can't be read
    /// leaves it as it is.
    pub(super) async fn reread_settings(
        &self,
        directory: &dyn Directory,
    ) -> Result<(), Unanswered> {
        if !self.policy.pinned.load(Ordering::Relaxed) {
            let stored = self.ask(directory.setting(LOCKOUT_SETTING)).await?;
            let reset = stored.as_ref().is_none_or(String::is_empty);
            match readable(stored) {
                Some(policy) => self.policy.set(policy),
                None if reset => self.policy.set(LockoutPolicy::default()),
                None => {}
            }
        }
        self.settings_changed.send_modify(|changes| *changes += 1);
        Ok(())
    }
}
