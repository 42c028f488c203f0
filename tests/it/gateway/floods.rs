//! Floods of sign-ins: guesses are counted exactly, and nobody else pays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use portcullis::TrustedProxies;

use super::Stand;
use crate::support::{Answer, Browser};
use tokio::time::Instant;

const SIGN_IN: &str = "/.portcullis/sign-in";
const PASSWORD: &str = "correct horse battery";

/// A gateway that believes what this machine says of other addresses.
async fn stand() -> Stand {
    let application = Router::new().route("/", get(|| async { "hello" }));
    Stand::with(application, |settings| {
        let here = "127.0.0.0/8".parse().expect("a network");
        settings.client_address.trusted_proxies = TrustedProxies::new([here]);
    })
    .await
}

/// Tries until the gateway has a turn for it: a 503 is nobody's guess.
async fn guess(browser: &Browser, login: &str, password: &str, from: &str) -> Answer {
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
        ("x-forwarded-for", from),
    ];
    let form = format!("login={login}&password={}", password.replace(' ', "+"));
    for _ in 0..600 {
        let answer = browser.send("POST", SIGN_IN, &headers, &form).await;
        if answer.status != 503 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no turn in half a minute");
}

/// Answers of a thousand guesses at once, each from an address of its own.
async fn a_thousand(stand: &Arc<Stand>, login: &str) -> Vec<u16> {
    let guesses = (0..1000).map(|n| {
        let (stand, login) = (Arc::clone(stand), login.to_owned());
        tokio::spawn(async move {
            let from = format!("198.51.{}.{}", 100 + n / 250, 1 + n % 250);
            guess(&stand.browser(), &login, &format!("guess {n}"), &from)
                .await
                .status
        })
    });
    let mut answers = Vec::new();
    for guess in guesses.collect::<Vec<_>>() {
        answers.push(guess.await.expect("an answer"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_guesses_at_once_five_are_checked_ten_times() {
    let stand = Arc::new(stand().await);
    for round in 0..10 {
        let login = format!("victim{round}");
        stand.test.account_with_password(&login, PASSWORD).await;
        let before = stand.test.gate().passwords_checked();
        let answers = a_thousand(&stand, &login).await;
        let wrong = answers.iter().filter(|status| **status == 401).count();
        let refused = answers.iter().filter(|status| **status == 429).count();
        assert_eq!((wrong, refused), (5, 995), "round {round}");
        assert_eq!(stand.test.gate().passwords_checked() - before, 5, "round {round}");
        let right = guess(&stand.browser(), &login, PASSWORD, "203.0.113.9").await;
        assert_eq!(right.status, 429, "the right password after the limit");
    }
}

/// How long a signed-in person's requests take: the middle, and the slowest of a
/// hundred.
async fn pace(browser: &Browser, cookie: &str) -> (Duration, Duration) {
    let mut took = Vec::new();
    for _ in 0..300 {
        let began = Instant::now();
        assert_eq!(browser.get("/", cookie).await.status, 200);
        took.push(began.elapsed());
    }
    took.sort();
    (took[150], took[297])
}

/// Strangers who sign in, and fail, until they are told to stop: 256 times a
/// second, from so many addresses.
fn strangers(
    stand: &Arc<Stand>,
    addresses: u32,
    stop: &Arc<AtomicBool>,
) -> Vec<tokio::task::JoinHandle<u64>> {
    let one = |n: u32| {
        let (stand, stop) = (Arc::clone(stand), Arc::clone(stop));
        tokio::spawn(async move {
            let (browser, mut asked) = (stand.browser(), 0);
            while !stop.load(Ordering::Relaxed) {
                let from = format!("198.51.100.{}", n % addresses);
                let headers = [
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("x-forwarded-for", from.as_str()),
                ];
                let form = format!("login=nobody{n}x{asked}&password=guess");
                browser.send("POST", SIGN_IN, &headers, &form).await;
                asked += 1;
                // Many times as fast as passwords are hashed, and slow enough to
                // leave this machine's cores to the gateway.
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            asked
        })
    };
    (0..64).map(one).collect()
}

/// The cookies of somebody who signed in by the page.
fn cookies(answer: &Answer) -> String {
    let set = answer.headers.get_all("set-cookie").iter();
    let pairs = set.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_shuts_nobody_out() {
    let stand = Arc::new(stand().await);
    stand.test.account_with_password("alice", PASSWORD).await;
    let browser = stand.browser();
    let signed_in = guess(&browser, "alice", PASSWORD, "203.0.113.7").await;
    assert_eq!(signed_in.status, 303);
    let cookie = cookies(&signed_in);
    let quiet = pace(&browser, &cookie).await;

    let stop = Arc::new(AtomicBool::new(false));
    let flood = strangers(&stand, 64, &stop);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let flooded = pace(&browser, &cookie).await;
    // Without luck: a turn is kept for who is known.
    let mut known = cookie;
    for n in 0..5 {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
            ("cookie", known.as_str()),
            ("x-forwarded-for", "203.0.113.7"),
        ];
        let form = "login=alice&password=correct+horse+battery";
        let again = browser.send("POST", SIGN_IN, &headers, form).await;
        assert_eq!(again.status, 303, "sign-in {n} of a known device: {}", again.body);
        known = cookies(&again);
    }
    stop.store(true, Ordering::Relaxed);
    let mut sign_ins = 0;
    for stranger in flood {
        sign_ins += stranger.await.expect("an end");
    }
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "a signed-in request takes {:.1} ms (p99 {:.1}); while 64 strangers sign in {sign_ins} \
         times, {:.1} ms (p99 {:.1})",
        ms(quiet.0),
        ms(quiet.1),
        ms(flooded.0),
        ms(flooded.1),
    );
    assert!(sign_ins > 64, "no flood: {sign_ins}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_that_floods_shuts_no_stranger_out() {
    const TRIES: usize = 5;
    let stand = Arc::new(stand().await);
    for n in 0..8 {
        stand
            .test
            .account_with_password(&format!("new{n}"), PASSWORD)
            .await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flood = strangers(&stand, 1, &stop);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let browser = stand.browser();
    for n in 0..8 {
        let from = format!("203.0.113.{n}");
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
            ("x-forwarded-for", from.as_str()),
        ];
        let form = format!("login=new{n}&password=correct+horse+battery");
        let mut answers = Vec::new();
        while answers.last() != Some(&303) {
            assert!(answers.len() < TRIES, "somebody new, from {from}: {answers:?}");
            if !answers.is_empty() {
                // Told to come again in a second, and a little hastier than that.
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            let answer = browser.send("POST", SIGN_IN, &headers, &form).await;
            answers.push(answer.status.into());
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut sign_ins = 0;
    for stranger in flood {
        sign_ins += stranger.await.expect("an end");
    }
    assert!(sign_ins > 64, "no flood: {sign_ins}");
}
