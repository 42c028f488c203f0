//! Known devices: browsers and programs that an account's owner signed in from.
//!
//! A device is known by a signed cookie that each full sign-in gives it. It says
//! nothing of who may come in; it has a budget of guesses of its own, so that
//! strangers who guess can't shut the owner out.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::domain::account::{Account, AccountId};
use crate::domain::session::{SessionKey, SessionToken};
use crate::domain::standing::Generation;
use crate::domain::time::Timestamp;

/// How many devices of one account are known at most.
pub const MAX_DEVICES: usize = 10;

/// How long a device is known after the last sign-in on it.
pub const KNOWN_FOR: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long the secret before the last one is good for: two tabs that sign in at
/// once bring the same one.
pub const GRACE: Duration = Duration::from_secs(60);

/// The public name of a device: for lists and logs, and to forget it by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceId(NonZeroU64);

impl DeviceId {
    /// The name that these random bytes make.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        Self(NonZeroU64::new(u64::from_be_bytes(bytes)).unwrap_or(NonZeroU64::MIN))
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> Self {
        id.to_string()
    }
}

impl FromStr for DeviceId {
    type Err = InvalidDeviceId;

    /// Reads exactly the text that is written: a device has one name.
    fn from_str(hex: &str) -> Result<Self, InvalidDeviceId> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != 16 || !hex.bytes().all(digit) {
            return Err(InvalidDeviceId);
        }
        let number = u64::from_str_radix(hex, 16).ok().and_then(NonZeroU64::new);
        number.map(Self).ok_or(InvalidDeviceId)
    }
}

impl TryFrom<String> for DeviceId {
    type Error = InvalidDeviceId;

    fn try_from(hex: String) -> Result<Self, InvalidDeviceId> {
        hex.parse()
    }
}

/// Not the id of a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an id of a device has 16 hexadecimal digits in lower case")]
pub struct InvalidDeviceId;

/// What a device's cookie holds: its name, a secret, and the signature of both
/// for one account. The account itself is not in it.
///
/// Never printed by `Debug`.
#[derive(Clone)]
pub struct DeviceCookie {
    device: DeviceId,
    secret: SessionToken,
    signature: SessionToken,
}

impl DeviceCookie {
    /// How many characters it has.
    pub const LEN: usize = 16 + 1 + SessionToken::LEN + 1 + SessionToken::LEN;

    /// The cookie of this device and secret with the signature for its account.
    pub fn signed(device: DeviceId, secret: SessionToken, signature: [u8; 32]) -> Self {
        Self { device, secret, signature: SessionToken::from_random(signature) }
    }

    /// Reads what a client sent, if it has the form. Exactly one text is each
    /// cookie.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (device, rest) = text.split_once('.')?;
        let (secret, signature) = rest.split_once('.')?;
        Some(Self {
            device: device.parse().ok()?,
            secret: SessionToken::parse(secret.as_bytes())?,
            signature: SessionToken::parse(signature.as_bytes())?,
        })
    }

    /// The text that the client gets. A secret.
    pub fn expose(&self) -> String {
        format!("{}.{}.{}", self.device, self.secret.expose(), self.signature.expose())
    }

    /// Which device it says that it is of.
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The secret in it.
    pub const fn secret(&self) -> &SessionToken {
        &self.secret
    }

    /// Whether it bears this signature. Takes the same time whatever it bears.
    pub fn bears(&self, signature: [u8; 32]) -> bool {
        let expected = SessionToken::from_random(signature);
        let (ours, theirs) = (expected.expose().as_bytes(), self.signature.expose().as_bytes());
        ours.ct_eq(theirs).into()
    }
}

impl fmt::Debug for DeviceCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceCookie(..)")
    }
}

/// A device that an account's owner is known by, as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// Its name.
    pub id: DeviceId,
    /// Whose it is.
    pub account: AccountId,
    /// The account's generation when it was last signed in on: in another it is
    /// a stranger's.
    pub generation: Generation,
    /// The hash of the secret that it has.
    pub key: SessionKey,
    /// The hash of the secret that it had before, and until when that is good.
    pub previous: Option<(SessionKey, Timestamp)>,
    /// The program, as it called itself at the last sign-in.
    pub user_agent: Option<String>,
    /// When it was first signed in on.
    pub first_seen_at: Timestamp,
    /// When it was last signed in on.
    pub last_seen_at: Timestamp,
    /// Where that came from.
    pub last_seen_from: Option<String>,
    /// When it is forgotten, unless somebody signs in on it again.
    pub expires_at: Timestamp,
}

/// What a full sign-in says of the device that it came from.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// The hash of the secret that the device gets for it.
    pub key: SessionKey,
    /// When.
    pub at: Timestamp,
    /// Where it came from.
    pub from: Option<String>,
    /// The program, as it calls itself.
    pub user_agent: Option<String>,
}

impl Device {
    /// A device on its first sign-in.
    pub fn first_seen(id: DeviceId, account: &Account, seen: Sighting) -> Self {
        Self {
            id,
            account: account.id,
            generation: account.generation,
            key: seen.key,
            previous: None,
            user_agent: seen.user_agent,
            first_seen_at: seen.at,
            last_seen_at: seen.at,
            last_seen_from: seen.from,
            expires_at: seen.at.after(KNOWN_FOR),
        }
    }

    /// The same device after another sign-in: it has a new secret, and the old
    /// one is good for a moment longer.
    #[must_use]
    pub fn seen_again(self, seen: Sighting) -> Self {
        Self {
            key: seen.key,
            previous: Some((self.key, seen.at.after(GRACE))),
            user_agent: seen.user_agent.or(self.user_agent),
            last_seen_at: seen.at,
            last_seen_from: seen.from.or(self.last_seen_from),
            expires_at: seen.at.after(KNOWN_FOR),
            ..self
        }
    }

    /// Whether it is one of this account's, and not gone with a generation or
    /// by time.
    pub fn is_known_to(&self, account: &Account, now: Timestamp) -> bool {
        self.account == account.id && self.generation == account.generation && now < self.expires_at
    }

    /// Whether this is the hash of a secret that it has. Takes the same time
    /// whatever the hash.
    pub fn is_proved_by(&self, key: &SessionKey, now: Timestamp) -> bool {
        let current = self.key.as_bytes().ct_eq(key.as_bytes());
        let (previous, until) = self.previous.unwrap_or((self.key, Timestamp::EPOCH));
        let previous = bool::from(previous.as_bytes().ct_eq(key.as_bytes())) && now < until;
        bool::from(current) | previous
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn cookie(device: [u8; 8], secret: [u8; 32], signature: [u8; 32]) -> DeviceCookie {
        let secret = SessionToken::from_random(secret);
        DeviceCookie::signed(DeviceId::from_random(device), secret, signature)
    }

    fn sighting(byte: u8, at: Timestamp) -> Sighting {
        let key = SessionToken::from_random([byte; 32]).key();
        Sighting { key, at, from: None, user_agent: None }
    }

    #[test]
    fn a_secret_is_good_until_the_next_but_one_and_the_last_for_a_moment() {
        let key = |byte| sighting(byte, NOW).key;
        let device = Device {
            id: DeviceId::from_random([1; 8]),
            account: 7.try_into().expect("a number"),
            generation: Generation::new(0),
            key: key(1),
            previous: None,
            user_agent: Some("curl".to_owned()),
            first_seen_at: NOW,
            last_seen_at: NOW,
            last_seen_from: None,
            expires_at: NOW.after(KNOWN_FOR),
        };
        let proves = |device: &Device, byte, at| device.is_proved_by(&key(byte), at);
        assert!(proves(&device, 1, NOW) && !proves(&device, 2, NOW));

        let again = device.seen_again(sighting(2, NOW));
        let (just_before, just_after) =
            (NOW.after(GRACE - Duration::from_micros(1)), NOW.after(GRACE));
        assert!(proves(&again, 2, just_after));
        assert!(proves(&again, 1, just_before) && !proves(&again, 1, just_after));
        assert_eq!(again.user_agent.as_deref(), Some("curl"), "kept where nothing new is known");

        let third = again.seen_again(sighting(3, just_before));
        assert!(proves(&third, 3, just_before) && proves(&third, 2, just_before));
        assert!(!proves(&third, 1, just_before), "only one is kept");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let cookie = cookie([1; 8], [2; 32], [3; 32]);
        assert_eq!(format!("{cookie:?}"), "DeviceCookie(..)");
        assert_eq!(cookie.expose().len(), DeviceCookie::LEN);
    }

    proptest! {
        /// Property: a cookie reads back with all its parts, and any other text
        /// is another cookie or none.
        #[test]
        fn one_text_is_one_cookie(
            device: [u8; 8], secret: [u8; 32], signature: [u8; 32],
            at in 0..DeviceCookie::LEN, with: u8,
        ) {
            let cookie = cookie(device, secret, signature);
            let text = cookie.expose();
            let read = DeviceCookie::parse(text.as_bytes()).expect("its own text");
            prop_assert_eq!(read.device(), cookie.device());
            prop_assert_eq!(read.secret().key(), cookie.secret().key());
            prop_assert!(read.bears(signature));

            let mut other = text.clone().into_bytes();
            other[at] = with;
            if let Some(read) = DeviceCookie::parse(&other) {
                let same = read.device() == cookie.device()
                    && read.secret().key() == cookie.secret().key()
                    && read.bears(signature);
                prop_assert_eq!(same, read.expose() == text);
            }
        }

        /// Property: what is read was written by us in exactly this form, so it
        /// is written again as it came.
        #[test]
        fn only_the_form_is_read(
            text in "[0-9a-fA-F]{15,17}[.]([A-Za-z0-9_-]{42,44}[.]?){1,3}|[ -~]{0,120}",
        ) {
            if let Some(cookie) = DeviceCookie::parse(text.as_bytes()) {
                prop_assert_eq!(cookie.expose(), text);
            }
        }

        /// Property: a cookie bears the signature that it was given, and no other.
        #[test]
        fn a_signature_is_compared_whole(signature: [u8; 32], at in 0..32_usize, bit in 0..8_u8) {
            let cookie = cookie([1; 8], [2; 32], signature);
            let mut other = signature;
            other[at] ^= 1 << bit;
            prop_assert!(cookie.bears(signature) && !cookie.bears(other));
        }
    }
}
