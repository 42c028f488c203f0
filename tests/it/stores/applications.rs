//! Applications, and tokens that belong to them.

use portcullis::domain::application::{Application, ApplicationId};
use portcullis::domain::event::Action;
use portcullis::store::{
    ApplicationEdit, AuditQuery, Directory, NewApplication, NewToken, StoreError, TokenOwner,
};

use super::{World, add, key, minutes, new_session, noon, note, person};

fn id(number: u64) -> ApplicationId {
    ApplicationId::from_random(number.to_be_bytes())
}

fn new(number: u64) -> NewApplication {
    NewApplication {
        id: id(number),
        name: format!("application \"{number}\""),
        secret: key(number),
        scopes: vec!["users.view".to_owned(), "reports:read".to_owned()],
    }
}

async fn made(directory: &dyn Directory, number: u64) -> Application {
    let note = note(Action::ApplicationCreated);
    let made = directory
        .applications()
        .create_application(new(number), note);
    made.await.expect("writes")
}

async fn found(directory: &dyn Directory, number: u64) -> Option<Application> {
    let found = directory.applications().application(id(number)).await;
    found.expect("answers")
}

/// Changes an application that is there, and its tokens' fate.
async fn edit(
    directory: &dyn Directory,
    number: u64,
    revoke_tokens: bool,
    change: impl FnOnce(&mut Application) + Send,
) -> Option<Application> {
    let decide = Box::new(|before: &Application| {
        let mut application = before.clone();
        change(&mut application);
        let note = note(Action::ApplicationScopesChanged);
        Some(ApplicationEdit { application, revoke_tokens, note })
    });
    let store = directory.applications();
    store
        .change_application(id(number), decide)
        .await
        .expect("writes")
}

async fn token(directory: &dyn Directory, number: u64, owner: TokenOwner, end: Option<u64>) {
    let new = NewToken {
        key: key(number),
        owner,
        name: String::new(),
        scopes: vec!["*".to_owned()],
        expires_at: end.map(|end| noon().after(minutes(end))),
    };
    let made = directory
        .create_token(new, note(Action::TokenCreated))
        .await;
    assert_eq!(made.expect("writes").owner, owner);
}

async fn is_there(directory: &dyn Directory, number: u64) -> bool {
    let token = directory.token(key(number)).await.expect("answers");
    let named = directory
        .token_named(key(number).id())
        .await
        .expect("answers");
    assert_eq!(token, named, "by its secret and by its name");
    token.is_some()
}

pub(super) async fn an_application_is_made_found_and_removed(world: World) {
    let directory = &*world.directory;
    let first = made(directory, 2).await;
    world.clock.advance(minutes(1));
    let second = made(directory, 1).await;
    assert_eq!(first.created_at, noon());
    assert_eq!(
        (first.made_by.as_str(), first.enabled, first.last_used_at),
        ("cli:root", true, None)
    );
    let NewApplication { id: named, name, secret, scopes } = new(2);
    assert_eq!(
        (first.id, &first.name, first.secret, &first.scopes),
        (named, &name, secret, &scopes)
    );
    assert_eq!(found(directory, 2).await.as_ref(), Some(&first));
    assert_eq!(found(directory, 3).await, None);
    let all = directory
        .applications()
        .applications()
        .await
        .expect("answers");
    assert_eq!(all, [first.clone(), second.clone()], "oldest first");

    let again = directory
        .applications()
        .create_application(new(1), note(Action::ApplicationCreated));
    assert!(matches!(again.await, Err(StoreError::Taken { .. })));
    let remove = async |number| {
        let note = note(Action::ApplicationRemoved);
        let removed = directory
            .applications()
            .remove_application(id(number), note)
            .await;
        removed.expect("writes")
    };
    assert_eq!(remove(1).await, Some(second));
    assert_eq!((remove(1).await, found(directory, 1).await), (None, None));
    let query = AuditQuery { account: None, before: None, limit: 10 };
    let log = directory.audit(query).await.expect("answers");
    let actions: Vec<Action> = log.iter().map(|record| record.action).collect();
    let created = Action::ApplicationCreated;
    assert_eq!(actions, [Action::ApplicationRemoved, created, created]);
    assert!(log.iter().all(|record| record.account.is_none()));
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(3));
}

pub(super) async fn an_application_is_changed_whole_or_not_at_all(world: World) {
    let directory = &*world.directory;
    let before = made(directory, 1).await;
    world.clock.advance(minutes(1));
    let after = edit(directory, 1, false, |application| {
        application.id = id(9);
        application.made_by = "user:9".to_owned();
        application.created_at = noon().after(minutes(9));
        application.last_used_at = Some(noon());
        application.name = "renamed".to_owned();
        application.secret = key(7);
        application.scopes = vec!["*".to_owned()];
        application.enabled = false;
    });
    let expected = Application {
        name: "renamed".to_owned(),
        secret: key(7),
        scopes: vec!["*".to_owned()],
        enabled: false,
        ..before
    };
    assert_eq!(after.await.as_ref(), Some(&expected), "what is the store's own stays");
    assert_eq!(found(directory, 1).await.as_ref(), Some(&expected));
    let nothing = directory
        .applications()
        .change_application(id(1), Box::new(|_| None));
    assert_eq!(nothing.await.expect("answers"), None);
    assert_eq!(edit(directory, 2, false, |_| panic!("there is none")).await, None);
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(2));
    for (used, expected) in [(5, 5), (3, 5), (7, 7)] {
        let at = noon().after(minutes(used));
        directory
            .applications()
            .touch_application(id(1), at)
            .await
            .expect("writes");
        let noted = found(directory, 1).await.expect("there").last_used_at;
        assert_eq!(noted, Some(noon().after(minutes(expected))), "never back");
    }
    let nobody = directory
        .applications()
        .touch_application(id(2), noon())
        .await;
    nobody.expect("nothing to note");
}

pub(super) async fn a_token_belongs_to_an_account_or_an_application(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await.id;
    made(directory, 1).await;
    made(directory, 2).await;
    token(directory, 11, alice.into(), None).await;
    token(directory, 12, id(1).into(), Some(60)).await;
    token(directory, 13, id(2).into(), None).await;
    let of =
        async |owner: Option<TokenOwner>| directory.tokens(owner).await.expect("answers").len();
    assert_eq!(of(None).await, 3);
    assert_eq!(of(Some(alice.into())).await, 1);
    assert_eq!(of(Some(id(1).into())).await, 1);
    assert_eq!(of(Some(id(3).into())).await, 0);
    let orphan = NewToken {
        key: key(14),
        owner: id(3).into(),
        name: String::new(),
        scopes: Vec::new(),
        expires_at: None,
    };
    let orphan = directory
        .create_token(orphan, note(Action::TokenCreated))
        .await;
    assert!(orphan.is_err(), "{orphan:?}");

    // Gateways let people in: they are told of people's tokens alone.
    let before = directory.feed_head().await.expect("answers");
    let ended = async |number| {
        let revoked = directory
            .revoke_token(key(number).id(), note(Action::TokenRevoked))
            .await;
        assert!(revoked.expect("writes").is_some());
        directory
            .feed_after(before, 10)
            .await
            .expect("answers")
            .ended
    };
    assert!(ended(13).await.is_empty());
    assert_eq!(ended(11).await, [key(11).id()]);
    assert!(is_there(directory, 12).await && !is_there(directory, 13).await);
}

pub(super) async fn tokens_go_with_their_application(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await.id;
    made(directory, 1).await;
    made(directory, 2).await;
    token(directory, 11, alice.into(), None).await;
    for (number, owner) in [(12, 1), (13, 1), (14, 2)] {
        token(directory, number, id(owner).into(), Some(60)).await;
    }
    edit(directory, 1, false, |application| application.enabled = false).await;
    assert!(is_there(directory, 12).await, "it may be enabled again");
    edit(directory, 1, true, |application| application.secret = key(8)).await;
    assert!(!is_there(directory, 12).await && !is_there(directory, 13).await);
    assert!(is_there(directory, 14).await);
    let note = note(Action::ApplicationRemoved);
    directory
        .applications()
        .remove_application(id(2), note)
        .await
        .expect("writes");
    assert!(!is_there(directory, 14).await && is_there(directory, 11).await);
}

pub(super) async fn ended_tokens_of_applications_are_pruned(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await.id;
    made(directory, 1).await;
    token(directory, 11, id(1).into(), Some(10)).await;
    token(directory, 12, id(1).into(), Some(20)).await;
    token(directory, 13, id(1).into(), None).await;
    token(directory, 14, alice.into(), Some(10)).await;
    world.clock.advance(minutes(60));
    directory
        .prune(noon().after(minutes(15)))
        .await
        .expect("prunes");
    assert!(!is_there(directory, 11).await);
    for kept in [12, 13, 14] {
        assert!(is_there(directory, kept).await, "{kept}");
    }
}

pub(super) async fn a_session_is_found_by_its_name(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await.id;
    let opened = directory
        .open_session(new_session(alice, 1))
        .await
        .expect("writes");
    let session = opened.expect("may sign in");
    let named = async |id| directory.session_named(id).await.expect("answers");
    assert_eq!(named(session.key.id()).await.as_ref(), Some(&session));
    assert_eq!(named(key(2).id()).await, None);
    directory
        .end_session(session.key.id(), note(Action::SessionEnded))
        .await
        .expect("writes");
    assert_eq!(named(session.key.id()).await, None);
}
