//! Searches of accounts: what a filter takes is found, in the order that was asked for.

use portcullis::domain::account::{Account, Details};
use portcullis::domain::lock::End;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::store::{
    AccountFilter, AccountOrder, AccountPage, AccountSearch, Direction, Directory, NewAccount,
    TextField, TextFit,
};

use super::accounts::{disablement, lockout};
use super::{World, add, admin_lock, edit, minutes, noon, person};

const ORDERS: [AccountOrder; 6] = [
    AccountOrder::Email,
    AccountOrder::FirstName,
    AccountOrder::Id,
    AccountOrder::LastName,
    AccountOrder::Login,
    AccountOrder::Name,
];

/// People of every kind, some of them called alike, in no order.
async fn crowd(directory: &dyn Directory) -> Vec<Account> {
    let firsts = ["Zoë", "ada", "Ada", "", "100%"];
    let lasts = ["Ångström", "King Lovelace", "", "O_Neil!", "angstrom"];
    let lifecycles = [Lifecycle::Active, Lifecycle::Invited, Lifecycle::Registered];
    let mut people = Vec::new();
    for n in 0..60_usize {
        let (first, last) = (firsts[n * 7 % 5].to_owned(), lasts[n * 3 / 5 % 5].to_owned());
        let name = format!("{first} {last}").trim().to_owned();
        // Some have their name in one piece.
        let in_parts = n % 4 != 0;
        let details = Details { first_name: first, last_name: last, ..Details::default() };
        let new = NewAccount {
            name,
            email: (n % 3 != 0).then(|| format!("P{}@Example.org", (n * 37) % 61)),
            details: if in_parts { details } else { Details::default() },
            lifecycle: lifecycles[n % 3],
            ..person(&format!("p{}", (n * 17) % 101))
        };
        let id = add(directory, new).await.id;
        let end = [None, Some(End::At(noon().after(minutes(5)))), Some(End::Never)][n / 3 % 3];
        let edited = edit(directory, id, |account| {
            account.locks.admin_lock = end.map(admin_lock);
            account.locks.lockout = (n % 5 == 0).then(|| lockout(Some(minutes(5))));
            account.locks.disablement = (n % 11 == 0).then(disablement);
            if n % 13 == 0 {
                account.lifecycle = Lifecycle::Deleted;
            }
        })
        .await;
        people.push(edited);
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
        ]);
    }
    all
}

async fn found(directory: &dyn Directory, search: AccountSearch) -> AccountPage {
    directory.search(search).await.expect("answers")
}

/// Before, at and after the instant at which locks end by themselves.
pub(super) async fn every_filter_finds_what_it_takes(world: World) {
    let directory = &*world.directory;
    let people = crowd(directory).await;
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
                    .filter(|account| both.iter().all(|filter| filter.takes(account, now)))
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

/// Texts are in the order of their folded characters, and equal ones by number, in
/// the direction of what was sorted by last.
pub(super) async fn pages_are_parts_of_one_order(world: World) {
    let directory = &*world.directory;
    crowd(directory).await;
    for (n, first) in ORDERS.into_iter().enumerate() {
        for descending in [false, true] {
            let direction = if descending { Direction::Descending } else { Direction::Ascending };
            let order = vec![(first, direction), (ORDERS[(n + 2) % 6], Direction::Ascending)];
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
