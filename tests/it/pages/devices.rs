//! Known devices: listed, forgotten, and what they are good for.

use http::StatusCode;

use super::{PASSWORD, cookies, location, post, session, sign_in, visit, with_alice};

const SIGN_IN: &str = "/.portcullis/sign-in";
const ACCOUNT: &str = "/.portcullis/account";
const FORGET: &str = "/.portcullis/account/forget-device";

/// The names of the devices that the page offers to forget.
fn offered(page: &str) -> Vec<String> {
    let parts = page.split("name=\"device\" value=\"").skip(1);
    parts
        .map(|part| part.split('"').next().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn the_owner_signs_in_while_strangers_are_locked_out() {
    let (_test, app) = with_alice().await;
    let desk = cookies(&sign_in(&app, "alice", PASSWORD).await);
    for n in 0..5 {
        sign_in(&app, "alice", &format!("guess {n}")).await;
    }
    let stranger = sign_in(&app, "alice", PASSWORD).await;
    assert_eq!(stranger.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(visit(&app, "/", &desk).await.body, "Hello alice");
    let fields = [("login", "alice"), ("password", PASSWORD)];
    let owner = post(&app, SIGN_IN, &desk, &fields).await;
    assert_eq!(owner.status, StatusCode::SEE_OTHER);
    assert_eq!(visit(&app, "/", &cookies(&owner)).await.body, "Hello alice");
}

#[tokio::test]
async fn a_device_is_listed_and_forgotten() {
    let (_test, app) = with_alice().await;
    let phone = cookies(&sign_in(&app, "alice", PASSWORD).await);
    let desk = cookies(&sign_in(&app, "alice", PASSWORD).await);
    let page = visit(&app, ACCOUNT, &desk).await.body;
    assert!(page.contains("Known devices"), "{page}");
    assert_eq!(page.matches("This one").count(), 2, "a session and a device");
    let [this, other] = &offered(&page)[..] else { panic!("{page}") };
    let forgotten = post(&app, FORGET, &desk, &[("device", other)]).await;
    assert_eq!(location(&forgotten), "/.portcullis/account?notice=device-forgotten");
    let page = visit(&app, location(&forgotten), &desk).await.body;
    assert!(page.contains("That device is forgotten."), "{page}");
    assert_eq!(offered(&page), std::slice::from_ref(this));
    let again = post(&app, FORGET, &desk, &[("device", other)]).await;
    assert_eq!(location(&again), "/.portcullis/account?notice=device-gone");

    // Its session goes on, until a lockout that does not spare it.
    assert_eq!(visit(&app, "/", &phone).await.status, StatusCode::OK);
    for n in 0..5 {
        sign_in(&app, "alice", &format!("guess {n}")).await;
    }
    assert_eq!(visit(&app, "/", &phone).await.status, StatusCode::SEE_OTHER);
    assert_eq!(visit(&app, "/", &desk).await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_forgets_the_device_of_somebody_else() {
    let (test, app) = with_alice().await;
    test.account_with_password("mallory", PASSWORD).await;
    let alice = cookies(&sign_in(&app, "alice", PASSWORD).await);
    let mallory = session(&sign_in(&app, "mallory", PASSWORD).await);
    let named = offered(&visit(&app, ACCOUNT, &alice).await.body);
    for name in [named[0].as_str(), "", "x", "0000000000000000"] {
        let tried = post(&app, FORGET, &mallory, &[("device", name)]).await;
        assert_eq!(location(&tried), "/.portcullis/account?notice=device-gone");
    }
    assert_eq!(offered(&visit(&app, ACCOUNT, &alice).await.body), named);
}

/// The new password forgets all devices, and the browser that changed it is
/// known again.
#[tokio::test]
async fn whoever_changes_the_password_stays_known() {
    let (_test, app) = with_alice().await;
    sign_in(&app, "alice", PASSWORD).await;
    let desk = cookies(&sign_in(&app, "alice", PASSWORD).await);
    let new = "another horse battery";
    let fields = [("current", PASSWORD), ("new", new), ("again", new)];
    let changed = post(&app, "/.portcullis/account/password", &desk, &fields).await;
    assert_eq!(location(&changed), "/.portcullis/account?notice=password-changed");
    let desk = cookies(&changed);
    let page = visit(&app, ACCOUNT, &desk).await.body;
    assert_eq!(offered(&page).len(), 1, "{page}");
    assert_eq!(page.matches("This one").count(), 2, "{page}");
    for n in 0..5 {
        sign_in(&app, "alice", &format!("guess {n}")).await;
    }
    assert_eq!(visit(&app, "/", &desk).await.body, "Hello alice");
}
