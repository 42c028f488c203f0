//! Who may end, make and read what, and how applications are administered.

use super::*;
use crate::domain::device::DeviceId;
use crate::store::NewDevice;

/// Gives somebody permissions.
async fn permit(admin: &Admin, account: &Account, may: &[Permission]) -> Account {
    let mut change = PersonChange::default();
    change.permissions(may.iter().copied().collect());
    let permitted = admin.update(&cli(), &account.id.into(), change).await;
    permitted.expect("permitted").account
}

/// A person's rights, with a token for these alone.
fn with_token(account: &Account, scopes: &[&str]) -> Actor {
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let rights = Rights::of(account).within(&scopes);
    Actor::Account { id: account.id, login: account.login.clone(), from: None, rights }
}

fn asked(scopes: &[&str]) -> TokenRequest {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    TokenRequest { scopes, ..TokenRequest::default() }
}

/// Whose it is is asked by the operation itself, and not left to whoever calls it.
#[tokio::test]
async fn sessions_are_ended_by_their_owner_and_who_manages_people() {
    let (directory, admin) = desk();
    let (root, ada) = (person(&admin, "root", true).await, person(&admin, "ada", false).await);
    let eve = person(&admin, "eve", false).await;
    let mo = person(&admin, "mo", false).await;
    let mo = permit(&admin, &mo, &[Permission::ManageUsers]).await;
    let mut number = 0;
    let mut end = async |actor: Actor, whose: &Account| {
        number += 1;
        let id = session(&directory, whose, number).await.key.id();
        admin.end_session(&actor, id).await.map(drop)
    };
    assert!(matches!(end(by(&eve), &ada).await, Err(AdminError::Forbidden { .. })));
    assert!(matches!(end(by(&mo), &root).await, Err(AdminError::AdministratorsOnly)));
    let narrow = with_token(&ada, &["users.view"]);
    assert!(matches!(end(narrow, &ada).await, Err(AdminError::OutOfScope { .. })));
    for actor in [by(&ada), by(&mo), by(&root), with_token(&ada, &["*"]), cli(), Actor::System] {
        assert!(end(actor.clone(), &ada).await.is_ok(), "{actor:?}");
    }
    assert!(end(by(&root), &root).await.is_ok());
}

#[tokio::test]
async fn tokens_are_for_their_owner_and_who_manages_tokens() {
    let (_, admin) = desk();
    let (root, ada) = (person(&admin, "root", true).await, person(&admin, "ada", false).await);
    let mo = person(&admin, "mo", false).await;
    let eve = permit(&admin, &mo, &[Permission::ManageUsers]).await;
    let tom = person(&admin, "tom", false).await;
    let may = [Permission::ManageTokens, Permission::ViewUsers];
    let tom = permit(&admin, &tom, &may).await;
    let target = |account: &Account| Target::from(account.id);
    let (roots, adas) = (target(&root), target(&ada));
    let new = async |actor: &Actor, owner: &Target, scopes: &[&str]| {
        admin.create_token(actor, owner, asked(scopes)).await
    };
    // Others' are no matter of who manages people, and administrators' of who manages tokens.
    assert!(matches!(new(&by(&eve), &adas, &[]).await, Err(AdminError::Forbidden { .. })));
    let refused = new(&by(&tom), &roots, &["users.view"]).await;
    assert!(matches!(refused, Err(AdminError::AdministratorsOnly)));
    // Nobody gives more than they may, to others or to themselves.
    for (maker, owner, scopes) in [
        (by(&tom), &adas, &["*"][..]),
        (by(&tom), &adas, &[]),
        (by(&tom), &adas, &["users.manage"]),
        (by(&tom), &adas, &["reports:read"]),
        (by(&tom), &target(&tom), &["internal_user_mgt_delete"]),
        (by(&ada), &adas, &["users.view"]),
        (with_token(&tom, &["tokens.manage"]), &target(&tom), &["users.view"]),
        (with_token(&tom, &["tokens.manage"]), &target(&tom), &[]),
    ] {
        let refused = new(&maker, owner, scopes).await;
        assert!(matches!(refused, Err(AdminError::BeyondMaker { .. })), "{maker:?} {scopes:?}");
    }
    // A token that is for less makes none that outlives it.
    let narrow = with_token(&ada, &["users.view"]);
    assert!(matches!(new(&narrow, &adas, &[]).await, Err(AdminError::OutOfScope { .. })));
    for (maker, owner, scopes) in [
        (by(&ada), &adas, &[][..]),
        (by(&ada), &adas, &["reports:read"]),
        (by(&tom), &adas, &["internal_user_mgt_list"]),
        (by(&root), &adas, &[]),
        (by(&root), &roots, &["users.manage"]),
        (cli(), &adas, &["users.manage"]),
    ] {
        let made = new(&maker, owner, scopes)
            .await
            .expect("made")
            .token
            .key
            .id();
        let strangers = admin.revoke_token(&by(&eve), made).await;
        assert!(matches!(strangers, Err(AdminError::Forbidden { .. })));
        let managers = admin.revoke_token(&by(&tom), made).await;
        assert_eq!(managers.is_ok(), owner != &roots, "administrators' are theirs");
    }
    let own = new(&by(&ada), &adas, &[])
        .await
        .expect("made")
        .token
        .key
        .id();
    let list = async |actor: &Actor, owner| admin.tokens(actor, owner).await.map(|all| all.len());
    assert_eq!(list(&by(&ada), Some(&adas)).await.ok(), Some(1));
    assert!(list(&by(&ada), Some(&roots)).await.is_err() && list(&by(&ada), None).await.is_err());
    assert!(
        list(&by(&eve), Some(&adas)).await.is_err() && list(&narrow, Some(&adas)).await.is_err()
    );
    assert_eq!(list(&by(&tom), None).await.ok(), Some(2));
    assert!(admin.revoke_token(&by(&ada), own).await.is_ok());
}

#[tokio::test]
async fn devices_are_forgotten_by_their_owner_and_who_manages_people() {
    let (directory, admin) = desk();
    let (ada, eve) = (person(&admin, "ada", false).await, person(&admin, "eve", false).await);
    let mut number = 0;
    let mut forget = async |actor: Actor| {
        number += 1;
        let id = DeviceId::from_random([number; 8]);
        let key = SessionToken::from_random([number; 32]).key();
        let device = NewDevice { known: None, past_lockout: false, fresh: id, key };
        let new = NewSession {
            key,
            account: ada.key(),
            expected: None,
            expires_at: START.after(Duration::from_secs(3600)),
            opened_from: None,
            user_agent: None,
            device: Some(device),
            console: false,
        };
        directory
            .open_session(new)
            .await
            .expect("a store")
            .expect("signed in");
        let done = admin
            .forget_device(&actor, &ada.id.into(), id)
            .await
            .map(drop);
        let known = directory
            .device(ada.id, id)
            .await
            .expect("a store")
            .is_some();
        assert_eq!(known, done.is_err());
        done
    };
    assert!(matches!(forget(by(&eve)).await, Err(AdminError::Forbidden { .. })));
    assert!(forget(by(&ada)).await.is_ok() && forget(cli()).await.is_ok());
    let gone = DeviceId::from_random([99; 8]);
    let again = admin.forget_device(&cli(), &ada.id.into(), gone).await;
    assert!(matches!(again, Err(AdminError::NoSuchDevice { .. })));
}

/// Each of the permissions beside the users' is for its own, and for no other.
#[tokio::test]
async fn the_log_and_the_settings_have_permissions_of_their_own() {
    let (_, admin) = desk();
    let mut allowed = Vec::new();
    for permission in Permission::ALL {
        let somebody = person(&admin, &permission.as_str().replace('.', "-"), false).await;
        let actor = by(&permit(&admin, &somebody, &[permission]).await);
        let query = AuditQuery { account: None, before: None, limit: 1 };
        let done = [
            admin.audit(&actor, query).await.is_ok(),
            admin.verify_audit(&actor).await.is_ok(),
            admin.settings(&actor).await.is_ok(),
            admin.allow_disabling(&actor, true).await.is_ok(),
            admin.applications(&actor).await.is_ok(),
        ];
        admin
            .allow_disabling(&cli(), false)
            .await
            .expect("a setting");
        allowed.push((permission, done.map(u8::from)));
    }
    let expected = [
        (Permission::ViewUsers, [0, 0, 1, 0, 0]),
        (Permission::UnlockUsers, [0, 0, 1, 0, 0]),
        (Permission::ManageUsers, [0, 0, 1, 0, 0]),
        (Permission::ManageSettings, [0, 0, 1, 1, 0]),
        (Permission::ViewAudit, [1, 1, 0, 0, 0]),
        (Permission::ManageTokens, [0, 0, 0, 0, 1]),
        (Permission::ReadMetrics, [0, 0, 0, 0, 0]),
        (Permission::ReadFeed, [0, 0, 0, 0, 0]),
    ];
    assert_eq!(allowed, expected);
    let root = by(&person(&admin, "root", true).await);
    assert!(admin.settings(&root).await.is_ok() && admin.verify_audit(&root).await.is_ok());
}

/// What changes nothing is not written, and a removed application is gone.
#[tokio::test]
async fn an_application_is_administered() {
    let (_, admin) = desk();
    let words = |scopes: &[&str]| scopes.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let add = async |name: &str, scopes: &[&str]| {
        admin.add_application(&cli(), name, words(scopes)).await
    };
    assert!(matches!(add("hr", &[]).await, Err(AdminError::NoScope)));
    assert!(matches!(add("hr", &["Users"]).await, Err(AdminError::InvalidScope { .. })));
    for name in ["", "  ", "h\u{1b}[2J", &"x".repeat(101)] {
        assert!(matches!(add(name, &["*"]).await, Err(AdminError::InvalidName { .. })), "{name}");
    }
    let many: Vec<String> = (0..101).map(|n| format!("reports:{n}")).collect();
    let many = admin.add_application(&cli(), "hr", many).await;
    assert!(matches!(many, Err(AdminError::TooManyScopes { .. })));
    let made = add(" hr ", &["users.view", "users.view"])
        .await
        .expect("made");
    let id = made.application.id;
    assert_eq!((made.application.name.as_str(), made.application.scopes.len()), ("hr", 1));
    let enable = async |on| {
        admin
            .enable_application(&cli(), id, on)
            .await
            .expect("done")
            .1
    };
    assert_eq!(
        [enable(true).await, enable(false).await, enable(false).await],
        [false, true, false]
    );
    let out = admin.create_application_token(&cli(), id, asked(&[])).await;
    assert!(matches!(out, Err(AdminError::ApplicationDisabled { .. })));
    assert!(enable(true).await);
    let beyond = admin
        .create_application_token(&cli(), id, asked(&["users.manage"]))
        .await;
    assert!(matches!(beyond, Err(AdminError::BeyondApplication { .. })));
    let token = admin
        .create_application_token(&cli(), id, asked(&[]))
        .await
        .expect("made");
    assert_eq!((token.token.scopes, token.token.expires_at), (words(&["users.view"]), None));
    assert_eq!(
        admin
            .application_tokens(&cli(), id)
            .await
            .expect("a list")
            .len(),
        1
    );
    admin
        .revoke_token(&cli(), token.token.key.id())
        .await
        .expect("revoked");
    let scope = async |scopes: &[&str]| {
        admin
            .scope_application(&cli(), id, words(scopes))
            .await
            .expect("done")
            .1
    };
    assert_eq!([scope(&["users.view"]).await, scope(&["*"]).await], [false, true]);
    admin.rotate_secret(&cli(), id).await.expect("rotated");
    admin.remove_application(&cli(), id).await.expect("removed");
    for gone in [
        admin.application(&cli(), id).await.map(drop),
        admin.rotate_secret(&cli(), id).await.map(drop),
        admin.enable_application(&cli(), id, true).await.map(drop),
        admin.remove_application(&cli(), id).await.map(drop),
        admin
            .create_application_token(&cli(), id, asked(&[]))
            .await
            .map(drop),
    ] {
        assert!(matches!(gone, Err(AdminError::NoSuchApplication { .. })), "{gone:?}");
    }
    let expected = [
        Action::ApplicationCreated,
        Action::ApplicationDisabled,
        Action::ApplicationEnabled,
        Action::TokenCreated,
        Action::TokenRevoked,
        Action::ApplicationScopesChanged,
        Action::ApplicationSecretRotated,
        Action::ApplicationRemoved,
    ];
    assert_eq!(actions(&admin).await, expected);
}
