//! Read your own lock: after `lock` returned, no request that begins later is
//! admitted, however many requests are under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::COOKIE;
use http::{Request, StatusCode};
use portcullis::admin::{Actor, Admin, UnlockKind};
use portcullis::domain::lock::End;
use portcullis::testing::TestGate;
use portcullis::{Account, CurrentAccount, GuardLayer, Portcullis};
use tower::ServiceExt;

/// What the clients of all rounds share.
struct Load {
    service: Router,
    /// The cookie of the round that is on, and the round's number.
    current: RwLock<(Arc<str>, u64)>,
    /// The last round whose lock has returned.
    locked: AtomicU64,
    over: AtomicBool,
    admitted: AtomicU64,
    refused: AtomicU64,
}

impl Load {
    fn new(gate: Portcullis) -> Arc<Self> {
        let hello = |me: CurrentAccount| async move { me.login().to_string() };
        let service = Router::new()
            .route("/", get(hello))
            .layer(GuardLayer::new(gate))
            .with_state(());
        Arc::new(Self {
            service,
            current: RwLock::new(("".into(), 0)),
            locked: AtomicU64::new(0),
            over: AtomicBool::new(false),
            admitted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    async fn visit(&self, cookie: &str) -> StatusCode {
        let request = Request::get("/").header(COOKIE, cookie).body(Body::empty());
        let request = request.expect("a request");
        self.service
            .clone()
            .oneshot(request)
            .await
            .expect("an answer")
            .status()
    }

    /// Asks without end. Says how often it was admitted after the answer.
    async fn client(self: Arc<Self>) -> u64 {
        let mut wrongly = 0;
        while !self.over.load(Ordering::SeqCst) {
            let (cookie, round) = self.current.read().expect("no panic").clone();
            let began_after_the_lock = self.locked.load(Ordering::SeqCst) >= round;
            let status = self.visit(&cookie).await;
            if status == StatusCode::OK {
                self.admitted.fetch_add(1, Ordering::Relaxed);
                wrongly += u64::from(began_after_the_lock);
            } else {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            tokio::task::yield_now().await;
        }
        wrongly
    }

    /// Signs in, locks, asks, unlocks, asks again: as many times as it says.
    async fn rounds(&self, gate: &Portcullis, admin: &Admin, account: &Account, rounds: u64) {
        let (target, system) = (account.id.into(), Actor::System);
        for round in 1..=rounds {
            let signed_in = gate
                .open_session(account.id, None)
                .await
                .expect("may sign in");
            let cookie: Arc<str> =
                format!("{}={}", gate.cookie_name(), signed_in.token().expose()).into();
            *self.current.write().expect("no panic") = (Arc::clone(&cookie), round);
            assert_eq!(self.visit(&cookie).await, StatusCode::OK, "round {round}");

            admin
                .lock(&system, &target, End::Never, None)
                .await
                .expect("locks");
            self.locked.store(round, Ordering::SeqCst);
            assert_eq!(self.visit(&cookie).await, StatusCode::FORBIDDEN, "round {round}");

            admin
                .unlock(&system, &target, UnlockKind::All)
                .await
                .expect("unlocks");
            assert_eq!(self.visit(&cookie).await, StatusCode::UNAUTHORIZED, "round {round}");
        }
        self.over.store(true, Ordering::SeqCst);
    }
}

async fn under_load(gate: Portcullis, admin: Admin, account: Account, rounds: u64) {
    let load = Load::new(gate.clone());
    let clients: Vec<_> = (0..4)
        .map(|_| tokio::spawn(Arc::clone(&load).client()))
        .collect();
    load.rounds(&gate, &admin, &account, rounds).await;
    let mut wrongly = 0;
    for client in clients {
        wrongly += client.await.expect("no panic");
    }
    let admitted = load.admitted.load(Ordering::Relaxed);
    let refused = load.refused.load(Ordering::Relaxed);
    println!("{rounds} rounds; beside them {admitted} admitted, {refused} refused");
    assert_eq!(wrongly, 0, "requests admitted that began after the lock returned");
    // A load that admits nothing, or is never refused, would prove nothing.
    assert!(admitted > rounds / 10 && refused > rounds / 10, "{admitted} and {refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_locks_under_load_in_memory() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    under_load(test.gate(), test.admin().clone(), alice, 10_000).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_locks_under_load_in_sqlite() {
    use portcullis::admin::NewPerson;
    use portcullis::domain::login::Login;
    use portcullis::domain::password::Password;

    let folder = tempfile::tempdir().expect("a folder");
    let gate = Portcullis::open(folder.path().join("accounts.db"))
        .await
        .expect("opens");
    let directory = Arc::clone(gate.directory().expect("it has one"));
    let admin = Admin::new(directory).with_gate(gate.clone());
    let password = Password::new("correct horse battery").expect("a password");
    let person = NewPerson::new(Login::new("alice").expect("a login")).with_password(password);
    let added = admin.add(&Actor::System, person).await.expect("adds");
    under_load(gate, admin, added.account, 300).await;
}
