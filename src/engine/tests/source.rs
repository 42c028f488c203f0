//! Accounts of another system, with sessions that the application keeps.

use std::sync::Mutex;

use http::request::Parts;
use proptest::prelude::*;

use super::*;
use crate::domain::standing::{Generation, Version};
use crate::store::StatusSource;
use crate::testing::START;

const PEOPLE: i64 = 12;
const REFRESH: Duration = Duration::from_secs(30);

/// The other system's table.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<HashMap<AccountKey, Standing>>>);

impl StatusSource for Table {
    type Error = std::convert::Infallible;

    async fn standing(&self, account: &AccountKey) -> Result<Option<Standing>, Self::Error> {
        // As a real one, it is not there at once.
        tokio::task::yield_now().await;
        Ok(self.0.lock().expect("not poisoned").get(account).cloned())
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A request of a session that was born so many generations ago, or of one
    /// that belongs to none.
    Request(i64, Option<u64>),
    Everybody,
    /// Stored, then pushed.
    Push(i64, Row),
    /// Stored and not pushed, until the source is asked again in time.
    Store(i64, Row),
    /// A push that is late, of a version before.
    PushOld(i64),
    Remove(i64),
    Advance(u64),
    Sweep,
}

#[derive(Clone, Copy, Debug)]
enum Row {
    Active,
    Locked(Option<u64>),
    NextGeneration,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..PEOPLE;
    let row = || {
        prop_oneof![
            2 => Just(Row::Active),
            2 => proptest::option::of(1..90_u64).prop_map(Row::Locked),
            1 => Just(Row::NextGeneration),
        ]
    };
    prop_oneof![
        12 => (who(), proptest::option::of(0..3_u64))
            .prop_map(|(who, ago)| Step::Request(who, ago)),
        1 => Just(Step::Everybody),
        6 => (who(), row()).prop_map(|(who, row)| Step::Push(who, row)),
        2 => (who(), row()).prop_map(|(who, row)| Step::Store(who, row)),
        2 => who().prop_map(Step::PushOld),
        1 => who().prop_map(Step::Remove),
        3 => (0..40_u64).prop_map(Step::Advance),
        1 => Just(Step::Sweep),
    ]
}

struct World {
    gate: Portcullis,
    clock: Clock,
    table: Table,
}

impl World {
    async fn new(versions: bool) -> Self {
        let (clock, table) = (Clock::manual(START), Table::default());
        for who in 0..PEOPLE {
            let standing = Standing::active()
                .in_generation(Generation::new(3))
                .at_version(Version::new(u64::from(versions)));
            table
                .0
                .lock()
                .expect("not poisoned")
                .insert(AccountKey::integer(who), standing);
        }
        let gate = Portcullis::builder()
            .accounts(table.clone())
            .clock(clock.clone())
            .refresh_every(REFRESH)
            // So few accounts are kept, too.
            .session_capacity(2)
            .sessions_from(|head: &Parts| {
                let claim: Option<SessionClaim> = head.extensions.get().cloned();
                async move { Ok::<_, std::convert::Infallible>(claim) }
            })
            .build()
            .await;
        Self { gate: gate.expect("a gate"), clock, table }
    }

    fn row(&self, who: i64) -> Option<Standing> {
        self.table
            .0
            .lock()
            .expect("not poisoned")
            .get(&AccountKey::integer(who))
            .cloned()
    }

    /// What the row is next, if there is one.
    fn store(&self, who: i64, row: Row) -> Option<Standing> {
        let old = self.row(who)?;
        let version = if old.version.get() == 0 { old.version } else { old.version.next() };
        let new = match row {
            Row::Active => Standing::active().in_generation(old.generation),
            Row::Locked(None) => Standing::locked().in_generation(old.generation),
            Row::Locked(Some(secs)) => {
                let end = self.clock.wall().after(Duration::from_secs(secs));
                Standing::locked_until(end).in_generation(old.generation)
            }
            Row::NextGeneration => Standing { generation: old.generation.next(), ..old },
        };
        let new = new.at_version(version);
        self.table
            .0
            .lock()
            .expect("not poisoned")
            .insert(AccountKey::integer(who), new.clone());
        Some(new)
    }

    /// Until the source's last word is too old.
    fn wait_for_refresh(&self) {
        self.clock.advance(REFRESH + Duration::from_micros(1));
    }

    async fn take(&self, step: Step) {
        match step {
            Step::Request(who, ago) => self.request(who, ago).await,
            Step::Everybody => {
                for who in 0..PEOPLE {
                    self.request(who, Some(0)).await;
                    self.request(who, None).await;
                }
            }
            Step::Push(who, row) => {
                if let Some(new) = self.store(who, row) {
                    self.gate.standing_changed(&AccountKey::integer(who), new);
                }
            }
            Step::Store(who, row) => {
                self.store(who, row);
                self.wait_for_refresh();
            }
            Step::PushOld(who) => {
                if let Some(row) = self.row(who).filter(|row| row.version.get() > 0) {
                    let old = Version::new(row.version.get() - 1);
                    let late = Standing { generation: row.generation, ..Standing::active() };
                    self.gate
                        .standing_changed(&AccountKey::integer(who), late.at_version(old));
                }
                // Where nothing is known it is believed, until the source is asked.
                self.wait_for_refresh();
            }
            Step::Remove(who) => {
                self.table
                    .0
                    .lock()
                    .expect("not poisoned")
                    .remove(&AccountKey::integer(who));
                self.wait_for_refresh();
            }
            Step::Advance(secs) => self.clock.advance(Duration::from_secs(secs)),
            Step::Sweep => self.gate.0.sweep(),
        }
    }

    async fn request(&self, who: i64, ago: Option<u64>) {
        let key = AccountKey::integer(who);
        let row = self.row(who);
        let generation = row.as_ref().map_or(0, |row| row.generation.get());
        let mut claim = SessionClaim::of(key);
        if let Some(ago) = ago {
            claim = claim.born_in(Generation::new(generation.saturating_sub(ago)));
        }
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.extensions.insert(claim);
        let answered = answer(self.gate.admit_head(&head)).await;
        let expected = match row {
            None => Meets::Deleted,
            Some(row) => match row.locks.admin_lock_at(self.clock.wall()) {
                Some(lock) => Meets::Locked(LockKind::Admin, lock.end),
                None if ago.is_some_and(|ago| ago > 0) => Meets::SessionEnded,
                None => Meets::Pass,
            },
        };
        assert_eq!(Meets::of(&answered), expected, "{who}, born {ago:?} ago");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Property: however few accounts are kept, the gate says of each request
    /// what the other system says, with versions or without.
    #[test]
    fn the_gate_says_what_the_source_says(
        versions: bool,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        on_one_thread(async {
            let world = World::new(versions).await;
            for step in steps {
                world.take(step).await;
            }
            world.take(Step::Everybody).await;
        });
    }
}
