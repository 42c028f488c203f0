//! Lists of accounts: by page, by words, by status.

use std::time::Duration;

use portcullis::domain::account::AccountId;
use portcullis::domain::lock::End;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::store::{AccountQuery, NewAccount};

use super::accounts::{disablement, everybody, lockout};
use super::{World, add, admin_lock, edit, minutes, noon, person};

pub(super) async fn lists_are_paged_by_number(world: World) {
    let directory = &*world.directory;
    for n in 0..5 {
        add(directory, person(&format!("p{n}"))).await;
    }
    edit(directory, AccountId::try_from(2).expect("a number"), |account| {
        account.lifecycle = Lifecycle::Deleted;
    })
    .await;
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let page = directory
            .accounts(AccountQuery { after, limit: 2, ..everybody() })
            .await;
        let page: Vec<AccountId> = page
            .expect("answers")
            .iter()
            .map(|found| found.id)
            .collect();
        after = page.last().copied();
        if page.is_empty() {
            break;
        }
        pages.push(page.iter().map(|id| id.get()).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec![1, 3], vec![4, 5]]);
}

pub(super) async fn lists_are_searched_ignoring_case(world: World) {
    let directory = &*world.directory;
    let named = |login: &str, name: &str, email: Option<&str>| NewAccount {
        name: name.to_owned(),
        email: email.map(str::to_owned),
        ..person(login)
    };
    add(directory, named("alice", "Alice Ångström", None)).await;
    add(directory, named("bob", "100% Bob_by!", Some("Bob@Example.org"))).await;
    let cases = [
        ("ALI", vec!["alice"]),
        ("ÅNGSTRÖM", vec!["alice"]),
        ("a\u{30a}ngstro\u{308}m", vec!["alice"]),
        ("@example.ORG", vec!["bob"]),
        ("0% B", vec!["bob"]),
        ("b_b", vec!["bob"]),
        ("y!", vec!["bob"]),
        ("a_i", vec![]),
        ("%", vec!["bob"]),
        ("", vec!["alice", "bob"]),
        ("zzz", vec![]),
    ];
    for (search, expected) in cases {
        let query = AccountQuery { search: Some(search.to_owned()), ..everybody() };
        let found = directory.accounts(query).await.expect("answers");
        let found: Vec<&str> = found.iter().map(|account| account.login.as_str()).collect();
        assert_eq!(found, expected, "{search:?}");
    }
    let endless = AccountQuery { search: Some("x".repeat(100_000)), ..everybody() };
    assert_eq!(directory.accounts(endless).await.expect("answers"), []);
}

/// The filter and the rule agree on everybody, at every instant that matters.
pub(super) async fn statuses_follow_the_clock(world: World) {
    let directory = &*world.directory;
    let end = |n| End::At(noon().after(minutes(n)));
    let lifecycles =
        [Lifecycle::Active, Lifecycle::Deleted, Lifecycle::Invited, Lifecycle::Registered];
    for (at, lifecycle) in lifecycles.into_iter().enumerate() {
        for n in 0..16 {
            let id = add(directory, person(&format!("p{at}.{n}"))).await.id;
            edit(directory, id, |account| {
                account.lifecycle = lifecycle;
                account.locks.admin_lock =
                    [None, Some(end(5)), Some(end(10)), Some(End::Never)][n & 3].map(admin_lock);
                account.locks.lockout = [None, Some(Some(minutes(5)))][n >> 2 & 1].map(lockout);
                account.locks.disablement = (n >> 3 == 1).then(disablement);
            })
            .await;
        }
    }
    let all_statuses = [
        Status::Active,
        Status::Deleted,
        Status::Disabled,
        Status::Invited,
        Status::Locked,
        Status::Registered,
    ];
    for step in [
        Duration::ZERO,
        minutes(5) - Duration::from_micros(1),
        Duration::from_micros(1),
        minutes(5),
    ] {
        world.clock.advance(step);
        let now = world.clock.wall();
        let mut found = 0;
        for status in all_statuses {
            let query = AccountQuery { status: Some(status), ..everybody() };
            let listed = directory.accounts(query).await.expect("answers");
            found += listed.len();
            for account in listed {
                assert_eq!(account.standing().status(now), status, "{account:?}");
            }
        }
        assert_eq!(found, 64, "everybody has exactly one status");
        let undeleted = directory.accounts(everybody()).await.expect("answers");
        assert_eq!(undeleted.len(), 48);
    }
}
