//! How failed sign-ins lock, with OpenProject's numbers, and how it shows.

use std::time::Duration;

use portcullis::LockoutPolicy;

use super::{PASSWORD, Stand};

const MINUTE: Duration = Duration::from_secs(60);

/// As somebody sets OpenProject up: three failures, thirty minutes.
async fn stand() -> Stand {
    let policy = LockoutPolicy::after(3)
        .failures_within(30 * MINUTE)
        .lasting(30 * MINUTE)
        .build();
    let stand = Stand::with(policy.expect("a policy")).await;
    stand.person("ada").await;
    stand
}

async fn guess(stand: &Stand, times: usize) {
    for n in 0..times {
        stand.sign_in("ada", &format!("guess {n}")).await;
    }
}

async fn shown(stand: &Stand) -> String {
    let user = stand.get(&stand.a, "/users/ada").await;
    user.body["status"].as_str().expect("a status").to_owned()
}

#[tokio::test]
async fn op_45_three_failures_block_and_time_unblocks() {
    let stand = stand().await;
    guess(&stand, 3).await;
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 429);
    assert_eq!(shown(&stand).await, "locked");
    stand.test.clock().advance(30 * MINUTE);
    assert_eq!(shown(&stand).await, "active");
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
    // The count begins anew: two more failures leave her be.
    guess(&stand, 2).await;
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
}

/// In OpenProject a wrong try while blocked extends the block; here it changes nothing.
#[tokio::test]
async fn op_46_differs_a_wrong_try_while_blocked_extends_nothing() {
    let stand = stand().await;
    guess(&stand, 3).await;
    stand.test.clock().advance(29 * MINUTE);
    assert_eq!(stand.sign_in("ada", "guess").await, 429);
    stand.test.clock().advance(2 * MINUTE);
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
}

#[tokio::test]
async fn op_47_the_right_password_while_blocked_is_refused_and_extends_nothing() {
    let stand = stand().await;
    guess(&stand, 3).await;
    stand.test.clock().advance(29 * MINUTE);
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 429);
    stand.test.clock().advance(2 * MINUTE);
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
}
