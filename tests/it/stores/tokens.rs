//! API tokens and settings.

use portcullis::domain::account::AccountId;
use portcullis::domain::event::Action;
use portcullis::store::{ApiToken, NewToken, TokenOwner};

use super::{World, add, key, minutes, noon, note, person};

pub(super) async fn a_token_is_made_found_and_revoked(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    let new = |number, owner| NewToken {
        key: key(number),
        owner: TokenOwner::Account(owner),
        name: format!("token \"{number}\""),
        scopes: vec!["users.read".to_owned(), "a b".to_owned()],
        expires_at: Some(noon().after(minutes(60))),
    };
    let mut made = Vec::new();
    for (number, owner) in [(1, alice.id), (2, bob.id), (3, alice.id)] {
        world.clock.advance(minutes(1));
        let token = directory
            .create_token(new(number, owner), note(Action::TokenCreated))
            .await;
        made.push(token.expect("writes"));
    }
    let NewToken { key: first, owner, name, scopes, expires_at } = new(1, alice.id);
    let created_at = noon().after(minutes(1));
    let expected =
        ApiToken { key: first, owner, name, scopes, created_at, expires_at, last_used_at: None };
    assert_eq!(made[0], expected);
    assert_eq!(directory.token(key(1)).await.expect("answers").as_ref(), Some(&expected));
    assert_eq!(directory.token(key(4)).await.expect("answers"), None);
    let of = async |owner: Option<TokenOwner>| directory.tokens(owner).await.expect("answers");
    assert_eq!(of(None).await, made);
    assert_eq!(of(Some(alice.id.into())).await, [made[0].clone(), made[2].clone()]);

    let revoked = directory
        .revoke_token(key(1).id(), note(Action::TokenRevoked))
        .await;
    assert_eq!(revoked.expect("writes").as_ref(), Some(&expected));
    assert_eq!(directory.token(key(1)).await.expect("answers"), None);
    assert_eq!(of(Some(alice.id.into())).await, [made[2].clone()]);
    let again = directory
        .revoke_token(key(1).id(), note(Action::TokenRevoked))
        .await;
    assert_eq!(again.expect("answers"), None);

    let nobody = AccountId::try_from(99).expect("a number");
    let orphan = directory
        .create_token(new(5, nobody), note(Action::TokenCreated))
        .await;
    assert!(orphan.is_err(), "{orphan:?}");
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(6));
}

pub(super) async fn the_last_use_of_a_token_is_noted(world: World) {
    let directory = &*world.directory;
    let owner = add(directory, person("alice")).await.id.into();
    let (name, scopes, expires_at) = (String::new(), Vec::new(), None);
    let new = NewToken { key: key(1), owner, name, scopes, expires_at };
    directory
        .create_token(new, note(Action::TokenCreated))
        .await
        .expect("writes");
    for (used, expected) in [(5, 5), (3, 5), (7, 7)] {
        let used = noon().after(minutes(used));
        directory
            .touch_sessions(vec![(key(1), used), (key(2), used)])
            .await
            .expect("writes");
        let token = directory.token(key(1)).await.expect("answers");
        let noted = token.expect("a token").last_used_at;
        assert_eq!(noted, Some(noon().after(minutes(expected))), "never back");
    }
}

pub(super) async fn settings_are_kept(world: World) {
    let directory = &*world.directory;
    let theme = async || directory.setting("theme").await.expect("answers");
    assert_eq!(theme().await, None);
    let before = directory.feed_head().await.expect("answers");
    for value in ["dark", "light", ""] {
        let set = directory.set_setting("theme", value.to_owned(), note(Action::SettingChanged));
        set.await.expect("writes");
        assert_eq!(theme().await.as_deref(), Some(value));
    }
    assert_eq!(directory.setting("other").await.expect("answers"), None);
    let after = directory.feed_head().await.expect("answers");
    assert!(after.accounts > before.accounts, "followers see that something changed");
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(3));
}
