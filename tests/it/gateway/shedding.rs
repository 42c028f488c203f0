//! An application that is stuck: what waits for it is bounded, one client takes not all of
//! it, and whatever the gateway answers itself goes on.

use std::time::Duration;

use portcullis::domain::client::TrustedProxies;

use super::Stand;
use super::metrics::{count, figures};
use crate::support::{ANYWHERE, Act, Browser, OK, Program, RawClient, Recorder, add, soon};

/// Answers nothing but `/open/quick`.
async fn stuck() -> Recorder {
    Recorder::acting(|request| match request.line.split(' ').nth(1) {
        Some("/open/quick" | "/") => vec![Act::Send(OK.to_vec())],
        _ => vec![Act::Hang],
    })
    .await
}

fn request(path: &str, source: &str, rest: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {source}\r\n{rest}\r\n")
}

async fn stand(upstream: &Recorder, in_flight: usize, queue_timeout: Duration) -> Stand {
    Stand::over(upstream.address, |settings| {
        let here = "127.0.0.1/32".parse().expect("a network");
        settings.client_address.trusted_proxies = TrustedProxies::new([here]);
        settings.open_paths = vec!["/open".to_owned()];
        settings.limits.in_flight = in_flight;
        settings.limits.queue_timeout = queue_timeout;
    })
    .await
}

#[tokio::test]
async fn a_flood_to_an_application_that_is_stuck_leaves_sign_in_and_probes_alive() {
    let upstream = stuck().await;
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), "alice");
    let configuration = format!(
        "{ANYWHERE}[upstream]\nurl = \"http://{}\"\n[open]\npaths = [\"/open\"]\n\
         [clients]\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [limits]\nconnections = 100\nin_flight = 8\nqueue_timeout = \"0s\"\n",
        upstream.address
    );
    let program = Program::start(folder.path(), &configuration);
    let mut clients = Vec::new();
    for n in 0..60 {
        let mut client = RawClient::to(program.address).await;
        let source = format!("192.0.2.{n}");
        client
            .send(request("/open/stuck", &source, "Accept: application/json\r\n"))
            .await;
        clients.push(client);
    }
    assert!(soon(|| upstream.requests().len() == 8).await);
    let mut shed = 0;
    let mut waiting = Vec::new();
    for mut client in clients {
        let said = client.until_silent(Duration::from_millis(100)).await;
        if said.is_empty() {
            waiting.push(client);
            continue;
        }
        let said = String::from_utf8(said).expect("text");
        assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
        assert!(said.contains("retry-after: ") && said.contains("gateway:overloaded"), "{said}");
        shed += 1;
    }
    assert_eq!((waiting.len(), shed), (8, 52));
    assert_eq!(upstream.requests().len(), 8, "the application is asked no more");

    // What needs no application goes on.
    program.sign_in("alice").await;
    let admin = Browser::at(program.admin().await);
    for probe in ["/livez", "/readyz"] {
        assert_eq!(admin.get(probe, "").await.status, 200, "{probe}");
    }
    let public = Browser::at(program.address);
    let refused = public.get("/closed", "").await;
    assert_eq!(refused.status, 303, "who is not signed in is sent to sign in");
    let told = figures(&admin).await;
    assert_eq!(count(&told, "portcullis_shed_total", &[("reason", "full")]), 52);
    assert_eq!(count(&told, "portcullis_requests_total", &[("outcome", "shed")]), 52);
    assert_eq!(count(&told, "portcullis_upstream_slots", &[]), 8);
    let state = [("state", "in-flight")];
    assert_eq!(count(&told, "portcullis_upstream_requests", &state), 8);

    // And all is well again once they give up.
    drop(waiting);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while public.get("/open/quick", "").await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline);
    }
}

#[tokio::test]
async fn one_client_does_not_take_it_all() {
    let upstream = stuck().await;
    let stand = stand(&upstream, 8, Duration::ZERO).await;
    let mut greedy = Vec::new();
    for _ in 0..20 {
        let mut client = RawClient::to(stand.address).await;
        client.send(request("/open/stuck", "192.0.2.1", "")).await;
        greedy.push(client);
    }
    assert!(soon(|| upstream.requests().len() == 6).await, "{}", upstream.requests().len());
    // Others are drawn into another counter but once in some thousands.
    let mut answered = Vec::new();
    for source in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        let mut client = RawClient::to(stand.address).await;
        client.send(request("/open/quick", source, "")).await;
        answered.push(client.answer().await.expect("an answer").status());
    }
    assert!(answered.iter().filter(|status| **status == 200).count() >= 2, "{answered:?}");
    assert_eq!(upstream.requests().len(), 6 + answered.iter().filter(|s| **s == 200).count());
}

#[tokio::test]
async fn who_waits_a_moment_is_served_in_order() {
    let upstream = stuck().await;
    let stand = stand(&upstream, 1, Duration::from_secs(20)).await;
    let mut first = RawClient::to(stand.address).await;
    first.send(request("/open/stuck", "192.0.2.1", "")).await;
    assert!(soon(|| upstream.requests().len() == 1).await);
    let mut second = RawClient::to(stand.address).await;
    second.send(request("/open/quick", "192.0.2.2", "")).await;
    assert!(
        second
            .until_silent(Duration::from_millis(200))
            .await
            .is_empty()
    );
    drop(first);
    assert_eq!(second.answer().await.expect("an answer").status(), 200);
}

/// A slot is for as long as the answer has not begun: streams and WebSockets need none.
#[tokio::test]
async fn what_has_begun_takes_no_room() {
    let upstream = Recorder::acting(|request| match request.line.split(' ').nth(1) {
        Some("/open/stream") => {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
            vec![Act::Send(head.as_bytes().to_vec()), Act::Hang]
        }
        _ => vec![Act::Send(OK.to_vec())],
    })
    .await;
    let stand = stand(&upstream, 1, Duration::ZERO).await;
    let mut streams = Vec::new();
    for n in 1..4 {
        let mut stream = RawClient::to(stand.address).await;
        stream
            .send(request("/open/stream", &format!("192.0.2.{n}"), ""))
            .await;
        let begun = stream.until_silent(Duration::from_millis(300)).await;
        assert!(begun.starts_with(b"HTTP/1.1 200 "), "{}", begun.escape_ascii());
        streams.push(stream);
    }
    let mut other = RawClient::to(stand.address).await;
    other.send(request("/open/quick", "192.0.2.9", "")).await;
    assert_eq!(other.answer().await.expect("an answer").status(), 200);
}
