//! What is in a published set, and attacks on tokens whose key is in one.

use super::*;

const RSA: Pair = Pair {
    alg: "RS256",
    private: || EncodingKey::from_rsa_pem(include_bytes!("../keys/rsa.pem")).expect("a key"),
    public: r#"{"kty": "RSA", "e": "AQAB"}"#,
};

fn rsa(more: &Value) -> Value {
    let mut jwk = RSA.jwk(more);
    jwk["n"] = json!(RSA_MODULUS);
    jwk
}

#[tokio::test]
async fn a_bad_key_takes_no_other_away() {
    let bad = [
        json!(7),
        json!({"kty": "RSA", "kid": "bad"}),
        json!({"kty": "future", "kid": "bad"}),
        json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "bad"}),
        json!({"kty": "EC", "crv": "P-384", "x": P256.jwk(&json!({}))["x"], "y": "AAAA"}),
    ];
    let keys = [&bad[..], &[ED.called("a")]].concat();
    let publisher = Publisher::of(set(&keys)).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    assert_eq!(world.visit_by(ED, "bad").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn keys_are_for_what_they_say_they_are_for() {
    let secret = json!({"kty": "oct", "kid": "s", "k": URL_SAFE_NO_PAD.encode(SECRET)});
    let unused = [
        P256.jwk(&json!({"kid": "enc", "use": "enc"})),
        P256.jwk(&json!({"kid": "other", "use": "x"})),
        P256.jwk(&json!({"kid": "sign", "key_ops": ["sign"]})),
        P256.jwk(&json!({"kid": "alg", "alg": "ES384"})),
        P256.jwk(&json!({"kid": "hs", "alg": "HS256"})),
        P256.jwk(&json!({"kid": "private", "d": "AAAA"})),
        rsa(&json!({"kid": "oaep", "alg": "RSA-OAEP"})),
        secret,
    ];
    let used = [
        ED.jwk(&json!({"kid": "a", "use": "sig", "alg": "EdDSA", "key_ops": ["verify"]})),
        rsa(&json!({"kid": "ps", "alg": "PS256"})),
    ];
    let publisher = Publisher::of(set(&[&unused[..], &used].concat())).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    for kid in ["enc", "other", "sign", "alg", "hs", "private"] {
        assert_eq!(world.visit_by(P256, kid).await, StatusCode::UNAUTHORIZED, "{kid}");
    }
    for kid in ["oaep", "ps"] {
        assert_eq!(world.visit_by(RSA, kid).await, StatusCode::UNAUTHORIZED, "{kid}");
    }
    let by_secret = token_with(&json!({"alg": "HS256", "kid": "s"}), &world.claims());
    assert_eq!(visit(&world.app, &by_secret).await, StatusCode::UNAUTHORIZED);
    let key = (RSA.private)();
    let header = json!({"alg": "PS256", "kid": "ps"});
    let pinned = sign(&header, &world.claims(), Algorithm::PS256, &key);
    assert_eq!(visit(&world.app, &pinned).await, StatusCode::OK);
}

#[tokio::test]
async fn a_published_key_is_no_secret_and_of_no_other_family() {
    let publisher = Publisher::of(set(&[rsa(&json!({"kid": "k"}))])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(RSA, "k").await, StatusCode::OK);
    let before = world.test.gate().jwt_signatures_checked();
    let modulus = URL_SAFE_NO_PAD.decode(RSA_MODULUS).expect("base64url");
    let published = rsa(&json!({"kid": "k"})).to_string();
    let secrets: [&[u8]; 5] = [
        include_bytes!("../keys/rsa.pub.pem"),
        include_str!("../keys/rsa.pub.pem").trim_end().as_bytes(),
        &modulus,
        RSA_MODULUS.as_bytes(),
        published.as_bytes(),
    ];
    for secret in secrets {
        for (alg, algorithm) in
            [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)]
        {
            let header = json!({"alg": alg, "kid": "k"});
            let key = EncodingKey::from_secret(secret);
            let token = sign(&header, &world.claims(), algorithm, &key);
            assert_eq!(visit(&world.app, &token).await, StatusCode::UNAUTHORIZED, "{alg}");
        }
    }
    for alg in ["none", "None", "", "ES256", "EdDSA", "HS256"] {
        let header = json!({"alg": alg, "kid": "k"});
        let token = sign(&header, &world.claims(), Algorithm::RS256, &(RSA.private)());
        assert_eq!(visit(&world.app, &token).await, StatusCode::UNAUTHORIZED, "{alg}");
    }
    assert_eq!(world.test.gate().jwt_signatures_checked(), before);
}

#[tokio::test]
async fn a_header_neither_brings_keys_nor_says_where_they_are() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let evil = Publisher::of(set(&[P256.called("e")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    let more = [
        json!({"jku": evil.url("/keys")}),
        json!({"x5u": evil.url("/keys")}),
        json!({"jwk": P256.called("e")}),
        json!({"x5c": ["AAAA"]}),
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"b64": false}),
    ];
    for more in more {
        for (pair, kid) in [(P256, "e"), (ED, "a")] {
            let mut header = json!({"alg": pair.alg, "kid": kid});
            let more = more.as_object().expect("an object").clone();
            header.as_object_mut().expect("an object").extend(more);
            let algorithm = pair.alg.parse().expect("an algorithm");
            let token = sign(&header, &world.claims(), algorithm, &(pair.private)());
            assert_eq!(visit(&world.app, &token).await, StatusCode::UNAUTHORIZED, "{header}");
        }
    }
    let list = json!(["EdDSA", "a", "JWT"]);
    let token = sign(&list, &world.claims(), Algorithm::EdDSA, &(ED.private)());
    assert_eq!(visit(&world.app, &token).await, StatusCode::UNAUTHORIZED, "a list");
    assert_eq!(evil.asked("/keys"), 0);
    assert_eq!(publisher.asked("/keys"), 1, "such a header asks for nothing");
}

#[tokio::test]
async fn a_name_of_a_key_is_a_name_and_nothing_else() {
    let publisher = Publisher::of(set(&[ED.called("a")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "a").await, StatusCode::OK);
    let long = "a".repeat(4000);
    let names = [
        "../../../../dev/null",
        "/keys",
        "' OR 1=1 --",
        "a' UNION SELECT 'x",
        "a\u{0}",
        "A",
        " a",
        "",
        "http://127.0.0.1:1/keys",
        "| id",
        long.as_str(),
    ];
    for kid in names {
        assert_eq!(world.visit_by(ED, kid).await, StatusCode::UNAUTHORIZED, "{kid:.20?}");
    }
    let twice = r#"{"alg": "EdDSA", "kid": "x", "kid": "a"}"#;
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(twice), part(&world.claims()));
    let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::EdDSA, &(ED.private)());
    let signature = signer.expect("a key").try_sign(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature.expect("a signature"));
    let token = format!("{message}.{signature}");
    assert_eq!(visit(&world.app, &token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(publisher.asked("/keys"), 1, "it is too early for another");
}

#[tokio::test]
async fn keys_of_one_name_are_tried_each_in_its_own_family() {
    let publisher = Publisher::of(set(&[ED.called("k"), P256.called("k")])).await;
    let world = World::at(&publisher).await;
    assert_eq!(world.visit_by(ED, "k").await, StatusCode::OK);
    assert_eq!(world.visit_by(P256, "k").await, StatusCode::OK);
    assert_eq!(world.visit_by(RSA, "k").await, StatusCode::UNAUTHORIZED);
}
