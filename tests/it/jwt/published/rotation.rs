//! Issuers that change their keys.

use super::*;

#[tokio::test]
async fn a_published_key_signs_sessions() {
    let publisher = Publisher::of(set(&[ED.called("a"), P256.called("b")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    assert_eq!(world.visit_by(P256, "b").await, StatusCode::OK);
    assert_eq!(world.visit_by(ED, "b").await, StatusCode::UNAUTHORIZED);
    assert_eq!(publisher.asked("/keys"), 1);
    world.test.lock(&world.alice).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_new_key_is_taken_when_its_name_first_comes() {
    let publisher = Publisher::of(set(&[ED.called("old")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "old").await, StatusCode::OK);
    publisher.answers("/keys", Answer::Text(set(&[P256.called("new")])));
    let signed = P256.signs("new", &world.claims());
    assert_eq!(visit(&world.app, &signed).await, StatusCode::UNAUTHORIZED, "it is too early");
    after(11).await;
    assert_eq!(visit(&world.app, &signed).await, StatusCode::OK, "the same token");
    assert_eq!(publisher.asked("/keys"), 2);
    assert_eq!(world.visit_by(ED, "old").await, StatusCode::UNAUTHORIZED, "it was taken out");
}

#[tokio::test]
async fn a_key_that_changes_under_its_name_is_taken_within_a_minute() {
    let publisher = Publisher::of(set(&[ED.called("k")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "k").await, StatusCode::OK);
    publisher.answers("/keys", Answer::Text(set(&[P256.called("k")])));
    let signed = P256.signs("k", &world.claims());
    assert_eq!(visit(&world.app, &signed).await, StatusCode::UNAUTHORIZED);
    after(30).await;
    assert_eq!(visit(&world.app, &signed).await, StatusCode::UNAUTHORIZED);
    assert_eq!(publisher.asked("/keys"), 1, "a forged signature asks for nothing");
    after(25).await;
    until(StatusCode::OK, async || visit(&world.app, &signed).await).await;
    assert_eq!(world.visit_by(ED, "k").await, StatusCode::UNAUTHORIZED);
    assert_eq!(publisher.asked("/keys"), 2);
}

#[tokio::test]
async fn a_thousand_unknown_names_at_once_cause_one_fetch() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    for (rest, fetches) in [(0, 1), (11, 2), (5, 2), (6, 3)] {
        after(rest).await;
        let visits = (0..1000).map(|n| {
            let token = P256.signs(&format!("unknown-{n}"), &world.claims());
            let app = world.app.clone();
            tokio::spawn(async move { visit(&app, &token).await })
        });
        for status in futures_util::future::join_all(visits).await {
            assert_eq!(status.expect("an answer"), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(publisher.asked("/keys"), fetches);
        assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    }
    assert_eq!(world.test.gate().jwt_signatures_checked(), 5, "no key was meant");
}

#[tokio::test]
async fn an_issuer_by_its_address_alone_says_where_its_keys_are() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let name = publisher.url("/realm");
    let configuration = json!({"issuer": name, "jwks_uri": publisher.url("/keys"), "more": [1]});
    let well_known = "/realm/.well-known/openid-configuration";
    publisher.answers(well_known, Answer::Text(configuration.to_string()));
    let keys = PublishedJwtKeys::of_issuer(&name).expect("an address");
    let world = World::of(JwtIssuer::new(&name, "shop", keys)).await;
    let claims = with(world.claims(), "iss", json!(name));
    assert_eq!(visit(&world.app, &ED.signs("a", &claims)).await, StatusCode::OK);
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::UNAUTHORIZED, "another issuer's");
    // It moves its keys.
    let moved = json!({"issuer": name, "jwks_uri": publisher.url("/others")});
    publisher.answers(well_known, Answer::Text(moved.to_string()));
    publisher.answers("/others", Answer::Text(set(&[P256.called("b")])));
    after(11).await;
    assert_eq!(visit(&world.app, &P256.signs("b", &claims)).await, StatusCode::OK);
    assert_eq!(publisher.asked(well_known), 2);
    assert_eq!(publisher.asked("/keys"), 1);
}

#[tokio::test]
async fn nobody_fetches_for_a_gate_that_is_gone() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    drop(world);
    after(60).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(publisher.asked("/keys"), 1);
}
