//! What is too long for an address, kept for a while: whom somebody ticked, and what they
//! were about to do when their password was asked for again.
//!
//! It lies in this process alone and is of one session: nobody else finds it, and it is
//! gone when the session ends, but for one that a password continues. An address has a
//! random key in its place. So much is kept and no more; what was used longest ago goes
//! first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::account::AccountId;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::guard::ReturnTo;
use crate::pages::console::answer::Trouble;
use crate::pages::console::users::filter::query;

/// How long after it was used last.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// So many things of one session.
const MOST_OF_ONE: usize = 32;

/// So many bytes of all sessions.
const MOST_BYTES: usize = 32 << 20;

/// What is said of a key that nothing is kept for.
pub(super) const FORGOTTEN: &str = "Whom or what you had chosen is not known any more: it is \
                                    kept for an hour, and until you sign out or this gateway is \
                                    started anew. Nothing was done. Choose again.";

/// Everything that is kept.
#[derive(Default)]
pub(super) struct Drawers(Mutex<Vec<Kept>>);

/// What one session keeps, at an instant.
pub(super) struct Drawer<'a> {
    pub(super) all: &'a Drawers,
    pub(super) owner: Owner,
    pub(super) now: Timestamp,
}

/// Whose it is: the session, and the account that it is of.
pub(super) type Owner = (Option<SessionId>, AccountId);

struct Kept {
    key: String,
    owner: Owner,
    thing: Thing,
    used: Timestamp,
}

#[derive(Clone, Eq, PartialEq)]
enum Thing {
    People(Arc<[AccountId]>),
    /// What a form said, as an address has it behind its `?`.
    Form(Arc<str>),
}

impl Drawers {
    /// A session goes on as another one, with all that it kept.
    pub(super) fn hand_over(&self, from: Owner, to: Owner) {
        for kept in self.lock().iter_mut().filter(|kept| kept.owner == from) {
            kept.owner = to;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drawer<'_> {
    /// Keeps whom somebody chose; the same people are kept once.
    pub(super) fn put_people(&self, people: &[AccountId]) -> Result<String, Trouble> {
        self.put(Thing::People(people.into()))
    }

    pub(super) fn people(&self, key: &str) -> Option<Arc<[AccountId]>> {
        match self.get(key)? {
            Thing::People(people) => Some(people),
            Thing::Form(_) => None,
        }
    }

    /// What a form said that was kept under this key.
    pub(super) fn form(&self, key: &str) -> Option<Arc<str>> {
        match self.get(key)? {
            Thing::Form(form) => Some(form),
            Thing::People(_) => None,
        }
    }

    /// The address of a page that is asked for this. What a browser could not be led back
    /// to is kept, and the address says its key.
    pub(super) fn address(
        &self,
        page: &str,
        asked: &[(&'static str, String)],
    ) -> Result<String, Trouble> {
        let query = query(asked);
        let address = if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") };
        if ReturnTo::parse(&address).is_ok() {
            return Ok(address);
        }
        let key = self.put(Thing::Form(query.into()))?;
        Ok(format!("{page}?kept={key}"))
    }

    fn put(&self, thing: Thing) -> Result<String, Trouble> {
        let mut all = self.swept();
        let mut mine = all.iter_mut().filter(|kept| kept.owner == self.owner);
        if let Some(same) = mine.find(|kept| kept.thing == thing) {
            same.used = self.now;
            return Ok(same.key.clone());
        }
        let key = random()?;
        let (owner, used) = (self.owner, self.now);
        all.push(Kept { key: key.clone(), owner, thing, used });
        let of_one = |all: &[Kept]| all.iter().filter(|kept| kept.owner == owner).count();
        while of_one(&all) > MOST_OF_ONE {
            forget_oldest(&mut all, |kept| kept.owner == owner && kept.key != key);
        }
        while all.iter().map(Kept::bytes).sum::<usize>() > MOST_BYTES && all.len() > 1 {
            forget_oldest(&mut all, |kept| kept.key != key);
        }
        Ok(key)
    }

    fn get(&self, key: &str) -> Option<Thing> {
        let mut all = self.swept();
        let mut mine = all.iter_mut().filter(|kept| kept.owner == self.owner);
        let kept = mine.find(|kept| kept.key == key)?;
        kept.used = self.now;
        Some(kept.thing.clone())
    }

    fn swept(&self) -> MutexGuard<'_, Vec<Kept>> {
        let mut all = self.all.lock();
        all.retain(|kept| self.now < kept.used.after(KEPT_FOR));
        all
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        match &self.thing {
            Thing::People(people) => size_of_val(&**people),
            Thing::Form(form) => form.len(),
        }
    }
}

fn forget_oldest(all: &mut Vec<Kept>, which: impl Fn(&Kept) -> bool) {
    let candidates = all.iter().enumerate().filter(|(_, kept)| which(kept));
    if let Some((at, _)) = candidates.min_by_key(|(_, kept)| kept.used) {
        all.remove(at);
    }
}

/// Of letters and figures, as addresses have them.
fn random() -> Result<String, Trouble> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Trouble::Unavailable)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn somebody(number: i64) -> AccountId {
        number.try_into().expect("a number")
    }

    fn session(number: u128) -> SessionId {
        format!("{number:032x}").parse().expect("a session")
    }

    fn drawer(all: &Drawers, number: u128, now: Timestamp) -> Drawer<'_> {
        Drawer { all, owner: (Some(session(number)), somebody(7)), now }
    }

    #[test]
    fn what_is_kept_is_found_by_its_session_alone() {
        let all = Drawers::default();
        let (mine, other) = (drawer(&all, 1, NOW), drawer(&all, 2, NOW));
        let key = mine.put_people(&[somebody(3), somebody(4)]).expect("a key");
        assert_eq!(mine.people(&key).as_deref(), Some(&[somebody(3), somebody(4)][..]));
        assert_eq!(other.people(&key), None);
        assert_eq!(mine.form(&key), None, "people are no form");
        assert_eq!(mine.people(""), None);
        let same_session_of_another =
            Drawer { all: &all, owner: (Some(session(1)), somebody(8)), now: NOW };
        assert_eq!(same_session_of_another.people(&key), None);
        let again = mine.put_people(&[somebody(3), somebody(4)]).expect("a key");
        assert_eq!(again, key, "the same are kept once");
        assert_ne!(
            other
                .put_people(&[somebody(3), somebody(4)])
                .expect("a key"),
            key
        );
    }

    #[test]
    fn a_session_that_goes_on_as_another_takes_it_along() {
        let all = Drawers::default();
        let (old, new) = (drawer(&all, 1, NOW), drawer(&all, 2, NOW));
        let key = old.put_people(&[somebody(3)]).expect("a key");
        all.hand_over(old.owner, new.owner);
        assert_eq!(old.people(&key), None);
        assert!(new.people(&key).is_some());
    }

    #[test]
    fn it_is_kept_for_an_hour_after_it_was_used() {
        let all = Drawers::default();
        let key = drawer(&all, 1, NOW)
            .put_people(&[somebody(3)])
            .expect("a key");
        let just = NOW.after(KEPT_FOR).before(Duration::from_secs(1));
        assert!(drawer(&all, 1, just).people(&key).is_some());
        assert!(drawer(&all, 1, NOW.after(KEPT_FOR)).people(&key).is_some(), "it was used");
        assert_eq!(drawer(&all, 1, just.after(KEPT_FOR * 2)).people(&key), None);
        assert!(all.lock().is_empty());
    }

    #[test]
    fn so_much_is_kept_of_a_session_and_of_all() {
        let all = Drawers::default();
        let mut keys = Vec::new();
        for number in 1..=46 {
            let now = NOW.after(Duration::from_secs(number));
            let people = [somebody(i64::try_from(number).expect("small"))];
            keys.push(drawer(&all, 1, now).put_people(&people).expect("a key"));
        }
        let kept = keys
            .iter()
            .map(|key| drawer(&all, 1, NOW).people(key).is_some());
        let kept: Vec<_> = kept.collect();
        assert_eq!(kept.iter().filter(|kept| **kept).count(), MOST_OF_ONE);
        assert!(kept[45] && !kept[13], "the latest: {kept:?}");
        let many: Vec<_> = (1..=100_000).map(somebody).collect();
        for number in 2..=60 {
            drawer(&all, number, NOW.after(Duration::from_secs(99)))
                .put_people(&many)
                .expect("a key");
        }
        let bytes: usize = all.lock().iter().map(Kept::bytes).sum();
        assert!(bytes <= MOST_BYTES && bytes > MOST_BYTES - 1_000_000, "{bytes}");
        assert!(drawer(&all, 60, NOW).put_people(&many).is_ok());
    }

    proptest! {
        /// Property: an address leads back to just what was asked for, however long that is.
        #[test]
        fn an_address_leads_back_to_what_was_asked_for(text in "\\PC{0,1200}") {
            let all = Drawers::default();
            let mine = drawer(&all, 1, NOW);
            let asked = [("q", text)];
            let address = mine.address("/console/users/act", &asked).expect("an address");
            prop_assert!(ReturnTo::parse(&address).is_ok());
            let said = address.split_once('?').expect("a question").1;
            let said = match said.strip_prefix("kept=") {
                Some(key) => mine.form(key).expect("kept").to_string(),
                None => said.to_owned(),
            };
            prop_assert_eq!(said, query(&asked));
        }
    }
}
