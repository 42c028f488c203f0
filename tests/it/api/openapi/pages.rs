//! The description as pages, `/docs`.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Request, Response, StatusCode};
use portcullis::pages::{Branding, Docs};
use tower::ServiceExt;

use super::world::World;
use super::{Operation, operations};

async fn get(router: &Router, path: &str) -> (Response<()>, String) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let (head, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("a body");
    (Response::from_parts(head, ()), String::from_utf8(bytes.to_vec()).expect("text"))
}

/// What stands in the attribute of this name, wherever it does.
fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let head = format!(" {name}=\"");
    page.split(&head)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// Every page that is linked to from the first, by path.
async fn all_pages(router: &Router) -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut wanted = vec!["/docs".to_owned()];
    while let Some(path) = wanted.pop() {
        if pages.contains_key(&path) {
            continue;
        }
        let (head, page) = get(router, &path).await;
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        let csp = head.headers()["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(csp.contains("default-src 'none'") && !csp.contains("unsafe"), "{csp}");
        let links = attributes(&page, "href").into_iter();
        let links = links.filter(|link| link.starts_with("/docs") && !link.contains("/assets/"));
        wanted.extend(links.map(|link| link.split('#').next().expect("a path").to_owned()));
        pages.insert(path, page);
    }
    pages
}

#[tokio::test]
async fn every_link_of_the_pages_leads_somewhere() {
    let router = Docs::new().into_router();
    let pages = all_pages(&router).await;
    assert!(pages.len() > 4, "{:?}", pages.keys());
    for (path, page) in &pages {
        let ids: BTreeSet<&str> = attributes(page, "id").into_iter().collect();
        assert_eq!(ids.len(), attributes(page, "id").len(), "two things of one id on {path}");
        for link in attributes(page, "href") {
            let (to, place) = link.split_once('#').unwrap_or((link, ""));
            let there = match pages.get(to) {
                _ if to.is_empty() => ids.contains(place),
                Some(page) => place.is_empty() || attributes(page, "id").contains(&place),
                None if to.contains("/assets/") => get(&router, to).await.0.status().is_success(),
                None => to == "/openapi.json",
            };
            assert!(there, "{link} on {path} leads nowhere");
        }
        // The policy would not let it be.
        assert!(!page.contains(" style=") && !page.contains("<style"), "{path}");
        assert!(!page.contains(" onclick=") && !page.contains("<script>"), "{path}");
        assert!(!page.contains("http://") || !page.contains("src=\"http"), "{path}");
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn every_operation_is_on_a_page() {
    let document = World::new().await.document().await;
    let pages = all_pages(&Docs::new().into_router()).await;
    for Operation { path, method, said } in operations(&document) {
        let id = said["operationId"].as_str().expect("a name");
        let mut on = pages
            .values()
            .filter(|page| attributes(page, "id").contains(&id));
        let page = on
            .next()
            .unwrap_or_else(|| panic!("{method} {path} is on no page"));
        assert!(page.contains(path) && on.next().is_none(), "{method} {path}");
    }
}

#[tokio::test]
async fn they_are_in_the_name_and_colour_of_the_service() {
    let brand = Branding::new("Harbour").accent("#0b7285".parse().expect("a colour"));
    let router = Docs::new().brand(brand).into_router();
    let (_, page) = get(&router, "/docs").await;
    assert!(page.contains("Harbour"), "{page:.800}");
    let colours = attributes(&page, "href")
        .into_iter()
        .find(|link| link.contains("colours."));
    let (head, _) = get(&router, colours.expect("a stylesheet")).await;
    assert_eq!(head.status(), StatusCode::OK);
    let (head, page) = get(&router, "/docs/nothing").await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);
    assert!(attributes(&page, "href").contains(&"/docs/"), "{page}");
}
