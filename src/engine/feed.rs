//! Follows the directory's change feed, and keeps the gate's house.
//!
//! The feed is the truth and is read in order from where the follower stopped:
//! nothing can be lost, and a wake-up only says "look now". The instant of the
//! last successful look is how fresh everything in this process is.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::domain::time::Monotonic;
use crate::engine::cell::Cell;
use crate::engine::{ASK_AGAIN, Gate, Unanswered};
use crate::store::{AccountChange, Directory, FeedCursor, FeedPage};

/// How often a cheap hint of change is asked for.
const HINT_EVERY: Duration = Duration::from_millis(25);

/// How often the feed itself is read, whatever the hint says.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The same where other processes tell of their changes: what they tell may be lost.
const LOOK_WITH_BUS: Duration = Duration::from_millis(250);

/// How often a feed that is lost is looked for: each look that fails is logged.
const RETRY_EVERY: Duration = Duration::from_millis(500);

/// How often uses of sessions are written.
const FLUSH_EVERY: Duration = Duration::from_secs(5);

/// Uses that are written in one go.
const FLUSH_BATCH: usize = 1000;

/// How often the slots of what nobody holds any more are given back.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// How often old entries are pruned, and how old they are.
const PRUNE_EVERY: Duration = Duration::from_secs(10 * 60);
const KEEP_FEED: Duration = Duration::from_secs(24 * 3600);

/// Entries a read of the feed takes at most.
const PAGE: usize = 500;

/// Accounts that are read again in one go, when all must be.
const RECHECK_BATCH: usize = 64;
const RECHECK_PAUSE: Duration = Duration::from_millis(10);

/// Follows the feed until the last handle of the gate is gone.
pub(super) fn spawn(gate: &Arc<Gate>, cursor: FeedCursor) {
    if let Some(directory) = &gate.directory {
        gate.figures
            .feed_position
            .store(cursor.accounts, Ordering::Relaxed);
        tokio::spawn(follow(Arc::downgrade(gate), Arc::clone(directory), cursor));
    }
    tokio::spawn(keep_house(Arc::downgrade(gate)));
}

async fn follow(gate: Weak<Gate>, directory: Arc<dyn Directory>, cursor: FeedCursor) {
    let mut follower =
        Follower { cursor, hint: None, looked_at: Monotonic::default(), lost: false };
    loop {
        if follower.lost {
            tokio::time::sleep(RETRY_EVERY).await;
        } else {
            // Either is only a reason to look; a lost wake-up costs one interval.
            tokio::select! {
                () = directory.bus().woken() => {}
                () = tokio::time::sleep(follower.look_again_in(&*directory)) => {}
            }
        }
        let Some(gate) = gate.upgrade() else { return };
        gate.clock.resync();
        let looked = follower.look(&gate, &*directory).await;
        follower.report(looked);
    }
}

struct Follower {
    cursor: FeedCursor,
    hint: Option<u64>,
    looked_at: Monotonic,
    lost: bool,
}

impl Follower {
    /// A hint costs next to nothing; without one each look reads the feed.
    fn look_again_in(&self, directory: &dyn Directory) -> Duration {
        match (self.hint, directory.bus().reaches_others()) {
            (Some(_), _) => HINT_EVERY,
            (None, true) => LOOK_WITH_BUS,
            (None, false) => LOOK_EVERY,
        }
    }

    async fn look(
        &mut self,
        gate: &Arc<Gate>,
        directory: &dyn Directory,
    ) -> Result<(), Unanswered> {
        let began = gate.clock.now().monotonic;
        let hint = gate.ask(directory.change_hint()).await?;
        let unchanged = hint.is_some() && hint == self.hint;
        if unchanged && began.since(self.looked_at) < LOOK_EVERY {
            gate.looked_at_feed(began);
            return Ok(());
        }
        while self.take_page(gate, directory).await? {}
        // Only now: a look that failed half way is taken again.
        self.hint = hint;
        self.looked_at = began;
        gate.looked_at_feed(began);
        Ok(())
    }

    /// Applies one page. Says whether there is more.
    async fn take_page(
        &mut self,
        gate: &Arc<Gate>,
        directory: &dyn Directory,
    ) -> Result<bool, Unanswered> {
        let page = gate.ask(directory.feed_after(self.cursor, PAGE)).await?;
        if page.pruned {
            tracing::warn!("feed pruned past this follower: every account is asked again");
            gate.doubt_everything();
            tokio::spawn(recheck(Arc::downgrade(gate)));
        }
        let FeedPage { accounts, ended, next, more, settings, pruned } = page;
        for change in accounts {
            gate.learn_from_feed(change);
        }
        for id in ended {
            gate.end_session(id);
        }
        if settings || pruned {
            gate.changes_of_groups.fetch_add(1, Ordering::Release);
        }
        // After the accounts, which must not wait for it.
        if settings || pruned {
            gate.reread_settings(directory).await?;
        }
        self.cursor = next;
        gate.figures
            .feed_position
            .store(next.accounts, Ordering::Relaxed);
        gate.feed_moved
            .send_if_modified(|at| std::mem::replace(at, next.accounts) != next.accounts);
        Ok(more)
    }

    /// One line when the feed is lost, one when it is back.
    fn report(&mut self, looked: Result<(), Unanswered>) {
        match (looked, self.lost) {
            (Err(Unanswered), false) => tracing::error!("change feed lost"),
            (Ok(()), true) => tracing::info!("change feed back"),
            _ => {}
        }
        self.lost = looked.is_err();
    }
}

impl Gate {
    /// Writes a change into its cell, and notes how long it took to come here. One
    /// that was made in this process is in the cell already.
    fn learn_from_feed(&self, change: AccountChange) {
        let AccountChange { account, standing, at } = change;
        let cell = self.standings.find(&account);
        let is_news = cell.is_some_and(|cell| cell.is_older_than(standing.version));
        self.learn(&account, standing.clone());
        self.took_hold(&standing, at);
        if is_news {
            self.figures
                .revocations
                .observe(self.clock.wall().since(at));
        }
    }

    /// Changes may have been missed: nothing that is known counts any more.
    pub(super) fn doubt_everything(&self) {
        for cell in self.standings.held() {
            cell.suspect();
        }
        self.sessions.forget_all();
        self.session_reads.forget_all();
        self.live_accounts.wake_all();
        self.live_sessions.wake_all();
    }
}

/// Asks for every account again, at a bounded rate, until each has an answer:
/// connections that outlive their request wait for it. Requests don't: they ask
/// for theirs at once.
async fn recheck(gate: Weak<Gate>) {
    let Some(held) = gate.upgrade().map(|gate| gate.standings.held()) else { return };
    let mut doubted: VecDeque<Weak<Cell>> = held.iter().map(Arc::downgrade).collect();
    drop(held);
    let mut asked: usize = 0;
    while let Some(next) = doubted.pop_front() {
        // Held for one account at a time: no store that hangs keeps the gate.
        let Some(gate) = gate.upgrade() else { return };
        let Some(cell) = next.upgrade().filter(|cell| !cell.is_known()) else { continue };
        let answered = gate.fill(&cell, None).await;
        drop((gate, cell));
        asked += 1;
        if answered.is_err() {
            doubted.push_back(next);
            tokio::time::sleep(ASK_AGAIN).await;
        } else if asked.is_multiple_of(RECHECK_BATCH) {
            tokio::time::sleep(RECHECK_PAUSE).await;
        }
    }
}

/// Writes uses of sessions, and gives back what nobody needs.
async fn keep_house(gate: Weak<Gate>) {
    let mut rounds: u32 = 0;
    loop {
        tokio::time::sleep(FLUSH_EVERY).await;
        let Some(gate) = gate.upgrade() else { return };
        gate.clock.resync();
        gate.flush_touches().await;
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(every(SWEEP_EVERY)) {
            gate.sweep();
        }
        if rounds.is_multiple_of(every(PRUNE_EVERY)) {
            gate.prune().await;
            gate.prune_history().await;
        }
    }
}

const fn every(period: Duration) -> u32 {
    (period.as_secs() / FLUSH_EVERY.as_secs()) as u32
}

impl Gate {
    pub(super) async fn flush_touches(&self) {
        let seen: Vec<_> = std::mem::take(&mut *self.touched()).into_iter().collect();
        for start in (0..seen.len()).step_by(FLUSH_BATCH) {
            let batch = &seen[start..seen.len().min(start + FLUSH_BATCH)];
            let written = self.session_store.touch_sessions(batch.to_vec());
            if self.ask(written).await.is_err() {
                // Written later: a session in use must not look idle because of it.
                return self.note_uses(seen[start..].iter().copied());
            }
        }
    }

    pub(super) fn sweep(&self) {
        self.standings.sweep();
        self.sweep_links();
        self.retained.run_pending_tasks();
        self.unknown_tokens.run_pending_tasks();
        #[cfg(feature = "jwt")]
        self.sweep_jwts();
    }

    async fn prune(&self) {
        let Some(directory) = &self.directory else { return };
        let before = self.clock.wall().before(KEEP_FEED);
        let _ = self.ask(directory.prune(before)).await;
    }
}
