//! The file beside the key that says how far the audit log reached.
//!
//! Whoever can write to the database can put back an older copy of it, with all that
//! was written with the key then. What is noted here is out of their reach.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use crate::store::StoreError;
use crate::store::keyring::{AuditLink, AuditMark, Keyring};
use crate::store::sql::errors::of_file;
use crate::store::sql::files::{owner_only, sync_folder_of};

/// The file itself, which may not be there.
#[derive(Debug)]
pub(in crate::store::sql) struct Anchor {
    path: PathBuf,
}

/// A place in the log.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) position: u64,
    pub(super) link: AuditLink,
}

/// What is noted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Noted {
    /// How far the log reached.
    pub(super) seen: Option<Place>,
    /// How far it was checked.
    pub(super) checked: Option<Place>,
}

impl Anchor {
    pub(super) const fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether there is one. A place that can't be looked at may have one.
    pub(super) fn is_there(&self) -> bool {
        self.path.try_exists().unwrap_or(true)
    }

    /// What is noted; nothing where there is no file.
    pub(super) fn read(&self, keyring: &Keyring) -> Result<Noted, StoreError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => parse(&text, keyring).ok_or_else(|| self.foreign()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Noted::default()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(self.foreign()),
            Err(error) => Err(of_file(&self.path.display().to_string(), &error)),
        }
    }

    /// Notes this in place of what was noted. Where that can't be written, what was
    /// noted before stays, and the log says so.
    pub(super) fn write(&self, noted: &Noted, keyring: &Keyring) {
        if let Err(error) = self.replace(&spell(noted, keyring)) {
            tracing::warn!(file = %self.path.display(), %error, "audit anchor not written");
        }
    }

    /// Nobody ever reads half of it.
    fn replace(&self, text: &str) -> io::Result<()> {
        let number = getrandom::u64().map_err(io::Error::other)?;
        let mut aside = self.path.as_os_str().to_owned();
        aside.push(format!(".{number:016x}"));
        let aside = PathBuf::from(aside);
        let written = write_out(&aside, text).and_then(|()| fs::rename(&aside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written.and_then(|()| sync_folder_of(&self.path))
    }

    fn foreign(&self) -> StoreError {
        let detail = "it was not written with the directory's key".to_owned();
        StoreError::Damaged { what: self.path.display().to_string(), detail }
    }
}

fn write_out(path: &PathBuf, text: &str) -> io::Result<()> {
    let mut file = owner_only(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn spell(noted: &Noted, keyring: &Keyring) -> String {
    let marks = [(AuditMark::Seen, &noted.seen), (AuditMark::Checked, &noted.checked)];
    let mut text = String::new();
    for (mark, place) in marks {
        if let Some(Place { position, link }) = place {
            let tag = keyring.audit_mark(mark, *position, link).to_hex();
            text.push_str(&format!("{} {position} {} {tag}\n", mark.as_str(), link.to_hex()));
        }
    }
    text
}

/// `None` where anything in it was not written with this key.
fn parse(text: &str, keyring: &Keyring) -> Option<Noted> {
    let mut noted = Noted::default();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (mark, place) = match words.next()? {
            "seen" => (AuditMark::Seen, &mut noted.seen),
            "checked" => (AuditMark::Checked, &mut noted.checked),
            _ => return None,
        };
        let position = words.next()?.parse().ok()?;
        let link = AuditLink::from_hex(words.next()?)?;
        let tag = AuditLink::from_hex(words.next()?)?;
        let fits = tag == keyring.audit_mark(mark, position, &link) && words.next().is_none();
        if !fits || place.replace(Place { position, link }).is_some() {
            return None;
        }
    }
    Some(noted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Option<Place>> {
        proptest::option::of((any::<u64>(), any::<[u8; 32]>()).prop_map(|(position, bytes)| {
            let hex = crate::domain::session::SessionKey::from_bytes(bytes).to_hex();
            Place { position, link: AuditLink::from_hex(&hex).expect("a link") }
        }))
    }

    proptest! {
        /// Property: what is read is what was written with the key, and a text that
        /// differs in one sign is not read, nor is one of another key.
        #[test]
        fn only_what_the_key_wrote_is_read(
            seen in place(),
            checked in place(),
            at: prop::sample::Index,
            sign in "[0-9a-f ]",
        ) {
            let keyring = Keyring::new(&[7; 32]);
            let noted = Noted { seen, checked };
            let text = spell(&noted, &keyring);
            prop_assert_eq!(parse(&text, &keyring), Some(noted.clone()));
            if !text.is_empty() {
                prop_assert_eq!(parse(&text, &Keyring::new(&[8; 32])), None);
                let at = at.index(text.len() - 1);
                let mut other = text.clone();
                other.replace_range(at..=at, &sign);
                if other != text {
                    prop_assert_ne!(parse(&other, &keyring), Some(noted));
                }
            }
        }
    }
}
