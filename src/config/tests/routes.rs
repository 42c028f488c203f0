//! `[[routes]]`, `[upstreams.NAME]` and `[assertion]`.

use std::time::Duration;

use super::*;
use crate::domain::permission::Permission;
use crate::gateway::routes::Access;

const UPSTREAM: &str = "[upstream]\nurl = \"http://127.0.0.1:3000\"\n";

fn with(sections: &str) -> String {
    format!("{UPSTREAM}{sections}")
}

#[test]
fn what_is_written_of_routes_is_meant() {
    let gateway = config(&with(
        r#"
        [upstream.identity]
        user = "remote-user"

        [[routes]]
        host = "*.Wiki.example"
        path = "/reports/"
        methods = ["GET", "POST"]
        require = { permission = "users.view", groups = ["Staff"] }
        upstream = "wiki"
        body = "2MiB"
        response_timeout = "5m"

        [[routes]]
        path = "/assets"
        access = "public"

        [upstreams.wiki]
        urls = ["http://10.0.0.5:3001", "http://10.0.0.6:3001"]
        check_path = "/healthz?full"
        check_fall = 7
        connect_timeout = "1s"
        host = "upstream"
        audience = "the wiki"

        [assertion]
        send = true
        "#,
    ))
    .gateway;
    let [reports, assets] = gateway.routes.as_slice() else { panic!("{:?}", gateway.routes) };
    assert_eq!(reports.to_string(), "GET,POST *.wiki.example/reports");
    assert_eq!((reports.access, assets.access), (Access::Protect, Access::Public));
    assert_eq!(reports.require.permission, Some(Permission::ViewUsers));
    assert_eq!((reports.upstream.as_deref(), reports.body_bytes), (Some("wiki"), Some(2 << 20)));
    assert_eq!(reports.response_timeout, Some(Duration::from_secs(300)));
    let [wiki] = gateway.upstreams.as_slice() else { panic!("{:?}", gateway.upstreams) };
    assert_eq!((wiki.name.as_str(), wiki.origins.len()), ("wiki", 2));
    assert!(wiki.settings.own_host);
    assert_eq!(wiki.settings.connect_timeout, Duration::from_secs(1));
    let user = wiki
        .settings
        .identity
        .user
        .as_ref()
        .map(http::HeaderName::as_str);
    assert_eq!(user, Some("remote-user"), "all are told in the same way");
    let check = wiki.check.as_ref().expect("a check");
    assert_eq!((check.path.to_string().as_str(), check.fall, check.rise), ("/healthz?full", 7, 2));
    let assertion = gateway.assertion.expect("it is on");
    assert_eq!(
        (assertion.issuer.as_str(), assertion.lifetime),
        ("portcullis", Duration::from_secs(60))
    );
    assert!(config(UPSTREAM).gateway.assertion.is_none());
}

#[test]
fn what_is_wrong_with_routes_is_said() {
    for (sections, words) in [
        ("[[routes]]\naccess = \"public\"\n", "a route has no `path`"),
        ("[[routes]]\npath = \"admin\"\n", "does not begin with a slash"),
        ("[[routes]]\npath = \"/a/../b\"\n", "is not a plain path"),
        ("[[routes]]\npath = \"/.portcullis/x\"\n", "Portcullis's own"),
        ("[[routes]]\npath = \"/\"\nhost = \"a:80\"\n", "is no host"),
        ("[[routes]]\npath = \"/\"\nmethods = [\"get\"]\n", "is no method"),
        ("[[routes]]\npath = \"/\"\nmethods = []\n", "names no method"),
        ("[[routes]]\npath = \"/\"\naccess = \"open\"\n", "is none of its words"),
        ("[[routes]]\npath = \"/\"\nrequire = \"admin\"\n", "is no section"),
        ("[[routes]]\npath = \"/\"\nrequire = { }\n", "requires nothing"),
        ("[[routes]]\npath = \"/\"\nrequire = { role = \"x\" }\n", "has no key `role`"),
        ("[[routes]]\npath = \"/\"\nrequire = { permission = \"root\" }\n", "is no permission"),
        ("[[routes]]\npath = \"/\"\nmethod = \"GET\"\n", "a route has no key `method`"),
        ("[routes]\npath = \"/\"\n", "is no list of sections"),
        ("[[routes]]\npath = \"/\"\nupstream = \"wiki\"\n", "there is none of this name"),
        (
            "[[routes]]\npath = \"/\"\naccess = \"best-effort\"\nrequire = { groups = [\"a\"] }\n",
            "requires something of whoever comes",
        ),
        ("[[routes]]\npath = \"/a\"\n[[routes]]\npath = \"/a/\"\n", "are for the same requests"),
        ("[open]\npaths = [\"/a\"]\n[[routes]]\npath = \"/a\"\n", "are for the same requests"),
        (
            "[[routes]]\nhost = \"app.example\"\npath = \"/\"\n[[routes]]\npath = \"/admin\"\n",
            "are both for app.example/admin",
        ),
        ("[upstreams]\nwiki = 1\n", "is no section"),
        ("[upstreams.\"a b\"]\nurl = \"http://a\"\n", "can't be an upstream's name"),
        ("[upstreams.a]\n", "an upstream has no `url`"),
        ("[upstreams.a]\nurl = \"https://a\"\n", "its url says https"),
        ("[upstreams.a]\nurls = []\n", "has 0 servers"),
        ("[upstreams.a]\nurl = \"http://a\"\nurls = [\"http://b\"]\n", "has `url` and `urls`"),
        ("[upstreams.a]\nurls = [\"http://b\", \"http://b\"]\n", "one server twice"),
        ("[upstreams.a]\nurl = \"http://a\"\ncheck_every = \"5s\"\n", "is not checked"),
        ("[upstreams.a]\nurl = \"http://a\"\ncheck_path = \"healthz\"\n", "is no path"),
    ] {
        let errors = refused(&with(sections), &[]);
        let found = whats(&errors);
        assert!(found.iter().any(|what| what.contains(words)), "{sections}: {found:?}");
    }
}

#[test]
fn routes_that_contradict_each_other_are_shown_both() {
    let text =
        with("[[routes]]\npath = \"/a\"\n\n[[routes]]\npath = \"/a\"\naccess = \"public\"\n");
    let shown = refused(&text, &[]).to_string();
    assert!(shown.contains("leave one of them out"), "{shown}");
    assert!(shown.contains("the other one"), "{shown}");
}
