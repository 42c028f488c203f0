//! `[jwt]`.

use super::*;
use crate::engine::jwt::{JwtAccount, PublishedJwtKeys};

fn with(section: &str) -> String {
    format!("[upstream]\nurl = \"http://127.0.0.1:3000\"\n[jwt]\n{section}")
}

#[test]
fn an_issuer_is_named_by_its_address_alone_or_with_its_keys() {
    let of = |section: &str| config(&with(section)).gate.jwt.expect("an issuer");
    let own = of("issuer = \"https://id.example\"\naudience = \"shop\"\n");
    let keys = PublishedJwtKeys::of_issuer("https://id.example").expect("an address");
    let expected = JwtSettings {
        issuer: "https://id.example".to_owned(),
        audience: "shop".to_owned(),
        keys,
        header: true,
        cookie: None,
        claim: "sub".to_owned(),
        account: JwtAccount::Number,
    };
    assert_eq!(own, expected);
    let other =
        of("issuer = \"login\"\naudience = \"shop\"\njwks_url = \"https://id.example/keys\"\n\
         networks = [\"10.0.0.0/8\"]\nheader = false\ncookie = \"access\"\nclaim = \"email\"\n\
         account = \"email\"\n");
    let keys = PublishedJwtKeys::at("https://id.example/keys").expect("an address");
    let networks = vec!["10.0.0.0/8".parse().expect("a network")];
    assert_eq!(other.keys, keys.in_networks(networks));
    assert_eq!((other.header, other.cookie.as_deref()), (false, Some("access")));
    assert_eq!((other.claim.as_str(), other.account), ("email", JwtAccount::Email));
    assert_eq!(config(&with("header = true\n")).gate.jwt, None, "nobody is named");
}

#[test]
fn what_can_not_be_meant_is_said() {
    let both = "issuer = \"https://id.example\"\naudience = \"shop\"\n";
    for (section, words) in [
        ("issuer = \"https://id.example\"\n".to_owned(), "`jwt.audience` is not set"),
        ("audience = \"shop\"\n".to_owned(), "`jwt.issuer` is not set"),
        ("jwks_url = \"https://id.example/\"\n".to_owned(), "`jwt.issuer` is not set"),
        ("issuer = \"login\"\naudience = \"shop\"\n".to_owned(), "`jwt.issuer` can't be asked"),
        (format!("{both}jwks_url = \"http://id.example/\"\n"), "only https leaves this machine"),
        (format!("{both}header = false\n"), "neither from the header nor from a cookie"),
        (format!("{both}cookie = \"portcullis\"\n"), "can't be the name of a token's cookie"),
        (format!("{both}account = \"uuid\"\n"), "`jwt.account`"),
    ] {
        let errors = refused(&with(&section), &[]);
        assert_eq!(errors.problems().len(), 1, "{errors}");
        assert!(errors.to_string().contains(words), "{words:?} is not in {errors}");
    }
}

#[tokio::test]
async fn a_gate_is_built_with_it() {
    let section = "issuer = \"http://127.0.0.1:9/\"\naudience = \"shop\"\naccount = \"login\"\n";
    let config = config(&with(section));
    let clock = crate::domain::time::Clock::system();
    let directory = crate::store::memory::SingleProcessDirectory::new(clock);
    let builder = crate::Portcullis::builder().directory(directory);
    let gate = config.gate.apply(&config.pinned, builder).build().await;
    assert!(gate.is_ok_and(|gate| gate.takes_bearer_tokens()));
}
