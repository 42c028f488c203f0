//! Who is meant, in a few bytes, and what they are called in a report.

use std::hash::{BuildHasher, RandomState};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cli::exit::Failure;
use crate::domain::attempts::Guess;
use crate::domain::client::ClientAddr;
use crate::domain::device::DeviceId;

/// How many hexadecimal digits stand for a login.
const DIGITS: usize = 10;

/// A login, as this run knows it: a hash with a key of the run.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Who(u64);

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

    pub(super) fn who(&self, login: &str) -> Who {
        Who(self.state.hash_one(login))
    }

    pub(super) fn device(&self, device: &str) -> DeviceId {
        DeviceId::from_random(self.state.hash_one(("device", device)).to_be_bytes())
    }

    /// A password, told by its marker.
    pub(super) fn print(&self, marker: &str) -> u64 {
        self.state.hash_one(("secret", marker))
    }

    /// A wrong password, as the counter of an account remembers it.
    pub(super) fn guess(
        &self,
        device: Option<DeviceId>,
        address: Option<ClientAddr>,
        marker: &str,
    ) -> Guess {
        let source = match device {
            Some(device) => self.state.hash_one(("from", device)),
            None => self.state.hash_one(address.map(ClientAddr::prefix)),
        };
        Guess { source: (source >> 32) as u32, print: self.print(marker) }
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
