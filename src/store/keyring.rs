//! Secrets that hashes are keyed with, kept outside the database.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use ipnet::IpNet;
use serde::Serialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::domain::account::AccountId;
use crate::domain::attempts::Guess;
use crate::domain::device::DeviceId;
use crate::domain::event::AuditRecord;
use crate::domain::login::TypedLogin;
use crate::domain::session::SessionToken;
use crate::domain::standing::Generation;

/// The keys of one directory, all made from one secret of 32 bytes.
///
/// Whoever has the database but not this secret can neither forge an audit
/// record nor tell whose failed attempts are counted where.
#[derive(Clone)]
pub struct Keyring {
    audit: [u8; 32],
    audit_marks: [u8; 32],
    attempts: [u8; 32],
    devices: [u8; 32],
    addresses: [u8; 32],
    guesses: [u8; 32],
    assertions: [u8; 32],
}

impl Keyring {
    /// The keys of this secret. It must be random and stay the same for as long
    /// as the directory lives.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            audit: derive(secret, b"portcullis audit chain"),
            audit_marks: derive(secret, b"portcullis audit marks"),
            attempts: derive(secret, b"portcullis attempts"),
            devices: derive(secret, b"portcullis devices"),
            addresses: derive(secret, b"portcullis addresses"),
            guesses: derive(secret, b"portcullis guesses"),
            assertions: derive(secret, b"portcullis assertions"),
        }
    }

    /// What this directory is called elsewhere: the same for as long as it lives, and
    /// another's is another. Tells nothing of the secret.
    pub fn directory_name(&self) -> String {
        let name = derive(&self.audit, b"portcullis directory name");
        name[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Under which key attempts for this login are counted.
    pub fn attempt_key(&self, login: &TypedLogin) -> AttemptKey {
        AttemptKey(derive(&self.attempts, login.as_str().as_bytes()))
    }

    /// Under which key attempts from this known device are counted. Never that
    /// of a login: they are made with other keys.
    pub fn device_attempt_key(&self, account: AccountId, device: DeviceId) -> AttemptKey {
        let mut mac = keyed(&self.devices);
        mac.update(b"attempts");
        mac.update(&account.get().to_be_bytes());
        mac.update(&device.get().to_be_bytes());
        AttemptKey(mac.finalize().into_bytes().into())
    }

    /// Under which key attempts for this login from this network are counted.
    pub fn pair_attempt_key(&self, login: &TypedLogin, network: IpNet) -> AttemptKey {
        let mut mac = keyed(&self.addresses);
        mac.update(b"pair");
        mac.update(network.to_string().as_bytes());
        mac.update(b" ");
        mac.update(login.as_str().as_bytes());
        AttemptKey(mac.finalize().into_bytes().into())
    }

    /// Under which key attempts from this network are counted.
    pub fn address_attempt_key(&self, network: IpNet) -> AttemptKey {
        let mut mac = keyed(&self.addresses);
        mac.update(b"network");
        mac.update(network.to_string().as_bytes());
        AttemptKey(mac.finalize().into_bytes().into())
    }

    /// A wrong password, as the counter with this key remembers it. Of an account in
    /// another session generation, as after a new password, it is another guess.
    pub fn guess(
        &self,
        counter: &AttemptKey,
        generation: Generation,
        source: &str,
        password: &str,
    ) -> Guess {
        let part = |label: &[u8], rest: &[u8]| {
            let mut mac = keyed(&self.guesses);
            mac.update(label);
            mac.update(counter.as_bytes());
            mac.update(&generation.get().to_be_bytes());
            mac.update(&(source.len() as u64).to_be_bytes());
            mac.update(source.as_bytes());
            mac.update(rest);
            let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = mac.finalize().into_bytes().into();
            u64::from_be_bytes([a, b, c, d, e, f, g, h])
        };
        let source = part(b"source", b"");
        Guess { source: (source >> 32) as u32, print: part(b"password", password.as_bytes()) }
    }

    /// The `n`-th number that a key for assertions may be made of, from what the
    /// directory keeps of it.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code, reason = "the gateway signs"))]
    pub(crate) fn assertion_number(&self, seed: &[u8], n: u8) -> [u8; 32] {
        let mut mac = keyed(&self.assertions);
        mac.update(&[n]);
        mac.update(seed);
        mac.finalize().into_bytes().into()
    }

    /// What signs a device's cookie: good for this account, device and secret.
    ///
    /// For nobody, it is what no cookie bears: the work is the same.
    pub fn device_signature(
        &self,
        account: Option<AccountId>,
        device: DeviceId,
        secret: &SessionToken,
    ) -> [u8; 32] {
        let mut mac = keyed(&self.devices);
        mac.update(b"cookie");
        mac.update(&account.map_or(0, AccountId::get).to_be_bytes());
        mac.update(&device.get().to_be_bytes());
        mac.update(secret.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The link of the audit chain after `previous` that is this record.
    pub fn audit_link(&self, previous: &AuditLink, record: &AuditRecord) -> AuditLink {
        let mut mac = keyed(&self.audit);
        mac.update(&previous.0);
        // A struct of strings and numbers has one JSON text.
        mac.update(&serde_json::to_vec(record).unwrap_or_default());
        AuditLink(mac.finalize().into_bytes().into())
    }

    /// What only the holder of the key can say of a place in the audit log.
    pub fn audit_mark(&self, mark: AuditMark, position: u64, link: &AuditLink) -> AuditLink {
        let mut mac = keyed(&self.audit_marks);
        mac.update(mark.as_str().as_bytes());
        mac.update(&position.to_be_bytes());
        mac.update(&link.0);
        AuditLink(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring(..)")
    }
}

/// The name that attempts for one login are counted under. Does not tell whose.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct AttemptKey([u8; 32]);

impl AttemptKey {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Sixty-four hexadecimal digits.
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }
}

impl fmt::Debug for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptKey({}..)", &self.to_hex()[..8])
    }
}

/// What is said of a place in the audit log. One never stands for another: where a
/// check came to is not where the log may begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuditMark {
    /// The log was checked up to here.
    Checked,
    /// The log ends here now.
    Head,
    /// All up to here was pruned.
    Pruned,
    /// The log reached as far as here.
    Seen,
}

impl AuditMark {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Head => "head",
            Self::Pruned => "pruned",
            Self::Seen => "seen",
        }
    }
}

/// One link of the audit chain.
#[derive(Clone)]
pub struct AuditLink([u8; 32]);

impl AuditLink {
    /// What the first record is linked to.
    pub const FIRST: Self = Self([0; 32]);

    /// Sixty-four hexadecimal digits.
    pub fn to_hex(&self) -> String {
        to_hex(&self.0)
    }

    /// Reads what [`AuditLink::to_hex`] wrote.
    pub fn from_hex(hex: &str) -> Option<Self> {
        crate::domain::session::SessionKey::from_hex(hex).map(|key| Self(*key.as_bytes()))
    }
}

impl PartialEq for AuditLink {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Serialize for AuditLink {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl fmt::Debug for AuditLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditLink({}..)", &self.to_hex()[..8])
    }
}

fn to_hex(bytes: &[u8; 32]) -> String {
    crate::domain::session::SessionKey::from_bytes(*bytes).to_hex()
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads a shorter key with zeros to the length of a block.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    Hmac::new(&block.into())
}

fn derive(key: &[u8; 32], label: &[u8]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(label);
    mac.finalize().into_bytes().into()
}
