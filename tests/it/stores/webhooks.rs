//! Messages to webhooks, and lists of sessions with what became of them.

use std::time::Duration;

use portcullis::domain::account::AccountId;
use portcullis::domain::event::{Action, Note};
use portcullis::store::{
    Delivery, Directory, MessageFilter, NewMessage, News, SessionNewsKind, SessionPage,
    SessionQuery, SessionState,
};

use super::{World, add, edit, key, minutes, new_session, note, person};

const MINUTE: Duration = Duration::from_secs(60);

async fn hold(directory: &dyn Directory, holder: &str) -> bool {
    directory
        .webhooks()
        .hold(holder.to_owned(), MINUTE)
        .await
        .expect("a store")
}

async fn news(directory: &dyn Directory) -> News {
    directory.webhooks().news(100).await.expect("a store")
}

fn message(id: &str, endpoint: &str, account: AccountId) -> NewMessage {
    NewMessage {
        id: id.to_owned(),
        endpoint: endpoint.to_owned(),
        account,
        kind: "user.updated".to_owned(),
        body: "{}".to_owned(),
    }
}

async fn post(directory: &dyn Directory, holder: &str, told: News, all: Vec<NewMessage>) -> bool {
    directory
        .webhooks()
        .post(holder.to_owned(), told, all)
        .await
        .expect("a store")
}

/// The ids of what is due at these endpoints.
async fn due(directory: &dyn Directory, endpoints: &[&str]) -> Vec<String> {
    let endpoints = endpoints.iter().map(|one| (*one).to_owned()).collect();
    let due = directory
        .webhooks()
        .due(endpoints, 10)
        .await
        .expect("a store");
    due.into_iter().map(|message| message.id).collect()
}

pub(super) async fn what_happens_is_told_from_the_beginning_on_and_once(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    assert!(news(directory).await.is_empty(), "nobody wants to be told");
    directory.webhooks().begin().await.expect("a store");
    assert!(news(directory).await.is_empty(), "what was before is told to nobody");
    edit(directory, alice.id, |account| account.name = "Alice".to_owned()).await;
    directory
        .open_session(new_session(alice.id, 1))
        .await
        .expect("writes")
        .expect("may");
    let own = Note { actor: format!("user:{}", alice.id), ..note(Action::SessionEnded) };
    directory
        .end_session(key(1).id(), own)
        .await
        .expect("writes");
    directory
        .open_session(new_session(alice.id, 2))
        .await
        .expect("writes")
        .expect("may");
    directory
        .end_session(key(2).id(), note(Action::SessionEnded))
        .await
        .expect("writes");
    directory.webhooks().begin().await.expect("a store");
    let told = news(directory).await;
    assert_eq!(told.records.first().map(|record| record.action), Some(Action::AccountLocked));
    let mut kinds: Vec<_> = told
        .sessions
        .iter()
        .map(|news| (news.session, news.kind.as_str()))
        .collect();
    kinds.sort_unstable();
    let mut wanted = [
        (key(1).id(), SessionNewsKind::Created.as_str()),
        (key(1).id(), SessionNewsKind::Ended.as_str()),
        (key(2).id(), SessionNewsKind::Created.as_str()),
        (key(2).id(), SessionNewsKind::Revoked.as_str()),
    ];
    wanted.sort_unstable();
    assert_eq!(kinds, wanted);
    assert!(hold(directory, "one").await);
    assert!(post(directory, "one", told.clone(), vec![message("m1", "a", alice.id)]).await);
    assert!(news(directory).await.is_empty());
    assert!(!post(directory, "one", told, vec![message("m1", "a", alice.id)]).await, "not twice");
    assert_eq!(due(directory, &["a"]).await, ["m1"]);
}

pub(super) async fn one_holds_the_desk(world: World) {
    let directory = &*world.directory;
    directory.webhooks().begin().await.expect("a store");
    add(directory, person("alice")).await;
    assert!(hold(directory, "one").await);
    assert!(!hold(directory, "two").await);
    assert!(!post(directory, "two", news(directory).await, Vec::new()).await);
    world.clock.advance(MINUTE / 2);
    assert!(hold(directory, "one").await, "it holds on");
    world.clock.advance(MINUTE / 2);
    assert!(!hold(directory, "two").await);
    world.clock.advance(MINUTE / 2);
    assert!(!post(directory, "one", news(directory).await, Vec::new()).await, "its time is over");
    assert!(hold(directory, "two").await);
    assert!(post(directory, "two", news(directory).await, Vec::new()).await);
}

pub(super) async fn messages_of_one_account_wait_for_each_other(world: World) {
    let directory = &*world.directory;
    let (alice, bob) =
        (add(directory, person("alice")).await.id, add(directory, person("bob")).await.id);
    let store = directory.webhooks();
    store.begin().await.expect("a store");
    hold(directory, "one").await;
    let all = vec![
        message("m1", "a", alice),
        message("m1", "b", alice),
        message("m2", "a", alice),
        message("m3", "a", bob),
    ];
    assert!(post(directory, "one", news(directory).await, all).await);
    assert_eq!(due(directory, &["a"]).await, ["m1", "m3"]);
    assert_eq!(due(directory, &["b", "c"]).await, ["m1"]);
    assert_eq!(due(directory, &[]).await, Vec::<String>::new());
    let again = Delivery::Again { after: MINUTE, error: "away".to_owned() };
    store.settle(1, again).await.expect("a store");
    assert_eq!(due(directory, &["a"]).await, ["m3"]);
    world.clock.advance(MINUTE);
    assert_eq!(due(directory, &["a"]).await, ["m1", "m3"]);
    store
        .settle(1, Delivery::Dead { error: "gone".to_owned() })
        .await
        .expect("a store");
    assert_eq!(due(directory, &["a"]).await, ["m2", "m3"], "the dead hold nobody up");
    store.settle(4, Delivery::Arrived).await.expect("a store");
    let dead = store
        .messages(MessageFilter::Dead, 10)
        .await
        .expect("a store");
    let [dead] = dead.as_slice() else { panic!("one is dead") };
    assert_eq!((dead.number, dead.attempts, dead.last_error.as_deref()), (1, 2, Some("gone")));
    assert_eq!(store.backlog().await.expect("a store"), (2, 1));
    assert_eq!(store.revive(Some(2)).await.expect("a store"), 0, "it is not dead");
    assert_eq!(store.revive(None).await.expect("a store"), 1);
    assert_eq!(due(directory, &["a"]).await, ["m1"]);
    assert_eq!(
        store
            .messages(MessageFilter::All, 10)
            .await
            .expect("a store")
            .len(),
        3
    );
}

async fn listed(directory: &dyn Directory, query: SessionQuery) -> SessionPage {
    directory.sessions(query).await.expect("a store")
}

pub(super) async fn sessions_are_listed_with_what_became_of_them(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    for number in 1..=4 {
        directory
            .open_session(new_session(alice.id, number))
            .await
            .expect("writes")
            .expect("may");
        world.clock.advance(minutes(1));
    }
    directory
        .open_session(new_session(bob.id, 9))
        .await
        .expect("writes")
        .expect("may");
    let own = Note { actor: format!("user:{}", alice.id), ..note(Action::SessionEnded) };
    directory
        .end_session(key(1).id(), own)
        .await
        .expect("writes");
    directory
        .end_session(key(2).id(), note(Action::SessionEnded))
        .await
        .expect("writes");
    let of_alice =
        SessionQuery { account: Some(alice.key()), limit: 10, ..SessionQuery::default() };
    let states = |page: &SessionPage| -> Vec<_> {
        page.sessions
            .iter()
            .map(|found| (found.session.key, found.state))
            .collect()
    };
    let page = listed(directory, of_alice.clone()).await;
    let wanted = [
        (key(4), SessionState::Active),
        (key(3), SessionState::Active),
        (key(2), SessionState::Revoked),
        (key(1), SessionState::Ended),
    ];
    assert_eq!((states(&page), page.total), (wanted.to_vec(), 4));
    assert!(page.sessions[2].ended_at.is_some() && page.sessions[0].ended_at.is_none());
    edit(directory, alice.id, |account| account.generation = account.generation.next()).await;
    let revoked = SessionQuery {
        state: Some(SessionState::Revoked),
        offset: 1,
        limit: 1,
        ..of_alice.clone()
    };
    let page = listed(directory, revoked).await;
    assert_eq!((states(&page), page.total), (vec![(key(3), SessionState::Revoked)], 3));
    let one = SessionQuery { id: Some(key(1).id()), limit: 1, ..SessionQuery::default() };
    assert_eq!(listed(directory, one).await.total, 1);
    let all = SessionQuery { limit: 10, ..SessionQuery::default() };
    assert_eq!(listed(directory, all.clone()).await.total, 5);
    // Nobody takes them for live.
    assert!(
        directory
            .sessions_of(alice.key())
            .await
            .expect("a store")
            .is_empty()
    );
    assert_eq!(directory.session(key(1)).await.expect("a store"), None);
    let expires_at = listed(directory, all.clone()).await.sessions[0]
        .session
        .expires_at;
    world.clock.step_wall_to(expires_at);
    let of_bob = SessionQuery { account: Some(bob.key()), limit: 10, ..SessionQuery::default() };
    assert_eq!(states(&listed(directory, of_bob).await), [(key(9), SessionState::Expired)]);
    directory
        .prune(expires_at.after(minutes(60)))
        .await
        .expect("a store");
    assert_eq!(listed(directory, all).await.total, 0);
}
