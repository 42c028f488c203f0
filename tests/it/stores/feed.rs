//! The change feed: in order, without gaps, and honest about what is gone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::account::{Account, AccountId};
use portcullis::domain::event::{Action, Note};
use portcullis::domain::session::SessionId;
use portcullis::domain::standing::{Generation, Version};
use portcullis::store::{AccountChange, Directory, FeedCursor, FeedPage, NewToken};

use super::{World, add, edit, key, minutes, new_session, note, person};

async fn after(directory: &dyn Directory, cursor: FeedCursor, limit: usize) -> FeedPage {
    directory.feed_after(cursor, limit).await.expect("answers")
}

async fn head(directory: &dyn Directory) -> FeedCursor {
    directory.feed_head().await.expect("answers")
}

fn accounts_of(page: &FeedPage) -> Vec<AccountId> {
    page.accounts
        .iter()
        .filter_map(|change| change.account.account_id())
        .collect()
}

/// What the feed tells of the last change of an account.
fn change_of(changed: &Account) -> AccountChange {
    let (account, standing) = (changed.key(), changed.standing());
    AccountChange { account, standing, at: changed.updated_at }
}

fn raise(account: &mut Account) {
    account.generation = account.generation.next();
}

/// Opens a session and ends it: by its owner, or by somebody else.
async fn sign_in_and_out(directory: &dyn Directory, id: AccountId, number: u64) -> SessionId {
    let session = directory.open_session(new_session(id, number)).await;
    let session = session.expect("writes").expect("may sign in").key.id();
    let actor = if number.is_multiple_of(2) { format!("user:{id}") } else { "cli:root".to_owned() };
    let note = Note { actor, ..note(Action::SessionEnded) };
    directory
        .end_session(session, note)
        .await
        .expect("writes")
        .expect("a session");
    session
}

pub(super) async fn changes_are_told_in_order(world: World) {
    let directory = &*world.directory;
    let start = head(directory).await;
    assert_eq!(start, FeedCursor::default());
    let mut ids = Vec::new();
    for login in ["alice", "bob", "carol"] {
        ids.push(add(directory, person(login)).await.id);
    }
    let page = after(directory, start, 100).await;
    assert_eq!(accounts_of(&page), ids);
    assert_eq!(page.next, head(directory).await);
    assert!(!page.more && !page.pruned);

    let changed = edit(directory, ids[1], raise).await;
    let page = after(directory, page.next, 100).await;
    assert_eq!(page.accounts, [change_of(&changed)]);
    let quiet = after(directory, page.next, 100).await;
    assert_eq!(quiet.next, page.next);
    assert!(quiet.accounts.is_empty() && quiet.ended.is_empty() && !quiet.more);

    directory
        .open_session(new_session(ids[0], 1))
        .await
        .expect("writes")
        .expect("may sign in");
    assert_eq!(head(directory).await, page.next, "a sign-in changes nobody's standing");
}

pub(super) async fn an_account_is_told_of_once_a_page(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    let start = head(directory).await;
    for id in [alice.id, bob.id, alice.id] {
        edit(directory, id, raise).await;
    }
    let page = after(directory, start, 100).await;
    let told: Vec<_> = page
        .accounts
        .iter()
        .map(|change| change.standing.generation)
        .collect();
    assert_eq!(accounts_of(&page), [alice.id, bob.id]);
    assert_eq!(told, [Generation::new(2), Generation::new(1)], "as they are now");
}

pub(super) async fn ends_of_sessions_are_told(world: World) {
    let directory = &*world.directory;
    let mut ended = HashSet::new();
    let start = head(directory).await;
    for number in 0..40 {
        let id = add(directory, person(&format!("p{number}"))).await.id;
        ended.insert(sign_in_and_out(directory, id, number).await);
    }
    let owner = add(directory, person("owner")).await.id;
    let (name, scopes) = ("backup".to_owned(), vec!["*".to_owned()]);
    let new = NewToken { key: key(99), owner: owner.into(), name, scopes, expires_at: None };
    directory
        .create_token(new, note(Action::TokenCreated))
        .await
        .expect("writes");
    directory
        .revoke_token(key(99).id(), note(Action::TokenRevoked))
        .await
        .expect("writes");
    ended.insert(key(99).id());

    let page = after(directory, start, 1000).await;
    assert_eq!(page.ended.len(), 41);
    assert_eq!(page.ended.into_iter().collect::<HashSet<_>>(), ended);
    assert_eq!(page.next, head(directory).await);
    assert!(after(directory, page.next, 1000).await.ended.is_empty());
}

pub(super) async fn settings_are_told_of_and_accounts_are_not_taken_for_them(world: World) {
    let directory = &*world.directory;
    let start = head(directory).await;
    let alice = add(directory, person("alice")).await.id;
    sign_in_and_out(directory, alice, 1).await;
    let page = after(directory, start, 1000).await;
    assert!(!page.settings, "an account was made, and nothing else");
    let set = directory.set_setting("theme", "dark".to_owned(), note(Action::SettingChanged));
    set.await.expect("writes");
    let page = after(directory, page.next, 1000).await;
    assert!(page.settings && page.accounts.is_empty());
    assert!(!after(directory, page.next, 1000).await.settings);
}

pub(super) async fn pages_lose_nothing(world: World) {
    let directory = &*world.directory;
    let (mut ids, mut ended) = (Vec::new(), HashSet::new());
    for number in 0..20 {
        let id = add(directory, person(&format!("p{number}"))).await.id;
        ids.push(id);
        ended.insert(sign_in_and_out(directory, id, number).await);
        directory
            .set_setting("theme", number.to_string(), note(Action::SettingChanged))
            .await
            .expect("writes");
    }
    for limit in [1, 3, 7, 1000] {
        let (mut cursor, mut told, mut told_ended) = (FeedCursor::default(), vec![], vec![]);
        let mut settings = false;
        loop {
            let page = after(directory, cursor, limit).await;
            assert!(page.accounts.len() + page.ended.len() <= limit);
            told.extend(accounts_of(&page));
            told_ended.extend(page.ended);
            settings |= page.settings;
            cursor = page.next;
            if !page.more {
                break;
            }
        }
        assert_eq!(cursor, head(directory).await, "limit {limit}");
        assert_eq!(told, ids, "limit {limit}");
        assert!(settings, "limit {limit}: settings changed in between");
        assert_eq!(told_ended.len(), ended.len(), "limit {limit}");
        assert_eq!(told_ended.into_iter().collect::<HashSet<_>>(), ended, "limit {limit}");
    }
}

/// A follower that looks all the time while eight write: at the end it knows the
/// newest version of everybody.
pub(super) async fn a_follower_beside_writers_misses_nothing(world: World) {
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(add(&*world.directory, person(&format!("p{n}"))).await.id);
    }
    let start = head(&*world.directory).await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (directory, id) = (world.directory.clone(), ids[writer % ids.len()]);
            tokio::spawn(async move {
                for _ in 0..10 {
                    edit(&*directory, id, raise).await;
                }
            })
        })
        .collect();
    let done = start.accounts + 80;
    let follow = follow_until(world.directory.clone(), start, done);
    let versions = tokio::time::timeout(Duration::from_secs(60), follow)
        .await
        .expect("an end");
    for writer in writers {
        writer.await.expect("a writer");
    }
    for id in ids {
        let account = world
            .directory
            .account(id)
            .await
            .expect("answers")
            .expect("an account");
        let last = versions
            .iter()
            .rev()
            .find(|(told, _)| *told == id)
            .expect("told of");
        assert_eq!(last.1, account.version);
    }
}

async fn follow_until(
    directory: Arc<dyn Directory>,
    mut cursor: FeedCursor,
    done: u64,
) -> Vec<(AccountId, Version)> {
    let mut told = Vec::new();
    while cursor.accounts < done {
        let page = after(&*directory, cursor, 5).await;
        assert!(page.next.accounts >= cursor.accounts && !page.pruned);
        cursor = page.next;
        let versions = page.accounts.into_iter();
        told.extend(
            versions
                .filter_map(|change| Some((change.account.account_id()?, change.standing.version))),
        );
    }
    told
}

pub(super) async fn what_was_pruned_is_not_silently_missing(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let early = head(directory).await;
    edit(directory, alice.id, raise).await;
    let middle = head(directory).await;
    sign_in_and_out(directory, alice.id, 2).await;
    let late = head(directory).await;
    world.clock.advance(minutes(1));
    let gone = directory.prune(world.clock.wall()).await.expect("writes");
    assert_eq!(gone, 3, "two changes and an end");

    for behind in [FeedCursor::default(), early, middle] {
        let page = after(directory, behind, 100).await;
        assert!(page.pruned, "{behind:?} is behind");
        assert_eq!(page.next, late, "and goes on from what is left");
    }
    assert!(!after(directory, late, 100).await.pruned);
    assert_eq!(head(directory).await, late, "pruning is no change");
    let changed = edit(directory, alice.id, raise).await;
    let page = after(directory, late, 100).await;
    assert_eq!(page.accounts, [change_of(&changed)]);
    assert!(!page.pruned);
}

pub(super) async fn pruning_keeps_what_is_young(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let start = head(directory).await;
    for number in 0..3 {
        edit(directory, alice.id, raise).await;
        let new = portcullis::store::NewSession {
            expires_at: world.clock.wall(),
            ..new_session(alice.id, number)
        };
        directory
            .open_session(new)
            .await
            .expect("writes")
            .expect("may sign in");
        world.clock.advance(minutes(1));
    }
    // Made: alice and a change at noon, then a change each minute.
    let one_later = world.clock.wall().before(minutes(2));
    let gone = directory.prune(one_later).await.expect("writes");
    assert_eq!(gone, 3, "two entries and a session");
    assert_eq!(directory.session(key(0)).await.expect("answers"), None);
    assert!(directory.session(key(1)).await.expect("answers").is_some(), "not older than that");
    assert!(after(directory, start, 100).await.pruned);
    let since = FeedCursor { accounts: start.accounts + 1, ..start };
    let page = after(directory, since, 1).await;
    assert!(!page.pruned && page.more, "both young entries are there");
    assert_eq!(directory.prune(one_later).await.expect("writes"), 0);
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(4), "the log stays whole");
}

/// A database that was restored from a backup is behind its followers.
pub(super) async fn a_cursor_from_another_life_is_told_so(world: World) {
    let directory = &*world.directory;
    add(directory, person("alice")).await;
    let now = head(directory).await;
    let mut ahead = [now; 2];
    ahead[0].accounts += 5;
    ahead[1].sessions[3] += 5;
    for ahead in ahead {
        let page = after(directory, ahead, 100).await;
        assert!(page.pruned);
        assert_eq!(page.next, now);
    }
}

pub(super) async fn a_change_wakes_followers(world: World) {
    let alice = add(&*world.directory, person("alice")).await;
    world.directory.bus().woken().await;
    let directory = world.directory.clone();
    let woken = tokio::spawn(async move { directory.bus().woken().await });
    edit(&*world.directory, alice.id, raise).await;
    let woken = tokio::time::timeout(Duration::from_secs(30), woken).await;
    woken.expect("a wake-up").expect("no panic");
    sign_in_and_out(&*world.directory, alice.id, 0).await;
    let woken = tokio::time::timeout(Duration::from_secs(30), world.directory.bus().woken()).await;
    woken.expect("a wake-up");
}
