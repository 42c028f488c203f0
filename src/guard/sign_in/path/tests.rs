use proptest::prelude::*;

use super::*;

fn paths(texts: &[&str]) -> Paths {
    let mut paths = Paths::default();
    for text in texts {
        assert!(paths.add(text), "{text} is plain");
    }
    paths
}

#[test]
fn spellings_are_counted_refused_or_somebody_elses() {
    use Reading::{Other, Plain, TwoWays};
    let table = [
        ("/auth/login", Plain),
        ("/auth/login/", Plain),
        ("/auth/log%69n", Plain),
        ("/%61uth/login/", Plain),
        ("/auth/%6C%6f%67%69%6e", Plain),
        // Encoded slashes, once and twice.
        ("/auth%2Flogin", TwoWays),
        ("/auth%2flogin%2F", TwoWays),
        ("/auth%252Flogin", TwoWays),
        ("/auth%5Clogin", TwoWays),
        ("/auth\\login", TwoWays),
        ("/auth/log%2569n", TwoWays),
        ("/auth/log%252569n", TwoWays),
        ("/auth/log%25252525252569n", TwoWays),
        // Repeated slashes.
        ("//auth/login", TwoWays),
        ("/auth//login", TwoWays),
        ("/auth/login//", TwoWays),
        // Dot segments.
        ("/./auth/login", TwoWays),
        ("/auth/./login", TwoWays),
        ("/auth/login/.", TwoWays),
        ("/auth/x/../login", TwoWays),
        ("/auth/login/x/..", TwoWays),
        ("/x/%2e%2e/auth/login", TwoWays),
        ("/x/.%2E/auth/login", TwoWays),
        ("/../auth/login", TwoWays),
        ("/x/..;/auth/login", TwoWays),
        ("/auth//../login", TwoWays),
        ("/auth/.../../login", TwoWays),
        ("/auth/;x/../login", TwoWays),
        ("/a%252Fb/%252e%252e/auth/login", TwoWays),
        // Wherever they lead: nobody knows.
        ("/auth/login/../x", TwoWays),
        ("/x/%2E", TwoWays),
        ("/x/..%3b/auth/login", TwoWays),
        // Parameters.
        ("/auth/login;jsessionid=1", TwoWays),
        ("/auth;v=1/login", TwoWays),
        ("/;/auth/login", TwoWays),
        ("/auth/login%3Ba", TwoWays),
        // What ends a path for some.
        ("/auth/login%00", TwoWays),
        ("/auth/login%00.png", TwoWays),
        ("/auth/login%3Fa=b", TwoWays),
        ("/auth/login%23a", TwoWays),
        ("/;%3F/auth/login", TwoWays),
        ("/auth/login;%3F/x", TwoWays),
        ("/;%23/auth/login%3Fa", TwoWays),
        ("/;%00/auth/login%3b", TwoWays),
        ("/x%00", TwoWays),
        ("/x\\y", TwoWays),
        ("/;\\%/auth/login", TwoWays),
        ("/;x%EF%BC%8Fy/auth/login", TwoWays),
        ("/x%EF%BC%9B/auth/login", Other),
        // What some take off.
        ("/auth/login%20", TwoWays),
        ("/auth/login.", TwoWays),
        ("/auth/login..", TwoWays),
        ("/auth/lo%0Agin", TwoWays),
        ("/auth/login%09", TwoWays),
        // Letters in other forms.
        ("/AUTH/login", TwoWays),
        ("/auth/Login", TwoWays),
        ("/auth/log%49n", TwoWays),
        ("/auth/%EF%BD%8Cogin", TwoWays),
        ("/auth%EF%BC%8Flogin", TwoWays),
        ("/auth%C0%AFlogin", TwoWays),
        ("/auth/%C1%ACogin", TwoWays),
        // Other paths.
        ("/", Other),
        ("/login", Other),
        ("/auth", Other),
        ("/auth/login/x", Other),
        ("/auth/login.html", Other),
        ("/auth/login-help", Other),
        ("/auth/logins", Other),
        ("/authlogin", Other),
        ("/auth/log%69ns", Other),
        ("/auth/logi", Other),
        ("/auth/log%zzn", Other),
        ("/x%3F/auth/login", Other),
        ("/what%3Fis..this/v1.2;a=b", Other),
        ("*", Other),
        ("", Other),
    ];
    let paths = paths(&["/auth/login"]);
    for (path, reading) in table {
        assert_eq!(paths.read(path), reading, "{path}");
    }
}

#[test]
fn case_is_ignored_where_the_router_ignores_it() {
    let mut paths = paths(&["/auth/login", "/straße"]);
    paths.ignore_case();
    for path in ["/Auth/LOGIN", "/auth/log%49n/", "/STRAßE", "/stra%C3%9Fe"] {
        assert_eq!(paths.read(path), Reading::Plain, "{path}");
    }
    assert_eq!(paths.read("/Auth//LOGIN"), Reading::TwoWays);
}

#[test]
fn each_of_several_paths_is_read() {
    let paths = paths(&["/", "/login", "/api/session"]);
    for path in ["/", "/login", "/api/session/"] {
        assert_eq!(paths.read(path), Reading::Plain, "{path}");
    }
    assert_eq!(paths.read("/api//session"), Reading::TwoWays);
    assert_eq!(paths.read("/."), Reading::TwoWays);
    assert_eq!(paths.read("/api"), Reading::Other);
}

#[test]
fn paths_are_told_plainly() {
    for path in [
        "",
        "login",
        "/login/",
        "//login",
        "/a/../login",
        "/./a",
        "/a;b",
        "/a?b",
        "/a#b",
        "/%61",
        "/a\\b",
        "/a\n",
        "/a ",
        "/a.",
        "http://x/a",
    ] {
        assert!(!Paths::default().add(path), "{path:?}");
    }
    for path in ["/", "/login", "/Auth/Log-In_1", "/a.b/c", "/größe", "/~me/@in"] {
        assert!(Paths::default().add(path), "{path:?}");
        assert_eq!(paths(&[path]).read(path), Reading::Plain);
    }
}

/// Paths made of what makes two readers differ.
fn spellings() -> impl Strategy<Value = String> {
    let part = proptest::sample::select(vec![
        "%EF%BC%8F",
        "%EF%BC%9B",
        "%3f",
        "%23",
        "...",
        "/..",
        "/../",
        ";/",
        "/",
        "//",
        "\\",
        ".",
        "..",
        "%2f",
        "%252F",
        "%5c",
        "%2e",
        "%252e",
        ";",
        ";a=b",
        "%3b",
        "%00",
        "%0a",
        "%09",
        "%20",
        "%",
        "%2",
        "a",
        "auth",
        "AUTH",
        "login",
        "Login",
        "log",
        "in",
        "%69n",
        "%2569n",
        "%61uth",
        "/auth/login",
        "x",
        "%C0%AF",
    ]);
    proptest::collection::vec(part, 0..8).prop_map(|parts| format!("/{}", parts.concat()))
}

/// What a reader makes of a path who decodes it so often, tidies as browsers do,
/// drops parameters and empty names, and ignores case. `ends`: whether a sign that is
/// decoded ends the path for them.
fn as_others_read(path: &str, decodings: usize, ends: bool) -> Option<String> {
    let mut text = path.to_owned();
    for _ in 0..decodings {
        text = percent_decode(text.as_bytes())
            .decode_utf8_lossy()
            .into_owned();
    }
    let text = if ends { text } else { text.replace(['?', '#'], "_") };
    let segments = text
        .split('/')
        .map(|segment| segment.split(';').next().unwrap_or_default());
    let bare = segments.collect::<Vec<_>>().join("/");
    let url = url::Url::parse(&format!("http://host/{bare}")).ok()?;
    let names = url.path().split('/').filter(|name| !name.is_empty());
    Some(names.collect::<Vec<_>>().join("/").to_lowercase())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8_000, ..ProptestConfig::default() })]

    /// Property: what any reader takes for the path, who decodes it up to three
    /// times and tidies it as browsers do, is counted or refused.
    #[test]
    fn no_spelling_is_a_way_around(
            path in spellings(),
            decodings in 0..4_usize,
            ends in any::<bool>(),
        ) {
        let paths = paths(&["/auth/login"]);
        if as_others_read(&path, decodings, ends).as_deref() == Some("auth/login") {
            prop_assert_ne!(paths.read(&path), Reading::Other);
        }
    }

    /// Property: the short way gives what the long one does.
    #[test]
    fn ordinary_paths_are_read_as_all_are(path in "/?([a-zA-Z0-9_-]{1,3}/?){0,3}|/?(?i)auth/login/?") {
        prop_assume!(is_ordinary(&path));
        let means = skeleton(&folded(path.as_bytes()), &[]) == "auth/login";
        prop_assert_eq!(paths(&["/auth/login"]).may_be_meant(&path), means);
    }

    /// Property: what is counted is the path itself once it is decoded, a slash at
    /// the end aside: nothing that a router would take for another one.
    #[test]
    fn what_is_counted_is_the_path(path in spellings()) {
        if paths(&["/auth/login"]).read(&path) == Reading::Plain {
            let decoded = percent_decode(path.as_bytes()).decode_utf8_lossy();
            prop_assert_eq!(decoded.trim_end_matches('/'), "/auth/login");
        }
    }

    /// Property: however a path is encoded, letter by letter, it is counted.
    #[test]
    fn an_encoded_letter_is_a_letter(encoded in proptest::collection::vec(any::<bool>(), 11)) {
        let letters = "/auth/login".chars().zip(encoded);
        let path: String = letters
            .map(|(letter, encode)| match encode && letter != '/' {
                true => format!("%{:02x}", u32::from(letter)),
                false => letter.to_string(),
            })
            .collect();
        prop_assert_eq!(paths(&["/auth/login"]).read(&path), Reading::Plain);
    }
}
