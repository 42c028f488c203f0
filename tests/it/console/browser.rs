//! The console in a real browser, judged by axe and used by keyboard: see
//! `tests/browser/console.mjs`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use portcullis::admin::{Actor, Admin, PersonChange, Target};
use portcullis::domain::lock::{End, Reason};
use portcullis::pages::{Branding, Console, Pages};
use portcullis::store::Directory;
use portcullis::{CurrentAccount, GuardLayer, Portcullis};

use crate::deletions::App;
use crate::pages::browser::person;
use crate::support::drive;

/// People of whom there is something to see: ada, who administers, bob, carol and dora,
/// whom the application's records are of, and some in other states.
async fn populate(gate: &Portcullis, admin: &Admin) {
    let directory: Arc<dyn Directory> = Arc::clone(gate.directory().expect("a directory"));
    for (login, name) in [
        ("ada", "Ada Administrator"),
        ("bob", "Bob Berger"),
        ("carol", "Carol Díaz"),
        ("dora", ""),
        ("lena", "Lena Locked"),
        ("a-login-that-is-longer-than-most-logins-are-and-has-no-space", ""),
    ] {
        person(&directory, login, name).await;
    }
    let mut change = PersonChange::default();
    change.admin(true);
    let made = admin
        .update(&Actor::System, &Target::from("ada"), change)
        .await;
    made.expect("an administrator");
    let reason = Reason::try_from("left the company").expect("a reason");
    let lena = Target::from("lena");
    let locked = admin
        .lock(&Actor::System, &lena, End::Never, Some(reason))
        .await;
    locked.expect("locked");
    let stranger = std::net::IpAddr::from([192, 0, 2, 66]);
    for guess in 0..5 {
        let attempt = gate.attempt("dora", stranger).await.expect("a guess");
        let wrong = attempt.check_password(&format!("guess {guess}")).await;
        assert!(wrong.is_err(), "a guess is right");
    }
}

/// Every page in light and dark, large and small; the essential acts by keyboard alone,
/// and what they do to people who look at the service meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_finds_nothing_wrong_and_keys_are_enough() {
    let gate = Portcullis::in_memory().await.expect("a gate");
    let folder = crate::stores::folder();
    let app = App::make(folder.path()).await;
    app.fill().await;
    let directory = Arc::clone(gate.directory().expect("a directory"));
    let admin = Admin::new(directory)
        .with_gate(gate.clone())
        .with_passwords(gate.passwords())
        .with_modules(app.modules());
    populate(&gate, &admin).await;
    let brand = Branding::new("Harbour").contact("the help desk, 4711");
    let console = Console::new(gate.clone(), admin).brand(brand.clone());
    let pages = Pages::new(gate.clone()).brand(brand);
    let service = Router::new()
        .route("/", get(|me: CurrentAccount| async move { format!("Hello {}", me.login()) }))
        .layer(GuardLayer::new(gate).sign_in_at(&pages.sign_in_path()))
        .nest("/.portcullis", pages.into_router())
        .nest_service("/console", console.into_router());
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let site = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, service).await });
    tokio::task::spawn_blocking(move || drive("console.mjs", &[&site]))
        .await
        .expect("driven");
}
