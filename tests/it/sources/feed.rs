//! The feed of changes, as another gateway reads it.

use std::net::SocketAddr;
use std::time::Duration;

use portcullis::api::Api;
use portcullis::domain::account::Account;
use portcullis::testing::TestGate;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::api::token;
use crate::gateway::serve;
use crate::support::Browser;

/// However busy the machine is.
const DEADLINE: Duration = Duration::from_secs(20);

/// A directory behind the interfaces, and somebody whose token is for the feed.
pub(super) struct House {
    pub(super) test: TestGate,
    pub(super) address: SocketAddr,
    pub(super) root: Account,
    pub(super) token: String,
}

impl House {
    pub(super) async fn new() -> Self {
        let test = TestGate::new().await;
        let root = test.account("root").await;
        test.edit(&root, |root| root.admin = true).await;
        // So that root is not the last who can't be locked.
        let other = test.account("spare").await;
        test.edit(&other, |other| other.admin = true).await;
        let token = token(&test, &root, &["feed.read"]).await;
        let address = serve(Api::new(test.admin().clone()).into_router()).await;
        Self { test, address, root, token }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> crate::support::Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [&[("authorization", bearer.as_str())], headers].concat();
        Browser::at(self.address)
            .send("GET", path, &headers, "")
            .await
    }

    async fn follow(&self, path: &str, last_event_id: Option<&str>) -> Stream {
        Stream::open(self.address, path, &self.token, last_event_id).await
    }
}

/// A stream of events.
struct Stream {
    stream: TcpStream,
    text: String,
}

impl Stream {
    async fn open(
        address: SocketAddr,
        path: &str,
        token: &str,
        last_event_id: Option<&str>,
    ) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let id = last_event_id.map_or(String::new(), |id| format!("Last-Event-ID: {id}\r\n"));
        // Of version 1.0, so that the events come as they are.
        let head = format!(
            "GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n{id}\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        Self { stream, text: String::new() }
    }

    /// Reads until this was said.
    async fn until(&mut self, words: &str) -> &str {
        let read = async {
            while !self.text.contains(words) {
                assert!(self.read().await, "it ended before {words:?}: {}", self.text);
            }
        };
        let said = timeout(DEADLINE, read).await;
        assert!(said.is_ok(), "it never says {words:?}: {}", self.text);
        &self.text
    }

    /// Reads to the end.
    async fn end(&mut self) -> &str {
        let read = async { while self.read().await {} };
        assert!(timeout(DEADLINE, read).await.is_ok(), "it never ends: {}", self.text);
        &self.text
    }

    async fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.text
            .push_str(&String::from_utf8_lossy(&buffer[..length]));
        length > 0
    }

    /// The data of all events of this kind so far.
    fn data(&self, kind: &str) -> Vec<Value> {
        let events = self.text.split("\n\n");
        let events = events.filter(|event| event.contains(&format!("event: {kind}\n")));
        let data = events.filter_map(|event| event.split("data: ").nth(1));
        data.map(|json| serde_json::from_str(json.trim()).expect("JSON"))
            .collect()
    }

    fn positions(&self) -> Vec<u64> {
        let all = self.data("position");
        all.iter()
            .map(|data| data["position"].as_u64().expect("a number"))
            .collect()
    }
}

#[tokio::test]
async fn a_lock_is_told_at_once_and_can_be_asked_for() {
    let house = House::new().await;
    let alice = house.test.account("alice").await;
    let mut stream = house.follow("/feed", None).await;
    let head = stream.until("\"more\":false").await;
    assert!(head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert!(head.contains("retry: 1000\n"), "{head}");
    house.test.lock(&alice).await;
    stream.until("event: account").await;
    stream.until("\"state\":\"locked\"").await;
    let told = stream.data("account");
    let told = told.last().expect("an event");
    assert_eq!(told["account"], alice.id.to_string());
    assert_eq!(told["login"], "alice");
    assert_eq!(told["locked_by"], "administrator");
    assert_eq!(told["locked_until"], Value::Null);
    let asked = house.get(&format!("/standing/{}", alice.id), &[]).await;
    let asked: Value = serde_json::from_str(&asked.body).expect("JSON");
    assert_eq!(&asked, told, "both say the same");
    house.test.lock_for(&alice, Duration::from_secs(600)).await;
    house.test.unlock(&alice).await;
    stream.until("\"state\":\"active\"").await;
    stream.until(":\n\n").await;
}

#[tokio::test]
async fn it_goes_on_where_somebody_stopped() {
    let house = House::new().await;
    let alice = house.test.account("alice").await;
    let mut first = house.follow("/feed", None).await;
    first.until("event: position").await;
    let at = first.positions()[0];
    drop(first);
    house.test.lock(&alice).await;
    let bob = house.test.account("bob").await;
    for again in [
        house.follow("/feed?once=true", Some(&at.to_string())).await,
        house
            .follow(&format!("/feed?once=true&position={at}"), None)
            .await,
        // The header goes before the query.
        house
            .follow("/feed?once=true&position=0", Some(&at.to_string()))
            .await,
    ] {
        let mut stream = again;
        let text = stream.end().await.to_owned();
        let accounts: Vec<_> = stream
            .data("account")
            .iter()
            .map(|data| data["account"].clone())
            .collect();
        assert_eq!(accounts, [alice.id.to_string(), bob.id.to_string()], "{text}");
        assert!(stream.positions().last().expect("one") > &at, "{text}");
        assert!(!text.contains("pruned"), "{text}");
    }
    // Nothing happened since: that is said, too.
    let end = house.follow("/feed?once=true", None).await;
    let mut end = end;
    end.end().await;
    assert_eq!((end.data("account").len(), end.positions().len()), (0, 1));
}

#[tokio::test]
async fn whoever_was_away_for_too_long_is_told_to_ask_again() {
    let house = House::new().await;
    let alice = house.test.account("alice").await;
    house.test.lock(&alice).await;
    house.test.clock().advance(Duration::from_secs(3600));
    let now = house.test.clock().wall();
    house.test.directory().prune(now).await.expect("an answer");
    let mut stream = house.follow("/feed?once=true", Some("0")).await;
    assert!(stream.end().await.contains("event: pruned"), "{}", stream.text);
    // A position that was never reached is of another directory.
    let mut stream = house.follow("/feed?once=true", Some("999999")).await;
    assert!(stream.end().await.contains("event: pruned"), "{}", stream.text);
}

#[tokio::test]
async fn only_a_token_for_it_opens_it() {
    let house = House::new().await;
    let other = token(&house.test, &house.root, &["users.manage"]).await;
    for path in ["/feed", "/feed?once=true", "/standing/1", "/standing/root?by=login"] {
        let browser = Browser::at(house.address);
        let stranger = browser.send("GET", path, &[], "").await;
        assert_eq!(stranger.status, 401, "{path}");
        assert!(stranger.headers.contains_key("www-authenticate"));
        let wrong = [("authorization", "Bearer nothing")];
        assert_eq!(browser.send("GET", path, &wrong, "").await.status, 401, "{path}");
        let bearer = format!("Bearer {other}");
        let narrow = browser
            .send("GET", path, &[("authorization", &bearer)], "")
            .await;
        assert_eq!(narrow.status, 403, "{path}");
    }
    for bad in ["/feed?position=x", "/feed?once=perhaps", "/feed?other=1", "/standing/1?by=mail"] {
        assert_eq!(house.get(bad, &[]).await.status, 422, "{bad}");
    }
    let bad = house
        .get("/feed?once=true", &[("last-event-id", "x")])
        .await;
    assert_eq!(bad.status, 422);
    assert_eq!(house.get("/standing/1", &[]).await.status, 200);
}

#[tokio::test]
async fn it_ends_when_the_token_does() {
    let house = House::new().await;
    let mut stream = house.follow("/feed", None).await;
    stream.until("event: position").await;
    house.test.lock(&house.root).await;
    stream.end().await;
    let mut again = house.follow("/feed", None).await;
    assert!(again.end().await.contains(" 401 "), "{}", again.text);
}

#[tokio::test]
async fn so_many_follow_it_and_no_more() {
    let house = House::new().await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        let mut stream = house.follow("/feed", None).await;
        stream.until("event: position").await;
        streams.push(stream);
    }
    let full = house.get("/feed?once=true", &[]).await;
    assert_eq!(full.status, 503);
    assert!(full.headers.contains_key("retry-after"), "{:?}", full.headers);
    assert!(full.body.contains("too-many-listeners"), "{}", full.body);
    drop(streams);
    let came_free = async {
        while house.get("/feed?once=true", &[]).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(timeout(DEADLINE, came_free).await.is_ok(), "whoever leaves gives the place back");
}

#[tokio::test]
async fn nobody_is_said_to_be_nobody() {
    let house = House::new().await;
    let alice = house.test.account("alice").await;
    for nobody in ["999", "07", "-1", "alice", "root", "0", "9999999999999999999999"] {
        let answer = house.get(&format!("/standing/{nobody}"), &[]).await;
        assert_eq!(answer.status, 404, "{nobody}");
        let body: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((&body["account"], &body["state"]), (&json!(nobody), &json!("none")));
    }
    // A login is found in the directory's spelling alone.
    let found = house.get("/standing/alice?by=login", &[]).await;
    assert_eq!(found.status, 200);
    let tag = found.headers["etag"].to_str().expect("text").to_owned();
    let same = house
        .get("/standing/alice?by=login", &[("if-none-match", &tag)])
        .await;
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    house.test.lock(&alice).await;
    let other = house
        .get("/standing/alice?by=login", &[("if-none-match", &tag)])
        .await;
    assert_eq!(other.status, 200);
    assert_eq!(house.get("/standing/Alice?by=login", &[]).await.status, 404);
    // A deleted account was somebody.
    house.test.delete(&alice).await;
    let gone = house.get(&format!("/standing/{}", alice.id), &[]).await;
    assert!(gone.status == 200 && gone.body.contains("deleted"), "{}", gone.body);
}
