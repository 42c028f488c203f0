//! Hashes as they are stored: our own, and those that came from another system.
//!
//! A hash says by itself how much work it takes, so none is believed beyond a bound:
//! who can write one shall not be able to take the machine.

use std::fmt;

use argon2::{Argon2, Params, PasswordHash, PasswordVerifier};

use super::{LANES, MEMORY_KIB, PASSES};

/// What a stored hash may ask for at most. Imported hashes may be dearer than
/// ours, but not by much.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 8;

/// bcrypt's cost: each step doubles the work, and 14 takes about a second.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=14;

/// Rounds of PBKDF2. OWASP asks for 600 000.
const MAX_ROUNDS: u32 = 2_000_000;

/// Bytes that scrypt may fill, all its lanes together.
const MAX_SCRYPT_BYTES: u64 = 64 * 1024 * 1024;

/// The longest text of a hash.
const MAX_BYTES: usize = 512;

/// A hash that came from another system: of a known algorithm, and bounded in what it
/// asks for. A secret: never printed by `Debug`.
#[derive(Clone, Eq, PartialEq)]
pub struct ImportedHash(String);

impl ImportedHash {
    /// Reads the text of a hash: in PHC's form one of Argon2, scrypt or PBKDF2 with
    /// SHA-2, or one of bcrypt.
    ///
    /// # Errors
    ///
    /// If it is of another algorithm, incomplete, or asks for too much.
    pub fn read(text: &str) -> Result<Self, InvalidHash> {
        let text = text.trim();
        Stored::read(text).map(|_| Self(text.to_owned()))
    }

    /// The text. A secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ImportedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ImportedHash(..)")
    }
}

/// Why a text is no hash that can be taken over. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHash {
    /// It is not the text of a hash, or a part of it is missing.
    #[error("the password hash is not complete: export it again, or leave it empty")]
    Malformed,
    /// It would take too much memory or time to check.
    #[error("the password hash asks for too much work: leave it empty, and set a password")]
    TooDear,
    /// No algorithm that is known here.
    #[error(
        "the password hash is none of argon2, scrypt, pbkdf2-sha256, pbkdf2-sha512 and bcrypt: \
         leave it empty, and set a password"
    )]
    Unknown,
}

/// A stored hash that can be checked, within the bounds.
#[derive(Debug)]
pub(super) enum Stored {
    Argon2(PasswordHash),
    Bcrypt(String),
    Pbkdf2(PasswordHash),
    Scrypt(PasswordHash),
}

impl Stored {
    pub(super) fn read(text: &str) -> Result<Self, InvalidHash> {
        if text.len() > MAX_BYTES {
            return Err(InvalidHash::Malformed);
        }
        if ["$2a$", "$2b$", "$2x$", "$2y$"]
            .iter()
            .any(|begin| text.starts_with(begin))
        {
            return bcrypt(text);
        }
        let name = text.split('$').nth(1).unwrap_or_default();
        let known = name.starts_with("argon2") || name == "scrypt" || name.starts_with("pbkdf2");
        if !known {
            return Err(InvalidHash::Unknown);
        }
        let hash = PasswordHash::new(text).map_err(|_| InvalidHash::Malformed)?;
        if hash.hash.is_none() || hash.salt.is_none() {
            return Err(InvalidHash::Malformed);
        }
        match name {
            "argon2i" | "argon2d" | "argon2id" => argon2(hash),
            "scrypt" => scrypt(hash),
            "pbkdf2-sha256" | "pbkdf2-sha512" => pbkdf2(hash),
            _ => Err(InvalidHash::Unknown),
        }
    }

    /// Whether this password makes the hash.
    pub(super) fn fits(&self, password: &[u8]) -> bool {
        match self {
            Self::Argon2(hash) => Argon2::default().verify_password(password, hash).is_ok(),
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Pbkdf2(hash) => pbkdf2::Pbkdf2::default()
                .verify_password(password, hash)
                .is_ok(),
            Self::Scrypt(hash) => scrypt::Scrypt::default()
                .verify_password(password, hash)
                .is_ok(),
        }
    }
}

/// Whether a stored hash is as we would make it now.
pub(super) fn is_ours(text: &str) -> bool {
    text.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

fn within(bounded: bool) -> Result<(), InvalidHash> {
    if bounded { Ok(()) } else { Err(InvalidHash::TooDear) }
}

fn argon2(hash: PasswordHash) -> Result<Stored, InvalidHash> {
    let params = Params::try_from(&hash).map_err(|_| InvalidHash::Malformed)?;
    within(
        params.m_cost() <= MAX_MEMORY_KIB
            && params.t_cost() <= MAX_PASSES
            && params.p_cost() <= MAX_LANES,
    )?;
    Ok(Stored::Argon2(hash))
}

fn scrypt(hash: PasswordHash) -> Result<Stored, InvalidHash> {
    let param = |name: &str| hash.params.get_decimal(name).map(u64::from);
    let (ln, r, p) = (param("ln"), param("r"), param("p"));
    let (Some(ln), Some(r), Some(p)) = (ln, r, p) else { return Err(InvalidHash::Malformed) };
    let rows = 1_u64.checked_shl(u32::try_from(ln).unwrap_or(64));
    let bytes = rows
        .and_then(|rows| rows.checked_mul(128))
        .and_then(|bytes| bytes.checked_mul(r)?.checked_mul(p));
    within(ln < 32 && bytes.is_some_and(|bytes| bytes <= MAX_SCRYPT_BYTES))?;
    Ok(Stored::Scrypt(hash))
}

fn pbkdf2(hash: PasswordHash) -> Result<Stored, InvalidHash> {
    let rounds = hash.params.get_decimal("i").ok_or(InvalidHash::Malformed)?;
    within(rounds <= MAX_ROUNDS)?;
    Ok(Stored::Pbkdf2(hash))
}

fn bcrypt(text: &str) -> Result<Stored, InvalidHash> {
    let parts = text
        .parse::<bcrypt::HashParts>()
        .map_err(|_| InvalidHash::Malformed)?;
    within(BCRYPT_COSTS.contains(&parts.get_cost()))?;
    Ok(Stored::Bcrypt(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All of "password", the first three as passlib writes them.
    const OF_OTHERS: [&str; 4] = [
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
        "$2y$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
        "$pbkdf2-sha256$i=4096,l=40$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0\
         $NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+HGNVGMfaxH6Q",
    ];

    #[test]
    fn hashes_of_other_systems_are_checked_by_their_own_algorithm() {
        let scrypt = Stored::read(OF_OTHERS[0]).expect("a hash");
        assert!(scrypt.fits(b"password") && !scrypt.fits(b"passwort"));
        let pbkdf2 = Stored::read(OF_OTHERS[3]).expect("a hash");
        assert!(pbkdf2.fits(b"passwordPASSWORDpassword") && !pbkdf2.fits(b"password"));
        let made = bcrypt::hash("correct horse", 4).expect("a hash");
        let bcrypt = Stored::read(&made).expect("a hash");
        assert!(bcrypt.fits(b"correct horse") && !bcrypt.fits(b"correct house"));
        for hash in OF_OTHERS {
            assert!(ImportedHash::read(hash).is_ok() && !is_ours(hash), "{hash}");
        }
    }

    #[test]
    fn nobody_imports_a_hash_that_takes_the_machine() {
        for dear in [
            "$2b$31$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
            "$scrypt$ln=24,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
            "$scrypt$ln=63,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
            "$scrypt$ln=10,r=8,p=4294967295$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
            "$pbkdf2-sha256$i=4000000000,l=32$c2FsdFNBTFRzYWx0U0FMVA$NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+E",
            "$argon2id$v=19$m=4194304,t=2,p=1$cG9ydGN1bGxpcyBub2JvZHk$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ] {
            assert_eq!(ImportedHash::read(dear), Err(InvalidHash::TooDear), "{dear}");
        }
        for unknown in [
            "",
            "password",
            "{SSHA}abc",
            "$1$salt$hash",
            "$argon2x$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$AAECAwQFBgcICQoLDA0ODw",
        ] {
            assert_eq!(ImportedHash::read(unknown), Err(InvalidHash::Unknown), "{unknown}");
        }
        for broken in [
            "$2b$04$short",
            "$scrypt$ln=10$aM15713r3Xsvxbi31lqr1Q",
            "$argon2id$v=19$m=19456,t=2,p=1$YWJjZGVmZ2g",
        ] {
            assert_eq!(ImportedHash::read(broken), Err(InvalidHash::Malformed), "{broken}");
        }
    }

    proptest! {
        /// Property: whatever is read stays within the bounds, and is never printed.
        #[test]
        fn what_is_read_is_bounded(text in r"\$(argon2id|scrypt|pbkdf2-sha256|2b)\$[a-z0-9=,$A-Z+/.]{0,90}") {
            if let Ok(hash) = ImportedHash::read(&text) {
                prop_assert!(hash.expose().len() <= MAX_BYTES);
                prop_assert_eq!(format!("{:?}", hash), "ImportedHash(..)");
            }
        }
    }
}
