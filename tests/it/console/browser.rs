//! The console in a real browser, judged by axe and used by keyboard: see
//! `tests/browser/console.mjs`, and the files beside it for acts and pictures.

mod acts;
mod pictures;
mod things;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use portcullis::admin::{Actor, Admin, GroupChange, PersonChange, Target};
use portcullis::domain::group::GroupName;
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
    administrator(admin, "ada").await;
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

async fn administrator(admin: &Admin, login: &str) {
    let mut change = PersonChange::default();
    change.admin(true);
    let made = admin
        .update(&Actor::System, &Target::from(login), change)
        .await;
    made.expect("an administrator");
}

/// People whose names are read from the right, reorder what stands around them, can't be
/// seen or don't end; from number 7 on. Two of them are in a group of such a name.
async fn odd(gate: &Portcullis, admin: &Admin) {
    let directory: Arc<dyn Directory> = Arc::clone(gate.directory().expect("a directory"));
    let mut members = GroupChange::default();
    let endless = "Wolfeschlegelsteinhausenbergerdorff".repeat(5);
    for (login, name) in [
        ("maryam", "مريم العتيبي"),
        ("ليلى", ""),
        ("yael", "\u{202e}יעל כהן (12)\u{2069}"),
        ("marks", "\u{301}\u{308}\u{301}"),
        ("endless", &endless),
    ] {
        members
            .members()
            .add(person(&directory, login, name).await.id);
    }
    let name = GroupName::new("צוות (1)").expect("a name");
    let made = admin
        .create_group(&Actor::System, members.into_new(name))
        .await;
    made.expect("a group");
    let reason = Reason::try_from("غادر الشركة (2)").expect("a reason");
    let (layla, end) = (Target::from("ليلى"), End::Never);
    let locked = admin.lock(&Actor::System, &layla, end, Some(reason)).await;
    locked.expect("locked");
}

/// A service with one guarded page that greets, another that sends nobody to sign in, and
/// the console, under this brand.
fn service(gate: &Portcullis, admin: &Admin, brand: Branding) -> Router {
    let console = Console::new(gate.clone(), admin.clone()).brand(brand.clone());
    let pages = Pages::new(gate.clone()).brand(brand);
    let guard = GuardLayer::new(gate.clone())
        .sign_in_at(&pages.sign_in_path())
        .refusal_pages(pages.refusal_pages());
    let plain = GuardLayer::new(gate.clone()).refusal_pages(pages.refusal_pages());
    let greet = || get(|me: CurrentAccount| async move { format!("Hello {}", me.login()) });
    Router::new()
        .route("/", greet())
        .layer(guard)
        .merge(Router::new().route("/final", greet()).layer(plain))
        .nest("/.portcullis", pages.into_router())
        .nest_service("/console", console.into_router())
}

/// Serves it, and has a browser driven there; the address is the script's first argument.
async fn driven(service: Router, script: &'static str, more: Vec<String>) {
    let service = service.into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a free port");
    let site = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, service).await });
    let driving = move || {
        let more = more.iter().map(String::as_str);
        drive(script, &std::iter::once(&*site).chain(more).collect::<Vec<_>>());
    };
    tokio::task::spawn_blocking(driving).await.expect("driven");
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
    odd(&gate, &admin).await;
    let brand = Branding::new("Harbour").contact("the help desk, 4711");
    driven(service(&gate, &admin, brand), "console.mjs", Vec::new()).await;
}
