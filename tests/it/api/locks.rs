//! `/users/{id}/lock`, and what a lock does at the public door.

use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use portcullis::domain::standing::Lifecycle;

use super::{PASSWORD, Stand, assert_done_by};

const JSON: (&str, &str) = ("content-type", "application/json");

async fn lock(stand: &Stand, token: &str, id: impl std::fmt::Display) -> super::Reply {
    stand
        .send("POST", &format!("/users/{id}/lock"), token, &[JSON], "")
        .await
}

async fn unlock(stand: &Stand, token: &str, id: impl std::fmt::Display) -> super::Reply {
    stand.delete(token, &format!("/users/{id}/lock")).await
}

/// And it bites at the very next request, before the answer is old.
#[tokio::test]
async fn op_01_an_active_user_is_locked() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let cookie = stand.test.sign_in(&ada).await;
    assert_eq!(stand.public.get("/", &cookie).await.status, 200);
    let locked = lock(&stand, &stand.a, ada.id).await;
    locked.is_user("locked");
    let links = locked.links();
    assert!(links.contains(&"unlock"), "{links:?}");
    assert!(!links.contains(&"lock") && !links.contains(&"showUser"), "{links:?}");
    assert_eq!(stand.public.get("/", &cookie).await.status, 303, "the next request");
    assert_done_by(&stand.last_record().await, Action::AccountLocked, stand.root.id.get());
}

/// Nothing is written: the time of the last change stays.
#[tokio::test]
async fn op_02_a_locked_user_is_locked_still() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let first = lock(&stand, &stand.a, ada.id).await;
    stand
        .test
        .clock()
        .advance(std::time::Duration::from_secs(60));
    let second = lock(&stand, &stand.a, ada.id).await;
    second.is_user("locked");
    assert_eq!(first.body, second.body);
}

#[tokio::test]
async fn op_03_op_04_op_10_who_has_not_come_is_neither_locked_nor_unlocked() {
    let stand = Stand::new().await;
    for (login, life) in [("reg", Lifecycle::Registered), ("inv", Lifecycle::Invited)] {
        let account = stand.in_life(login, life).await;
        let before = stand.now(&account).await;
        for answer in
            [lock(&stand, &stand.a, account.id).await, unlock(&stand, &stand.a, account.id).await]
        {
            answer.is_error(400, "InvalidUserStatusTransition");
        }
        assert_eq!(stand.now(&account).await, before);
        let shown = stand.get(&stand.a, &format!("/users/{}", account.id)).await;
        let links = shown.links();
        assert!(!links.contains(&"lock") && !links.contains(&"unlock"), "{links:?}");
    }
}

#[tokio::test]
async fn op_05_who_is_unknown_is_told_before_what_is_forbidden() {
    let stand = Stand::new().await;
    let u = stand.who_may("u", None).await;
    for answer in [lock(&stand, &u.secret, 9999).await, unlock(&stand, &u.secret, 9999).await] {
        answer.is_error(404, "NotFound");
    }
}

#[tokio::test]
async fn op_06_op_07_op_11_only_administrators_lock_and_unlock() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let u = stand.who_may("u", None).await;
    let m = stand.who_may("m", Some(Permission::ManageUsers)).await;
    let c = stand.who_may("c", Some(Permission::ViewUsers)).await;
    for token in [&u, &m, &c] {
        lock(&stand, &token.secret, ada.id)
            .await
            .is_error(403, "MissingPermission");
        assert_eq!(stand.now(&ada).await, ada, "nothing was changed");
    }
    lock(&stand, &stand.a, ada.id).await.is_user("locked");
    for token in [&u, &m, &c] {
        unlock(&stand, &token.secret, ada.id)
            .await
            .is_error(403, "MissingPermission");
    }
    assert!(stand.now(&ada).await.locks.admin_lock.is_some());
}

#[tokio::test]
async fn op_08_op_09_an_unlock_is_one_whether_or_not_there_was_a_lock() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let unlocked = unlock(&stand, &stand.a, ada.id).await;
    unlocked.is_user("active");
    assert_eq!(stand.now(&ada).await, ada, "nothing was changed");
    lock(&stand, &stand.a, ada.id).await.is_user("locked");
    let unlocked = unlock(&stand, &stand.a, ada.id).await;
    unlocked.is_user("active");
    let links = unlocked.links();
    assert!(links.contains(&"lock") && !links.contains(&"unlock"), "{links:?}");
    assert_eq!(unlocked.body["_links"]["lock"]["method"], "post");
    assert_eq!(unlocked.body["_links"]["lock"]["title"], "Set lock on ada");
    assert_done_by(&stand.last_record().await, Action::AccountUnlocked, stand.root.id.get());
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
}

#[tokio::test]
async fn op_12_op_13_op_14_a_post_says_what_type_it_is() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let path = format!("/users/{}/lock", ada.id);
    let silent = stand.send("POST", &path, &stand.a, &[], "").await;
    assert_eq!(silent.status, 406);
    assert!(
        silent.headers["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/plain")
    );
    assert!(silent.text.contains("content-type"), "{}", silent.text);
    let xml = stand
        .send("POST", &path, &stand.a, &[("content-type", "text/xml")], "")
        .await;
    xml.is_error(415, "TypeNotSupported");
    assert_eq!(stand.now(&ada).await, ada, "nothing was changed");
    for kind in ["application/hal+json", "application/json;charset=utf-8", "Application/JSON"] {
        let headers = [("content-type", kind)];
        let locked = stand
            .send("POST", &path, &stand.a, &headers, "not even JSON")
            .await;
        locked.is_user("locked");
        unlock(&stand, &stand.a, ada.id).await.is_user("active");
    }
}

/// OpenProject lets them: see `manual::openproject`.
#[tokio::test]
async fn op_20_differs_nobody_locks_themselves_or_the_last_administrator() {
    let stand = Stand::new().await;
    lock(&stand, &stand.a, "me")
        .await
        .is_error(403, "MissingPermission");
    stand.get(&stand.a, "/users/me").await.is_user("active");
    let other = stand.person("other").await;
    stand
        .test
        .edit(&other, |account| account.admin = true)
        .await;
    lock(&stand, &stand.a, other.id).await.is_user("locked");
    // The root is the last one who can act, and would be locked by whom it locked out.
    let lone = super::token(&stand.test, &stand.root, &[]).await;
    lock(&stand, &lone, stand.root.id)
        .await
        .is_error(403, "MissingPermission");
    assert!(stand.now(&stand.root).await.locks.admin_lock.is_none());
}

/// OpenProject leaves the block of failed sign-ins; here an unlock lifts it, and who
/// may only let people in can do that alone.
#[tokio::test]
async fn op_22_differs_an_unlock_lifts_what_failed_sign_ins_laid() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let help = stand.who_may("help", Some(Permission::UnlockUsers)).await;
    for token in [&stand.a, &help.secret] {
        for n in 0..6 {
            stand.sign_in("ada", &format!("guess {n}")).await;
        }
        assert_eq!(stand.sign_in("ada", PASSWORD).await, 429);
        stand.get(&stand.a, "/users/ada").await.is_user("locked");
        unlock(&stand, token, ada.id).await.is_user("active");
        assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
    }
    lock(&stand, &stand.a, ada.id).await.is_user("locked");
    unlock(&stand, &help.secret, ada.id)
        .await
        .is_error(403, "MissingPermission");
    // Both kinds at once: only the one that they may lift goes.
    stand.test.lock_out(&ada).await;
    unlock(&stand, &help.secret, ada.id).await.is_user("locked");
    let locks = stand.now(&ada).await.locks;
    assert!(locks.admin_lock.is_some() && locks.lockout.is_none(), "{locks:?}");
}

/// OpenProject has nobody who is disabled: here they show as locked.
#[tokio::test]
async fn differs_a_disabled_user_shows_locked_and_no_unlock_lets_them_in() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    stand.test.disable(&ada).await;
    stand.get(&stand.a, "/users/ada").await.is_user("locked");
    let refused = unlock(&stand, &stand.a, ada.id).await;
    refused.is_error(400, "InvalidUserStatusTransition");
    lock(&stand, &stand.a, ada.id).await.is_user("locked");
    unlock(&stand, &stand.a, ada.id).await.is_user("locked");
    let locks = stand.now(&ada).await.locks;
    assert!(locks.admin_lock.is_none() && locks.disablement.is_some(), "{locks:?}");
}

#[tokio::test]
async fn an_unlock_leaves_ended_sessions_dead() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let cookie = stand.test.sign_in(&ada).await;
    assert_eq!(stand.public.get("/", &cookie).await.status, 200);
    lock(&stand, &stand.a, "ada").await.is_user("locked");
    unlock(&stand, &stand.a, "ada").await.is_user("active");
    assert_eq!(stand.public.get("/", &cookie).await.status, 303);
}
