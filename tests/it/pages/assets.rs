//! Stylesheet, script and pictures.

use http::StatusCode;
use portcullis::pages::{Branding, Logo};
use portcullis::testing::TestGate;

use super::{request, service_with, visit};
use crate::guard::ask;

/// The addresses that a page loads from.
fn loaded(page: &str) -> Vec<&str> {
    let parts = page
        .split(['"'])
        .filter(|part| part.starts_with("/.portcullis/assets/"));
    parts.collect()
}

#[tokio::test]
async fn what_a_page_loads_is_there_for_ever() {
    let test = TestGate::new().await;
    let logo = Logo::new(&b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>"[..]).expect("a logo");
    let branding = Branding::new("Harbour")
        .logo(logo)
        .accent("#0b7285".parse().expect("a colour"));
    let app = service_with(test.gate(), |pages| pages.brand(branding));
    let page = visit(&app, "/.portcullis/sign-in", "").await.body;
    let loaded = loaded(&page);
    assert_eq!(loaded.len(), 5, "{loaded:?}");
    for path in loaded {
        let asset = visit(&app, path, "").await;
        assert_eq!(asset.status, StatusCode::OK, "{path}");
        let (_, extension) = path.rsplit_once('.').expect("a name");
        let expected = match extension {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(asset.header("content-type"), Some(expected));
        assert_eq!(asset.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(asset.header("x-content-type-options"), Some("nosniff"));
        if extension == "svg" {
            let policy = asset.header("content-security-policy").expect("a policy");
            assert!(policy.contains("sandbox") && !policy.contains("script"), "{policy}");
        }
        let tag = asset.header("etag").expect("a tag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), "*".to_owned()] {
            let headers = [("if-none-match", known.as_str())];
            let same = ask(&app, request("GET", path, &headers, "")).await;
            assert_eq!(
                (same.status, same.body.as_str()),
                (StatusCode::NOT_MODIFIED, ""),
                "{known}"
            );
        }
        let headers = [("if-none-match", "\"a\"")];
        assert_eq!(ask(&app, request("GET", path, &headers, "")).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn other_names_are_not_found() {
    let test = TestGate::new().await;
    let app = service_with(test.gate(), |pages| pages);
    for name in ["pages.css", "pages.0000000000000000.css", "..%2fmod.rs", "colours.css", "%00"] {
        let answer = visit(&app, &format!("/.portcullis/assets/{name}"), "").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{name}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}
