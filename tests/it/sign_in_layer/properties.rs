//! What the layer takes for the login is what the handler takes for it.

use axum::body::{Body, Bytes};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::bodies::{Mirror, read_by_handler};
use super::{FORM, typed};

/// Forms made of what makes two readers differ.
fn forms() -> impl Strategy<Value = Vec<u8>> {
    let part = proptest::sample::select(vec![
        "login",
        "password",
        "log%69n",
        "Login",
        "login[]",
        "=",
        "=",
        "=",
        "&",
        "&",
        "&",
        ";",
        "alice",
        "bob",
        "+",
        "%",
        "%2",
        "%26",
        "%3D",
        "%00",
        "%FF",
        "%C3%A9",
        "é",
        "x=y&",
        "login=alice&",
        "password=a&",
        "\0",
        "\u{feff}",
        "%EF%BB%BF",
        "[",
        "]",
        " ",
    ]);
    let parts = proptest::collection::vec(part, 0..10).prop_map(|parts| parts.concat());
    let usual = "[a-z%+]{0,6}".prop_map(|login| format!("login={login}&password=a"));
    prop_oneof![3 => parts, 1 => usual].prop_map(String::into_bytes)
}

/// JSON made of the same.
fn documents() -> impl Strategy<Value = Vec<u8>> {
    let part = proptest::sample::select(vec![
        "{",
        "}",
        "{\"login\":\"alice\",",
        "\"password\":\"a\"",
        "\"login\":",
        "\"log\\u0069n\":",
        "\"LOGIN\":",
        ",",
        ",",
        "\"bob\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "null",
        "1",
        "[",
        "]",
        "\"x\":",
        "{}",
        " ",
        "\n",
        "\u{feff}",
        "\"x\":{\"login\":\"bob\"}",
    ]);
    let parts = proptest::collection::vec(part, 0..9);
    let inside = parts
        .clone()
        .prop_map(|parts| format!("{{{}}}", parts.concat()));
    let anything = parts.prop_map(|parts| parts.concat());
    let usual = any::<(String, String)>().prop_map(|(login, more)| {
        serde_json::json!({ "login": login, "password": "a", "more": more }).to_string()
    });
    prop_oneof![2 => inside, 1 => anything, 1 => usual].prop_map(String::into_bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// Property: whatever body is sent, the layer refuses it, or hands it on byte by
    /// byte, and counts it for the login that a typed handler of axum reads in it; or
    /// the handler reads none, and so lets nobody in.
    #[test]
    fn the_login_is_the_handlers_own(
        (json, body) in prop_oneof![
            forms().prop_map(|body| (false, body)),
            documents().prop_map(|body| (true, body)),
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)),
        ],
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mirror = Mirror::new().await;
            let content_type = if json { "application/json" } else { FORM };
            let sent = mirror.send(typed(content_type, in_pieces(&body, &cuts))).await;
            if let Ok((login, handed_on)) = sent {
                assert_eq!(handed_on, body);
                if let Ok(read) = read_by_handler(json, body.clone().into()).await {
                    assert_eq!(login, read, "{}", String::from_utf8_lossy(&body));
                }
            }
        });
    }

    /// Property: a body that a browser or a program writes is taken, whatever was
    /// typed into its fields, control characters aside.
    #[test]
    fn what_was_typed_is_counted(login in "\\PC{0,20}", password in ".{0,20}", json in any::<bool>()) {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let mirror = Mirror::new().await;
            let body = if json {
                serde_json::json!({ "login": login, "password": password }).to_string()
            } else {
                let mut fields = url::form_urlencoded::Serializer::new(String::new());
                let pairs = [("login", &login), ("password", &password), ("return_to", &login)];
                fields.extend_pairs(pairs).finish()
            };
            let content_type = if json { "application/json" } else { FORM };
            let sent = mirror.send(typed(content_type, Body::from(body))).await;
            assert_eq!(sent.map(|(counted, _)| counted), Ok(login));
        });
    }
}

/// The same bytes, as they may come from a network.
fn in_pieces(body: &[u8], cuts: &[prop::sample::Index]) -> Body {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    at.extend([0, body.len()]);
    at.sort_unstable();
    let pieces: Vec<_> = at
        .windows(2)
        .map(|ends| {
            Ok::<_, std::convert::Infallible>(Bytes::copy_from_slice(&body[ends[0]..ends[1]]))
        })
        .collect();
    Body::from_stream(futures_util::stream::iter(pieces))
}
