//! A thousand wrong guesses at once, over several processes: as many passwords are looked
//! at as the policy and the configuration say, whoever is killed meanwhile.

use std::sync::Arc;
use std::time::Duration;

use super::{Gateway, PASSWORD, folder, until};
use crate::servers::Redis;
use crate::support::Browser;

const SIGN_IN: &str = "/.portcullis/sign-in";

const LIMIT: u64 = 5;

fn settings(server: &Redis, more: &str) -> String {
    // A loaded machine must not look like a server that is away.
    format!(
        "[redis]\nurls = [\"{}\"]\ntimeout = \"20s\"\nconnect_timeout = \"20s\"\n{more}",
        server.url()
    )
}

fn gateways(folder: &std::path::Path, how_many: usize) -> Vec<Gateway> {
    (0..how_many).map(|_| Gateway::start(folder)).collect()
}

/// One guess, and the status of its answer; none where the gateway is gone.
async fn try_once(browser: &Browser, login: &str, password: &str, from: &str) -> Option<u16> {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
        ("x-forwarded-for", from),
    ];
    let form = format!("login={login}&password={}", password.replace(' ', "+"));
    let answer = browser.try_send("POST", SIGN_IN, &headers, &form).await?;
    Some(answer.status)
}

/// Tries until there is a turn for it, or the gateway is gone: a 503 is nobody's guess.
async fn guess(browser: &Browser, login: &str, n: usize, tries: usize) -> Option<u16> {
    let from = format!("198.51.{}.{}", 100 + n / 250, 1 + n % 250);
    let mut status = None;
    for _ in 0..tries {
        status = Some(try_once(browser, login, &format!("guess {n}"), &from).await?);
        if status != Some(503) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    status
}

/// A thousand at once, one gateway after the other; how often each status was given, by
/// whom. `meanwhile` happens once the first were looked at.
async fn a_thousand(
    gateways: &[Gateway],
    login: &str,
    tries: usize,
    meanwhile: impl Future<Output = ()>,
) -> Vec<Vec<u16>> {
    let browsers: Vec<_> = gateways
        .iter()
        .map(|gateway| Arc::new(gateway.public()))
        .collect();
    let guesses: Vec<_> = (0..1_000)
        .map(|n| {
            let (browser, login) = (browsers[n % browsers.len()].clone(), login.to_owned());
            tokio::spawn(async move { guess(&browser, &login, n, tries).await })
        })
        .collect();
    meanwhile.await;
    let mut by_gateway = vec![Vec::new(); gateways.len()];
    for (n, guess) in guesses.into_iter().enumerate() {
        by_gateway[n % gateways.len()].extend(guess.await.expect("ends"));
    }
    by_gateway
}

async fn looked_at(gateways: &[Gateway]) -> u64 {
    let mut sum = 0;
    for gateway in gateways {
        sum += gateway.figure("portcullis_password_checks_total").await;
    }
    sum
}

async fn exactly_five(how_many: usize) {
    let server = Redis::start(&[]);
    let folder = folder(&settings(&server, ""), &["alice", "bob"]);
    let gateways = gateways(folder.path(), how_many);
    for (round, login) in ["alice", "bob", "nobody"].into_iter().enumerate() {
        let answers = a_thousand(&gateways, login, 600, async {}).await.concat();
        let of = |status| answers.iter().filter(|one| **one == status).count();
        assert_eq!((of(401), of(429)), (5, 995), "{login}");
        assert_eq!(looked_at(&gateways).await, LIMIT * (1 + round as u64), "{login}");
        for gateway in &gateways {
            let right = try_once(&gateway.public(), login, PASSWORD, "203.0.113.9").await;
            assert_eq!(right, Some(429), "the right password after the limit");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_over_two_gateways_five_are_looked_at() {
    exactly_five(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_over_three_gateways_five_are_looked_at() {
    exactly_five(3).await;
}

/// What it had reserved has failed: nobody else gets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_gives_no_guess_back() {
    let server = Redis::start(&[]);
    let folder = folder(&settings(&server, ""), &["alice"]);
    let mut all = gateways(folder.path(), 3);
    let victim = all.pop().expect("three of them");
    let of_victim = Arc::new(victim.public());
    let guesses: Vec<_> = (0..100)
        .map(|n| {
            let browser = of_victim.clone();
            tokio::spawn(async move { guess(&browser, "alice", n, 1).await })
        })
        .collect();
    // As soon as anything is in flight there.
    until("something is reserved", || async { server.ask(&["DBSIZE"]) != "1" }).await;
    drop(victim);
    let mut told = 0;
    for guess in guesses {
        told += u64::from(guess.await.expect("ends") == Some(401));
    }
    let answers = a_thousand(&all, "alice", 600, async {}).await.concat();
    let wrong = answers.iter().filter(|status| **status == 401).count() as u64;
    let survivors = looked_at(&all).await;
    assert_eq!(survivors, wrong);
    assert!(told + survivors <= LIMIT, "{told} were told by the victim, {survivors} by others");
    assert!(answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
}

/// Redis is killed once some were looked at, and comes back empty.
async fn redis_dies_meanwhile(more: &str) -> (Redis, tempfile::TempDir, Vec<Gateway>, u64) {
    let mut server = Redis::start(&[]);
    let folder = folder(&settings(&server, more), &["alice"]);
    let all = gateways(folder.path(), 2);
    {
        let server = &mut server;
        let dies = async {
            until("some are looked at", || async { looked_at(&all).await > 0 }).await;
            server.kill();
            // So that some guesses meet it while it is away.
            tokio::time::sleep(Duration::from_millis(500)).await;
            server.start_again();
        };
        a_thousand(&all, "alice", 40, dies).await;
    }
    until("both are connected again", || async {
        let mut connected = 0;
        for gateway in &all {
            connected += gateway.figure("portcullis_redis_connected").await;
        }
        connected == 2
    })
    .await;
    for n in 1_000..1_020 {
        guess(&all[n % 2].public(), "alice", n % 1_000, 5).await;
    }
    let checks = looked_at(&all).await;
    (server, folder, all, checks)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_gives_nobody_a_guess_more() {
    let (_server, _folder, all, checks) = redis_dies_meanwhile("").await;
    assert!((1..=LIMIT).contains(&checks), "{checks} were looked at");
    for gateway in &all {
        let right = try_once(&gateway.public(), "alice", PASSWORD, "203.0.113.9").await;
        assert_eq!(right, Some(503), "closed for a window, also for the owner");
    }
    let mut losses = 0;
    for gateway in &all {
        losses += gateway.figure("portcullis_redis_losses_total").await;
    }
    assert_eq!(losses, 1, "one found it out, for all");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_configuration_a_redis_that_forgets_gives_one_budget_more() {
    let (_server, _folder, _all, checks) = redis_dies_meanwhile("after_loss = \"go-on\"\n").await;
    assert!((1..=2 * LIMIT).contains(&checks), "{checks} were looked at");
}

#[tokio::test(flavor = "multi_thread")]
async fn by_configuration_each_gateway_has_a_budget_while_redis_is_away() {
    let more = "after_loss = \"go-on\"\nwhen_away = \"count-locally\"\n";
    let (mut server, _folder, all, checks) = redis_dies_meanwhile(more).await;
    assert!((1..=4 * LIMIT).contains(&checks), "{checks} were looked at");
    let ready = async |gateway: &Gateway| gateway.admin().get("/readyz", "").await;
    assert_eq!(ready(&all[0]).await.status, 200);
    server.kill();
    until("it is told", || async {
        let answer = ready(&all[0]).await;
        assert_eq!(answer.status, 200, "it serves: {}", answer.body);
        answer.body.contains("attempts-apart")
    })
    .await;
}

/// Those who are signed in notice nothing, and probes do.
#[tokio::test(flavor = "multi_thread")]
async fn requests_go_on_while_redis_is_away() {
    let mut server = Redis::start(&[]);
    let folder = folder(&settings(&server, "after_loss = \"go-on\"\n"), &["alice"]);
    let gateway = Gateway::start(folder.path());
    let form = [("login", "alice"), ("password", PASSWORD)];
    let signed_in = gateway.public().post_form(SIGN_IN, "", &form).await;
    assert_eq!(signed_in.status, 303, "{}", signed_in.body);
    let cookie = signed_in.cookie();
    server.kill();
    until("it is told", || async {
        let answer = gateway.admin().get("/readyz", "").await;
        answer.status == 503 && answer.body.contains("\"attempts\"")
    })
    .await;
    let refused = gateway.public().post_form(SIGN_IN, "", &form).await;
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains_key("retry-after"));
    // Nobody listens at the upstream: whoever gets this far was let in.
    assert_eq!(gateway.public().get("/", &cookie).await.status, 502);
    server.start_again();
    until("people sign in again", || async {
        gateway.public().post_form(SIGN_IN, "", &form).await.status == 303
    })
    .await;
    let ready = gateway.admin().get("/readyz", "").await.body;
    assert!(!ready.contains("\"attempts\""), "{ready}");
}

#[tokio::test]
async fn a_gateway_does_not_start_on_a_server_that_evicts() {
    let server = Redis::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let folder = folder(&settings(&server, ""), &[]);
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["--config", "gateway.toml", "serve", "--listen", "127.0.0.1:0"])
        .args(["--admin-listen", "off"])
        .current_dir(folder.path())
        .env_remove("PORTCULLIS_DIRECTORY")
        .output()
        .expect("the program");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("noeviction"), "{said}");
}
