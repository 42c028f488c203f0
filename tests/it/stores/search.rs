//! Searches of accounts: what a filter takes is found, in the order that was asked for.

use portcullis::domain::account::{Account, AccountId, Details};
use portcullis::domain::group::GroupId;
use portcullis::domain::lock::End;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::store::{
    AccountFilter, AccountOrder, AccountPage, AccountSearch, Direction, Directory, Membership,
    NewAccount, TextField, TextFit, TimeField,
};

use super::accounts::{disablement, lockout};
use super::groups::{made, new_group};
use super::{World, add, admin_lock, edit, minutes, new_session, noon, person};

const ORDERS: [AccountOrder; 9] = [
    AccountOrder::CreatedAt,
    AccountOrder::Email,
    AccountOrder::FirstName,
    AccountOrder::Id,
    AccountOrder::LastName,
    AccountOrder::LastSignInAt,
    AccountOrder::Login,
    AccountOrder::Name,
    AccountOrder::UpdatedAt,
];

/// People of every kind, some of them called alike, in no order.
async fn crowd(world: &World) -> Vec<Account> {
    let directory = &*world.directory;
    let firsts = ["Zoë", "ada", "Ada", "", "100%"];
    let lasts = ["Ångström", "King Lovelace", "", "O_Neil!", "angstrom"];
    let lifecycles = [Lifecycle::Active, Lifecycle::Invited, Lifecycle::Registered];
    let mut people = Vec::new();
    for n in 0..60_usize {
        let (first, last) = (firsts[n * 7 % 5].to_owned(), lasts[n * 3 / 5 % 5].to_owned());
        let name = format!("{first} {last}").trim().to_owned();
        // Some have their name in one piece.
        let in_parts = n % 4 != 0;
        let external_id = (n % 4 == 0).then(|| format!("X-{n}"));
        let details = Details {
            first_name: first,
            last_name: last,
            external_id: external_id.clone(),
            ..Details::default()
        };
        let new = NewAccount {
            name,
            email: (n % 3 != 0).then(|| format!("P{}@Example.org", (n * 37) % 61)),
            details: if in_parts { details } else { Details { external_id, ..Details::default() } },
            admin: n % 7 == 0,
            lifecycle: lifecycles[n % 3],
            ..person(&format!("p{}", (n * 17) % 101))
        };
        let id = add(directory, new).await.id;
        if n % 6 == 0 {
            let opened = directory.open_session(new_session(id, n as u64)).await;
            opened.expect("answers").expect("nothing is laid on it yet");
        }
        let end = [None, Some(End::At(noon().after(minutes(8)))), Some(End::Never)][n / 3 % 3];
        let edited = edit(directory, id, |account| {
            account.locks.admin_lock = end.map(admin_lock);
            account.locks.lockout = (n % 5 == 0).then(|| lockout(Some(minutes(8))));
            account.locks.disablement = (n % 11 == 0).then(disablement);
            if n % 13 == 0 {
                account.lifecycle = Lifecycle::Deleted;
            }
        })
        .await;
        if n % 20 == 19 {
            world.clock.advance(minutes(1));
        }
        let account = directory.account(edited.id).await.expect("answers");
        people.push(account.expect("it is there"));
    }
    people.retain(|account| account.lifecycle != Lifecycle::Deleted);
    people
}

fn filters() -> Vec<AccountFilter> {
    let statuses =
        |any_of: &[Status], negated| AccountFilter::Status { any_of: any_of.to_vec(), negated };
    let text = |field, fit, any_of: &[&str], negated| {
        let any_of = any_of.iter().map(|text| (*text).to_owned()).collect();
        AccountFilter::Text { field, fit, any_of, negated }
    };
    let mut all = vec![
        AccountFilter::LockedOut(true),
        AccountFilter::LockedOut(false),
        AccountFilter::mentions("Lovelace").expect("plain"),
        AccountFilter::Not(Box::new(AccountFilter::mentions("a_a%!").expect("plain"))),
        statuses(&[], false),
        statuses(&[], true),
        statuses(&[Status::Deleted], false),
    ];
    for negated in [false, true] {
        all.extend([
            statuses(&[Status::Active], negated),
            statuses(&[Status::Locked], negated),
            statuses(&[Status::Locked, Status::Disabled], negated),
            statuses(&[Status::Invited, Status::Registered], negated),
            text(TextField::Login, TextFit::Whole, &["P17", "p34"], negated),
            text(TextField::Login, TextFit::Part, &["1"], negated),
            text(TextField::Name, TextFit::Whole, &["ADA KING LOVELACE"], negated),
            text(TextField::Name, TextFit::Part, &["ÅNG", "%"], negated),
            text(TextField::Any, TextFit::Part, &["@example.ORG"], negated),
            text(TextField::Any, TextFit::Part, &["o_n", "L!"], negated),
            text(TextField::Any, TextFit::Part, &[&"x".repeat(5_000)], negated),
            text(TextField::Any, TextFit::Whole, &["ada"], negated),
            text(TextField::Any, TextFit::Part, &[], negated),
            text(TextField::Any, TextFit::Part, &[""], negated),
            text(TextField::Any, TextFit::Begins, &["ZO", "P3"], negated),
            text(TextField::Login, TextFit::Ends, &["7", "_"], negated),
            text(TextField::Email, TextFit::Whole, &["p1@EXAMPLE.org", ""], negated),
            text(TextField::FirstName, TextFit::Whole, &["ADA"], negated),
            text(TextField::LastName, TextFit::Begins, &["king", "ÅN"], negated),
            text(TextField::ExternalId, TextFit::Whole, &["X-12", "x-16"], negated),
            text(TextField::ExternalId, TextFit::Whole, &[""], negated),
            text(TextField::ExternalId, TextFit::Begins, &["x-1"], negated),
        ]);
    }
    let ids = |numbers: &[i64]| {
        let ids = numbers
            .iter()
            .map(|n| AccountId::try_from(*n).expect("a number"));
        AccountFilter::Ids(ids.collect())
    };
    let time = |field, from: Option<u64>, before: Option<u64>| {
        let at = |minute: u64| noon().after(minutes(minute));
        AccountFilter::Time { field, from: from.map(at), before: before.map(at) }
    };
    for wanted in [true, false] {
        all.extend([
            AccountFilter::Admin(wanted),
            AccountFilter::AdminLocked(wanted),
            AccountFilter::Disabled(wanted),
        ]);
    }
    for field in [TimeField::CreatedAt, TimeField::LastSignInAt, TimeField::UpdatedAt] {
        all.extend([
            time(field, None, None),
            time(field, Some(1), None),
            time(field, None, Some(2)),
            time(field, Some(1), Some(2)),
        ]);
    }
    all.extend([ids(&[]), ids(&[1, 5, 5, 9_999])]);
    let group = |number: i64| GroupId::try_from(number).expect("a number");
    all.extend([
        AccountFilter::InAnyGroup(true),
        AccountFilter::InAnyGroup(false),
        AccountFilter::InGroups(vec![]),
        AccountFilter::InGroups(vec![group(1)]),
        AccountFilter::InGroups(vec![group(1), group(2)]),
        AccountFilter::InGroups(vec![group(3), group(9_999)]),
    ]);
    let negations = all
        .iter()
        .map(|filter| AccountFilter::Not(Box::new(filter.clone())));
    let both = [
        AccountFilter::Any(vec![ids(&[3, 4]), AccountFilter::LockedOut(true)]),
        AccountFilter::Any(vec![]),
        AccountFilter::All(vec![
            AccountFilter::Not(Box::new(AccountFilter::Disabled(true))),
            AccountFilter::Any(vec![AccountFilter::Admin(true), ids(&[1, 2, 3, 4, 5, 6, 7])]),
        ]),
        AccountFilter::All(vec![]),
    ];
    negations
        .collect::<Vec<_>>()
        .into_iter()
        .chain(both)
        .chain(all)
        .collect()
}

async fn found(directory: &dyn Directory, search: AccountSearch) -> AccountPage {
    directory.search(search).await.expect("answers")
}

/// Three groups: with every fourth in it, every third, and nobody.
async fn in_groups(directory: &dyn Directory, people: &[Account]) -> Vec<Membership> {
    let some: Vec<&Account> = people.iter().step_by(4).collect();
    let third: Vec<&Account> = people.iter().filter(|one| one.id.get() % 3 == 0).collect();
    for (name, members) in [("some", some), ("third", third), ("nobody", Vec::new())] {
        made(directory, new_group(name, &members)).await;
    }
    let all = people.iter().map(|one| one.id).collect();
    directory.groups().memberships(all).await.expect("answers")
}

fn groups_of(memberships: &[Membership], account: AccountId) -> Vec<GroupId> {
    let own = memberships.iter().filter(|one| one.account == account);
    own.map(|one| one.group).collect()
}

/// Before, at and after the instant at which locks end by themselves.
pub(super) async fn every_filter_finds_what_it_takes(world: World) {
    let directory = &*world.directory;
    let people = crowd(&world).await;
    let memberships = in_groups(directory, &people).await;
    let filters = filters();
    for step in [minutes(0), minutes(5), minutes(1)] {
        world.clock.advance(step);
        let now = world.clock.wall();
        for (at, filter) in filters.iter().enumerate() {
            // Each by itself, and together with another.
            for other in [None, filters.get(at * 7 % filters.len())] {
                let both: Vec<AccountFilter> = [Some(filter), other]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect();
                let expected: Vec<i64> = people
                    .iter()
                    .filter(|one| {
                        let groups = groups_of(&memberships, one.id);
                        both.iter().all(|filter| filter.takes(one, &groups, now))
                    })
                    .map(|account| account.id.get())
                    .collect();
                let search = AccountSearch { filters: both, limit: 1_000, ..Default::default() };
                let page = found(directory, search.clone()).await;
                let ids: Vec<i64> = page.accounts.iter().map(|found| found.id.get()).collect();
                assert_eq!(ids, expected, "{search:?}");
                assert_eq!(page.total, expected.len() as u64, "{search:?}");
            }
        }
    }
}

/// Also where people come and go between two pages.
pub(super) async fn pages_after_an_account_go_on_where_it_stood(world: World) {
    let directory = &*world.directory;
    crowd(&world).await;
    for (n, first) in ORDERS.into_iter().enumerate() {
        for direction in [Direction::Ascending, Direction::Descending] {
            let second = (ORDERS[(n + 4) % ORDERS.len()], Direction::Ascending);
            for order in [vec![(first, direction), second], vec![(first, direction)]] {
                let of = |after, limit| AccountSearch {
                    filters: vec![AccountFilter::Admin(false)],
                    order: order.clone(),
                    after,
                    limit,
                    uncounted: after.is_some(),
                    ..AccountSearch::default()
                };
                let all = found(directory, of(None, 1_000)).await.accounts;
                let (mut pages, mut after) = (Vec::new(), None);
                loop {
                    let page = found(directory, of(after, 7)).await;
                    assert!(after.is_none() || page.total == 0, "it was not to be counted");
                    let Some(last) = page.accounts.last() else { break };
                    after = Some(last.id);
                    pages.extend(page.accounts);
                }
                assert_eq!(pages, all, "{order:?}");
            }
        }
    }
    let by_number = |after| AccountSearch { after, limit: 2, ..AccountSearch::default() };
    let first = found(directory, by_number(None)).await.accounts;
    let last = first.last().expect("two").id;
    let rest = found(directory, by_number(Some(last))).await.accounts;
    edit(directory, last, |account| account.lifecycle = Lifecycle::Deleted).await;
    assert_eq!(found(directory, by_number(Some(last))).await.accounts, rest);
    let nobody = AccountId::try_from(9_999).ok();
    assert!(
        found(directory, by_number(nobody))
            .await
            .accounts
            .is_empty()
    );
}

/// Texts are in the order of their folded characters, and equal ones by number, in
/// the direction of what was sorted by last.
pub(super) async fn pages_are_parts_of_one_order(world: World) {
    let directory = &*world.directory;
    crowd(&world).await;
    for (n, first) in ORDERS.into_iter().enumerate() {
        for descending in [false, true] {
            let direction = if descending { Direction::Descending } else { Direction::Ascending };
            let order =
                vec![(first, direction), (ORDERS[(n + 2) % ORDERS.len()], Direction::Ascending)];
            for order in [order.clone(), order[..1].to_vec()] {
                let of = |offset, limit| AccountSearch {
                    order: order.clone(),
                    offset,
                    limit,
                    ..AccountSearch::default()
                };
                let all = found(directory, of(0, 1_000)).await;
                assert_sorted(&all.accounts, &order);
                let mut pages = Vec::new();
                for offset in (0..all.total).step_by(7) {
                    let page = found(directory, of(offset, 7)).await;
                    assert_eq!(page.total, all.total);
                    pages.extend(page.accounts);
                }
                assert_eq!(pages, all.accounts, "{order:?}");
            }
        }
    }
    let none = AccountSearch { limit: 0, ..AccountSearch::default() };
    let none = found(directory, none).await;
    assert!(none.accounts.is_empty() && none.total > 0);
    let beyond = AccountSearch { offset: u64::MAX, limit: 5, ..AccountSearch::default() };
    assert!(found(directory, beyond).await.accounts.is_empty());
}

#[track_caller]
fn assert_sorted(accounts: &[Account], order: &[(AccountOrder, Direction)]) {
    let text = |account: &Account, by: AccountOrder| {
        let (first, last) = account.names();
        let text = match by {
            AccountOrder::Email => account.email.as_deref().unwrap_or_default(),
            AccountOrder::FirstName => first,
            AccountOrder::LastName => last,
            AccountOrder::Login => account.login.as_str(),
            _ => &account.name,
        };
        portcullis::domain::login::TypedLogin::new(text)
            .as_str()
            .to_owned()
    };
    for pair in accounts.windows(2) {
        let mut keys = order.iter().map(|(by, direction)| {
            let ordering = match by {
                AccountOrder::Id => pair[0].id.cmp(&pair[1].id),
                AccountOrder::CreatedAt => pair[0].created_at.cmp(&pair[1].created_at),
                AccountOrder::LastSignInAt => pair[0].last_sign_in_at.cmp(&pair[1].last_sign_in_at),
                AccountOrder::UpdatedAt => pair[0].updated_at.cmp(&pair[1].updated_at),
                _ => text(&pair[0], *by).cmp(&text(&pair[1], *by)),
            };
            if *direction == Direction::Descending { ordering.reverse() } else { ordering }
        });
        let decided = keys.find(|ordering| ordering.is_ne());
        let by_number = pair[0].id.cmp(&pair[1].id);
        let last = order.last().expect("an order").1;
        let by_number = if last == Direction::Descending { by_number.reverse() } else { by_number };
        assert!(decided.unwrap_or(by_number).is_lt(), "{order:?}: {pair:?}");
    }
}

/// What is kept beside names and locks comes back as it was written.
pub(super) async fn details_are_kept(world: World) {
    let directory = &*world.directory;
    let details = Details {
        first_name: "Ada \"K.\"".to_owned(),
        last_name: "Lovelace".to_owned(),
        language: Some("pt-BR".to_owned()),
        identity_url: Some("saml:1".to_owned()),
        permissions: portcullis::domain::permission::Permission::ALL
            .into_iter()
            .collect(),
        external_id: Some("HR-42".to_owned()),
        documents: [("scim".to_owned(), serde_json::json!({ "nickName": ["Ada"] }))].into(),
    };
    let new = NewAccount { details: details.clone(), ..person("ada") };
    let ada = add(directory, new).await;
    assert_eq!(ada.details, details);
    let read = async || {
        directory
            .account(ada.id)
            .await
            .expect("answers")
            .expect("an account")
    };
    assert_eq!(read().await, ada);
    let edited = edit(directory, ada.id, |account| account.details = Details::default()).await;
    assert_eq!(read().await.details, Details::default());
    assert_eq!(read().await, edited);
}
