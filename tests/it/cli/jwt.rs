//! `portcullis jwt check`, with tokens and keys of published standards.

use super::*;

/// The key of RFC 7515, appendix A.1.
const SECRET: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

/// RFC 7515, appendix A.1: it has no `iat`.
const WITHOUT_IAT: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\
    .eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ\
    .dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn signed(claims: &Value) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
    use jsonwebtoken::{Algorithm, EncodingKey};
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), part(claims));
    let key = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(SECRET).expect("base64url"));
    let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, &key).expect("a key");
    let signature = signer.try_sign(message.as_bytes()).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A line for the program.
fn line(token: &str, more: &Value) -> String {
    let mut line = json!({"token": token, "keys": [{"kty": "oct", "k": SECRET}], "now": 1500});
    let more = more.as_object().expect("an object").clone();
    line.as_object_mut().expect("an object").extend(more);
    format!("{line}\n")
}

fn good() -> String {
    signed(&json!({"iss": "us", "aud": "shop", "sub": "alice", "iat": 1000, "exp": 2000}))
}

#[test]
fn a_valid_token_is_shown_with_whose_it_is_and_its_end() {
    let host = Host::new();
    let set = json!({"keys": {"keys": [{"kty": "oct", "k": SECRET, "kid": "a"}]}});
    let input = [
        line(&good(), &json!({})),
        "\n".to_owned(),
        line(&good(), &json!({"issuer": "us", "audience": "shop"})),
        line(&good(), &set),
        line(&signed(&json!({"iat": 1000, "exp": 2000})), &json!({})),
    ]
    .concat();
    let ran = host.with_input(&["jwt", "check"], &input).done();
    let first = "1: valid, \"alice\", expires 1970-01-01T00:33:20Z\n";
    assert!(ran.out.starts_with(first), "{}", ran.out);
    assert_eq!(ran.out.lines().count(), 4, "{}", ran.out);
    ran.says("5: valid, no subject");
    let json = host
        .with_input(&["jwt", "check", "--json"], &line(&good(), &json!({})))
        .done();
    let said: Value = serde_json::from_str(json.out.trim_end()).expect("a line of JSON");
    let expected = json!({
        "line": 1, "valid": true, "subject": "alice", "expires_at": "1970-01-01T00:33:20Z",
    });
    assert_eq!(said, expected);
}

#[test]
fn a_token_that_is_not_valid_is_told_why() {
    let host = Host::new();
    let token = good();
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let key = |key: Value| json!({ "keys": [key] });
    let cases = [
        (line(&forged, &json!({})), "signature"),
        (line(&token, &json!({"issuer": "them"})), "issuer"),
        (line(&token, &json!({"audience": "other"})), "audience"),
        (line(&token, &json!({"now": 2010})), "not-now"),
        (line(&token, &json!({"now": 900.5})), "not-now"),
        (line(WITHOUT_IAT, &json!({"now": 1_300_819_000})), "times"),
        (line("a.b", &json!({})), "form"),
        (line("eyJhbGciOiJub25lIn0.e30.AAAA", &json!({})), "times"),
        (line(&token, &key(json!({"kty": "oct", "k": "AAAA"}))), "keys"),
        (line(&token, &key(json!({"kty": "oct", "k": SECRET, "alg": "HS512"}))), "signature"),
        (line(&token, &json!({"keys": []})), "keys"),
        (line(&token, &json!({"keys": "x"})), "keys"),
        ("{}\n".to_owned(), "line"),
        ("token\n".to_owned(), "line"),
    ];
    for (input, flaw) in &cases {
        let both = format!("{}{input}", line(&token, &json!({})));
        let ran = host.with_input(&["jwt", "check", "--json"], &both);
        assert_eq!(ran.code, Some(1), "{input}");
        let said = ran.out.lines().nth(1).expect("a second line");
        let said: Value = serde_json::from_str(said).expect("a line of JSON");
        assert_eq!((&said["valid"], &said["flaw"]), (&json!(false), &json!(flaw)), "{input}");
        assert!(ran.err.contains("1 of 2"), "{}", ran.err);
    }
    host.with_input(&["jwt", "check"], "")
        .fails(2, &["no token"]);
    host.with_input(&["jwt", "check"], &"x".repeat(2 << 20))
        .fails(2, &["longer"]);
}
