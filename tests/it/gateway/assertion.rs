//! What the gateway signs, as an application sees it that believes nothing else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use portcullis::Clock;
use portcullis::admin::Actor;
use portcullis::admin::assertion_keys::Takeover;
use portcullis::domain::client::TrustedProxies;
use portcullis::gateway::Settings;
use portcullis::gateway::routes::Access;
use portcullis::gateway::settings::Assertion;
use portcullis::testing::TestGate;
use serde_json::{Value, json};

use super::routes::{pool, route};
use super::{Stand, serve};
use crate::support::{Browser, OK, Recorder};

const HEADER: &str = "x-portcullis-assertion";
const ISSUER: &str = "https://gate.example";

/// Where a gateway publishes its keys, for an application that is started before it.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<Option<SocketAddr>>>);

impl Gate {
    /// The keys as they are now.
    async fn keys(&self) -> JwkSet {
        let at = self.0.lock().expect("no panic").expect("a gateway");
        let answer = Browser::at(at).get("/.portcullis/jwks.json", "").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/jwk-set+json");
        serde_json::from_str(&answer.body).expect("a set")
    }

    /// What a token says, if the gateway signed it for this application.
    async fn check(&self, token: &str, audience: &str) -> Option<Value> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        let keys = self.keys().await;
        let key = DecodingKey::from_jwk(keys.find(&header.kid?)?).ok()?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[ISSUER]);
        validation.leeway = 0;
        jsonwebtoken::decode(token, &key, &validation)
            .ok()
            .map(|data| data.claims)
    }
}

/// An application that answers with what the assertion says, and refuses what is none.
async fn application(gate: &Gate, audience: &'static str) -> SocketAddr {
    let gate = gate.clone();
    let answer = move |headers: HeaderMap| {
        let gate = gate.clone();
        async move {
            let mut all = headers.get_all(HEADER).iter();
            let (Some(token), None) = (all.next(), all.next()) else {
                return (StatusCode::UNAUTHORIZED, "not one assertion".to_owned());
            };
            match gate.check(token.to_str().expect("text"), audience).await {
                Some(claims) => (StatusCode::OK, claims.to_string()),
                None => (StatusCode::FORBIDDEN, "forged".to_owned()),
            }
        }
    };
    serve(Router::new().fallback(answer)).await
}

/// A gate on the machine's clock: applications go by it, too.
async fn test() -> TestGate {
    TestGate::on(Clock::system(), |builder| builder).await
}

fn signs(settings: &mut Settings) {
    settings.assertion = Some(Assertion::new(ISSUER.to_owned()));
    settings.upstream.audience = Some("shop".to_owned());
}

async fn stand(gate: &Gate, change: impl FnOnce(&mut Settings)) -> Stand {
    let upstream = application(gate, "shop").await;
    let stand = Stand::of(test().await, upstream, Vec::new(), |settings| {
        signs(settings);
        change(settings);
    })
    .await;
    *gate.0.lock().expect("no panic") = Some(stand.address);
    stand
}

#[tokio::test]
async fn an_application_knows_who_comes() {
    let gate = Gate::default();
    let wiki = application(&gate, "wiki").await;
    let stand = stand(&gate, |settings| {
        let mut to_wiki = route("/wiki", Access::Protect);
        to_wiki.upstream = Some("wiki".to_owned());
        settings.routes = vec![to_wiki, route("/public", Access::Public)];
        settings.upstreams = vec![pool("wiki", wiki)];
    })
    .await;
    let (alice, hers) = stand.signed_in("alice").await;
    for (path, audience) in [("/", "shop"), ("/wiki", "wiki"), ("/public", "shop")] {
        let answer = stand.browser().get(path, &hers).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let said: Value = serde_json::from_str(&answer.body).expect("claims");
        assert_eq!((&said["aud"], &said["iss"]), (&audience.into(), &ISSUER.into()));
        assert_eq!((&said["sub"], &said["login"]), (&alice.id.to_string().into(), &"alice".into()));
        let lasts = said["exp"].as_i64().expect("an end") - said["iat"].as_i64().expect("a start");
        assert!((1..=60).contains(&lasts));
    }
    assert_eq!(stand.browser().get("/public", "").await.status, 401, "nobody has one");
    stand.test.lock(&alice).await;
    assert_eq!(stand.browser().get("/", &hers).await.status, 303);
}

#[tokio::test]
async fn nobody_brings_their_own() {
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |settings| {
        signs(settings);
        settings.routes = vec![route("/public", Access::Public)];
    })
    .await;
    let (_, hers) = stand.signed_in("alice").await;
    for name in
        [HEADER, "X_Portcullis_Assertion", "X-Portcullis_Assertion", "x-portcullis.assertion"]
    {
        for (path, cookie) in [("/", hers.as_str()), ("/public", ""), ("/public", &hers)] {
            let headers = [(name, "forged"), ("cookie", cookie)];
            assert_eq!(stand.browser().send("GET", path, &headers, "").await.status, 200);
        }
    }
    for seen in upstream.requests() {
        assert!(!seen.to_string().contains("forged"), "{seen}");
        let signed = seen.line.starts_with("GET / ")
            || seen
                .headers
                .iter()
                .any(|(name, _)| name == "x-portcullis-user");
        assert_eq!(seen.all(HEADER).len(), usize::from(signed), "{seen}");
    }
    // Under another name it is taken off in the same way.
    let other = Stand::over(upstream.address, |settings| {
        signs(settings);
        let assertion = settings.assertion.as_mut().expect("it is set");
        assertion.header = "x-user-token".parse().expect("a name");
        settings.routes = vec![route("/public", Access::Public)];
    })
    .await;
    upstream.forget();
    let headers = [("X_User_Token", "forged")];
    assert_eq!(
        other
            .browser()
            .send("GET", "/public", &headers, "")
            .await
            .status,
        200
    );
    assert!(!upstream.requests()[0].to_string().contains("forged"));
}

#[tokio::test]
async fn what_is_forged_or_over_or_anothers_is_refused() {
    let gate = Gate::default();
    let stand = stand(&gate, |_| {}).await;
    let (_, hers) = stand.signed_in("alice").await;
    let recorder = Recorder::saying(OK).await;
    // The same keys, before an application that tells what it got.
    let other = Stand::of(stand.test.clone(), recorder.address, Vec::new(), |settings| {
        signs(settings);
        let assertion = settings.assertion.as_mut().expect("it is set");
        assertion.lifetime = Duration::from_secs(1);
    })
    .await;
    assert_eq!(other.browser().get("/", &hers).await.status, 200);
    let token = recorder.requests()[0].header(HEADER).to_owned();
    assert!(gate.check(&token, "wiki").await.is_none(), "it is for one upstream");
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(&token)
        .expect("claims")
        .claims;
    let soon = json!({ "exp": claims["iat"].as_i64().expect("a start") + 600 });
    let mut longer = claims.clone();
    longer["exp"] = soon["exp"].clone();
    // Nobody else's key signs, whatever it calls itself.
    let kid = jsonwebtoken::decode_header(&token).expect("a head").kid;
    let stranger = rcgen::KeyPair::generate().expect("a key").serialize_der();
    for (algorithm, key) in [
        (Algorithm::ES256, EncodingKey::from_ec_der(&stranger)),
        (Algorithm::HS256, EncodingKey::from_secret(b"portcullis")),
    ] {
        let header = Header { kid: kid.clone(), ..Header::new(algorithm) };
        let forged = jsonwebtoken::encode(&header, &longer, &key).expect("a token");
        assert!(gate.check(&forged, "shop").await.is_none(), "{algorithm:?}");
    }
    let parts: Vec<&str> = token.split('.').collect();
    let unsigned = format!("{}.{}.", parts[0], parts[1]);
    assert!(gate.check(&unsigned, "shop").await.is_none());
    // It is over in a second, and stays so.
    let over = tokio::time::timeout(Duration::from_secs(30), async {
        while gate.check(&token, "shop").await.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    over.await.expect("an end");
}

#[tokio::test]
async fn keys_change_under_traffic() {
    let gate = Gate::default();
    let stand = stand(&gate, |_| {}).await;
    let (_, hers) = stand.signed_in("alice").await;
    let ask = async || {
        let answer = stand.browser().get("/", &hers).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let count = async || gate.keys().await.keys.len();
    assert_eq!(count().await, 1);
    let admin = stand.test.admin();
    let before = gate.keys().await;
    // Announced: both are published, and all goes on.
    admin
        .rotate_assertion_keys(&Actor::System, Takeover::Announced)
        .await
        .expect("a key");
    let heard = tokio::time::timeout(Duration::from_secs(20), async {
        while count().await != 2 {
            ask().await;
        }
    });
    heard.await.expect("the new key is published");
    for _ in 0..20 {
        ask().await;
    }
    // At once: the old ones are worth nothing, and all goes on, too, once it is heard of.
    admin
        .rotate_assertion_keys(&Actor::System, Takeover::AtOnce)
        .await
        .expect("a key");
    let heard = tokio::time::timeout(Duration::from_secs(20), async {
        while count().await != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    heard.await.expect("the old keys are published no more");
    for _ in 0..20 {
        ask().await;
    }
    assert_ne!(gate.keys().await, before);
}

#[tokio::test]
async fn keys_are_published_where_anything_is_signed_alone() {
    let gate = Gate::default();
    let signing = stand(&gate, |_| {}).await;
    let browser = signing.browser();
    assert_eq!(
        browser
            .send("POST", "/.portcullis/jwks.json", &[], "")
            .await
            .status,
        405
    );
    let plain = Stand::before(Router::new()).await;
    assert_eq!(
        plain
            .browser()
            .get("/.portcullis/jwks.json", "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn other_proxies_get_it_to_pass_on() {
    let gate = Gate::default();
    let stand = stand(&gate, |settings| {
        let here = "127.0.0.1/32".parse().expect("a network");
        settings.client_address.trusted_proxies = TrustedProxies::new([here]);
        settings.routes = vec![route("/public", Access::Public)];
    })
    .await;
    let (_, hers) = stand.signed_in("alice").await;
    let ask = async |path: &str, cookie: &str| {
        let url = format!("https://app.example{path}");
        let headers =
            [("x-original-url", url.as_str()), ("x-original-method", "GET"), ("cookie", cookie)];
        stand
            .browser()
            .send("GET", "/.portcullis/check", &headers, "")
            .await
    };
    let answer = ask("/", &hers).await;
    let token = answer.headers[HEADER].to_str().expect("text");
    assert!(gate.check(token, "shop").await.is_some());
    // Empty, it overwrites what a client sent.
    assert_eq!(ask("/public", "").await.headers[HEADER], "");
}
