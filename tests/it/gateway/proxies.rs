//! The gateway behind other proxies, which ask it whether a request may pass: the real
//! programs, set up as `config/forward-auth` says.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use portcullis::domain::client::TrustedProxies;
use portcullis::gateway::Settings;
use serde_json::{Value, json};

use super::{Stand, serve};
use crate::servers::{Kept, free_address};
use crate::support::{Answer, Browser};

const PASSWORD: &str = "open the gate please";
const NAVIGATION: [(&str, &str); 2] = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
const PROGRAM: [(&str, &str); 1] = [("accept", "application/json")];

/// A proxy, the gateway that it asks, and the application behind it.
struct Site {
    stand: Stand,
    proxy: SocketAddr,
    reached: Arc<AtomicUsize>,
    _kept: Kept,
    _folder: tempfile::TempDir,
}

/// Says what reached it.
fn application(reached: Arc<AtomicUsize>) -> Router {
    Router::new().fallback(move |request: Request| {
        reached.fetch_add(1, Ordering::SeqCst);
        async move {
            let (head, body) = request.into_parts();
            let identity: serde_json::Map<String, Value> = head
                .headers
                .iter()
                // Caddy passes on what is empty, and that says nobody.
                .filter(|(name, value)| name.as_str().contains("portcullis") && !value.is_empty())
                .map(|(name, value)| {
                    (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into())
                })
                .collect();
            let body = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
            json!({
                "method": head.method.as_str(),
                "target": head.uri.to_string(),
                "identity": identity,
                "body": String::from_utf8_lossy(&body),
            })
            .to_string()
        }
    })
}

fn trusting(settings: &mut Settings) {
    settings.client_address.trusted_proxies =
        TrustedProxies::new(["127.0.0.1/32".parse().expect("a network")]);
    settings.open_paths = vec!["/public".to_owned()];
}

/// How a proxy is set up in a folder, and the command that runs it.
type SetUp =
    fn(folder: &Path, proxy: SocketAddr, gateway: SocketAddr, app: SocketAddr) -> Vec<String>;

fn recipe(name: &str, gateway: SocketAddr, app: SocketAddr) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config/forward-auth")
        .join(name);
    let text = std::fs::read_to_string(&path).expect("a recipe");
    text.replace("127.0.0.1:8080", &gateway.to_string())
        .replace("127.0.0.1:3000", &app.to_string())
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("text").to_owned()
}

fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "the recipe has no {from:?}");
    text.replace(from, to)
}

fn nginx(folder: &Path, proxy: SocketAddr, gateway: SocketAddr, app: SocketAddr) -> Vec<String> {
    let servers =
        changed(&recipe("nginx.conf", gateway, app), "listen 80;", &format!("listen {proxy};"));
    let at = folder.display();
    let root = if is_root() { "user root;" } else { "" };
    let all = format!(
        "{root} pid {at}/pid; error_log {at}/error; worker_processes 1; daemon off;\n\
         events {{ worker_connections 256; }}\n\
         http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
         fastcgi_temp_path {at}/f; uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;\n{servers}\n}}"
    );
    let file = write(folder, "nginx.conf", &all);
    ["nginx", "-p", &at.to_string(), "-c", &file]
        .map(str::to_owned)
        .into()
}

fn is_root() -> bool {
    let id = std::process::Command::new("id")
        .arg("-u")
        .output()
        .expect("id");
    id.stdout.starts_with(b"0\n")
}

fn caddy(folder: &Path, proxy: SocketAddr, gateway: SocketAddr, app: SocketAddr) -> Vec<String> {
    let site = format!("http://127.0.0.1:{} {{\n\tbind 127.0.0.1", proxy.port());
    let text = changed(&recipe("Caddyfile", gateway, app), "app.example {", &site);
    let file = write(folder, "Caddyfile", &format!("{{\n\tadmin off\n}}\n{text}"));
    ["caddy", "run", "--adapter", "caddyfile", "--config", &file]
        .map(str::to_owned)
        .into()
}

fn haproxy(folder: &Path, proxy: SocketAddr, gateway: SocketAddr, app: SocketAddr) -> Vec<String> {
    let lua = write(folder, "portcullis.lua", &recipe("haproxy.lua", gateway, app));
    let text = changed(&recipe("haproxy.cfg", gateway, app), "bind :80", &format!("bind {proxy}"));
    let text = changed(&text, "/etc/haproxy/portcullis.lua", &lua);
    let file = write(folder, "haproxy.cfg", &text);
    ["haproxy", "-db", "-f", &file].map(str::to_owned).into()
}

impl Site {
    async fn behind(set_up: SetUp) -> Self {
        let reached = Arc::new(AtomicUsize::new(0));
        let app = serve(application(Arc::clone(&reached))).await;
        let stand = Stand::over(app, trusting).await;
        let gateway = stand.address;
        Self::start(set_up, stand, gateway, (app, reached))
    }

    fn start(
        set_up: SetUp,
        stand: Stand,
        gateway: SocketAddr,
        (app, reached): (SocketAddr, Arc<AtomicUsize>),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let proxy = free_address();
        let command = set_up(folder.path(), proxy, gateway, app);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let kept = Kept::run(&command, folder.path(), proxy);
        Self { stand, proxy, reached, _kept: kept, _folder: folder }
    }

    fn browser(&self) -> Browser {
        Browser::at(self.proxy)
    }

    /// Asks with these headers, and says whether the application was reached.
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (Answer, bool) {
        let before = self.reached.load(Ordering::SeqCst);
        let answer = self.browser().send(method, path, headers, "").await;
        (answer, self.reached.load(Ordering::SeqCst) > before)
    }

    async fn told(&self, path: &str, headers: &[(&str, &str)]) -> Value {
        let (answer, reached) = self.ask("GET", path, headers).await;
        assert!(reached && answer.status == 200, "{path}: {answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    async fn is_refused(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        let (answer, reached) = self.ask(method, path, headers).await;
        assert!(!reached, "{method} {path} {headers:?} reached the application: {answer:?}");
        answer.status
    }
}

/// Everything that a site behind the gateway must do, whichever proxy is before it.
async fn holds(set_up: SetUp) {
    let site = Site::behind(set_up).await;
    let alice = site
        .stand
        .test
        .account_with_password("alice", PASSWORD)
        .await;
    strangers_are_sent_to_sign_in(&site).await;
    what_clients_say_of_the_request_counts_for_nothing(&site).await;
    let cookie = people_sign_in(&site).await;
    the_application_learns_who_asks(&site, &cookie, &alice).await;
    site.stand.test.lock(&alice).await;
    who_is_locked_is_out(&site, &cookie).await;
}

async fn strangers_are_sent_to_sign_in(site: &Site) {
    let (answer, reached) = site.ask("GET", "/reports?year=2026", &NAVIGATION).await;
    assert!(!reached && answer.status == 303, "{answer:?}");
    let to = location(&answer);
    assert_eq!(to, "/.portcullis/sign-in?return_to=/reports%3Fyear%3D2026");
    assert_eq!(site.is_refused("GET", "/reports", &PROGRAM).await, 401);
    assert_eq!(site.is_refused("POST", "/reports", &PROGRAM).await, 401);
    let page = site.browser().get("/.portcullis/sign-in", "").await;
    assert!(page.status == 200 && page.body.contains("name=\"login\""), "{page:?}");
    assert_eq!(site.is_refused("GET", "/.portcullis/check", &PROGRAM).await, 404);
    assert_eq!(
        site.is_refused("GET", "/.portcullis/check/status", &PROGRAM)
            .await,
        404
    );
    let public = site.told("/public/logo.svg", &NAVIGATION).await;
    assert_eq!(public["identity"], json!({}), "nobody's");
}

/// A request that somebody makes who has no session: method, target and headers.
type Attack<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Published: oauth2-proxy GHSA-7x63-xv5r-3p2x, Authelia's and Traefik's advisories on
/// forwarded headers, CORS preflights as a way round, health checks by user agent
/// (GHSA-5hvv-m4w4-gf6v), WSO2-2020-0868 and 2022's path tricks.
async fn what_clients_say_of_the_request_counts_for_nothing(site: &Site) {
    let attacks: &[Attack<'_>] = &[
        ("GET", "/private", &[("x-forwarded-uri", "/public/x")]),
        ("GET", "/private", &[("x-forwarded-uri", "/.portcullis/sign-in")]),
        ("GET", "/private", &[("x-original-url", "http://app.example/public/x")]),
        ("GET", "/private", &[("x-original-uri", "/public/x"), ("x-rewrite-url", "/public")]),
        (
            "GET",
            "/private",
            &[("x-original-url", "http://app.example/public"), ("x-original-method", "GET")],
        ),
        ("POST", "/private", &[("x-forwarded-method", "OPTIONS")]),
        ("POST", "/private", &[("x-original-method", "OPTIONS")]),
        ("GET", "/private", &[("x-forwarded-host", "public.example")]),
        ("GET", "/private", &[("x-portcullis-user", "alice"), ("x-portcullis-account", "1")]),
        ("GET", "/private", &[("user-agent", "GoogleHC/1.0"), ("x-forwarded-for", "127.0.0.1")]),
        (
            "OPTIONS",
            "/private",
            &[("origin", "https://other.example"), ("access-control-request-method", "POST")],
        ),
        ("GET", "/public;/private", &[]),
        ("GET", "/private?/public/x", &[]),
    ];
    for (method, path, headers) in attacks {
        let headers: Vec<_> = PROGRAM.iter().chain(*headers).copied().collect();
        let status = site.is_refused(method, path, &headers).await;
        assert!(status >= 400, "{method} {path} {headers:?}: {status}");
    }
    for target in [
        "/public/../private",
        "/public/%2e%2e/private",
        "/public/..%2fprivate",
        "/public/%252e%252e/private",
    ] {
        let before = site.reached.load(Ordering::SeqCst);
        let status = raw_get(site.proxy, target);
        let reached = site.reached.load(Ordering::SeqCst) > before;
        assert!(!reached && !status.starts_with('2'), "{target}: {status}");
    }
}

fn location(answer: &Answer) -> &str {
    let to = answer
        .headers
        .get("location")
        .and_then(|to| to.to_str().ok());
    to.unwrap_or_default()
}

/// The status of a request for exactly this target.
fn raw_get(address: SocketAddr, target: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a limit");
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

async fn people_sign_in(site: &Site) -> String {
    let fields = [("login", "alice"), ("password", PASSWORD), ("return_to", "/reports")];
    let answer = site
        .browser()
        .post_form("/.portcullis/sign-in", "", &fields)
        .await;
    assert_eq!((answer.status, location(&answer)), (303, "/reports"), "{answer:?}");
    let set = answer.headers.get_all("set-cookie").iter();
    let pairs = set.filter_map(|set| set.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

async fn the_application_learns_who_asks(site: &Site, cookie: &str, alice: &portcullis::Account) {
    let forged = [
        ("cookie", cookie),
        ("x-portcullis-user", "mallory"),
        ("x-portcullis-account", "1"),
        ("x-portcullis-email", "mallory@example.test"),
        ("x-portcullis-name", "Mallory"),
        ("x-portcullis-groups", "admins"),
        ("x_portcullis_groups", "admins"),
        ("x.portcullis.groups", "admins"),
    ];
    let told = site.told("/reports?year=2026", &forged).await;
    let identity = json!({
        "x-portcullis-user": "alice",
        "x-portcullis-account": alice.id.to_string(),
    });
    assert_eq!(told["identity"], identity, "no name, address or group, and nothing forged");
    assert_eq!(told["target"], "/reports?year=2026");
    let posted = site
        .browser()
        .post_form("/reports", cookie, &[("year", "2026")])
        .await;
    let posted: Value = serde_json::from_str(&posted.body).expect("JSON");
    assert_eq!((&posted["method"], &posted["body"]), (&json!("POST"), &json!("year=2026")));
}

async fn who_is_locked_is_out(site: &Site, cookie: &str) {
    let headers: Vec<_> = NAVIGATION
        .iter()
        .copied()
        .chain([("cookie", cookie)])
        .collect();
    let (answer, reached) = site.ask("GET", "/reports", &headers).await;
    assert!(!reached && answer.status == 303, "{answer:?}");
    let to = location(&answer);
    assert_eq!(to, "/.portcullis/sign-in?return_to=/reports&notice=locked");
    let headers: Vec<_> = PROGRAM
        .iter()
        .copied()
        .chain([("cookie", cookie)])
        .collect();
    let status = site.is_refused("GET", "/reports", &headers).await;
    assert_eq!(status, 403);
}

/// A proxy that can't ask lets nobody through.
async fn fails_closed(set_up: SetUp) {
    let reached = Arc::new(AtomicUsize::new(0));
    let app = serve(application(Arc::clone(&reached))).await;
    let stand = Stand::over(app, trusting).await;
    let site = Site::start(set_up, stand, free_address(), (app, reached));
    let (_, cookie) = site.stand.signed_in("alice").await;
    let headers: Vec<_> = PROGRAM
        .iter()
        .copied()
        .chain([("cookie", &*cookie)])
        .collect();
    let status = site.is_refused("GET", "/reports", &headers).await;
    assert!(status >= 500, "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_asks_before_it_forwards() {
    holds(nginx).await;
    fails_closed(nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_asks_before_it_forwards() {
    holds(caddy).await;
    fails_closed(caddy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_asks_before_it_forwards() {
    holds(haproxy).await;
    fails_closed(haproxy).await;
}
