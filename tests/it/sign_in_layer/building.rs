//! Descriptions that contradict themselves are no layers.

use std::convert::Infallible;
use std::time::Duration;

use http::Method;
use portcullis::guard::sign_in::InvalidSignInLayer;
use portcullis::{AccountKey, Standing};

use super::*;

fn why(description: SignInLayerBuilder) -> InvalidSignInLayer {
    description.build().expect_err("no layer")
}

#[tokio::test]
async fn what_contradicts_itself_is_named() {
    let gate = TestGate::new().await.gate();
    let whole = || described(gate.clone());
    let bare = || SignInLayer::builder(gate.clone());
    let path = |path: &str| InvalidSignInLayer::Path { path: path.to_owned() };
    let back = |path: &str| InvalidSignInLayer::RedirectToSignIn { path: path.to_owned() };
    for (description, expected) in [
        (bare().login_field("a").succeeds_when(sign()), InvalidSignInLayer::NoPath),
        (bare().at("/login").succeeds_when(sign()), InvalidSignInLayer::NoLogin),
        (bare().at("/login").login_field("a"), InvalidSignInLayer::NoSign),
        (whole().at("sign-in"), path("sign-in")),
        (whole().at("/a/../b").at("//c"), path("/a/../b")),
        (whole().login_from(|_| None), InvalidSignInLayer::TwoLogins),
        (whole().password_field("login"), InvalidSignInLayer::SameField { name: "login".into() }),
        (whole().method(Method::GET), InvalidSignInLayer::Method { method: Method::GET }),
        (whole().max_body(0), InvalidSignInLayer::NoBody),
        (whole().body_within(Duration::ZERO), InvalidSignInLayer::NoBody),
        (whole().succeeds_when(Sign::redirect_to("/login")), back("/login")),
        (
            whole()
                .at("/x/in")
                .succeeds_when(Sign::redirect_below("/x")),
            back("/x/in"),
        ),
    ] {
        assert_eq!(why(description), expected);
    }
    let said = InvalidSignInLayer::NoSign.to_string();
    assert_eq!(said, "nothing says when a sign-in succeeded: call `succeeds_when`");
}

#[tokio::test]
async fn without_a_directory_somebody_must_say_whose_sign_in_it_is() {
    struct Everybody;
    impl portcullis::StatusSource for Everybody {
        type Error = Infallible;
        async fn standing(&self, _: &AccountKey) -> Result<Option<Standing>, Infallible> {
            Ok(Some(Standing::active()))
        }
    }
    let gate = Portcullis::builder()
        .accounts(Everybody)
        .build()
        .await
        .expect("a gate");
    assert_eq!(why(described(gate.clone())), InvalidSignInLayer::NoAccount);
    let told = described(gate.clone()).succeeds_when(sign().and(Sign::told()));
    assert!(told.build().is_ok());
    let found = |login: &str| {
        let key = AccountKey::text(login).ok();
        async move { Ok::<_, Infallible>(key) }
    };
    assert!(described(gate).account_of(found).build().is_ok());
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let test = TestGate::new().await;
    let printed = format!("{:?} {:?}", described(test.gate()), layer(&test));
    for part in ["/login", "POST", "Form", "redirect_to(\"/\")"] {
        assert!(printed.contains(part), "{part} is not in {printed}");
    }
    let app = Application::default();
    let guarded = tower_layer::Layer::layer(&layer(&test), app.router(layer(&test)));
    let future = tower_service::Service::call(&mut guarded.clone(), credentials("alice", RIGHT));
    let printed = format!("{guarded:?} {future:?}");
    assert!(!printed.contains("alice") && !printed.contains("horse"), "{printed}");
}
