use proptest::prelude::*;

use super::readings;
use super::*;

fn route(host: &str, path: &str, methods: &[&str], access: Access) -> Route {
    let mut route = Route::new(RoutePath::parse(path).expect(path));
    if !host.is_empty() {
        route.host = HostPattern::parse(host).expect(host);
    }
    let method = |name: &&str| Method::from_bytes(name.as_bytes()).expect("a method");
    route.methods = methods.iter().map(method).collect();
    route.access = access;
    route
}

/// The label of the rule that a request goes by; `None`: its path is refused.
fn found(routes: &Routes, method: &str, host: &str, path: &str) -> Option<&'static str> {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    let rule = routes.find(Asked { host: host.as_bytes(), path, method: &method });
    rule.ok().map(|rule| routes.rules()[rule].label)
}

fn table(routes: &[Route]) -> Routes {
    Routes::new(routes, &[]).expect("routes that go together")
}

#[test]
fn the_narrowest_route_wins() {
    let routes = table(&[
        route("", "/", &[], Access::Protect),
        route("", "/a", &[], Access::Protect),
        route("", "/a/b", &["GET"], Access::Protect),
        route("*.example.com", "/", &[], Access::Protect),
        route("*.wiki.example.com", "/", &[], Access::Protect),
        route("x.example.com", "/", &[], Access::Protect),
        route("*.example.com", "/a", &[], Access::Protect),
        route("*.example.com", "/a/b", &[], Access::Protect),
        route("*.wiki.example.com", "/a", &[], Access::Protect),
        route("*.wiki.example.com", "/a/b", &[], Access::Protect),
        route("x.example.com", "/a", &[], Access::Protect),
        route("x.example.com", "/a/b", &[], Access::Protect),
    ]);
    for (method, host, path, label) in [
        ("GET", "other", "/", "/"),
        ("GET", "other", "/ab", "/"),
        ("GET", "other", "/a", "/a"),
        ("GET", "other", "/a/", "/a"),
        ("GET", "other", "/a/bc", "/a"),
        ("GET", "other", "/a/b", "GET /a/b"),
        ("HEAD", "other", "/a/b/c/d", "GET /a/b"),
        ("POST", "other", "/a/b", "/a"),
        ("GET", "example.com", "/", "/"),
        ("GET", "y.example.com", "/", "*.example.com/"),
        ("GET", "Y.EXAMPLE.com.:8080", "/", "*.example.com/"),
        ("GET", "yexample.com", "/", "/"),
        ("GET", "de.wiki.example.com", "/a/x", "*.wiki.example.com/a"),
        ("GET", "X.example.com:443", "/a/b/", "x.example.com/a/b"),
        ("POST", "x.example.com", "/a/b", "x.example.com/a/b"),
    ] {
        assert_eq!(found(&routes, method, host, path), Some(label), "{method} {host}{path}");
    }
}

#[test]
fn without_routes_there_is_one_rule() {
    let routes = table(&[]);
    assert_eq!(found(&routes, "GET", "a", "/x;y//%2fz"), Some("none"));
    assert_eq!(routes.rules().len(), 1);
}

#[test]
fn routes_that_leave_it_open_are_refused() {
    let same = [route("", "/a", &[], Access::Protect), route("", "/a/", &[], Access::Public)];
    let methods = [
        route("", "/a", &["GET", "POST"], Access::Protect),
        route("", "/a", &["POST", "PUT"], Access::Public),
    ];
    let head =
        [route("", "/a", &["GET"], Access::Protect), route("", "/a", &["HEAD"], Access::Public)];
    for list in [&same[..], &methods, &head] {
        let error = Routes::new(list, &[]).expect_err("it is open");
        assert!(matches!(error, RoutesError::Same { at: (0, 1), .. }), "{error}");
    }
    let crossing =
        [route("app.example", "/", &[], Access::Public), route("", "/admin", &[], Access::Protect)];
    let error = Routes::new(&crossing, &[]).expect_err("it is open");
    let RoutesError::Crossing { both, .. } = &error else { panic!("{error}") };
    assert_eq!(both, "app.example/admin");
    // What the message says mends it.
    let mended = [&crossing[..], &[route("app.example", "/admin", &[], Access::Protect)]].concat();
    assert!(Routes::new(&mended, &[]).is_ok());
    let half = [&crossing[..], &[route("app.example", "/admin", &["GET"], Access::Public)]];
    assert!(Routes::new(&half.concat(), &[]).is_err(), "POST is still open");
    let apart = [
        route("app.example", "/", &["GET"], Access::Public),
        route("", "/admin", &["POST"], Access::Protect),
    ];
    assert!(Routes::new(&apart, &[]).is_ok(), "no request is for both");
}

#[test]
fn nothing_is_required_of_anybody() {
    let mut staff = route("", "/staff", &[], Access::Public);
    staff.require.groups = vec!["Staff".to_owned()];
    let error = Routes::new(&[staff], &[]).expect_err("nobody knows who comes");
    assert!(matches!(error, RoutesError::RequiredOfAnybody { .. }));
    let mut lost = route("", "/lost", &[], Access::Protect);
    lost.upstream = Some("wiki".to_owned());
    let lost = [lost];
    assert!(matches!(Routes::new(&lost, &[]), Err(RoutesError::NoUpstream { .. })));
    assert!(Routes::new(&lost, &["wiki"]).is_ok());
}

#[test]
fn paths_and_hosts_are_read_in_one_way() {
    for (text, shown) in [("/", "/"), ("/a/", "/a"), ("/a.b/C~d", "/a.b/C~d")] {
        assert_eq!(RoutePath::parse(text).expect(text).to_string(), shown);
    }
    for text in
        ["", "a", "/a//b", "//", "/a/../b", "/a?b", "/%61", "/a;b", "/a*", "/ü", "/a b", "/.."]
    {
        assert!(RoutePath::parse(text).is_err(), "{text}");
    }
    for text in ["/.portcullis", "/.Portcullis/check"] {
        assert_eq!(RoutePath::parse(text), Err(InvalidPath::Reserved), "{text}");
    }
    for text in ["app.example", "*.example.com", "APP", "127.0.0.1", "[::1]"] {
        assert_eq!(HostPattern::parse(text).expect(text).to_string(), text.to_ascii_lowercase());
    }
    for text in ["", "*", "*.", "a:80", "[::1]:80", "*.[::1]", "a*.b", "a..b", "a/b", ".a", "a."] {
        assert!(HostPattern::parse(text).is_err(), "{text}");
    }
}

/// The published ways round rules by path, each with where it was found.
const TRICKS: [(&str, &str); 27] = [
    ("/admin%2fx", "an encoded slash"),
    ("/%61dmin", "a letter that need not be encoded"),
    ("/%2561dmin", "the same twice"),
    ("/%252561dmin", "and three times"),
    ("//admin", "two slashes"),
    ("/public//../admin", "dots behind two slashes"),
    ("//x/admin", "a host that is none"),
    ("/admin;x=y/z", "parameters, as Tomcat reads them"),
    ("/;/admin", "parameters of nothing"),
    ("/ADMIN", "capital letters, for Express and IIS"),
    ("/Admin/Users", "some of them"),
    ("/admin.", "a dot at the end, for Windows"),
    ("/admin%20", "a space at the end"),
    ("/admin.json", "an extension, for Rails and Spring"),
    ("/admin%3fx", "a question mark too soon: oauth2-proxy GHSA-7rh7-c77v-6434"),
    ("/admin%23x", "a fragment: oauth2-proxy GHSA-pxq7-h93f-9jrg"),
    ("/x%2f..%2fadmin", "dots that are encoded: Traefik CVE-2025-66490"),
    ("/x/%2e%2e/admin", "the same"),
    ("/x/..;/admin", "dots with parameters: Spring behind nginx"),
    ("/x/%2e%2e%3b/admin", "both"),
    ("/x/%c0%ae%c0%ae/admin", "dots in too many bytes"),
    ("/x/%e0%80%ae%e0%80%ae/admin", "in one more"),
    ("/%c1%a1dmin", "a letter in too many bytes"),
    ("/%ef%bd%81dmin", "a wide letter"),
    ("/x%ef%bc%8f..%ef%bc%8fadmin", "wide slashes"),
    ("/%25%36%31dmin", "a percent sign and its digits"),
    ("/admin%2f%2e", "a dot behind an encoded slash"),
];

#[test]
fn published_tricks_do_not_pass_by_a_narrower_rule() {
    let mut admin = route("", "/admin", &[], Access::Protect);
    admin.require.groups = vec!["Admins".to_owned()];
    let lists = [
        vec![admin.clone()],
        vec![route("", "/", &[], Access::Public), route("", "/admin", &[], Access::Protect)],
        vec![route("", "/", &[], Access::Public), admin],
    ];
    for list in lists {
        let routes = table(&list);
        for (path, trick) in TRICKS {
            let label = found(&routes, "GET", "a", path);
            let narrow = matches!(label, None | Some("/admin"));
            assert!(narrow, "{path}, {trick}: {label:?}");
        }
    }
}

#[test]
fn public_paths_end_where_they_end() {
    let routes = table(&[route("", "/assets", &[], Access::Public)]);
    // nginx's alias without a slash, and its like.
    for path in
        ["/assets../secret", "/assetsx", "/assets%2fx", "/assets;x/y", "/ASSETS/x", "/x/assets"]
    {
        assert_eq!(found(&routes, "GET", "a", path), Some("none"), "{path}");
    }
    for path in ["/assets/%2e%2e%2fadmin", "/assets/%c0%ae%c0%ae/admin", "/assets/..%3bx/admin"] {
        assert_eq!(found(&routes, "GET", "a", path), None, "{path}");
    }
    for path in ["/assets", "/assets/", "/assets/App.1.js", "/assets/a%20b", "/assets/%C3%BC;v=1"] {
        assert_eq!(found(&routes, "GET", "a", path), Some("/assets"), "{path}");
    }
}

#[test]
fn a_path_that_nobody_can_make_out_is_refused() {
    let routes =
        table(&[route("", "/", &[], Access::Public), route("", "/a", &[], Access::Protect)]);
    let path = "/A;b%2541.c/%2F%2FD;e%25252f.F%3f//g.H;%23".repeat(3);
    assert_eq!(found(&routes, "GET", "a", &path), None);
}

/// One way to write a byte of a path differently.
fn written(byte: u8, way: u8) -> Vec<u8> {
    match way {
        0 => format!("%{byte:02x}").into_bytes(),
        1 => format!("%25{byte:02X}").into_bytes(),
        2 if byte.is_ascii_lowercase() => vec![byte.to_ascii_uppercase()],
        3 => format!("%c{:x}%{:02x}", byte >> 6, 0x80 | byte & 0x3f).into_bytes(),
        4 if byte == b'/' => b"//".to_vec(),
        5 if byte == b'/' => b";x=1/".to_vec(),
        _ => vec![byte],
    }
}

proptest! {
    /// Property: however a protected path is written, no public rule takes it.
    #[test]
    fn no_spelling_gets_past_a_rule(ways in proptest::collection::vec(0..40_u8, 12)) {
        let routes = table(&[
            route("", "/", &[], Access::Public),
            route("", "/admin/users", &[], Access::Protect),
        ]);
        // It begins with a slash in every spelling.
        let first = ["/", "//", "/;x=1/", "//x/"][usize::from(ways[0]) % 4];
        let letters = b"admin/users".iter().zip(&ways[1..]);
        let spelled: Vec<u8> = letters.flat_map(|(byte, way)| written(*byte, *way)).collect();
        let path = first.to_owned() + &String::from_utf8(spelled).expect("ASCII");
        let label = found(&routes, "GET", "a", &path);
        prop_assert!(matches!(label, None | Some("/admin/users")), "{path}: {label:?}");
    }

    /// Property: each reading of a reading is one of the path itself.
    #[test]
    fn readings_are_closed(path in "/[a-zA-Z./;%0-9?#]{0,12}") {
        if let Ok(all) = readings::all(&path) {
            for one in &all {
                let Ok(text) = std::str::from_utf8(one) else { continue };
                let Ok(further) = readings::all(text) else { continue };
                prop_assert!(further.iter().all(|other| all.contains(other)), "{path}: {text}");
            }
        }
    }

    /// Property: what is found does not hang on the order that routes are written in.
    #[test]
    fn the_order_does_not_matter(path in "(/[ab]){0,4}/?", host in "(x\\.|y\\.x\\.)?e", turn in 0..5_usize) {
        let mut list = vec![
            route("", "/", &[], Access::Protect),
            route("", "/a", &[], Access::Public),
            route("", "/a/b", &["GET"], Access::BestEffort),
            route("", "/a/b/a", &[], Access::Protect),
            route("q", "/b", &[], Access::Public),
        ];
        let before = found(&table(&list), "GET", &host, &path);
        list.rotate_left(turn);
        prop_assert_eq!(found(&table(&list), "GET", &host, &path), before);
    }
}
