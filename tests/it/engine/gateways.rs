//! Two gateways over one directory: what one does bites on the other.

use super::*;
use portcullis::OnStale;
use portcullis::admin::{TokenRequest, UnlockKind};
use portcullis::domain::session::SessionId;

const PROMISED: Duration = Duration::from_secs(1);

/// `near` is where administrators act; `far` hears of it through the feed, and
/// its way to the directory can fail.
struct Pair {
    directory: Faulty,
    admin: Admin,
    near: Portcullis,
    far: Portcullis,
}

async fn gate(directory: impl Directory) -> Portcullis {
    let builder = Portcullis::builder().directory(directory).api_tokens(true);
    // A loaded machine must not look like a directory that is lost.
    let builder = builder.max_stale(Duration::from_secs(3600), OnStale::Strict);
    builder.build().await.expect("a gate")
}

impl Pair {
    async fn new() -> Self {
        let inner = SingleProcessDirectory::new(Clock::system());
        let directory = Faulty::new(inner.clone());
        let (near, far) = (gate(inner.clone()).await, gate(directory.clone()).await);
        let admin = Admin::new(Arc::new(inner)).with_gate(near.clone());
        let follows = || async { directory.asked("change_hint") > 0 };
        eventually("the feed is followed", PROMISED, follows).await;
        Self { directory, admin, near, far }
    }

    async fn account(&self, login: &str) -> Account {
        person(&self.directory, login, None).await
    }

    /// A session that both know.
    async fn sign_in(&self, account: &Account) -> SignedIn {
        let session = sign_in(&self.near, account).await;
        for gate in [&self.near, &self.far] {
            assert!(visit(gate, &session).await.is_ok());
        }
        session
    }

    async fn token(&self, owner: &Account) -> (SessionId, HeaderMap) {
        let request = TokenRequest::default();
        let created = self
            .admin
            .create_token(&Actor::System, &owner.id.into(), request)
            .await;
        let created = created.expect("a token");
        (created.token.key.id(), bearer(&created.secret.expose()))
    }

    /// What happens meanwhile is pruned before `far` reads of it.
    async fn prune_before_far_reads(&self, what: impl Future<Output = ()>) {
        self.directory.lose_feed();
        what.await;
        let later = Clock::system().wall().after(Duration::from_secs(3600));
        let admin: &dyn Directory = &self.directory;
        admin.prune(later).await.expect("pruned");
        self.directory.set(super::faulty::Mood::Well);
    }
}

#[tokio::test]
async fn a_lock_bites_elsewhere_within_a_second() {
    let pair = Pair::new().await;
    let alice = pair.account("alice").await;
    let (session, (_, token)) = (pair.sign_in(&alice).await, pair.token(&alice).await);
    assert!(ask(&pair.far, &token).await.is_ok());
    lock(&pair.admin, &alice).await;
    assert!(is_locked(&visit(&pair.near, &session).await), "read your own lock");
    assert!(is_locked(&ask(&pair.near, &token).await));
    let bites = || async {
        is_locked(&visit(&pair.far, &session).await) && is_locked(&ask(&pair.far, &token).await)
    };
    let took = eventually("the lock bites", PROMISED, bites).await;
    println!("a lock bit on the other gateway after {took:?}");
}

#[tokio::test]
async fn how_fast_the_last_lock_took_hold_is_known_here_and_elsewhere() {
    let pair = Pair::new().await;
    let alice = pair.account("alice").await;
    let session = pair.sign_in(&alice).await;
    let pace = |gate: &Portcullis| {
        let gate = gate.clone();
        async move { gate.pace().await.expect("it has a directory") }
    };
    assert_eq!(pace(&pair.near).await.last_lock, None);
    lock(&pair.admin, &alice).await;
    let here = pace(&pair.near)
        .await
        .last_lock
        .expect("it took hold at once");
    assert!(here.took < PROMISED, "{here:?}");
    let bites = || async { is_locked(&visit(&pair.far, &session).await) };
    eventually("the lock bites", PROMISED, bites).await;
    let there = pace(&pair.far).await.last_lock.expect("it took hold");
    assert_eq!(there.at, here.at, "the same lock");
    assert!(there.took < PROMISED, "{there:?}");
    pair.directory.lose_feed();
    let bob = pair.account("bob").await;
    lock(&pair.admin, &bob).await;
    let far = pair.far.pace().await.expect("it has a directory");
    assert!(far.changes_behind >= 2, "made and locked: {far:?}");
    pair.directory.set(super::faulty::Mood::Well);
    let caught_up = || async { pace(&pair.far).await.changes_behind == 0 };
    eventually("it has caught up", PROMISED, caught_up).await;
    let last = || async {
        pace(&pair.far)
            .await
            .last_lock
            .is_some_and(|last| last.at > there.at)
    };
    eventually("the last lock is bob's", PROMISED, last).await;
}

#[tokio::test]
async fn a_session_that_ends_is_over_elsewhere_and_the_others_go_on() {
    let pair = Pair::new().await;
    let alice = pair.account("alice").await;
    let (one, two) = (pair.sign_in(&alice).await, pair.sign_in(&alice).await);
    let three = pair.sign_in(&alice).await;
    let current = visit(&pair.near, &one).await.expect("signed in");
    assert!(
        pair.near
            .sign_out(&current)
            .await
            .expect("the store answers")
    );
    assert_ended(visit(&pair.near, &one).await);
    pair.admin
        .end_session(&Actor::System, two.session().key.id())
        .await
        .expect("it is there");
    assert_ended(visit(&pair.near, &two).await);
    let over =
        || async { visit(&pair.far, &one).await.is_err() && visit(&pair.far, &two).await.is_err() };
    let took = eventually("they are over", PROMISED, over).await;
    println!("a sign-out bit on the other gateway after {took:?}");
    assert_ended(visit(&pair.far, &one).await);
    assert!(visit(&pair.far, &three).await.is_ok());
}

#[tokio::test]
async fn a_revoked_token_is_refused_here_at_once_and_elsewhere_soon() {
    let pair = Pair::new().await;
    let alice = pair.account("alice").await;
    let (id, token) = pair.token(&alice).await;
    for gate in [&pair.near, &pair.far] {
        assert!(ask(gate, &token).await.expect("a token").is_by_token());
    }
    pair.admin
        .revoke_token(&Actor::System, id)
        .await
        .expect("it is there");
    let denial = ask(&pair.near, &token).await.expect_err("revoked");
    assert!(denial.is_of_token() && !denial.session_is_dead());
    let refused = || async { ask(&pair.far, &token).await.is_err() };
    let took = eventually("it is refused", PROMISED, refused).await;
    println!("a revocation bit on the other gateway after {took:?}");
}

#[tokio::test]
async fn what_was_only_in_the_pruned_part_of_the_feed_bites_all_the_same() {
    let pair = Pair::new().await;
    let (alice, bob) = (pair.account("alice").await, pair.account("bob").await);
    let (hers, his) = (pair.sign_in(&alice).await, pair.sign_in(&bob).await);
    let kept = pair.sign_in(&bob).await;
    let unseen = async {
        lock(&pair.admin, &alice).await;
        pair.admin
            .end_session(&Actor::System, his.session().key.id())
            .await
            .expect("there");
    };
    pair.prune_before_far_reads(unseen).await;
    let bite = || async {
        is_locked(&visit(&pair.far, &hers).await) && visit(&pair.far, &his).await.is_err()
    };
    eventually("both bite", PROMISED, bite).await;
    assert_ended(visit(&pair.far, &his).await);
    assert!(visit(&pair.far, &kept).await.is_ok());
}

#[tokio::test]
async fn after_a_pruned_feed_every_account_in_use_is_asked_again() {
    let pair = Pair::new().await;
    let (mut sessions, mut under_way) = (Vec::new(), Vec::new());
    for number in 0..200 {
        let person = pair.account(&format!("person{number}")).await;
        let session = pair.sign_in(&person).await;
        under_way.push(visit(&pair.far, &session).await.expect("signed in"));
        sessions.push(session);
    }
    let asked = pair.directory.asked("account");
    let extra = pair.account("extra").await;
    pair.prune_before_far_reads(lock(&pair.admin, &extra)).await;
    // Nobody visits: the gate asks by itself.
    let rechecked = || async { pair.directory.asked("account") == asked + 200 };
    eventually("all were asked", 3 * PROMISED, rechecked).await;
    for session in &sessions {
        assert!(visit(&pair.far, session).await.is_ok());
    }
    assert_eq!(pair.directory.asked("account"), asked + 200, "and once each");
}

/// The sign-in after an unlock lands on a gateway that has not heard of the
/// unlock yet.
#[tokio::test]
async fn a_session_that_is_newer_than_the_feed_is_not_called_dead() {
    let pair = Pair::new().await;
    let alice = pair.account("alice").await;
    let before = pair.sign_in(&alice).await;
    pair.directory.lose_feed();
    lock(&pair.admin, &alice).await;
    pair.admin
        .unlock(&Actor::System, &alice.id.into(), UnlockKind::All)
        .await
        .expect("locked");
    let after = sign_in(&pair.near, &alice).await;
    pair.directory
        .set_only("account", super::faulty::Mood::Failing);
    assert_unknown(visit(&pair.far, &after).await);
    pair.directory
        .set_only("account", super::faulty::Mood::Well);
    assert!(visit(&pair.far, &after).await.is_ok());
    assert_ended(visit(&pair.far, &before).await);
    assert!(visit(&pair.far, &after).await.is_ok());
}

/// The same for a lock whose lifting the gateway has not heard of.
#[tokio::test]
async fn a_session_born_after_an_unlock_passes_where_the_lock_is_still_known() {
    let pair = Pair::new().await;
    let alice = pair.account("alice").await;
    let before = pair.sign_in(&alice).await;
    lock(&pair.admin, &alice).await;
    let bites = || async { is_locked(&visit(&pair.far, &before).await) };
    eventually("the lock bites", PROMISED, bites).await;
    pair.directory.lose_feed();
    pair.admin
        .unlock(&Actor::System, &alice.id.into(), UnlockKind::All)
        .await
        .expect("locked");
    let after = sign_in(&pair.near, &alice).await;
    assert!(visit(&pair.far, &after).await.is_ok());
}

/// A setting that this program can't read, of a newer one perhaps, changes nothing,
/// and neither does a directory that can't be asked.
#[tokio::test]
async fn a_policy_that_cannot_be_read_leaves_the_old_one() {
    let pair = Pair::new().await;
    let stored = async |text: &str| {
        let note = Note {
            actor: "system".to_owned(),
            action: Action::SettingChanged,
            reason: None,
            from: None,
        };
        let set = pair.directory.set_setting("lockout", text.to_owned(), note);
        set.await.expect("writes");
    };
    let limit = |gate: &Portcullis| gate.lockout_policy().limit();
    let mut told = pair.far.settings_changed();
    stored("max_attempts=3").await;
    told.changed().await.expect("a gate");
    assert_eq!(limit(&pair.far), Some(3));
    stored("a policy of the future").await;
    told.changed().await.expect("a gate");
    assert_eq!(limit(&pair.far), Some(3), "the one that could be read");

    pair.directory
        .set_only("setting", super::faulty::Mood::Failing);
    stored("max_attempts=4").await;
    let near = || async { limit(&pair.near) == Some(4) };
    eventually("the other reads it", PROMISED, near).await;
    assert_eq!(limit(&pair.far), Some(3));
    pair.directory
        .set_only("setting", super::faulty::Mood::Well);
    let far = || async { limit(&pair.far) == Some(4) };
    eventually("it is read once the directory answers", PROMISED, far).await;
}
