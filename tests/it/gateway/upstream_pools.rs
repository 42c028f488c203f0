//! Upstreams of several servers: which one a request goes to, and what happens when one
//! goes away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Uri;
use portcullis::gateway::routes::Access;
use portcullis::gateway::settings::{HealthCheck, UpstreamPool};
use portcullis::gateway::{Origin, Settings};
use tokio::net::TcpListener;

use super::Stand;
use super::routes::route;
use crate::support::{Act, Answer, OK, RawClient, Recorder, soon};

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    socket.local_addr().expect("an address")
}

fn pool(servers: &[SocketAddr]) -> UpstreamPool {
    let origin = |at: &SocketAddr| Origin::parse(&format!("http://{at}")).expect("an origin");
    let mut origins = servers.iter().map(origin);
    UpstreamPool::new("pool".to_owned(), origins.next().expect("a server"), origins)
}

/// A gateway that sends everything to these servers, and somebody who is signed in.
async fn stand(pool: UpstreamPool) -> (Stand, String) {
    let usual = nobody().await;
    let stand = Stand::over(usual, |settings: &mut Settings| {
        let mut all = route("/", Access::Protect);
        all.upstream = Some(pool.name.clone());
        settings.routes = vec![all];
        settings.upstreams = vec![pool];
    })
    .await;
    let (_, cookie) = stand.signed_in("alice").await;
    (stand, cookie)
}

async fn send(stand: &Stand, cookie: &str, method: &str, body: &str) -> Answer {
    let headers = [("cookie", cookie), ("accept", "application/json")];
    stand.browser().send(method, "/", &headers, body).await
}

#[tokio::test]
async fn requests_are_spread() {
    let (one, other) = (Recorder::saying(OK).await, Recorder::saying(OK).await);
    let (stand, alice) = stand(pool(&[one.address, other.address])).await;
    for _ in 0..20 {
        assert_eq!(send(&stand, &alice, "GET", "").await.status, 200);
    }
    let counts = [one.requests().len(), other.requests().len()];
    assert_eq!(counts.iter().sum::<usize>(), 20);
    assert!(counts.iter().all(|count| *count >= 5), "{counts:?}");
}

#[tokio::test]
async fn the_one_with_the_fewest_under_way_is_picked() {
    let hangs = |message: &crate::support::wire::Message| match message.line.contains("/hang") {
        true => vec![Act::Hang],
        false => vec![Act::Send(OK.to_vec())],
    };
    let (one, other) = (Recorder::acting(hangs).await, Recorder::acting(hangs).await);
    let (stand, alice) = stand(pool(&[one.address, other.address])).await;
    let mut busy = Vec::new();
    for n in 1..=5 {
        let mut client = RawClient::to(stand.address).await;
        let host = stand.address;
        let head = format!("GET /hang HTTP/1.1\r\nHost: {host}\r\nCookie: {alice}\r\n\r\n");
        client.send(head).await;
        busy.push(client);
        assert!(soon(|| one.requests().len() + other.requests().len() == n).await);
    }
    let mut counts = [one.requests().len(), other.requests().len()];
    counts.sort_unstable();
    assert_eq!(counts, [2, 3], "those that hang are under way");
    // What comes now goes to the one with two, as long as it has fewer.
    let idle = if one.requests().len() == 2 { &one } else { &other };
    for n in 1..=6 {
        assert_eq!(send(&stand, &alice, "GET", "").await.status, 200);
        assert!(soon(|| idle.requests().len() == 2 + n).await, "{n}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_passed_by() {
    let there = Recorder::saying(OK).await;
    let (stand, alice) = stand(pool(&[nobody().await, there.address])).await;
    // Whatever the method, and whatever the body: nobody has seen any of it.
    for (method, body) in [("GET", ""), ("POST", "once"), ("DELETE", ""), ("PUT", "all of it")] {
        for _ in 0..4 {
            let answer = send(&stand, &alice, method, body).await;
            assert_eq!(answer.status, 200, "{method}: {}", answer.body);
        }
    }
    let seen = there.requests();
    assert_eq!(seen.len(), 16);
    assert_eq!(
        seen.iter()
            .filter(|request| request.text() == "once")
            .count(),
        4
    );
}

#[tokio::test]
async fn what_went_to_a_server_goes_to_no_other() {
    let breaks = Recorder::acting(|_| vec![Act::Close]).await;
    let there = Recorder::saying(OK).await;
    let (stand, alice) = stand(pool(&[breaks.address, there.address])).await;
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(send(&stand, &alice, "POST", "once").await.status);
    }
    let broken = statuses.iter().filter(|status| **status == 502).count();
    assert!(broken >= 3, "{statuses:?}");
    assert_eq!(broken, breaks.requests().len());
    assert_eq!(10 - broken, there.requests().len());
}

#[tokio::test]
async fn where_all_are_gone_people_are_told_so() {
    let (stand, alice) = stand(pool(&[nobody().await, nobody().await])).await;
    let program = send(&stand, &alice, "GET", "").await;
    assert_eq!(program.status, 503);
    assert_eq!(program.headers["retry-after"], "5");
    assert!(program.body.contains("upstream-down"), "{}", program.body);
    let page = stand.browser().get("/", &alice).await;
    assert_eq!(page.status, 503);
    assert!(page.body.contains("The application is not there"), "{}", page.body);
    let (single, alice) = self::stand(pool(&[nobody().await])).await;
    assert_eq!(send(&single, &alice, "GET", "").await.status, 502);
}

/// A server whose checks fail while this says so; all else it answers.
async fn checked(failing: &Arc<AtomicBool>) -> Recorder {
    let failing = Arc::clone(failing);
    Recorder::acting(move |request| {
        let fails = request.line.contains("/healthz") && failing.load(Ordering::SeqCst);
        let answer = match fails {
            true => b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n".to_vec(),
            false => OK.to_vec(),
        };
        vec![Act::Send(answer)]
    })
    .await
}

fn served(server: &Recorder) -> usize {
    let requests = server.requests();
    requests
        .iter()
        .filter(|request| !request.line.contains("/healthz"))
        .count()
}

#[tokio::test]
async fn a_server_that_fails_its_checks_gets_no_requests() {
    let failing = [Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false))];
    let (one, other) = (checked(&failing[0]).await, checked(&failing[1]).await);
    let mut pool = pool(&[one.address, other.address]);
    let mut check = HealthCheck::new(Uri::from_static("/healthz"));
    check.every = Duration::from_millis(50);
    (check.fall, check.rise) = (2, 2);
    pool.check = Some(check);
    let (stand, alice) = stand(pool).await;
    let waits = async |wanted: &dyn Fn() -> bool, status: u16| {
        let wait = tokio::time::timeout(Duration::from_secs(20), async {
            while send(&stand, &alice, "GET", "").await.status != status || !wanted() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        wait.await.expect("it comes to that");
    };
    // A third check comes after the second has been learnt from.
    waits(&|| one.requests().len() - served(&one) >= 3, 200).await;
    let before = served(&one);
    for _ in 0..10 {
        assert_eq!(send(&stand, &alice, "GET", "").await.status, 200);
    }
    assert_eq!(served(&one), before, "it is down");
    // Both are down, and then one is up again.
    failing[1].store(true, Ordering::SeqCst);
    waits(&|| true, 503).await;
    failing[0].store(false, Ordering::SeqCst);
    waits(&|| served(&one) > before, 200).await;
    let check = one
        .requests()
        .into_iter()
        .find(|request| request.line.contains("/healthz"));
    let check = check.expect("a check");
    assert_eq!(check.header("user-agent"), "portcullis-health-check");
    assert_eq!(check.header("cookie"), "");
}
