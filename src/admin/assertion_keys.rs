//! The keys that gateways sign assertions with: which there are, and when each is used.
//!
//! What the directory keeps of a key is not the key: it is made from this and the secret
//! of the directory's key file, so gateways of one directory have the same keys, and who
//! has a copy of the database has none. A new key is published before it is used, and an
//! old one until the last assertion that it signed is over: whoever checks assertions
//! finds each key in time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;

/// Where they are kept among the settings of the directory.
const STORED: &str = "assertion.keys";

/// How long a new key is published before it is used: twice as long as a set of keys may
/// be kept that was fetched.
pub const PUBLISHED_BEFORE: Duration = Duration::from_secs(120);

/// How long an old key is published after it was used last: longer than an assertion
/// lasts, with clocks that differ.
pub const PUBLISHED_AFTER: Duration = Duration::from_secs(180);

/// One key, without what makes it one.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AssertionKey {
    /// Its name: the `kid` of assertions.
    pub id: String,
    /// What it is made from, with the secret: 64 hexadecimal digits.
    seed: String,
    /// From when on it signs, in seconds since 1970.
    pub from: i64,
    /// Until when it is published; `None`: nobody has put another in its place.
    pub until: Option<i64>,
}

impl AssertionKey {
    /// What it is made from.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code, reason = "the gateway asks for it"))]
    pub(crate) fn seed(&self) -> &[u8] {
        self.seed.as_bytes()
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionKey")
            .field("id", &self.id)
            .field("from", &self.from)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// The keys of a directory, the oldest first.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AssertionKeys(Vec<AssertionKey>);

/// When a new key takes over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "soon or now")]
pub enum Takeover {
    /// Once everybody can have learnt of it.
    Announced,
    /// Now, and the old ones are worth nothing any more: one of them may be known.
    AtOnce,
}

impl AssertionKeys {
    /// The key that signs at this instant.
    pub fn signing_at(&self, now: Timestamp) -> Option<&AssertionKey> {
        let now = now.floor_secs();
        let begun = self.published_at(now);
        begun
            .filter(|key| key.from <= now)
            .max_by_key(|key| key.from)
    }

    /// The keys that are published at this second.
    pub(crate) fn published_at(&self, now: i64) -> impl Iterator<Item = &AssertionKey> {
        let over = move |key: &&AssertionKey| key.until.is_some_and(|until| until <= now);
        self.0.iter().filter(move |key| !over(key))
    }

    /// Those that are published at this instant, the oldest first.
    pub fn published(&self, now: Timestamp) -> impl Iterator<Item = &AssertionKey> {
        self.published_at(now.floor_secs())
    }

    /// All of them, the oldest first; those that are over, too.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code, reason = "the gateway asks for it"))]
    pub(crate) fn all(&self) -> &[AssertionKey] {
        &self.0
    }

    /// Whether a new key waits for its time.
    fn waits(&self, now: i64) -> bool {
        self.0.iter().any(|key| key.from > now)
    }

    /// Whether the newest has signed for this long.
    #[cfg_attr(not(feature = "gateway"), allow(dead_code, reason = "the gateway asks for it"))]
    pub(crate) fn is_due(&self, now: Timestamp, every: Duration) -> bool {
        let every = i64::try_from(every.as_secs()).unwrap_or(i64::MAX);
        let now = now.floor_secs();
        let newest = self.0.iter().map(|key| key.from).max();
        newest.is_none_or(|from| from.saturating_add(every) <= now)
    }

    /// The same with a new one. The first is used at once: nobody knows another.
    fn with(&self, id: String, seed: String, now: i64, takeover: Takeover) -> Self {
        let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
        let at_once = takeover == Takeover::AtOnce || self.published_at(now).next().is_none();
        let from = if at_once { now } else { now + seconds(PUBLISHED_BEFORE) };
        let mut keys: Vec<AssertionKey> = match takeover {
            Takeover::AtOnce => Vec::new(),
            Takeover::Announced => self.published_at(now).cloned().collect(),
        };
        for key in &mut keys {
            key.until = key.until.or(Some(from + seconds(PUBLISHED_AFTER)));
        }
        keys.push(AssertionKey { id, seed, from, until: None });
        Self(keys)
    }
}

impl Admin {
    /// The keys that assertions are signed with.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see settings, or the store can't answer.
    pub async fn assertion_keys(&self, actor: &Actor) -> Result<AssertionKeys, AdminError> {
        actor.require(Operation::ReadSettings)?;
        let stored = self.directory.setting(STORED).await?;
        let text = stored.filter(|text| !text.is_empty());
        let read = text.map(|text| serde_json::from_str(&text));
        read.transpose()
            .map(Option::unwrap_or_default)
            .map_err(|_| AdminError::Store(damaged()))
    }

    /// Puts a new key in the place of the one that signs, and gives all.
    ///
    /// Announced, nothing is done while another new one waits for its time.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change settings, the system has no randomness, or the
    /// store can't answer.
    pub async fn rotate_assertion_keys(
        &self,
        actor: &Actor,
        takeover: Takeover,
    ) -> Result<AssertionKeys, AdminError> {
        actor.require(Operation::ChangeSettings)?;
        let known = match takeover {
            Takeover::Announced => self.assertion_keys(&Actor::System).await?,
            // What there was is of no matter, even where it can't be read.
            Takeover::AtOnce => AssertionKeys::default(),
        };
        let now = self.directory.clock().wall().floor_secs();
        if takeover == Takeover::Announced && known.waits(now) {
            return Ok(known);
        }
        let [id, seed] = [random::<8>()?, random::<32>()?];
        let keys = known.with(id, seed, now, takeover);
        let text = serde_json::to_string(&keys).unwrap_or_default();
        let note = actor.note(Action::SettingChanged, None);
        self.directory.set_setting(STORED, text, note).await?;
        self.count(Action::SettingChanged);
        // Somebody else may have written at the same time: what is kept counts.
        self.assertion_keys(&Actor::System).await
    }
}

fn random<const N: usize>() -> Result<String, AdminError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| AdminError::Store(crate::store::StoreError::unavailable(error)))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn damaged() -> crate::store::StoreError {
    let detail = "it is no list of keys; `portcullis assertion rotate --now` makes a new one";
    crate::store::StoreError::Damaged { what: STORED.to_owned(), detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn ids(keys: &AssertionKeys, secs: i64) -> Vec<&str> {
        keys.published_at(secs).map(|key| key.id.as_str()).collect()
    }

    fn with(keys: &AssertionKeys, id: &str, now: i64, takeover: Takeover) -> AssertionKeys {
        keys.with(id.to_owned(), "00".to_owned(), now, takeover)
    }

    fn signing(keys: &AssertionKeys, secs: i64) -> Option<&str> {
        keys.signing_at(at(secs)).map(|key| key.id.as_str())
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_after() {
        let first = with(&AssertionKeys::default(), "a", NOW, Takeover::Announced);
        assert_eq!(signing(&first, NOW), Some("a"), "nobody waits for the first");
        let both = with(&first, "b", NOW + 1000, Takeover::Announced);
        for (secs, signs, published) in [
            (1000, "a", vec!["a", "b"]),
            (1119, "a", vec!["a", "b"]),
            (1120, "b", vec!["a", "b"]),
            (1299, "b", vec!["a", "b"]),
            (1300, "b", vec!["b"]),
        ] {
            assert_eq!(signing(&both, NOW + secs), Some(signs), "{secs}");
            assert_eq!(ids(&both, NOW + secs), published, "{secs}");
        }
        let third = with(&both, "c", NOW + 2000, Takeover::Announced);
        assert_eq!(ids(&third, NOW + 2000), ["b", "c"], "what is over is forgotten");
    }

    #[test]
    fn a_key_that_may_be_known_is_worth_nothing_at_once() {
        let first = with(&AssertionKeys::default(), "a", NOW, Takeover::Announced);
        let other = with(&first, "b", NOW + 5, Takeover::AtOnce);
        assert_eq!((signing(&other, NOW + 5), ids(&other, NOW + 5)), (Some("b"), vec!["b"]));
    }

    #[test]
    fn the_newest_says_when_the_next_is_due() {
        let every = Duration::from_secs(100);
        let keys = AssertionKeys::default();
        assert!(keys.is_due(at(NOW), every));
        let keys = with(&keys, "a", NOW, Takeover::Announced);
        assert!(!keys.is_due(at(NOW + 99), every) && keys.is_due(at(NOW + 100), every));
        let keys = with(&keys, "b", NOW + 100, Takeover::Announced);
        assert!(!keys.is_due(at(NOW + 219), every), "it has not signed for long");
    }

    #[test]
    fn what_keys_are_made_from_is_not_shown() {
        let keys = with(&AssertionKeys::default(), "a", NOW, Takeover::Announced);
        assert!(!format!("{keys:?}").contains("00\""), "{keys:?}");
    }
}
