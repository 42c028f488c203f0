//! How searches go about it, and that they find what a store in memory finds.

use std::collections::HashSet;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::domain::account::Details;
use crate::domain::event::{Action, Note};
use crate::domain::lock::{AdminLock, End, Locks};
use crate::domain::login::Login;
use crate::domain::standing::{Lifecycle, Status};
use crate::domain::time::Clock;
use crate::store::memory::SingleProcessDirectory;
use crate::store::{AccountOrder, Direction, Directory, Edit, NewAccount};

/// How SQLite would go about it.
async fn plan(directory: &SqlDirectory, search: &AccountSearch) -> String {
    let condition = Condition::of(&search.filters);
    let explain = format!("EXPLAIN QUERY PLAN {}", condition.page(search));
    let query = condition.bound(explain, 0).bind(20_i64).bind(0_i64);
    let rows = query
        .fetch_all(directory.db.readers())
        .await
        .expect("a plan");
    let steps = rows.iter().map(|row| row.get::<String, _>(3));
    steps.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn lists_are_read_in_the_order_of_an_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = SqlDirectory::open(folder.path().join("accounts.db")).await;
    let directory = directory.expect("opens");
    let id = AccountId::try_from(7).ok();
    for order in [
        AccountOrder::CreatedAt,
        AccountOrder::Email,
        AccountOrder::FirstName,
        AccountOrder::Id,
        AccountOrder::LastName,
        AccountOrder::LastSignInAt,
        AccountOrder::Login,
        AccountOrder::Name,
        AccountOrder::UpdatedAt,
    ] {
        for direction in [Direction::Ascending, Direction::Descending] {
            for after in [None, id] {
                let order = vec![(order, direction)];
                let search = AccountSearch { order, after, limit: 20, ..Default::default() };
                let plan = plan(&directory, &search).await;
                assert!(!plan.contains("TEMP B-TREE"), "{search:?}: {plan}");
                let sought = after.is_none() || plan.contains("SEARCH accounts USING");
                assert!(sought, "{search:?}: {plan}");
            }
        }
    }
    let any_of = vec!["HR-1".to_owned()];
    let (field, fit) = (TextField::ExternalId, TextFit::Whole);
    let filters = vec![AccountFilter::Text { field, fit, any_of, negated: false }];
    let found = plan(&directory, &AccountSearch { filters, ..Default::default() }).await;
    assert!(found.contains("accounts_external_id"), "{found}");
    let filters = vec![AccountFilter::InGroups(vec![7.try_into().expect("a number")])];
    let members = plan(&directory, &AccountSearch { filters, ..Default::default() }).await;
    assert!(!members.contains("SCAN group_members"), "{members}");
}

/// Those who are not as most are, in each order of the console: by indexes of few.
#[tokio::test]
async fn unusual_accounts_are_listed_by_indexes_of_theirs() {
    let (_folder, directory) = empty(&Clock::system()).await;
    let orders = [
        AccountOrder::Login,
        AccountOrder::Name,
        AccountOrder::LastSignInAt,
        AccountOrder::CreatedAt,
    ];
    for (status, index) in [
        (Status::Locked, "accounts_held_"),
        (Status::Disabled, "accounts_state_"),
        (Status::Invited, "accounts_state_"),
        (Status::Registered, "accounts_state_"),
    ] {
        let filters = vec![AccountFilter::Status { any_of: vec![status], negated: false }];
        for order in orders {
            let (filters, order) = (filters.clone(), vec![(order, Direction::Descending)]);
            let search = AccountSearch { filters, order, ..Default::default() };
            let plan = plan(&directory, &search).await;
            assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{search:?}: {plan}");
        }
    }
}

async fn empty(clock: &Clock) -> (TempDir, SqlDirectory) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.expect("a folder");
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open_with_clock(file, clock.clone()).await;
    (folder, directory.expect("opens"))
}

/// What names are made of here: what is folded into something longer, shorter or nothing,
/// what means something to SQL, and what takes one to four bytes.
const NAMES: &str = "[abIİıßẞſσςΣéÉ王李𝔄ﬁ_%!'\"\u{301} ]{0,6}";

fn note(action: Action) -> Note {
    Note { actor: "cli:root".to_owned(), action, reason: None, from: None }
}

fn person(n: usize, name: &str, last: &str, kind: u8) -> NewAccount {
    let lock = AdminLock {
        laid_at: Timestamp::from_secs(0),
        end: if kind.is_multiple_of(2) { End::Never } else { End::At(Timestamp::from_secs(1)) },
        reason: None,
        author: "cli:root".to_owned(),
    };
    NewAccount {
        login: Login::new(&format!("p{}", n * 7 % 31)).expect("a login"),
        name: format!("{name} {last}").trim().to_owned(),
        email: kind
            .is_multiple_of(3)
            .then(|| format!("{last}{n}@b.example")),
        admin: kind.is_multiple_of(5),
        details: Details {
            first_name: name.to_owned(),
            last_name: last.to_owned(),
            ..Details::default()
        },
        lifecycle: if kind.is_multiple_of(7) { Lifecycle::Invited } else { Lifecycle::Active },
        locks: Locks { admin_lock: (kind % 4 < 2).then_some(lock), ..Locks::default() },
        password_hash: None,
    }
}

/// Calls somebody otherwise, or deletes them.
async fn change(directory: &dyn Directory, number: usize, name: &str, deletes: bool) {
    let id = i64::try_from(number + 1)
        .ok()
        .and_then(|id| id.try_into().ok());
    let decide = |facts: crate::store::Facts<'_>| {
        let mut account = facts.account.clone();
        account.name = name.to_owned();
        account.details.first_name.clear();
        if deletes {
            account.lifecycle = Lifecycle::Deleted;
            account.email = None;
        }
        Some(Edit { account, password_hash: None, note: note(Action::AccountUpdated) })
    };
    let changed = directory
        .change(id.expect("a number"), Box::new(decide))
        .await;
    changed.expect("answers");
}

#[derive(Clone, Debug)]
struct Wanted {
    text: String,
    field: TextField,
    fit: TextFit,
    with: u8,
    order: AccountOrder,
    descending: bool,
    after: Option<usize>,
    uncounted: bool,
}

impl Wanted {
    fn search(&self) -> AccountSearch {
        let any_of = vec![self.text.clone()];
        let text = AccountFilter::Text { field: self.field, fit: self.fit, any_of, negated: false };
        let locked = AccountFilter::Status { any_of: vec![Status::Locked], negated: false };
        let filters = match self.with {
            0 => vec![text],
            1 => vec![locked, text],
            2 => vec![AccountFilter::All(vec![text, AccountFilter::Admin(true)])],
            _ => vec![AccountFilter::AdminLocked(true)],
        };
        let direction = if self.descending { Direction::Descending } else { Direction::Ascending };
        AccountSearch {
            filters,
            order: vec![(self.order, direction)],
            after: self
                .after
                .and_then(|n| i64::try_from(n + 1).ok()?.try_into().ok()),
            offset: 0,
            limit: 5,
            uncounted: self.uncounted,
        }
    }
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let field = prop::sample::select(vec![
        TextField::Any,
        TextField::Any,
        TextField::Name,
        TextField::LastName,
        TextField::Email,
        TextField::Login,
    ]);
    let fit = prop::sample::select(vec![
        TextFit::Part,
        TextFit::Part,
        TextFit::Begins,
        TextFit::Ends,
        TextFit::Whole,
    ]);
    let order = prop::sample::select(vec![
        AccountOrder::Login,
        AccountOrder::Name,
        AccountOrder::LastSignInAt,
        AccountOrder::CreatedAt,
    ]);
    let text = prop_oneof![NAMES, "p[0-9]{0,2}", "[ab. @]{1,3}", "example|exam|ple"];
    let rest = (0..4_u8, order, any::<bool>(), prop::option::of(0..24_usize), any::<bool>());
    (text, field, fit, rest).prop_map(|(text, field, fit, rest)| {
        let (with, order, descending, after, uncounted) = rest;
        Wanted { text, field, fit, with, order, descending, after, uncounted }
    })
}

/// Few and many are so few here that each way to a page is gone.
const TINY: [Bounds; 3] =
    [Bounds { few: 2, stretch: 4, many: 6 }, Bounds { few: 0, stretch: 3, many: 100 }, BOUNDS];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Property: whatever people are called, a search finds who a search of all finds, in
    /// its order and as many, by whichever way it goes.
    #[test]
    fn a_search_finds_what_a_look_at_everybody_finds(
        people in prop::collection::vec((NAMES, NAMES, any::<u8>()), 1..24),
        changes in prop::collection::vec((0..24_usize, NAMES, any::<bool>(), any::<bool>()), 0..6),
        searches in prop::collection::vec(wanted(), 24),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
            let (_folder, files) = empty(&clock).await;
            let memory = SingleProcessDirectory::new(clock.clone());
            let both: [&dyn Directory; 2] = [&files, &memory];
            for (n, (name, last, kind)) in people.iter().enumerate() {
                for directory in both {
                    let new = person(n, name, last, *kind);
                    directory.create(new, note(Action::AccountCreated)).await.expect("made");
                }
            }
            let mut deleted = HashSet::new();
            for (number, name, deletes, written) in &changes {
                if *written {
                    files.write_all_pieces().await.expect("writes");
                }
                let number = number % people.len();
                if deleted.contains(&number) {
                    continue;
                }
                for directory in both {
                    change(directory, number, name, *deletes).await;
                }
                if *deletes {
                    deleted.insert(number);
                }
            }
            for wanted in &searches {
                let search = wanted.search();
                let expected = memory.search(search.clone()).await.expect("answers");
                for bounds in TINY {
                    let found = files.find_within(search.clone(), bounds).await.expect("answers");
                    prop_assert_eq!(&found.accounts, &expected.accounts, "{:?} {:?}", wanted, bounds);
                    prop_assert_eq!(found.total, expected.total, "{:?} {:?}", wanted, bounds);
                }
            }
            Ok(())
        })?;
    }
}
