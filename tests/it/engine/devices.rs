//! Known devices: strangers who guess can't shut the owner out.

use axum::response::IntoResponse;
use futures_util::FutureExt;
use http::header::SET_COOKIE;
use portcullis::domain::device::{DeviceCookie, GRACE, KNOWN_FOR, MAX_DEVICES};
use portcullis::domain::session::SessionToken;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AuditQuery, SessionStore};
use portcullis::{DeviceId, OnStale, SignInError, Visitor};

use super::attempts::{
    LOCKED_FOR, PASSWORD, account, attempt, fail, limit, locked_out, with_password,
};
use super::faulty::Mood;
use super::*;

const SOON: Duration = Duration::from_secs(1);

async fn house(guesses: u32) -> House {
    // Moving the clock by hand must not look like a directory that is lost.
    let patient = |builder: Builder| builder.max_stale(Duration::MAX, OnStale::Strict);
    House::with(|builder| patient(builder.lockout(limit(guesses)))).await
}

/// What a browser brings that has these cookies.
fn browser(cookies: &str) -> Visitor {
    browser_from("192.0.2.9", cookies)
}

/// The same, from an address.
pub(super) fn browser_from(address: &str, cookies: &str) -> Visitor {
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, cookies.parse().expect("a header"));
    headers.insert(http::header::USER_AGENT, "Browser/1".parse().expect("a header"));
    let address: IpAddr = address.parse().expect("an address");
    Visitor::from(address).with_headers(&headers)
}

async fn sign_in_from(
    gate: &Portcullis,
    who: &Account,
    cookies: &str,
) -> Result<SignedIn, SignInError> {
    let attempt = gate.attempt(who.login.as_str(), browser(cookies)).await?;
    attempt.succeed(who.id).await
}

async fn fail_from(gate: &Portcullis, login: &str, cookies: &str) -> Result<u32, SignInError> {
    Ok(gate
        .attempt(login, browser(cookies))
        .await?
        .fail()
        .await?
        .remaining())
}

/// The cookie that a browser keeps to be known by.
pub(super) fn device_cookie(session: &SignedIn) -> String {
    let text = session.set_cookies().nth(1).expect("a device's cookie");
    let text = text.to_str().expect("text");
    text.split(';').next().expect("a pair").to_owned()
}

/// A browser's first sign-in: its session, and the cookie it is known by.
async fn known(gate: &Portcullis, who: &Account) -> (SignedIn, String) {
    let session = sign_in_from(gate, who, "").await.expect("may sign in");
    let cookie = device_cookie(&session);
    (session, cookie)
}

async fn strangers_lock_out(gate: &Portcullis, login: &str) {
    while fail(gate, login).await.is_ok() {}
    let refused = attempt(gate, login).await.err();
    assert!(matches!(refused, Some(SignInError::LockedOut { .. })), "{refused:?}");
}

fn is_locked_out<T>(answer: &Result<T, SignInError>) -> bool {
    matches!(answer, Err(SignInError::LockedOut { .. }))
}

#[tokio::test]
async fn strangers_lock_the_account_and_the_owner_goes_on() {
    let house = house(3).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (here, cookie) = known(gate, &alice).await;
    let elsewhere = sign_in(gate, &alice).await;
    assert!(elsewhere.session().device.is_none() && elsewhere.set_cookies().count() == 1);
    let mine = visit(gate, &here).await.expect("signed in");
    assert_eq!(mine.device(), here.session().device);
    let theirs = visit(gate, &elsewhere).await.expect("signed in");
    strangers_lock_out(gate, "alice").await;

    assert!(visit(gate, &here).await.is_ok(), "the live session goes on");
    assert!(is_locked(&visit(gate, &elsewhere).await));
    assert!(gate.ended(&mine).now_or_never().is_none(), "and so does its connection");
    assert!(is_locked(&Err(gate.ended(&theirs).await)));

    let again = sign_in_from(gate, &alice, &cookie)
        .await
        .expect("the owner comes in");
    assert_eq!(again.session().device, here.session().device, "one device");
    assert_eq!(again.session().user_agent.as_deref(), Some("Browser/1"));
    assert!(visit(gate, &again).await.is_ok());
    assert_eq!(attempt(gate, "alice").await.err(), Some(locked_out()), "strangers stay out");
    assert_eq!(sign_in_from(gate, &alice, "").await.err(), Some(locked_out()));
    assert!(is_locked(&visit(gate, &elsewhere).await));

    house.clock.advance(LOCKED_FOR);
    assert!(visit(gate, &elsewhere).await.is_ok(), "it resumes");
    assert_eq!(fail(gate, "alice").await, Ok(2));
}

#[tokio::test]
async fn an_admin_lock_spares_no_device() {
    let house = house(3).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (here, cookie) = known(gate, &alice).await;
    house.lock(&alice).await;
    assert!(is_locked(&visit(gate, &here).await));
    let refused = sign_in_from(gate, &alice, &cookie).await.err();
    assert_eq!(refused.map(SignInError::as_str), Some("account-locked"));
}

#[tokio::test]
async fn a_success_gives_back_the_guesses_of_its_own_counter() {
    let house = house(3).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (_, cookie) = known(gate, &alice).await;
    assert_eq!(fail(gate, "alice").await, Ok(2));
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(2));
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(1));
    sign_in_from(gate, &alice, &cookie)
        .await
        .expect("signed in");
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(2), "its own are back");
    assert_eq!(fail(gate, "alice").await, Ok(1), "strangers' are not");
    sign_in_from(gate, &alice, "").await.expect("signed in");
    assert_eq!(fail(gate, "alice").await, Ok(2), "by a stranger's success they are");
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(1), "and the device's are not");
}

/// Two hundred at once, each as often as it is put off: so many guesses are had.
async fn exactly(guesses: usize, gate: &Portcullis, cookie: &str) {
    strangers_lock_out(gate, "alice").await;
    let many = (0..200).map(|_| {
        let (gate, cookie) = (gate.clone(), cookie.to_owned());
        tokio::spawn(async move {
            loop {
                match fail_from(&gate, "alice", &cookie).await {
                    Err(SignInError::Busy) => tokio::task::yield_now().await,
                    answer => return answer,
                }
            }
        })
    });
    let (mut wrong, mut refused) = (0, 0);
    for one in many.collect::<Vec<_>>() {
        match one.await.expect("it runs") {
            Ok(_) => wrong += 1,
            Err(SignInError::LockedOut { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((wrong, refused), (guesses, 200 - guesses));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_device_has_exactly_its_own_guesses_in_memory() {
    let house = house(5).await;
    let alice = house.account("alice").await;
    let (_, cookie) = known(&house.gate, &alice).await;
    exactly(5, &house.gate, &cookie).await;
}

async fn gate_over(directory: SqlDirectory) -> Portcullis {
    let builder = Portcullis::builder()
        .attempts(directory.attempts())
        .directory(directory)
        .lockout(limit(5))
        .store_timeout(Duration::from_secs(60));
    builder.build().await.expect("a gate")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_device_has_exactly_its_own_guesses_in_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.db");
    let gate = gate_over(SqlDirectory::open(&file).await.expect("opened")).await;
    let directory = Arc::clone(gate.directory().expect("it was given"));
    let alice = person(&*directory, "alice", None).await;
    let (_, cookie) = known(&gate, &alice).await;
    exactly(5, &gate, &cookie).await;
}

#[tokio::test]
async fn a_device_that_used_its_guesses_up_is_no_help_until_its_lockout_ends() {
    let house = house(2).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (here, cookie) = known(gate, &alice).await;
    let (other, _) = known(gate, &alice).await;
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(1));
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(0));
    assert!(visit(gate, &here).await.is_ok(), "nobody locked the account");
    house.clock.advance(Duration::from_secs(100));
    strangers_lock_out(gate, "alice").await;
    assert!(is_locked(&visit(gate, &here).await), "no budget, no mercy");
    assert!(visit(gate, &other).await.is_ok(), "another device has its own");
    assert!(is_locked_out(&sign_in_from(gate, &alice, &cookie).await));

    let query = AuditQuery { account: Some(alice.id), before: None, limit: 2 };
    let records = house.directory.audit(query).await.expect("answers");
    let actions: Vec<Action> = records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [Action::AccountLockedOut, Action::DeviceLockedOut]);

    house.clock.advance(LOCKED_FOR - Duration::from_secs(100));
    assert!(is_locked_out(&attempt(gate, "alice").await), "the strangers' goes on");
    assert!(visit(gate, &here).await.is_ok(), "its own is over");
    assert!(sign_in_from(gate, &alice, &cookie).await.is_ok());
}

#[tokio::test]
async fn a_device_that_has_no_guesses_left_gets_none_of_the_strangers() {
    let house = house(2).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (first, cookie) = known(gate, &alice).await;
    for _ in 0..2 {
        fail_from(gate, "alice", &cookie).await.expect("its own");
    }
    assert_eq!(sign_in_from(gate, &alice, &cookie).await.err(), Some(locked_out()));
    assert_eq!(fail(gate, "alice").await, Ok(1), "it is locked out alone");
    let (other, _) = known(gate, &alice).await;
    assert_ne!(other.session().device, first.session().device, "another device signs in");

    house.clock.advance(LOCKED_FOR);
    let again = sign_in_from(gate, &alice, &cookie).await;
    let again = again.expect("its lockout is over");
    assert_eq!(again.session().device, first.session().device, "still the same device");
    assert_eq!(fail_from(gate, "alice", &device_cookie(&again)).await, Ok(1));
}

#[tokio::test]
async fn an_unlock_gives_devices_their_guesses_back() {
    let house = house(2).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (here, cookie) = known(gate, &alice).await;
    for _ in 0..2 {
        fail_from(gate, "alice", &cookie).await.expect("its own");
    }
    strangers_lock_out(gate, "alice").await;
    assert!(is_locked(&visit(gate, &here).await));
    let kind = portcullis::admin::UnlockKind::Lockout;
    let unlocked = house
        .admin
        .unlock(&Actor::System, &alice.id.into(), kind)
        .await;
    assert!(unlocked.expect("an account").changed);
    assert!(visit(gate, &here).await.is_ok());
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(1));
    assert_eq!(fail(gate, "alice").await, Ok(1));
}

/// A cookie of this form that nobody signed.
fn forged(cookie: &str) -> String {
    let (name, value) = cookie.split_once('=').expect("a pair");
    let ours = DeviceCookie::parse(value.as_bytes()).expect("our form");
    let secret = SessionToken::from_random([9; 32]);
    format!("{name}={}", DeviceCookie::signed(ours.device(), secret, [9; 32]).expose())
}

#[tokio::test]
async fn a_cookie_that_is_not_the_accounts_own_is_the_same_as_none() {
    let house = house(2).await;
    let gate = &house.gate;
    let (alice, bob) = (with_password(&house, "alice").await, house.account("bob").await);
    let (_, cookie) = known(gate, &alice).await;
    let (_, bobs) = known(gate, &bob).await;
    let (name, value) = cookie.split_once('=').expect("a pair");
    let spoiled = [
        forged(&cookie),
        bobs,
        format!("{cookie}; {cookie}"),
        format!("{cookie}; {name}=x"),
        format!("{name}={}", &value[1..]),
        format!("{name}={value}x"),
        format!("{name}={}", value.to_uppercase()),
        format!("__Host-{cookie}"),
        format!("{name}="),
        String::new(),
    ];
    let (asked, checked) = (house.directory.asked("device"), gate.passwords_checked());
    for login in ["alice", "nobody"] {
        for cookies in &spoiled[..2] {
            let attempt = gate
                .attempt(login, browser(cookies))
                .await
                .expect("a guess");
            let wrong = attempt.check_password("wrong").await.map(|_| ());
            assert_eq!(wrong, Err(SignInError::Wrong), "{login}");
        }
        for cookies in &spoiled {
            let refused = gate.attempt(login, browser(cookies)).await.err();
            assert_eq!(refused, Some(locked_out()), "{login} with {cookies:?}");
        }
    }
    assert_eq!(gate.passwords_checked() - checked, 4, "the same work");
    assert_eq!(house.directory.asked("device"), asked, "and no look-up tells them apart");
    assert!(sign_in_from(gate, &alice, &cookie).await.is_ok(), "the real one helps");
}

#[tokio::test]
async fn a_cookie_is_good_until_the_next_and_for_a_year() {
    let house = house(2).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (_, first) = known(gate, &alice).await;
    strangers_lock_out(gate, "alice").await;
    let second = sign_in_from(gate, &alice, &first).await.expect("known");
    let second = device_cookie(&second);
    assert_ne!(first, second, "a fresh secret");
    house.clock.advance(GRACE - Duration::from_secs(1));
    assert!(fail_from(gate, "alice", &first).await.is_ok(), "of another tab");
    house.clock.advance(Duration::from_secs(1));
    assert!(is_locked_out(&fail_from(gate, "alice", &first).await));
    let third = sign_in_from(gate, &alice, &second).await.expect("known");
    let third = device_cookie(&third);

    house.clock.advance(KNOWN_FOR - Duration::from_secs(1));
    strangers_lock_out(gate, "alice").await;
    assert!(fail_from(gate, "alice", &third).await.is_ok());
    house.clock.advance(Duration::from_secs(1));
    assert!(is_locked_out(&fail_from(gate, "alice", &third).await), "expired");
}

#[tokio::test]
async fn the_eleventh_device_takes_the_place_of_the_oldest() {
    let house = house(2).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let mut browsers = Vec::new();
    for _ in 0..=MAX_DEVICES {
        browsers.push(known(gate, &alice).await);
        house.clock.advance(Duration::from_secs(1));
    }
    let devices = gate.devices(&alice.id).await.expect("answers");
    let names: Vec<DeviceId> = devices.iter().map(|device| device.id).collect();
    let newest_first = browsers
        .iter()
        .rev()
        .filter_map(|(session, _)| session.session().device);
    assert_eq!(names, newest_first.take(MAX_DEVICES).collect::<Vec<_>>());
    strangers_lock_out(gate, "alice").await;
    let (oldest, cookie) = &browsers[0];
    assert!(is_locked(&visit(gate, oldest).await));
    assert!(is_locked_out(&sign_in_from(gate, &alice, cookie).await));
    for (session, cookie) in &browsers[1..] {
        assert!(visit(gate, session).await.is_ok());
        assert!(sign_in_from(gate, &alice, cookie).await.is_ok());
    }
}

#[tokio::test]
async fn a_forgotten_device_is_spared_no_more_here_at_once_and_elsewhere_soon() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("accounts.db");
    let near = gate_over(SqlDirectory::open(&file).await.expect("opened")).await;
    let far = gate_over(SqlDirectory::open(&file).await.expect("opened")).await;
    let alice = person(&**near.directory().expect("given"), "alice", None).await;
    let (here, cookie) = known(&near, &alice).await;
    let (phone, _) = known(&near, &alice).await;
    for gate in [&near, &far] {
        assert!(visit(gate, &here).await.is_ok() && visit(gate, &phone).await.is_ok());
    }
    let connected = visit(&far, &here).await.expect("signed in");
    let plain = sign_in(&near, &alice).await;
    strangers_lock_out(&near, "alice").await;
    let bites = || async { is_locked(&visit(&far, &plain).await) };
    eventually("the lockout bites", SOON, bites).await;
    assert!(visit(&far, &here).await.is_ok(), "spared there, too");

    let listed = near.devices(&alice.id).await.expect("answers");
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1].user_agent.as_deref(), Some("Browser/1"));
    assert_eq!(listed[1].last_seen_from.as_deref(), Some("192.0.2.9"));
    let device = here.session().device.expect("on a device");
    assert_eq!(near.forget_device(&alice.id, device).await, Ok(true));
    assert!(is_locked(&visit(&near, &here).await), "at once");
    assert!(visit(&near, &phone).await.is_ok(), "the other is known still");
    let spared_no_more = || async { is_locked(&visit(&far, &here).await) };
    let took = eventually("the far gate refuses", SOON, spared_no_more).await;
    println!("a forgotten device was refused elsewhere after {took:?}");
    let denial = tokio::time::timeout(SOON, far.ended(&connected))
        .await
        .expect("told");
    assert!(is_locked(&Err(denial)));
    assert!(is_locked_out(&sign_in_from(&far, &alice, &cookie).await));
    assert!(visit(&far, &phone).await.is_ok());
    assert_eq!(near.forget_device(&alice.id, device).await, Ok(false), "gone already");
}

#[tokio::test]
async fn a_new_password_ends_all_devices() {
    let house = house(2).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (here, cookie) = known(gate, &alice).await;
    let password = portcullis::domain::password::Password::new(PASSWORD).expect("a password");
    let set = house
        .admin
        .set_password(&Actor::System, &alice.id.into(), &password)
        .await;
    set.expect("an account");
    assert_ended(visit(gate, &here).await);
    assert_eq!(gate.devices(&alice.id).await, Ok(Vec::new()));
    strangers_lock_out(gate, "alice").await;
    assert!(is_locked_out(&sign_in_from(gate, &alice, &cookie).await));
}

#[tokio::test]
async fn without_known_devices_a_lockout_refuses_all_alike() {
    let house = house(2).await;
    let alice = house.account("alice").await;
    let (here, cookie) = known(&house.gate, &alice).await;
    let builder = Portcullis::builder().directory(house.directory.clone());
    let strict = builder.lockout(limit(2)).known_devices(false).build().await;
    let strict = strict.expect("a gate");
    assert_eq!(
        sign_in_from(&strict, &alice, &cookie)
            .await
            .expect("in")
            .set_cookies()
            .count(),
        1
    );
    assert!(visit(&strict, &here).await.is_ok());
    strangers_lock_out(&strict, "alice").await;
    assert!(is_locked(&visit(&strict, &here).await));
    assert!(is_locked_out(&sign_in_from(&strict, &alice, &cookie).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flood_of_strangers_leaves_a_known_device_its_turn() {
    let house = house(5).await;
    let (gate, alice) = (&house.gate, with_password(&house, "alice").await);
    let (_, cookie) = known(gate, &alice).await;
    let flood: Vec<_> = (0..1000_u32)
        .map(|number| {
            let gate = gate.clone();
            let source = IpAddr::from(0x0a00_0000_u32.wrapping_add(number).to_be_bytes());
            tokio::spawn(async move {
                let attempt = gate.attempt(&format!("nobody{number}"), source).await?;
                attempt.check_password("wrong").await.map(|_| ())
            })
        })
        .collect();
    let busy = || async { gate.passwords_checked() > 0 };
    eventually("the flood is here", 5 * SOON, busy).await;
    let mut cookie = cookie;
    for _ in 0..3 {
        let attempt = gate
            .attempt("alice", browser(&cookie))
            .await
            .expect("a guess");
        let session = attempt.check_password(PASSWORD).await.expect("a turn");
        cookie = device_cookie(&session);
    }
    let mut put_off = 0;
    for one in flood {
        match one.await.expect("it runs") {
            Err(SignInError::Wrong) => {}
            Err(SignInError::Unavailable) => put_off += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(put_off > 500, "a flood it was: {put_off}");
    assert_eq!(fail(gate, "nobody1").await.map(|left| left >= 3), Ok(true), "at most one counted");
}

#[tokio::test]
async fn a_device_of_one_account_is_none_of_another() {
    let house = house(2).await;
    let gate = &house.gate;
    let (alice, bob) = (house.account("alice").await, house.account("bob").await);
    let (_, cookie) = known(gate, &alice).await;
    strangers_lock_out(gate, "bob").await;
    let attempt = gate
        .attempt("alice", browser(&cookie))
        .await
        .expect("her guess");
    assert!(is_locked_out(&attempt.succeed(bob.id).await), "whoever the application says it is");
    house.clock.advance(LOCKED_FOR);
    let attempt = gate
        .attempt("alice", browser(&cookie))
        .await
        .expect("her guess");
    let session = attempt
        .succeed(bob.id)
        .await
        .expect("nothing is laid on him");
    let devices = gate.devices(&bob.id).await.expect("answers");
    assert_eq!(Some(devices[0].id), session.session().device, "a new one of his");
    assert_eq!(gate.devices(&alice.id).await.expect("answers").len(), 1);
}

#[tokio::test]
async fn who_reads_no_cookies_is_given_none() {
    let house = house(2).await;
    let alice = house.account("alice").await;
    let attempt = attempt(&house.gate, "alice").await.expect("a guess");
    let session = attempt.succeed(alice.id).await.expect("signed in");
    assert_eq!((session.set_cookies().count(), session.session().device), (1, None));
    assert_eq!(house.gate.devices(&alice.id).await, Ok(Vec::new()));
}

#[tokio::test]
async fn both_cookies_go_to_the_client() {
    let house = House::with(|builder| builder.https(true)).await;
    let alice = house.account("alice").await;
    let session = sign_in_from(&house.gate, &alice, "")
        .await
        .expect("signed in");
    let value = device_cookie(&session);
    assert!(
        !format!("{session:?} {:?}", session.set_cookies().collect::<Vec<_>>()).contains(&value)
    );
    let response = (session.clone(), ()).into_response();
    let sent: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
    assert_eq!(sent, session.set_cookies().collect::<Vec<_>>());
    assert_eq!(sent[0], session.set_cookie());
    let expected = format!("{value}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure");
    assert_eq!(sent[1], expected.as_str());
    assert!(value.starts_with("__Host-portcullis-device="), "{value}");
    strangers_lock_out(&house.gate, "alice").await;
    assert!(sign_in_from(&house.gate, &alice, &value).await.is_ok());
}

#[tokio::test]
async fn a_directory_that_cannot_say_which_device_it_is_costs_nobody_a_guess() {
    let house = house(2).await;
    let (gate, alice) = (&house.gate, house.account("alice").await);
    let (_, cookie) = known(gate, &alice).await;
    house.directory.set_only("device", Mood::Failing);
    for _ in 0..5 {
        let refused = gate.attempt("alice", browser(&cookie)).await.err();
        assert_eq!(refused, Some(SignInError::Unavailable));
    }
    house.directory.set(Mood::Well);
    assert_eq!(fail_from(gate, "alice", &cookie).await, Ok(1));
    assert_eq!(fail(gate, "alice").await, Ok(1));
    assert!(
        account(&house, &alice)
            .await
            .locks
            .device_lockouts
            .is_empty()
    );
}

/// As after a restart of a service that counts in its memory.
#[tokio::test]
async fn a_devices_lockout_that_only_the_directory_knows_holds() {
    let house = house(1).await;
    let alice = house.account("alice").await;
    let (here, cookie) = known(&house.gate, &alice).await;
    fail_from(&house.gate, "alice", &cookie)
        .await
        .expect("its own");
    fail(&house.gate, "alice").await.expect("a stranger's");
    let restarted = Portcullis::builder()
        .directory(house.directory.clone())
        .lockout(limit(1));
    let restarted = restarted.build().await.expect("a gate");
    assert!(is_locked(&visit(&restarted, &here).await));
    assert_eq!(fail_from(&restarted, "alice", &cookie).await, Err(locked_out()));
    let sessions = house
        .directory
        .sessions_of(alice.key())
        .await
        .expect("answers");
    assert_eq!(sessions.len(), 1);
}
