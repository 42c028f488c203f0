//! Who is meant, in a few bytes, and what they are called in a report.

use std::hash::{BuildHasher, RandomState};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::attempt::{Attempt, Outcome};
use crate::cli::exit::Failure;
use crate::domain::device::DeviceId;
use crate::domain::trial::{Past, Who};

/// How many hexadecimal digits stand for a login.
const DIGITS: usize = 10;

/// Makes names. Its keys are new in every run, so what it makes of a login in one
/// report tells nothing of another.
pub(super) struct Names {
    state: RandomState,
    /// Where logins are not to be shown: what hashes are keyed with.
    hidden: Option<[u8; 32]>,
}

impl Names {
    pub(super) fn new(hide_logins: bool) -> Result<Self, Failure> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| {
            Failure::unexpected(format!("the system gives no random numbers: {error}"))
        })?;
        Ok(Self { state: RandomState::new(), hidden: hide_logins.then_some(key) })
    }

    /// Whether logins may be shown.
    pub(super) const fn are_open(&self) -> bool {
        self.hidden.is_none()
    }

    /// A login, as this run knows it: a hash with a key of the run.
    pub(super) fn who(&self, login: &str) -> Who {
        Who(self.state.hash_one(login))
    }

    /// What a policy is told of an attempt.
    pub(super) fn told(&self, attempt: &Attempt, who: Option<Who>) -> Past {
        Past {
            at: attempt.at,
            who,
            address: attempt.address,
            device: attempt.device.as_deref().map(|device| self.device(device)),
            success: attempt.outcome == Outcome::Success,
            mark: attempt.secret.as_ref().map(|marker| self.print(&marker.0)),
        }
    }

    fn device(&self, device: &str) -> DeviceId {
        DeviceId::from_random(self.state.hash_one(("device", device)).to_be_bytes())
    }

    /// A password, told by its marker.
    pub(super) fn print(&self, marker: &str) -> u64 {
        self.state.hash_one(("secret", marker))
    }

    /// What a login is called in a report.
    pub(super) fn label(&self, login: &str) -> String {
        let Some(key) = &self.hidden else { return login.to_owned() };
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(login.as_bytes());
        let digits = mac.finalize().into_bytes();
        let hex: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("#{}", &hex[..DIGITS])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_login_is_the_same_within_a_run_and_another_in_the_next() {
        let [one, two] = [(); 2].map(|()| Names::new(true).expect("names"));
        let label = one.label("alice");
        assert_eq!(label, one.label("alice"));
        assert_ne!(label, one.label("bob"));
        assert_ne!(label, two.label("alice"));
        assert!(label.len() == 11 && !label.contains("alice"), "{label}");
        assert_eq!(Names::new(false).expect("names").label("alice"), "alice");
    }
}
