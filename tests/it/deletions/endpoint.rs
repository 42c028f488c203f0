//! Modules behind an endpoint, against a real server that answers as it likes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use portcullis::admin::modules::{
    BearerSecret, EndpointModule, EndpointSettings, Field, ModuleError, Modules, Order,
    RecordModule,
};
use portcullis::admin::{Admin, AdminError};
use portcullis::domain::deletion::{DeletionState, Party};
use portcullis::domain::outbound::OutboundUrl;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::domain::transfer::Transfer;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{NOON, World, both, cli, request};

both! {
    a_deletion_asks_an_endpoint_step_by_step
    an_endpoint_that_says_no_stops_it
}

/// What the server does next; when there is nothing left it counts, or moves all.
#[derive(Clone, Debug)]
enum Reply {
    Says(StatusCode, Value),
    Text(&'static str),
    Hangs,
    Leads(&'static str),
}

/// What the server was asked: with which secret, which key, and what.
#[derive(Clone, Debug)]
struct Asked {
    secret: String,
    key: Option<String>,
    body: Value,
}

#[derive(Clone, Default)]
struct Server {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Serves, and gives its address.
    async fn start(&self) -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let router = Router::new()
            .route("/transfer", post(answer))
            .route("/trap", post(answer));
        let router = router.with_state(self.clone());
        tokio::spawn(async move { axum::serve(socket, router).await });
        format!("http://{address}/transfer")
    }

    fn will(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().expect("not poisoned").extend(replies);
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

async fn answer(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let asked = Asked {
        secret: header("authorization").unwrap_or_default(),
        key: header("idempotency-key"),
        body: body.clone(),
    };
    server.asked.lock().expect("not poisoned").push(asked);
    let next = server.replies.lock().expect("not poisoned").pop_front();
    match next {
        Some(Reply::Says(status, json)) => (status, axum::Json(json)).into_response(),
        Some(Reply::Text(text)) => text.into_response(),
        Some(Reply::Hangs) => std::future::pending().await,
        Some(Reply::Leads(to)) => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response()
        }
        None if body["action"] == "count" => axum::Json(json!({ "count": 3 })).into_response(),
        None => axum::Json(json!({ "moved": 3 })).into_response(),
    }
}

fn settings(url: &str) -> EndpointSettings {
    EndpointSettings {
        url: OutboundUrl::parse(url).expect("an address"),
        secret: BearerSecret::new("s3cret\n").expect("a secret"),
        networks: Vec::new(),
        timeout: Duration::from_millis(400),
        pause: Duration::from_millis(5),
        fields: vec![Field { name: "state".to_owned(), label: "State".to_owned() }],
    }
}

async fn endpoint(server: &Server) -> EndpointModule {
    EndpointModule::new(settings(&server.start().await)).expect("an endpoint")
}

fn party(number: i64, login: &str) -> Party {
    let login = portcullis::domain::login::Login::new(login).expect("a login");
    Party { id: number.try_into().expect("a number"), login, email: None }
}

fn order() -> Order {
    let conditions = vec!["state is not paid".parse().expect("a condition")];
    Order::new("invoices".parse().expect("a name"), party(2, "bob"), conditions)
}

fn says(status: u16, json: Value) -> Reply {
    Reply::Says(StatusCode::from_u16(status).expect("a status"), json)
}

/// One step with this key.
async fn transfer(module: &EndpointModule, key: &str) -> Result<(u64, bool), ModuleError> {
    let step = module.next_step(&order()).await?.expect("a step");
    let moved = module
        .carry_out(&order(), &party(3, "carol"), &step, key)
        .await?;
    Ok((moved.records, moved.more))
}

#[tokio::test]
async fn it_is_asked_as_the_manual_says() {
    let server = Server::default();
    let module = endpoint(&server).await;
    assert_eq!(module.count(&order()).await, Ok(3));
    server.will([says(200, json!({ "moved": 2, "done": false }))]);
    assert_eq!(transfer(&module, "k-1").await, Ok((2, true)));
    assert_eq!(transfer(&module, "k-2").await, Ok((3, false)));
    let asked = server.asked();
    assert!(asked.iter().all(|one| one.secret == "Bearer s3cret"));
    let keys: Vec<_> = asked.iter().map(|one| one.key.as_deref()).collect();
    assert_eq!(keys, [None, Some("k-1"), Some("k-2")]);
    let bob = json!({ "id": 2, "login": "bob", "email": null });
    let conditions = json!([{ "field": "state", "is_not": "paid" }]);
    let count =
        json!({ "action": "count", "module": "invoices", "from": bob, "conditions": conditions });
    assert_eq!(asked[0].body, count);
    let carol = json!({ "id": 3, "login": "carol", "email": null });
    assert_eq!(asked[1].body["to"], carol);
    assert_eq!(asked[1].body["action"], "transfer");
    assert!(!format!("{module:?}{:?}", settings("http://127.0.0.1:1/")).contains("s3cret"));
}

#[tokio::test]
async fn trouble_that_may_pass_is_tried_again_with_the_same_key() {
    let server = Server::default();
    let module = endpoint(&server).await;
    server.will([
        says(500, json!({})),
        Reply::Hangs,
        says(503, json!({ "error": "later" })),
        says(429, json!({})),
    ]);
    assert_eq!(transfer(&module, "k").await, Ok((3, false)));
    let keys: Vec<_> = server.asked().into_iter().map(|one| one.key).collect();
    assert_eq!(keys, vec![Some("k".to_owned()); 5]);
    server.will((0..5).map(|_| says(502, json!({ "error": "still\nbroken" }))));
    let error = transfer(&module, "k").await.expect_err("five times");
    assert!(matches!(error, ModuleError::Unavailable(_)), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("answered 502 Bad Gateway, \"stillbroken\""),
        "{error}"
    );
    assert_eq!(server.asked().len(), 10);
    let nobody = EndpointModule::new(settings("http://127.0.0.1:9/")).expect("an endpoint");
    let error = nobody.count(&order()).await.expect_err("nobody listens");
    assert!(error.to_string().contains("does not answer"), "{error}");
}

#[tokio::test]
async fn what_is_no_answer_is_none() {
    let server = Server::default();
    let module = endpoint(&server).await;
    for (reply, why) in [
        (Reply::Leads("/trap"), "307"),
        (Reply::Leads("http://169.254.169.254/"), "307"),
        (says(400, json!({ "error": "no such module" })), "no such module"),
        (says(401, json!({})), "401"),
        (says(201, json!({ "moved": 1 })), "201"),
        (Reply::Text("<html>"), "something else"),
        (says(200, json!({ "count": 3 })), "something else"),
        (says(200, json!({ "moved": -1 })), "something else"),
        (says(200, json!({ "moved": 0, "done": false })), "moved nothing"),
        (says(200, json!({ "moved": 1, "note": "x".repeat(70_000) })), "more than 65536"),
    ] {
        let before = server.asked().len();
        server.will([reply.clone()]);
        let error = transfer(&module, "k").await.expect_err(why);
        assert!(error.to_string().contains(why), "{reply:?}: {error}");
        assert_eq!(server.asked().len(), before + 1, "{reply:?}: asked once, followed nowhere");
    }
}

#[test]
fn it_is_connected_to_nowhere_else() {
    let to = |url: &str, networks: &[&str]| {
        let networks = networks
            .iter()
            .map(|one| one.parse().expect("a network"))
            .collect();
        EndpointModule::new(EndpointSettings { networks, ..settings(url) })
    };
    for refused in ["https://10.0.0.7/", "https://169.254.169.254/", "https://[fd00::1]/"] {
        let error = to(refused, &["192.168.0.0/16"]).expect_err(refused);
        assert!(error.to_string().contains("is not listed"), "{error}");
    }
    assert!(to("https://10.0.0.7/", &["10.0.0.0/8"]).is_ok());
    for bad in ["", "  ", "two words", "\u{e9}", "a\nb"] {
        assert!(BearerSecret::new(bad).is_err(), "{bad:?}");
    }
}

async fn admin_of(world: &World, server: &Server) -> Admin {
    let name = "invoices".parse().expect("a name");
    let modules = Modules::new().with(name, "Invoices", endpoint(server).await);
    Admin::new(Arc::clone(&world.directory)).with_modules(modules)
}

async fn a_deletion_asks_an_endpoint_step_by_step(world: World) {
    let server = Server::default();
    let admin = admin_of(&world, &server).await;
    server.will([
        says(200, json!({ "count": 5 })),
        says(200, json!({ "moved": 2, "done": false })),
        says(500, json!({})),
        says(200, json!({ "moved": 2, "done": false })),
        says(200, json!({ "moved": 1, "done": true })),
    ]);
    let all = request(world.all_to("carol").await);
    let run = admin
        .begin_deletion(&cli(), &"bob".into(), all)
        .await
        .expect("begins");
    let done = run.run(|_| ()).await.expect("answers");
    assert_eq!((done.state, done.moved(), done.expected()), (DeletionState::Done, 5, 5));
    let keys: Vec<String> = server
        .asked()
        .into_iter()
        .filter_map(|one| one.key)
        .collect();
    let of_step =
        |step: u32| format!("portcullis-{}-{}-invoices-{step}", done.id, done.begun_at.as_micros());
    assert_eq!(keys, [of_step(1), of_step(2), of_step(2), of_step(3)]);
    assert_eq!(world.bob().await.lifecycle, Lifecycle::Deleted);
}

async fn an_endpoint_that_says_no_stops_it(world: World) {
    let server = Server::default();
    let admin = admin_of(&world, &server).await;
    server.will([says(403, json!({ "error": "not today" }))]);
    let all: Transfer = world.all_to("carol").await;
    let refused = admin
        .begin_deletion(&cli(), &"bob".into(), request(all.clone()))
        .await;
    let Err(AdminError::Transfer(refused)) = refused else { panic!("{refused:?}") };
    assert!(refused.to_string().contains("not today"), "{refused}");
    assert_eq!(world.bob().await.standing().status(NOON), Status::Active, "nothing was begun");
    server.will([
        says(200, json!({ "count": 5 })),
        says(200, json!({ "moved": 2, "done": false })),
        says(403, json!({ "error": "enough" })),
    ]);
    let run = admin
        .begin_deletion(&cli(), &"bob".into(), request(all))
        .await
        .expect("begins");
    let stopped = run.run(|_| ()).await.expect("answers");
    assert_eq!((stopped.state, stopped.moved()), (DeletionState::Failed, 2));
    assert!(
        stopped
            .error
            .as_deref()
            .is_some_and(|error| error.contains("enough"))
    );
    let run = admin
        .resume_deletion(&cli(), stopped.id)
        .await
        .expect("resumes");
    let done = run.run(|_| ()).await.expect("answers");
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 5));
    let keys: Vec<String> = server
        .asked()
        .into_iter()
        .filter_map(|one| one.key)
        .collect();
    assert_eq!(keys[1], keys[2], "the step that was refused is the one that is done again");
}
