//! Counts of accounts and of the audit log are what counting one by one comes to.

use std::collections::BTreeMap;

use portcullis::Timestamp;
use portcullis::domain::account::AccountId;
use portcullis::domain::event::Action;
use portcullis::domain::lock::End;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::store::{
    AccountFilter, AccountQuery, AccountSearch, AuditSearch, Directory, Headcount, NewAccount,
};

use super::accounts::{disablement, lockout};
use super::{World, add, admin_lock, edit, minutes, noon, note, person};

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// Looks at every account, and at every record of the log.
pub(super) async fn assert_exact(directory: &dyn Directory) {
    let status = |status| AccountFilter::Status { any_of: vec![status], negated: false };
    let count = async |filters: Vec<AccountFilter>| {
        let search = AccountSearch { filters, limit: 0, ..AccountSearch::default() };
        directory.search(search).await.expect("answers").total
    };
    let gone =
        AccountQuery { status: Some(Status::Deleted), search: None, after: None, limit: 100_000 };
    let locked = || status(Status::Locked);
    let counted = Headcount {
        licensed: directory.headcount().await.expect("answers").licensed,
        active: count(vec![status(Status::Active)]).await,
        locked: count(vec![locked()]).await,
        locked_by_hand: count(vec![locked(), AccountFilter::AdminLocked(true)]).await,
        locked_by_failures: count(vec![locked(), AccountFilter::LockedOut(true)]).await,
        disabled: count(vec![status(Status::Disabled)]).await,
        invited: count(vec![status(Status::Invited)]).await,
        registered: count(vec![status(Status::Registered)]).await,
        deleted: directory.accounts(gone).await.expect("answers").len() as u64,
    };
    assert_eq!(directory.headcount().await.expect("answers"), counted);
    assert_days_are_exact(directory).await;
}

async fn assert_days_are_exact(directory: &dyn Directory) {
    let all = AuditSearch { limit: 100_000, ..AuditSearch::default() };
    let log = directory.audit_log();
    let mut counted: BTreeMap<(Timestamp, &str), u64> = BTreeMap::new();
    for entry in log.records(all).await.expect("answers") {
        let day = entry.record.at.floor_secs().div_euclid(86_400) * 86_400;
        let key = (Timestamp::from_secs(day), entry.record.action.as_str());
        *counted.entry(key).or_default() += 1;
    }
    let told = log.by_day(Action::ALL.to_vec(), Timestamp::EPOCH).await;
    let told = told.expect("answers");
    let told: Vec<_> = told
        .iter()
        .map(|one| ((one.day, one.action.as_str()), one.count))
        .collect();
    assert_eq!(told, counted.into_iter().collect::<Vec<_>>());
}

fn some_end(dice: &mut Dice, now: Timestamp) -> End {
    match dice.below(4) {
        0 => End::Never,
        // Some at the same instant, also at the turn of an hour.
        1 => End::At(Timestamp::from_secs((now.floor_secs() / 3_600 + 1) * 3_600)),
        _ => End::At(now.after(minutes(1 + dice.below(200)))),
    }
}

fn lifecycle(dice: &mut Dice) -> Lifecycle {
    match dice.below(4) {
        0 => Lifecycle::Invited,
        1 => Lifecycle::Registered,
        _ => Lifecycle::Active,
    }
}

/// Whatever is done in whatever order, and as time goes on.
pub(super) async fn counts_follow_every_change(world: World) {
    let directory = &*world.directory;
    let (mut dice, mut people) = (Dice(20_261_128), Vec::<AccountId>::new());
    for step in 0..300_u64 {
        let now = world.clock.wall();
        if people.len() < 4 || dice.below(6) == 0 {
            let end = some_end(&mut dice, now);
            let mut new =
                NewAccount { lifecycle: lifecycle(&mut dice), ..person(&format!("p{step}")) };
            new.locks.admin_lock = (dice.below(4) == 0).then(|| admin_lock(end));
            people.push(add(directory, new).await.id);
        }
        let at = usize::try_from(dice.below(people.len() as u64)).expect("small");
        let (kind, end, life) = (dice.below(8), some_end(&mut dice, now), lifecycle(&mut dice));
        let length = (dice.below(3) > 0).then(|| minutes(1 + dice.below(150)));
        edit(directory, people[at], |account| match kind {
            0 => account.locks.admin_lock = Some(admin_lock(end)),
            1 => account.locks.admin_lock = None,
            2 => {
                let found = portcullis::domain::lock::Lockout { laid_at: now, ..lockout(length) };
                account.locks.lockout = Some(found);
            }
            3 => account.locks.lockout = None,
            4 => account.locks.disablement = Some(disablement()),
            5 => account.locks.disablement = None,
            6 => account.lifecycle = life,
            _ => account.name.push('x'),
        })
        .await;
        if dice.below(25) == 0 {
            edit(directory, people[at], |account| account.lifecycle = Lifecycle::Deleted).await;
            people.swap_remove(at);
        }
        world.clock.advance(minutes(dice.below(45)));
        if step % 6 == 0 {
            assert_exact(directory).await;
        }
        if step == 200 {
            let old = noon().after(minutes(1_440));
            let forgotten = directory
                .audit_log()
                .forget(old, note(Action::AuditPruned))
                .await;
            assert!(matches!(forgotten, Ok(Ok(Some(_)))), "{forgotten:?}");
            assert_exact(directory).await;
        }
    }
}
