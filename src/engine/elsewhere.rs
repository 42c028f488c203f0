//! Another system that has a say in who may come in, beside the directory; and what
//! sources tell of changes.
//!
//! The directory has the accounts; the other system says more of some of them. A request
//! is refused where either says so.
//!
//! ```text
//!  session ──► cell ──► directory's word   (its feed keeps it fresh)
//!                 └──► other's word        (asked in time, or told of changes)
//! ```

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use crate::domain::account::{Account, AccountKey};
use crate::domain::denial::DenialReason;
use crate::domain::standing::{Bearer, Standing};
use crate::domain::time::Monotonic;
use crate::engine::cell::Cell;
use crate::engine::figures::StoreTrouble;
use crate::engine::visitor::Door;
use crate::engine::{Gate, Portcullis, Unanswered};
use crate::store::{ErasedSource, NewsSender, SourceHealth, SourceNews, StatusSource};

/// What an account of the directory is called in the other system.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a directory's account has no other names")]
pub enum AccountLink {
    /// What its `external_id` says.
    #[default]
    ExternalId,
    /// Its login.
    Login,
    /// Its number here.
    Number,
}

/// Another system that has a say, and in whom.
///
/// An account of the directory is asked about by the name that [`AccountLink`] says. An
/// account key that is none of the directory's, such as a JSON web token may name, is
/// the other system's own name, and the other system alone decides.
#[derive(Clone)]
#[must_use = "give it to Builder::also_asking"]
pub struct OtherSource {
    source: Arc<dyn ErasedSource>,
    link: AccountLink,
    unlinked_pass: bool,
    missing_pass: bool,
}

impl OtherSource {
    /// This system, which knows accounts by this.
    pub fn new(source: impl StatusSource, link: AccountLink) -> Self {
        Self { source: Arc::new(source), link, unlinked_pass: true, missing_pass: false }
    }

    /// Whether accounts that have no such name pass by the directory's word alone.
    /// Default: yes. Otherwise they are refused, as of accounts that are not there.
    pub fn unlinked_pass(mut self, pass: bool) -> Self {
        self.unlinked_pass = pass;
        self
    }

    /// Whether accounts that the other system does not have pass by the directory's word
    /// alone. Default: no.
    pub fn missing_pass(mut self, pass: bool) -> Self {
        self.missing_pass = pass;
        self
    }
}

impl fmt::Debug for OtherSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtherSource")
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// The same in a gate, with the cells that its news is about.
pub(super) struct Elsewhere {
    other: OtherSource,
    linked: Mutex<HashMap<AccountKey, Vec<Weak<Cell>>>>,
}

impl Elsewhere {
    pub(super) fn new(other: OtherSource) -> Self {
        Self { other, linked: Mutex::default() }
    }

    /// What an account of the directory is called there, if it is called anything.
    fn name_of(&self, account: &Account) -> Option<AccountKey> {
        let name = match self.other.link {
            AccountLink::ExternalId => account.details.external_id.clone()?,
            AccountLink::Login => account.login.as_str().to_owned(),
            AccountLink::Number => account.id.to_string(),
        };
        AccountKey::text(&name).ok()
    }

    /// From now on the cell gets the news of this name.
    fn link(&self, name: &AccountKey, cell: &Arc<Cell>) {
        let mut linked = self.linked();
        let cells = linked.entry(name.clone()).or_default();
        if !cells
            .iter()
            .any(|one| std::ptr::eq(one.as_ptr(), Arc::as_ptr(cell)))
        {
            cells.retain(|one| one.strong_count() > 0);
            cells.push(Arc::downgrade(cell));
        }
    }

    fn cells_of(&self, name: &AccountKey) -> Vec<Arc<Cell>> {
        let linked = self.linked();
        let cells = linked.get(name).into_iter().flatten();
        cells.filter_map(Weak::upgrade).collect()
    }

    fn sweep(&self) {
        self.linked().retain(|_, cells| {
            cells.retain(|cell| cell.strong_count() > 0);
            !cells.is_empty()
        });
    }

    fn linked(&self) -> MutexGuard<'_, HashMap<AccountKey, Vec<Weak<Cell>>>> {
        self.linked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While changes are told as they happen, accounts are asked about this many times less
/// often: only to be sure.
const WHILE_FOLLOWED: u32 = 20;

/// How often a gate that is gone is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Accounts that are asked about again in one go, when all must be.
const RECHECK_BATCH: usize = 16;
const RECHECK_PAUSE: Duration = Duration::from_millis(20);

/// Takes the news of the gate's source, as long as there is a gate.
pub(super) fn spawn(gate: &Arc<Gate>) {
    let Some(source) = gate.changing_source() else { return };
    let (news, heard) = NewsSender::channel();
    let (listens, following) = (news.clone(), source);
    tokio::spawn(async move {
        tokio::select! {
            () = following.follow(news) => {}
            () = listens.deaf() => {}
        }
    });
    tokio::spawn(listen(Arc::downgrade(gate), heard));
}

async fn listen(gate: Weak<Gate>, mut heard: Receiver<SourceNews>) {
    loop {
        let news = tokio::time::timeout(LOOK_EVERY, heard.recv()).await;
        let Some(gate) = gate.upgrade() else { return };
        match news {
            Ok(Some(news)) => gate.hear(news),
            // Nobody tells anything any more.
            Ok(None) => return gate.hear(SourceNews::Lost),
            Err(_) => {}
        }
    }
}

/// The graver of two refusals: the account's reasons before the session's, the later end
/// of two locks. What either says is dead is dead.
pub(super) fn graver(
    here: Option<(DenialReason, bool)>,
    elsewhere: Option<(DenialReason, bool)>,
) -> Option<(DenialReason, bool)> {
    let (Some(one), Some(other)) = (here, elsewhere) else { return here.or(elsewhere) };
    let reason = match (one.0, other.0) {
        (DenialReason::Locked { end: first, .. }, DenialReason::Locked { end: second, .. }) => {
            if second > first {
                other.0
            } else {
                one.0
            }
        }
        (first, second) if rank(second) < rank(first) => second,
        (first, _) => first,
    };
    Some((reason, one.1 || other.1))
}

const fn rank(reason: DenialReason) -> u8 {
    match reason {
        DenialReason::Deleted => 0,
        DenialReason::Disabled => 1,
        DenialReason::Locked { .. } => 2,
        DenialReason::NotYetActive => 3,
        DenialReason::SessionEnded => 4,
        DenialReason::NoSession => 5,
        DenialReason::Unknown { .. } => 6,
    }
}

impl Portcullis {
    /// Why the other system refuses an account that is about to come in, if there is one
    /// and it does. One that fails shuts nobody out of the console.
    pub(super) async fn refused_elsewhere(
        &self,
        account: &AccountKey,
        door: Door,
    ) -> Result<Option<DenialReason>, Unanswered> {
        let gate = &self.0;
        if gate.elsewhere.is_none() {
            return Ok(None);
        }
        let cell = gate.standings.find_or_create(account);
        let now = gate.clock.now();
        if !gate.may_use(&cell, now.monotonic) && gate.fill(&cell, None).await.is_err() {
            let usable = cell.is_known() && gate.may_use_overdue(&cell, now.monotonic, self.1);
            if !usable && door == Door::Service {
                return Err(Unanswered);
            }
        }
        let bearer = if door == Door::Service { Bearer::Session } else { Bearer::Console };
        let refusal = cell.refusal_elsewhere(bearer, None, gate.clock.wall());
        Ok(refusal.map(|(reason, _)| reason))
    }
}

impl Gate {
    /// The source whose standings change without our doing.
    fn changing_source(&self) -> Option<Arc<dyn ErasedSource>> {
        match (&self.elsewhere, &self.directory) {
            (Some(elsewhere), _) => Some(Arc::clone(&elsewhere.other.source)),
            (None, None) => Some(Arc::clone(&self.source)),
            (None, Some(_)) => None,
        }
    }

    /// How that source does, if there is one.
    pub(super) fn source_health(&self) -> Option<SourceHealth> {
        self.changing_source().map(|source| source.health())
    }

    pub(super) fn is_followed(&self) -> bool {
        self.followed.load(Ordering::SeqCst) % 2 == 1
    }

    /// Reads what both say of an account.
    pub(super) async fn read_both(
        &self,
        elsewhere: &Elsewhere,
        cell: &Arc<Cell>,
    ) -> Result<(), Unanswered> {
        let name = self.read_here(elsewhere, cell).await?;
        if let Some(name) = &name {
            elsewhere.link(name, cell);
        }
        let began = cell.begin_read_elsewhere(name.as_ref());
        let (at, followed) = (self.clock.now().monotonic, self.followed.load(Ordering::SeqCst));
        let said = match &name {
            Some(name) => self.ask_source(&elsewhere.other.source, name).await?,
            None => None,
        };
        let pass = match &name {
            Some(_) => elsewhere.other.missing_pass,
            None => elsewhere.other.unlinked_pass,
        };
        let said = said.or_else(|| pass.then(Standing::active));
        let until = self.good_until(at, followed, cell.key());
        cell.finish_read_elsewhere(began, name.as_ref(), said, self.clock.wall(), until);
        self.unless_overtaken(cell, at, followed);
        self.account_changed(cell.key());
        Ok(())
    }

    /// Reads what the directory says, and what the account is called elsewhere. A key that
    /// is none of the directory's is the other system's own.
    async fn read_here(
        &self,
        elsewhere: &Elsewhere,
        cell: &Cell,
    ) -> Result<Option<AccountKey>, Unanswered> {
        let began = cell.begin_read();
        let (Some(directory), Some(id)) = (&self.directory, cell.key().account_id()) else {
            let own = cell.key().as_text().is_some();
            let here = own.then(Standing::active);
            cell.finish_read_here(began, here, self.clock.wall());
            return Ok(Some(cell.key().clone()).filter(|_| own));
        };
        let account = self.ask(directory.account(id)).await?;
        let here = account.as_ref().map(Account::standing);
        cell.finish_read_here(began, here, self.clock.wall());
        Ok(account.and_then(|account| elsewhere.name_of(&account)))
    }

    /// Reads what a source says that is the only one.
    pub(super) async fn read_source(&self, cell: &Cell) -> Result<(), Unanswered> {
        let began = cell.begin_read();
        let (at, followed) = (self.clock.now().monotonic, self.followed.load(Ordering::SeqCst));
        let read = self.ask_source(&self.source, cell.key()).await?;
        let until = self.good_until(at, followed, cell.key());
        cell.finish_read(began, read, self.clock.wall(), until);
        self.unless_overtaken(cell, at, followed);
        self.account_changed(cell.key());
        Ok(())
    }

    /// As [`Gate::ask`]: one that says itself that it fails is not logged each time.
    async fn ask_source(
        &self,
        source: &Arc<dyn ErasedSource>,
        account: &AccountKey,
    ) -> Result<Option<Standing>, Unanswered> {
        let limit = self.settings().store_timeout;
        let trouble = match tokio::time::timeout(limit, source.standing(account)).await {
            Ok(Ok(standing)) => return Ok(standing),
            Ok(Err(error)) => {
                if source.health() == SourceHealth::default() {
                    tracing::warn!(error = %error, "store failed");
                }
                StoreTrouble::Failed
            }
            Err(_) => {
                tracing::warn!(timeout = ?limit, "store silent");
                StoreTrouble::Silent
            }
        };
        self.figures.store_troubles.add(trouble);
        Err(Unanswered)
    }

    /// Until when an answer is taken that was asked for then. Not all at the same time
    /// later: those that were asked for together are not asked for together again.
    fn good_until(&self, asked_at: Monotonic, followed: u64, account: &AccountKey) -> Monotonic {
        let every = self.settings().refresh_every;
        if self.directory.is_none() && followed == 0 {
            return asked_at.after(every);
        }
        let every = if followed % 2 == 1 { every * WHILE_FOLLOWED } else { every };
        asked_at.after(early(every, account, asked_at))
    }

    /// An answer that was under way while something was left out of the news is asked for
    /// again.
    fn unless_overtaken(&self, cell: &Cell, asked_at: Monotonic, followed: u64) {
        if self.followed.load(Ordering::SeqCst) != followed {
            cell.known_no_longer_than(just_before(asked_at));
        }
    }

    fn hear(self: &Arc<Self>, news: SourceNews) {
        match news {
            SourceNews::Changed(account, standing) => self.hear_of(&account, &standing),
            SourceNews::Following => {
                self.set_followed(true);
            }
            SourceNews::Lost => {
                if self.set_followed(false) {
                    self.ask_in_time();
                }
            }
            SourceNews::Missed => {
                self.followed.fetch_add(2, Ordering::SeqCst);
                self.ask_again();
            }
        }
    }

    /// Writes what was told into the cells that it is about.
    fn hear_of(&self, account: &AccountKey, standing: &Standing) {
        let Some(elsewhere) = &self.elsewhere else {
            for key in spellings(account) {
                self.learn(&key, standing.clone());
            }
            return;
        };
        for cell in elsewhere.cells_of(account) {
            if cell.push_elsewhere(account, standing.clone(), self.clock.wall()) {
                self.account_changed(cell.key());
            }
        }
    }

    /// Says whether it was otherwise before.
    fn set_followed(&self, now: bool) -> bool {
        let changes = self.is_followed() != now;
        if changes {
            self.followed.fetch_add(1, Ordering::SeqCst);
        }
        changes
    }

    /// Nothing is told of changes any more: what is known grows old as it used to.
    fn ask_in_time(&self) {
        let (now, every) = (self.clock.now().monotonic, self.settings().refresh_every);
        for cell in self.standings.held() {
            cell.known_no_longer_than(now.after(early(every, cell.key(), now)));
        }
        self.live_accounts.wake_all();
    }

    /// Something may have been left out: whoever comes is asked about first, and all others
    /// at a bounded rate.
    fn ask_again(self: &Arc<Self>) {
        let now = just_before(self.clock.now().monotonic);
        let held = self.standings.held();
        for cell in &held {
            cell.known_no_longer_than(now);
        }
        let doubted = held.iter().map(Arc::downgrade).collect();
        tokio::spawn(recheck(Arc::downgrade(self), doubted));
    }

    pub(super) fn sweep_links(&self) {
        if let Some(elsewhere) = &self.elsewhere {
            elsewhere.sweep();
        }
    }
}

/// Asks about accounts that nobody has asked about since, one after the other. What
/// outlives its request learns of it.
async fn recheck(gate: Weak<Gate>, doubted: Vec<Weak<Cell>>) {
    for (asked, cell) in doubted.into_iter().enumerate() {
        // Held for one account at a time: no source that hangs keeps the gate.
        let Some(gate) = gate.upgrade() else { return };
        let Some(cell) = cell.upgrade() else { continue };
        if !gate.may_use(&cell, gate.clock.now().monotonic) {
            // One that fails is asked again by whoever needs it.
            let _ = gate.fill(&cell, None).await;
        }
        if asked % RECHECK_BATCH == RECHECK_BATCH - 1 {
            tokio::time::sleep(RECHECK_PAUSE).await;
        }
    }
}

/// A source that is alone may know people by numbers, and tell of them in text.
fn spellings(account: &AccountKey) -> Vec<AccountKey> {
    let text = account.to_string();
    let alike = ["i", "u"].map(|kind| format!("{kind}:{text}").parse::<AccountKey>().ok());
    let alike = alike.into_iter().flatten();
    let alike = alike.filter(|key| key != account && key.to_string() == text);
    std::iter::once(account.clone()).chain(alike).collect()
}

/// What is known until then is asked for again at that instant.
fn just_before(at: Monotonic) -> Monotonic {
    Monotonic::from_micros(at.as_micros().saturating_sub(1))
}

/// Up to a fifth earlier, by chance.
fn early(every: Duration, account: &AccountKey, at: Monotonic) -> Duration {
    let chance = RandomState::new().hash_one((account, at.as_micros()));
    let fifth = every / 5;
    every - fifth.mul_f64(chance as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::denial::LockKind;
    use crate::domain::lock::End;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_graver_reason_is_told() {
        let locked = |end| DenialReason::Locked { by: LockKind::Admin, end };
        let soon = locked(End::At(Timestamp::from_secs(5)));
        for (here, elsewhere, told) in [
            (None, None, None),
            (Some((soon, false)), None, Some((soon, false))),
            (None, Some((soon, false)), Some((soon, false))),
            (
                Some((soon, false)),
                Some((locked(End::Never), false)),
                Some((locked(End::Never), false)),
            ),
            (
                Some((locked(End::Never), false)),
                Some((soon, false)),
                Some((locked(End::Never), false)),
            ),
            (Some((DenialReason::SessionEnded, true)), Some((soon, false)), Some((soon, true))),
            (
                Some((soon, false)),
                Some((DenialReason::Disabled, false)),
                Some((DenialReason::Disabled, false)),
            ),
        ] {
            assert_eq!(graver(here, elsewhere), told);
        }
    }

    #[test]
    fn answers_are_not_asked_for_together_again() {
        let every = Duration::from_secs(30);
        let at = Monotonic::from_micros(7);
        let times: Vec<_> = (0..100)
            .map(|who| early(every, &AccountKey::integer(who), at))
            .collect();
        assert!(
            times
                .iter()
                .all(|time| *time <= every && *time >= every * 4 / 5)
        );
        let (least, most) = (times.iter().min(), times.iter().max());
        assert!(most.expect("some").saturating_sub(*least.expect("some")) > Duration::from_secs(1));
    }

    #[test]
    fn a_number_is_found_by_its_text_alone() {
        let text = |text: &str| AccountKey::text(text).expect("a key");
        assert_eq!(spellings(&text("42")), [text("42"), AccountKey::integer(42)]);
        assert_eq!(spellings(&text("042")), [text("042")]);
        assert_eq!(spellings(&text("alice")), [text("alice")]);
    }
}
