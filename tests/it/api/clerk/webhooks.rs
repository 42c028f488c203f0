//! Webhooks: what services are told, in which order, and how often.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use portcullis::admin::Admin;
use portcullis::api::webhooks::{Endpoint, WebhookSecret, Webhooks};
use portcullis::domain::outbound::OutboundUrl;
use portcullis::domain::time::Clock;
use portcullis::store::MessageFilter;
use portcullis::testing::TestGate;
use serde_json::{Value, json};

use super::super::Stand;
use super::clients::node;
use crate::gateway::serve;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A service that is told, with what it was told.
#[derive(Clone)]
struct Service {
    told: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<StatusCode>>,
    address: SocketAddr,
}

impl Service {
    async fn new() -> Self {
        let (told, answers) = (Arc::default(), Arc::new(Mutex::new(StatusCode::OK)));
        let placeholder = ([127, 0, 0, 1], 0).into();
        let mut service = Self { told, answers, address: placeholder };
        let router = Router::new()
            .route("/w", post(take))
            .with_state(service.clone());
        service.address = serve(router).await;
        service
    }

    fn endpoint(&self, events: &[&str]) -> Endpoint {
        Endpoint {
            url: OutboundUrl::parse(&format!("http://{}/w", self.address)).expect("an address"),
            secret: WebhookSecret::parse(SECRET).expect("a secret"),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
            networks: Vec::new(),
        }
    }

    fn answer(&self, status: StatusCode) {
        *self.answers.lock().expect("a lock") = status;
    }

    fn told(&self) -> Vec<Value> {
        let told = self.told.lock().expect("a lock");
        told.iter()
            .map(|(_, body)| serde_json::from_str(body).expect("JSON"))
            .collect()
    }

    fn kinds(&self) -> Vec<String> {
        let told = self.told();
        told.iter()
            .map(|event| event["type"].as_str().expect("a type").to_owned())
            .collect()
    }

    fn ids(&self) -> Vec<String> {
        let told = self.told.lock().expect("a lock");
        let id = |headers: &HeaderMap| headers["svix-id"].to_str().expect("text").to_owned();
        told.iter().map(|(headers, _)| id(headers)).collect()
    }

    /// Waits until so many messages came.
    #[track_caller]
    fn have_come(&self, wanted: usize) -> impl Future<Output = ()> + use<> {
        let told = Arc::clone(&self.told);
        let came = move || told.lock().expect("a lock").len();
        async move {
            for _ in 0..400 {
                if came() >= wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            panic!("{} of {wanted} messages came", came());
        }
    }
}

async fn take(State(service): State<Service>, headers: HeaderMap, body: String) -> StatusCode {
    let answer = *service.answers.lock().expect("a lock");
    if answer.is_success() {
        service.told.lock().expect("a lock").push((headers, body));
    }
    answer
}

fn tell(admin: &Admin, endpoint: Endpoint) -> tokio::task::JoinHandle<()> {
    let webhooks = Webhooks::new(admin.clone(), [endpoint]).expect("endpoints");
    let soon = vec![Duration::from_millis(100); 3];
    tokio::spawn(webhooks.with_pauses(soon).run())
}

/// Until the gateway that tells has taken the desk.
async fn begun(test: &TestGate) {
    for _ in 0..200 {
        let held = test
            .admin()
            .webhooks()
            .hold("test".to_owned(), Duration::ZERO)
            .await;
        if !held.expect("a store") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody took the desk");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cl_34_clerk_backend_verifies_what_it_is_told() {
    let stand = Stand::new().await;
    let tick = || stand.test.clock().advance(Duration::from_millis(1));
    stand.test.clock().step_wall_to(Clock::system().wall());
    let service = Service::new().await;
    let teller = tell(stand.test.admin(), service.endpoint(&[]));
    begun(&stand.test).await;
    let ada = stand.person("ada").await;
    tick();
    stand.test.sign_in(&ada).await;
    tick();
    let path = format!("/users/user_{}", ada.id);
    stand
        .clerk_post(&format!("{path}/ban"), Value::Null)
        .await
        .is_clerk_user();
    stand.clerk("DELETE", &path, Value::Null).await;
    service.have_come(6).await;
    let kinds = service.kinds();
    assert_eq!(
        kinds,
        [
            "user.created",
            "user.created",
            "session.created",
            "user.updated",
            "session.revoked",
            "user.deleted"
        ]
    );
    let told = service.told();
    let [.., banned, revoked, deleted] = told.as_slice() else { panic!("six") };
    assert_eq!(banned["event_attributes"]["http_request"]["client_ip"], "127.0.0.1");
    assert_eq!(banned["data"]["object"], "user");
    assert_eq!(
        (&revoked["data"]["object"], &revoked["data"]["status"]),
        (&json!("session"), &json!("revoked"))
    );
    let id = format!("user_{}", ada.id);
    assert_eq!(deleted["data"], json!({ "object": "user", "id": id, "deleted": true }));
    assert!(
        told.iter()
            .all(|event| event["instance_id"] == told[0]["instance_id"])
    );
    teller.abort();

    let requests: Vec<Value> = {
        let sent = service.told.lock().expect("a lock");
        let header =
            |headers: &HeaderMap, name: &str| headers[name].to_str().expect("text").to_owned();
        sent.iter()
            .map(|(headers, body)| {
                let of = |name: &str| header(headers, name);
                assert_eq!(of("content-type"), "application/json");
                json!({ "body": body, "headers": {
                    "svix-id": of("svix-id"),
                    "svix-timestamp": of("svix-timestamp"),
                    "svix-signature": of("svix-signature"),
                } })
            })
            .collect()
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("requests.json");
    std::fs::write(&file, json!(requests).to_string()).expect("a file");
    let script = tokio::task::spawn_blocking(move || {
        node("webhook.mjs", &[SECRET, file.to_str().expect("text")]);
    });
    script.await.expect("the package found nothing wrong");
}

/// Messages about one account come in order, also where the first is put off; those
/// about others don't wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_arrive_comes_again_in_order_under_the_same_id() {
    let test = TestGate::new().await;
    let service = Service::new().await;
    service.answer(StatusCode::SERVICE_UNAVAILABLE);
    let teller = tell(test.admin(), service.endpoint(&["user.created", "user.updated"]));
    begun(&test).await;
    let ada = test.account("ada").await;
    test.lock(&ada).await;
    test.unlock(&ada).await;
    for _ in 0..200 {
        let waiting = test
            .admin()
            .webhooks()
            .messages(MessageFilter::All, 10)
            .await;
        let waiting = waiting.expect("a store");
        if waiting.len() == 3 && waiting[0].attempts > 0 {
            assert_eq!(waiting[1].attempts, 0, "the second waits for the first");
            assert!(
                waiting[0]
                    .last_error
                    .as_deref()
                    .is_some_and(|why| why.contains("503"))
            );
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    service.answer(StatusCode::OK);
    test.clock().advance(Duration::from_secs(1));
    service.have_come(3).await;
    assert_eq!(service.kinds(), ["user.created", "user.updated", "user.updated"]);
    let mut ids = service.ids();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| id.starts_with("msg_")));
    assert_eq!(test.admin().webhooks().backlog().await.expect("a store"), (0, 0));
    teller.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_dies_and_is_revived() {
    let test = TestGate::new().await;
    let service = Service::new().await;
    service.answer(StatusCode::FOUND);
    let teller = tell(test.admin(), service.endpoint(&["user.created"]));
    begun(&test).await;
    test.account("ada").await;
    let store = test.admin().webhooks();
    let dead = 'dead: {
        for _ in 0..400 {
            test.clock().advance(Duration::from_millis(200));
            let dead = store
                .messages(MessageFilter::Dead, 10)
                .await
                .expect("a store");
            if let [one] = dead.as_slice() {
                break 'dead one.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it is not dead");
    };
    assert_eq!(dead.attempts, 4);
    assert!(
        dead.last_error
            .as_deref()
            .is_some_and(|why| why.contains("302")),
        "{dead:?}"
    );
    service.answer(StatusCode::OK);
    assert_eq!(store.revive(Some(dead.number)).await.expect("a store"), 1);
    service.have_come(1).await;
    assert_eq!(service.ids(), [dead.id]);
    assert_eq!(store.revive(None).await.expect("a store"), 0);
    teller.abort();
}

/// The second gateway tells nothing while the first does, and goes on where it ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_gateways_one_tells_and_the_other_goes_on() {
    let test = TestGate::new().await;
    let service = Service::new().await;
    let first = tell(test.admin(), service.endpoint(&["user.created"]));
    begun(&test).await;
    let second = tell(test.admin(), service.endpoint(&["user.created"]));
    for n in 0..20 {
        test.account(&format!("person{n}")).await;
    }
    service.have_come(20).await;
    first.abort();
    let _ = first.await;
    // What happens while nobody tells is told by the next.
    test.account("late").await;
    second.abort();
    test.clock().advance(Duration::from_secs(61));
    let third = tell(test.admin(), service.endpoint(&["user.created"]));
    service.have_come(21).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut ids = service.ids();
    assert_eq!(ids.len(), 21, "each came once");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 21);
    third.abort();
}

#[tokio::test]
async fn nobody_is_told_of_what_was_before() {
    let test = TestGate::new().await;
    test.account("ada").await;
    let store = test.admin().webhooks();
    assert!(store.news(10).await.expect("a store").is_empty());
    store.begin().await.expect("a store");
    assert!(store.news(10).await.expect("a store").is_empty());
    let bob = test.account("bob").await;
    test.sign_in(&bob).await;
    let news = store.news(10).await.expect("a store");
    assert_eq!((news.records.len(), news.sessions.len()), (1, 1));
    // Who has not got the desk takes nothing as told.
    let told = store.post("nobody".to_owned(), news, Vec::new()).await;
    assert!(!told.expect("a store"));
}

#[tokio::test]
async fn networks_that_are_not_public_have_to_be_listed() {
    let test = TestGate::new().await;
    let endpoint = |networks: &[&str]| Endpoint {
        url: OutboundUrl::parse("https://10.0.0.7/w").expect("an address"),
        secret: WebhookSecret::parse(SECRET).expect("a secret"),
        events: Vec::new(),
        networks: networks
            .iter()
            .map(|one| one.parse().expect("a network"))
            .collect(),
    };
    let refused = Webhooks::new(test.admin().clone(), [endpoint(&[])]);
    assert!(
        refused
            .expect_err("it is private")
            .to_string()
            .contains("networks")
    );
    assert!(Webhooks::new(test.admin().clone(), [endpoint(&["10.0.0.0/8"])]).is_ok());
}
