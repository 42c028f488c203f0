//! Attacks on tokens that were published, and their relatives. Each differs in one
//! thing from a token that is taken.

use std::time::Duration;

use super::*;

const RSA: &[u8] = include_bytes!("keys/rsa.pem");
const RSA_PUBLIC: &str = include_str!("keys/rsa.pub.pem");

fn pem(text: &str) -> JwtKeys {
    JwtKeys::public_pem(text).expect("a public key")
}

async fn of_rsa() -> (TestGate, Router, Value, EncodingKey) {
    let test = gate_of(JwtIssuer::new(ISSUER, "shop", pem(RSA_PUBLIC).called("k1"))).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let claims = claims(&test, &alice);
    (test, app, claims, EncodingKey::from_rsa_pem(RSA).expect("a key"))
}

#[tokio::test]
async fn each_algorithm_of_a_keys_family_is_taken() {
    type Case = (&'static str, &'static [u8], fn(&[u8]) -> EncodingKey, &'static [&'static str]);
    let cases: [Case; 4] = [
        (
            RSA_PUBLIC,
            RSA,
            |pem| EncodingKey::from_rsa_pem(pem).expect("a key"),
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ),
        (
            include_str!("keys/p256.pub.pem"),
            include_bytes!("keys/p256.pem"),
            |pem| EncodingKey::from_ec_pem(pem).expect("a key"),
            &["ES256"],
        ),
        (
            include_str!("keys/p384.pub.pem"),
            include_bytes!("keys/p384.pem"),
            |pem| EncodingKey::from_ec_pem(pem).expect("a key"),
            &["ES384"],
        ),
        (
            include_str!("keys/ed25519.pub.pem"),
            include_bytes!("keys/ed25519.pem"),
            |pem| EncodingKey::from_ed_pem(pem).expect("a key"),
            &["EdDSA"],
        ),
    ];
    for (public, private, read, algorithms) in cases {
        let test = gate_of(JwtIssuer::new(ISSUER, "shop", pem(public))).await;
        let app = app(test.gate());
        let alice = test.account("alice").await;
        for name in algorithms {
            let algorithm = name.parse().expect("an algorithm");
            let token =
                sign(&json!({"alg": name}), &claims(&test, &alice), algorithm, &read(private));
            assert_eq!(visit(&app, &token).await, StatusCode::OK, "{name}");
        }
    }
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    for name in ["HS256", "HS384", "HS512"] {
        let algorithm = name.parse().expect("an algorithm");
        let key = EncodingKey::from_secret(SECRET);
        let token = sign(&json!({"alg": name}), &claims(&test, &alice), algorithm, &key);
        assert_eq!(visit(&app, &token).await, StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn no_algorithm_is_no_signature() {
    let (test, app, claims, _) = of_rsa().await;
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256 ", "rs256", "ES512", "RSA-OAEP"] {
        let header = json!({"alg": alg});
        let signatures = ["", "AA", "AAAA"];
        for signature in signatures {
            let token = format!("{}.{}.{signature}", part(&header), part(&claims));
            assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED, "{alg} {signature}");
        }
    }
    for header in
        [json!({}), json!({"alg": null}), json!({"alg": ["RS256"]}), json!([]), json!("RS256")]
    {
        let token = format!("{}.{}.AAAA", part(&header), part(&claims));
        assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED, "{header}");
    }
    assert_eq!(test.gate().jwt_signatures_checked(), 0);
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let (test, app, claims, rsa) = of_rsa().await;
    for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS512", Algorithm::HS512)] {
        for secret in [RSA_PUBLIC, RSA_PUBLIC.trim_end()] {
            let key = EncodingKey::from_secret(secret.as_bytes());
            let token = sign(&json!({"alg": name, "kid": "k1"}), &claims, algorithm, &key);
            assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED);
        }
    }
    assert_eq!(test.gate().jwt_signatures_checked(), 0);
    let other_family = sign(&json!({"alg": "ES256"}), &claims, Algorithm::RS256, &rsa);
    assert_eq!(visit(&app, &other_family).await, StatusCode::UNAUTHORIZED);
    let other_hash = sign(&json!({"alg": "RS512"}), &claims, Algorithm::RS256, &rsa);
    assert_eq!(visit(&app, &other_hash).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_header_brings_no_key_and_asks_for_nothing() {
    let (test, app, claims, rsa) = of_rsa().await;
    let jwk = json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"});
    for (name, value) in [
        ("jwk", jwk),
        ("jwk", Value::Null),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/certificate")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("enc", json!("A256GCM")),
        ("zip", json!("DEF")),
    ] {
        let mut header = json!({"alg": "RS256", "kid": "k1"});
        header[name] = value;
        let token = sign(&header, &claims, Algorithm::RS256, &rsa);
        assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED, "{header}");
    }
    assert_eq!(test.gate().jwt_signatures_checked(), 0);
}

#[tokio::test]
async fn a_kid_picks_among_the_keys_and_finds_none() {
    let (test, app, claims, rsa) = of_rsa().await;
    let with_kid = |kid: Value| {
        let mut header = json!({"alg": "RS256"});
        header["kid"] = kid;
        sign(&header, &claims, Algorithm::RS256, &rsa)
    };
    assert_eq!(visit(&app, &with_kid(json!("k1"))).await, StatusCode::OK);
    assert_eq!(
        visit(&app, &sign(&json!({"alg": "RS256"}), &claims, Algorithm::RS256, &rsa)).await,
        StatusCode::OK
    );
    let before = test.gate().jwt_signatures_checked();
    for kid in ["../../dev/null", "' OR 1=1 --", "k2", "", "K1", "k1\u{0}", "https://evil.example"]
    {
        assert_eq!(visit(&app, &with_kid(json!(kid))).await, StatusCode::UNAUTHORIZED, "{kid:?}");
    }
    for kid in [json!(1), json!(["k1"]), json!({})] {
        assert_eq!(visit(&app, &with_kid(kid.clone())).await, StatusCode::UNAUTHORIZED, "{kid}");
    }
    assert_eq!(test.gate().jwt_signatures_checked(), before, "no key was meant");
}

#[tokio::test]
async fn other_kinds_of_tokens_are_not_sessions() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"] {
        let token = token_with(&json!({"alg": "HS256", "typ": typ}), &claims(&test, &alice));
        assert_eq!(visit(&app, &token).await, StatusCode::OK, "{typ}");
    }
    for typ in ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "", "text/jwt", "id+jwt"] {
        let token = token_with(&json!({"alg": "HS256", "typ": typ}), &claims(&test, &alice));
        assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED, "{typ}");
    }
}

#[tokio::test]
async fn a_token_is_for_this_service_and_by_this_issuer() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let claims = claims(&test, &alice);
    for (claim, value) in [
        ("aud", Value::Null),
        ("aud", json!("other")),
        ("aud", json!("")),
        ("aud", json!([])),
        ("aud", json!(["other"])),
        ("aud", json!("shop ")),
        ("aud", json!("Shop")),
        ("aud", json!({"shop": 1})),
        ("iss", Value::Null),
        ("iss", json!("https://evil.example")),
        ("iss", json!("https://id.example/")),
        ("iss", json!([ISSUER])),
        ("iss", json!("https://ID.example")),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!(["1"])),
        ("sub", json!("alice")),
        ("sub", json!("01")),
    ] {
        let token = token(&with(claims.clone(), claim, value.clone()));
        assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED, "{claim}: {value}");
    }
    let several = token(&with(claims, "aud", json!(["other", "shop"])));
    assert_eq!(visit(&app, &several).await, StatusCode::OK);
}

#[tokio::test]
async fn one_issuers_key_signs_for_no_other() {
    let other_secret = b"another secret, of thirty-two or so bytes";
    let other = JwtIssuer::new(
        "https://other.example",
        "shop",
        JwtKeys::secret(other_secret).expect("a secret"),
    );
    let test = TestGate::with(|gate| gate.jwt_sessions(sessions().and_from(other))).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let ours = claims(&test, &alice);
    let theirs = with(ours.clone(), "iss", json!("https://other.example"));
    let by = |claims: &Value, secret: &[u8]| {
        sign(&json!({"alg": "HS256"}), claims, Algorithm::HS256, &EncodingKey::from_secret(secret))
    };
    assert_eq!(visit(&app, &by(&ours, SECRET)).await, StatusCode::OK);
    assert_eq!(visit(&app, &by(&theirs, other_secret)).await, StatusCode::OK);
    assert_eq!(visit(&app, &by(&ours, other_secret)).await, StatusCode::UNAUTHORIZED);
    assert_eq!(visit(&app, &by(&theirs, SECRET)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_changed_token_is_refused_and_looked_at_once() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let bob = test.account("bob").await;
    let good = token(&claims(&test, &alice));
    assert_eq!(visit(&app, &good).await, StatusCode::OK);
    let (message, signature) = good.rsplit_once('.').expect("three parts");
    let header = message.split('.').next().expect("a header");
    let forged = format!("{header}.{}.{signature}", part(&claims(&test, &bob)));
    let before = test.gate().jwt_signatures_checked();
    for _ in 0..10 {
        assert_eq!(visit(&app, &forged).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(test.gate().jwt_signatures_checked(), before + 1);
    for bad in [
        format!("{message}.{}", &signature[..signature.len() - 1]),
        format!("{message}.{signature}A"),
        format!("{message}.{signature}="),
        format!("{message}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        message.to_owned(),
        "a.b.c".to_owned(),
        "...".to_owned(),
        String::new(),
    ] {
        assert_eq!(visit(&app, &bad).await, StatusCode::UNAUTHORIZED, "{bad}");
    }
    assert_eq!(visit(&app, &good).await, StatusCode::OK, "the good one does not suffer");
}

#[tokio::test]
async fn a_token_is_at_most_8_kib_long() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let padded =
        |bytes: usize| token(&with(claims(&test, &alice), "pad", json!("x".repeat(bytes))));
    let overhead = padded(0).len();
    let fits = (8192 - overhead) / 4 * 3 - 6;
    assert!(padded(fits).len() <= 8192);
    assert_eq!(visit(&app, &padded(fits)).await, StatusCode::OK);
    assert!(padded(fits + 12).len() > 8192);
    assert_eq!(visit(&app, &padded(fits + 12)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn names_that_are_there_twice_are_no_header() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"HS256"}"#);
    let message = format!("{header}.{}", part(&claims(&test, &alice)));
    let key = EncodingKey::from_secret(SECRET);
    let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, &key).expect("a key");
    let signature = signer.try_sign(message.as_bytes()).expect("a signature");
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED);
}

#[test]
fn what_is_no_key_is_refused_when_it_is_given() {
    let private = std::str::from_utf8(RSA).expect("a text");
    let weak = include_str!("keys/weak.pub.pem");
    for bad in
        ["", "x", weak, private, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"]
    {
        assert!(JwtKeys::public_pem(bad).is_err(), "{bad}");
    }
    for secret in [&b""[..], &[7; 31], RSA_PUBLIC.as_bytes()] {
        assert!(JwtKeys::secret(secret).is_err());
    }
    for set in [
        "",
        "[]",
        "{}",
        r#"{"keys": []}"#,
        r#"{"keys": {}}"#,
        r#"{"keys": [{"kty": "RSA"}, 7, {}]}"#,
        r#"{"keys": [{"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"}]}"#,
        r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "enc", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
        r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "ES256", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
        r#"{"keys": [{"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA"}]}"#,
    ] {
        assert!(JwtKeys::jwk_set(set).is_err(), "{set}");
    }
    let key = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let beside_others = format!(r#"{{"keys": [{{"kty": "future"}}, {{"kty": "RSA"}}, {key}]}}"#);
    assert!(JwtKeys::jwk_set(&beside_others).is_ok());
    assert!(!format!("{:?}", keys()).contains("secret"));
}

#[tokio::test]
async fn a_set_has_keys_by_name() {
    // The key of RFC 8037, appendix A.
    let set = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig", "alg": "EdDSA",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let keys = JwtKeys::jwk_set(set).expect("a set");
    let keys = keys.and(pem(RSA_PUBLIC).called("rsa")).expect("few keys");
    let test = gate_of(JwtIssuer::new(ISSUER, "shop", keys)).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let der = [
        &[
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ][..],
        &URL_SAFE_NO_PAD
            .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
            .expect("base64url"),
    ]
    .concat();
    let ed = EncodingKey::from_ed_der(&der);
    let claims = claims(&test, &alice);
    let by = |kid: &str| sign(&json!({"alg": "EdDSA", "kid": kid}), &claims, Algorithm::EdDSA, &ed);
    assert_eq!(visit(&app, &by("ed")).await, StatusCode::OK);
    assert_eq!(visit(&app, &by("rsa")).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_bad_token_is_remembered_for_a_while_only_by_its_own_text() {
    let test = gate_of(issuer().leeway(Duration::ZERO)).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let claims = claims(&test, &alice);
    let forged = sign(
        &json!({"alg": "HS256"}),
        &claims,
        Algorithm::HS256,
        &EncodingKey::from_secret(&[7; 32]),
    );
    assert_eq!(visit(&app, &forged).await, StatusCode::UNAUTHORIZED);
    // The same claims under the right signature are another text.
    assert_eq!(visit(&app, &token_with(&json!({"alg": "HS256"}), &claims)).await, StatusCode::OK);
    assert_eq!(visit(&app, &forged).await, StatusCode::UNAUTHORIZED);
}
