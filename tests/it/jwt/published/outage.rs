//! Issuers that are away, or answer something else.

use portcullis::ClientAddr;
use tokio::task::JoinSet;

use super::*;

/// Nobody can say.
const UNKNOWN: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

#[tokio::test]
async fn an_issuer_that_is_down_at_first_is_heard_when_it_is_up() {
    let gone = Publisher::of("").await;
    let url = gone.url("/keys");
    let address = url["http://".len()..].trim_end_matches("/keys").to_owned();
    drop(gone);
    tokio::task::yield_now().await;
    let world = World::with(PublishedJwtKeys::at(&url).expect("an address")).await;
    let signed = ED.signs("a", &world.claims());
    assert_eq!(visit(&world.app, &signed).await, UNKNOWN);
    let ours = world.test.sign_in(&world.alice).await;
    assert_eq!(answer(&world.app, by_cookie(&ours)).await.0, StatusCode::OK);
    let back = Publisher::at(address.parse().expect("an address")).await;
    back.answers("/keys", Answer::Text(set(&[ED.called("a")])));
    assert_eq!(visit(&world.app, &signed).await, UNKNOWN, "it is too early");
    after(11).await;
    until(StatusCode::OK, async || visit(&world.app, &signed).await).await;
    assert_eq!(back.asked("/keys"), 1);
}

#[tokio::test]
async fn whatever_an_issuer_answers_its_old_keys_stay_in_use() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let other = Publisher::of(set(&[P256.called("b")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    let deep = format!("{{\"keys\": {}", "[".repeat(100_000));
    let answers = [
        Answer::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Answer::Status(StatusCode::NO_CONTENT),
        Answer::Redirect(other.url("/keys")),
        Answer::Endless,
        Answer::Text("<html>".to_owned()),
        Answer::Text(String::new()),
        Answer::Text(deep),
        Answer::Text(set(&[])),
        Answer::Text(r#"{"keys": [{"kty": "RSA"}, 7, null]}"#.to_owned()),
        Answer::Text(set(&vec![P256.called("b"); 65])),
    ];
    for answer in answers {
        let shown = format!("{answer:.80?}");
        let shown = &shown[..shown.len().min(80)];
        let before = publisher.asked("/keys");
        publisher.answers("/keys", answer);
        after(11).await;
        // Who knows whether a new key is the issuer's?
        assert_eq!(world.visit_by(P256, "b").await, UNKNOWN, "{shown}");
        assert_eq!(publisher.asked("/keys"), before + 1, "{shown}");
        assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK, "{shown}");
    }
    assert_eq!(other.asked("/keys"), 0, "a redirect is not followed");
    publisher.answers("/keys", Answer::Text(set(&[P256.called("b")])));
    after(11).await;
    assert_eq!(world.visit_by(P256, "b").await, StatusCode::OK);
}

#[tokio::test]
async fn a_configuration_leads_nowhere_that_it_should_not() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let name = publisher.url("");
    let keys = || PublishedJwtKeys::of_issuer(&name).expect("an address");
    let well_known = "/.well-known/openid-configuration";
    let good = publisher.url("/keys");
    let configurations = [
        json!({"issuer": format!("{name}/"), "jwks_uri": good}),
        json!({"issuer": name.replace("127.0.0.1", "localhost"), "jwks_uri": good}),
        json!({"issuer": "https://evil.example", "jwks_uri": good}),
        json!({"issuer": name}),
        json!({"jwks_uri": good}),
        json!({"issuer": name, "jwks_uri": "http://10.0.0.7/keys"}),
        json!({"issuer": name, "jwks_uri": "https://10.0.0.7/keys"}),
        json!({"issuer": name, "jwks_uri": "https://169.254.169.254/keys"}),
        json!({"issuer": name, "jwks_uri": "http://evil.example/keys"}),
        json!({"issuer": name, "jwks_uri": "file:///etc/passwd"}),
        json!({"issuer": name, "jwks_uri": [good]}),
        json!([name, good]),
    ];
    for configuration in configurations {
        publisher.answers(well_known, Answer::Text(configuration.to_string()));
        let world = World::of(JwtIssuer::new(&name, "shop", keys())).await;
        let claims = with(world.claims(), "iss", json!(name));
        let status = visit(&world.app, &ED.signs("a", &claims)).await;
        assert_eq!(status, UNKNOWN, "{configuration}");
    }
    assert_eq!(publisher.asked("/keys"), 0);
}

#[tokio::test]
async fn keys_come_from_where_they_may_be_fetched() {
    for bad in
        ["http://id.example/keys", "https://u:p@id.example/keys", "ftp://id.example/keys", "", "x"]
    {
        assert!(PublishedJwtKeys::at(bad).is_err(), "{bad}");
        assert!(PublishedJwtKeys::of_issuer(bad).is_err(), "{bad}");
    }
    assert!(PublishedJwtKeys::of_issuer("https://id.example/?x=").is_err());
    let built = async |keys: PublishedJwtKeys| {
        let issuer = JwtIssuer::new(ISSUER, "shop", keys);
        let built = in_memory(|gate| gate.jwt_sessions(JwtSessions::from_issuer(issuer))).await;
        built.map(|_| ()).map_err(|error| error.to_string())
    };
    let private = || PublishedJwtKeys::at("https://10.0.0.7/keys").expect("an address");
    let refused = built(private()).await;
    assert!(refused.is_err_and(|error| error.contains("not listed")));
    let listed = private().in_networks(vec!["10.0.0.0/8".parse().expect("a network")]);
    assert_eq!(built(listed).await, Ok(()));
    let others = PublishedJwtKeys::of_issuer("https://other.example").expect("an address");
    assert!(
        built(others)
            .await
            .is_err_and(|error| error.contains("of another"))
    );
}

/// A source that sends tokens by the thousand while its issuer is silent: they don't
/// pile up, and others' are looked at.
#[tokio::test]
async fn a_flood_of_tokens_by_unknown_keys_waits_in_few_places() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    publisher.answers("/keys", Answer::Never);
    after(11).await;
    let from = |address: [u8; 4], pair: Pair, kid: &str| {
        let mut request = by_header(&pair.signs(kid, &world.claims()));
        let client = ClientAddr::from(std::net::IpAddr::from(address));
        request.extensions_mut().insert(client);
        let app = world.app.clone();
        async move { answer(&app, request).await.0 }
    };
    let mut flood = JoinSet::new();
    for number in 0..2000 {
        flood.spawn(from([192, 0, 2, 1], P256, &format!("k{number}")));
    }
    for _ in 0..2000 - 256 {
        let put_off = flood
            .join_next()
            .await
            .expect("some wait")
            .expect("no panic");
        assert_eq!(put_off, UNKNOWN, "it may come again");
    }
    assert_eq!(flood.len(), 256, "the others wait");
    // Which keeps nobody waiting with a known key, nor anybody elsewhere from waiting.
    until(StatusCode::OK, || from([192, 0, 2, 1], ED, "a")).await;
    let other = tokio::spawn(from([198, 51, 100, 7], P256, "b"));
    while publisher.asked("/keys") < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!other.is_finished(), "it has a place");
    let figures = world.test.gate().metrics();
    assert!(figures.contains("{worth=\"busy\"} 1744"), "{figures}");
    flood.shutdown().await;
    publisher.answers("/keys", Answer::Text(set(&[ED.called("a"), P256.called("b")])));
    after(11).await;
    assert_eq!(other.await.expect("no panic"), UNKNOWN, "that fetch came to nothing");
    assert_eq!(publisher.asked("/keys"), 2, "one fetch for all of them");
    after(11).await;
    until(StatusCode::OK, || from([198, 51, 100, 7], P256, "b")).await;
}
