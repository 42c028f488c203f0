//! More sign-ins at once than there are hands to check them.

use super::*;
use crate::testing::TestGate;

#[tokio::test(start_paused = true)]
async fn a_password_that_gets_no_turn_is_put_off_and_not_counted() {
    let test = TestGate::new().await;
    test.account("alice").await;
    let gate = test.gate();
    let hands = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let mut busy = Vec::new();
    for _ in 0..hands {
        busy.push(
            gate.0
                .passwords
                .turn_of_the_house()
                .await
                .expect("a free hand"),
        );
    }
    let from = std::net::IpAddr::from([127, 0, 0, 1]);
    for _ in 0..10 {
        let attempt = gate
            .attempt("alice", from)
            .await
            .expect("nothing is counted");
        let began = tokio::time::Instant::now();
        let put_off = attempt.check_password("wrong").await.map(|_| ());
        assert_eq!(put_off, Err(SignInError::Unavailable));
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    assert_eq!(gate.passwords_checked(), 0);
    let failure = gate
        .attempt("alice", from)
        .await
        .expect("a guess")
        .fail()
        .await;
    assert_eq!(failure.map(Failure::remaining), Ok(4));
}
