//! The pages in a real browser, judged by axe: see `tests/browser/pages.mjs`.

use std::net::SocketAddr;
use std::sync::Arc;

use portcullis::admin::{Actor, Admin, NewPerson, Target};
use portcullis::domain::account::Account;
use portcullis::domain::event::{Action, Note};
use portcullis::domain::lock::{End, Reason};
use portcullis::domain::login::Login;
use portcullis::domain::password::Password;
use portcullis::domain::standing::Lifecycle;
use portcullis::engine::passwords::Passwords;
use portcullis::store::{Directory, NewAccount};
use portcullis::{Portcullis, SignInError};

use super::{PASSWORD, service};
use crate::support::drive;

/// People in every state that a page has a word for.
async fn populate(gate: &Portcullis) {
    let directory = Arc::clone(gate.directory().expect("a directory"));
    let admin = Admin::new(Arc::clone(&directory)).with_gate(gate.clone());
    person(&directory, "alice", "Ada Lovelace").await;
    person(&directory, "frank", "").await;
    let bob = person(&directory, "bob", "").await;
    let carol = person(&directory, "carol", "").await;
    let (bob, carol) = (Target::Id(bob.id), Target::Id(carol.id));
    let locked = admin.lock(&Actor::System, &bob, End::Never, None).await;
    locked.expect("locked");
    admin
        .allow_disabling(&Actor::System, true)
        .await
        .expect("allowed");
    let reason = Reason::try_from("left").expect("a reason");
    let disabled = admin.disable(&Actor::System, &carol, reason).await;
    disabled.expect("disabled");
    let stranger = std::net::IpAddr::from([192, 0, 2, 66]);
    for _ in 0..5 {
        let attempt = gate.attempt("mallory", stranger).await.expect("a guess");
        attempt.fail().await.expect("counted");
    }
    let sixth = gate.attempt("mallory", stranger).await;
    assert!(matches!(sixth, Err(SignInError::LockedOut { .. })), "{sixth:?}");
}

pub(crate) async fn person(directory: &Arc<dyn Directory>, login: &str, name: &str) -> Account {
    let password = Password::new(PASSWORD).expect("a password");
    let new = NewAccount {
        login: Login::new(login).expect("a login"),
        name: name.to_owned(),
        email: (!name.is_empty()).then(|| format!("{login}@harbour.example")),
        admin: false,
        details: Default::default(),
        lifecycle: Lifecycle::Active,
        locks: Default::default(),
        password_hash: Some(Passwords::new().hash(&password).await.expect("a hash")),
    };
    let note =
        Note { actor: "test".to_owned(), action: Action::AccountCreated, reason: None, from: None };
    directory.create(new, note).await.expect("a free login")
}

/// A link for each view of `pages.mjs`, and one for no scripts.
async fn links(gate: &Portcullis, site: &str) -> Vec<String> {
    let directory = Arc::clone(gate.directory().expect("a directory"));
    let admin = Admin::new(directory).with_gate(gate.clone());
    let mut links = Vec::new();
    for view in ["desk-light", "desk-dark", "hand-light", "hand-dark", "small", "plain"] {
        let login = Login::new(&format!("guest-{view}")).expect("a login");
        let guest = admin.add(&Actor::System, NewPerson::new(login)).await;
        let target = Target::Id(guest.expect("added").account.id);
        let invited = admin.invite(&Actor::System, &target, None).await;
        links.push(format!("{site}/.portcullis{}", invited.expect("a link").path()));
    }
    links
}

/// Light and dark, large and small, with and without scripts; axe finds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_finds_nothing_wrong() {
    let gate = Portcullis::in_memory().await.expect("a gate");
    populate(&gate).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let site = listener.local_addr().expect("an address");
    let links = links(&gate, &format!("http://{site}")).await;
    let service = service(gate).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    let args = std::iter::once(format!("http://{site}")).chain(links);
    let args: Vec<String> = args.collect();
    tokio::task::spawn_blocking(move || {
        drive("pages.mjs", &args.iter().map(String::as_str).collect::<Vec<_>>());
    })
    .await
    .expect("driven");
}
