//! Attacks that were published against systems like this one, each as it was made there,
//! at each door that there is to such a decision: the gateway itself, and what it says to
//! other proxies. `src/manual/attacks.md` lists them with the tests that hold them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use portcullis::TrustedProxies;
use portcullis::gateway::Settings;

use super::{Stand, serve};
use crate::support::RawClient;
use crate::support::wire::Message;

type Headers<'a> = &'a [(&'a str, &'a str)];

/// Two gateways before one application, which counts: one that people come to, and one
/// that proxies on this machine ask.
struct Site {
    people: Stand,
    proxies: Stand,
    reached: Arc<AtomicUsize>,
}

/// How a request comes to be decided about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Door {
    /// By the gateway, which forwards it.
    Gateway,
    /// As Traefik and Caddy ask, which write their own facts over the client's.
    Traefik,
    /// As nginx and HAProxy ask.
    Nginx,
    /// As Envoy asks over HTTP.
    Envoy,
}

const DOORS: [Door; 4] = [Door::Gateway, Door::Traefik, Door::Nginx, Door::Envoy];

fn trusting(settings: &mut Settings) {
    let here = "127.0.0.1/32".parse().expect("a network");
    settings.client_address.trusted_proxies = TrustedProxies::new([here]);
    settings.open_paths = vec!["/public".to_owned(), "/healthz".to_owned()];
}

impl Site {
    async fn new() -> Self {
        let reached = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reached);
        let application = Router::new().fallback(move |request: Request| {
            count.fetch_add(1, Ordering::SeqCst);
            let said: String = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}={}\n", value.to_str().unwrap_or("?")))
                .collect();
            async { said }
        });
        let upstream = serve(application).await;
        let people = Stand::over(upstream, |settings| {
            trusting(settings);
            settings.client_address.trusted_proxies = TrustedProxies::default();
        })
        .await;
        let proxies = Stand::over(upstream, trusting).await;
        Self { people, proxies, reached }
    }

    /// What becomes of a client's request, and whether it passes.
    async fn ask(
        &self,
        door: Door,
        method: &str,
        target: &str,
        sent: Headers<'_>,
    ) -> (Message, bool) {
        let before = self.reached.load(Ordering::SeqCst);
        let url = format!("https://app.example{target}");
        let behind = format!("/.portcullis/check/path{target}");
        let (stand, line, facts): (_, _, Vec<(&str, &str)>) = match door {
            Door::Gateway => (&self.people, format!("{method} {target}"), Vec::new()),
            Door::Traefik => (
                &self.proxies,
                "GET /.portcullis/check".to_owned(),
                vec![
                    ("x-forwarded-method", method),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", "app.example"),
                    ("x-forwarded-uri", target),
                ],
            ),
            Door::Nginx => (
                &self.proxies,
                "GET /.portcullis/check/status".to_owned(),
                vec![("x-original-url", &url), ("x-original-method", method)],
            ),
            Door::Envoy => {
                (&self.proxies, format!("{method} {behind}"), vec![("x-forwarded-proto", "https")])
            }
        };
        let is_fact = |name: &str| facts.iter().any(|(fact, _)| *fact == name);
        let sent = sent.iter().filter(|(name, _)| !is_fact(name));
        let fields: String = sent
            .chain(&facts)
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let mut client = RawClient::to(stand.address).await;
        let request = format!("{line} HTTP/1.1\r\nhost: app.example\r\n{fields}\r\n");
        client.send(request).await;
        let answer = client
            .answer_within(Duration::from_secs(20))
            .await
            .expect("an answer");
        let passes = match door {
            Door::Gateway => self.reached.load(Ordering::SeqCst) > before,
            _ => answer.status() == 200,
        };
        (answer, passes)
    }

    /// Nobody who has no session passes with this, at any door.
    async fn is_shut(&self, method: &str, target: &str, sent: Headers<'_>) {
        for door in DOORS {
            let (answer, passes) = self.ask(door, method, target, sent).await;
            assert!(!passes, "{door:?}: {method} {target} {sent:?} passed: {answer}");
        }
    }
}

/// A trusted header of the proxy's names an open path: whoever decides by it lets through
/// what another path is asked for.
#[tokio::test]
async fn ghsa_7x63_xv5r_3p2x_a_clients_x_forwarded_uri_opens_nothing() {
    let site = Site::new().await;
    for name in ["x-forwarded-uri", "x-original-url", "x-original-uri", "x-rewrite-url"] {
        for target in ["/public/x", "/healthz", "/.portcullis/sign-in"] {
            site.is_shut("GET", "/private", &[(name, target)]).await;
        }
        site.is_shut("GET", "/private", &[(name, "https://app.example/public")])
            .await;
    }
    // A proxy that adds its own fact to the client's, instead of writing over it.
    for first in ["/public/x", "/private"] {
        let mut client = RawClient::to(site.proxies.address).await;
        client
            .send(format!(
                "GET /.portcullis/check HTTP/1.1\r\nhost: app.example\r\n\
                 x-forwarded-uri: {first}\r\nx-forwarded-uri: /public/y\r\n\
                 x-forwarded-method: GET\r\nx-forwarded-proto: https\r\n\
                 x-forwarded-host: app.example\r\n\r\n"
            ))
            .await;
        assert_eq!(client.answer().await.expect("an answer").status(), 400);
    }
}

/// The probe of a load balancer, told by its user agent alone, passed as anybody.
#[tokio::test]
async fn ghsa_5hvv_m4w4_gf6v_no_user_agent_is_a_health_check() {
    let site = Site::new().await;
    for agent in ["GoogleHC/1.0", "kube-probe/1.30", "ELB-HealthChecker/2.0", "Envoy/HC"] {
        site.is_shut("GET", "/private", &[("user-agent", agent)])
            .await;
    }
}

/// What stands behind `#` was matched, and left out when it was forwarded.
#[tokio::test]
async fn ghsa_pxq7_h93f_9jrg_a_fragment_is_no_path() {
    let site = Site::new().await;
    for target in ["/private#/public/x", "/private/#/../public", "/private%23/public/x"] {
        site.is_shut("GET", target, &[]).await;
    }
}

/// What is open was looked for in the whole target.
#[tokio::test]
async fn ghsa_7rh7_c77v_6434_a_query_is_no_path() {
    let site = Site::new().await;
    for target in ["/private?/public/x", "/private?x=/public", "/private?a=b/healthz"] {
        site.is_shut("GET", target, &[]).await;
    }
}

/// Names that a server behind folds into those of the proxy.
#[tokio::test]
async fn cve_2025_64484_and_ghsa_x677_9fxg_v5c5_names_that_fold_into_ours_are_taken_off() {
    let site = Site::new().await;
    let (_, cookie) = site.people.signed_in("alice").await;
    let forged = [
        "x_portcullis_user",
        "x.portcullis.user",
        "x-portcullis_user",
        "x_forwarded_user",
        "x.authenticated.user",
        "x-forwarded-email",
        "x_auth_request_groups",
        "remote_user",
        "x!portcullis~user",
    ];
    for name in forged {
        let sent = [("cookie", cookie.as_str()), (name, "root")];
        let (answer, passes) = site.ask(Door::Gateway, "GET", "/private", &sent).await;
        assert!(passes, "{name}: {answer}");
        assert!(!answer.text().contains("root"), "{name}: {}", answer.text());
        assert!(answer.text().contains("x-portcullis-user=alice\n"), "{}", answer.text());
        // On an open path, too, where nobody is named.
        let (answer, _) = site
            .ask(Door::Gateway, "GET", "/public", &[(name, "root")])
            .await;
        assert!(!answer.text().contains("root"), "{name}: {}", answer.text());
    }
}

/// Caddy copied what the answer had, and kept what the client had sent where it had nothing.
#[tokio::test]
async fn caddy_forward_auth_every_identity_header_comes_each_time() {
    let site = Site::new().await;
    let (_, cookie) = site.proxies.signed_in("alice").await;
    for (cookie, target) in [(cookie.as_str(), "/private"), ("", "/public")] {
        for door in [Door::Traefik, Door::Nginx, Door::Envoy] {
            let sent = [("cookie", cookie), ("x-portcullis-groups", "admins")];
            let (answer, passes) = site.ask(door, "GET", target, &sent).await;
            assert!(passes, "{door:?}: {answer}");
            for name in ["user", "account", "email", "name", "groups"] {
                let name = format!("x-portcullis-{name}");
                assert_eq!(answer.all(&name).len(), 1, "{door:?} {name}: {answer}");
                assert!(!answer.header(&name).contains("admins"), "{door:?} {name}");
            }
        }
    }
}

/// `Post` was no method that asked for a sign-in, and one to the server behind.
#[tokio::test]
async fn cve_2025_10611_methods_are_compared_letter_by_letter() {
    let site = Site::new().await;
    let preflight = [
        ("origin", "https://other.example"),
        ("access-control-request-method", "POST"),
        ("accept", "application/json"),
    ];
    for method in ["Post", "post", "Get", "options", "Options", "oPTIONS", "PROPFIND"] {
        site.is_shut(method, "/private", &preflight).await;
    }
    // Another method in a header makes none of a request.
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        site.is_shut("POST", "/private", &[preflight[0], preflight[1], (name, "OPTIONS")])
            .await;
    }
}

/// The same, with the path of something open behind `;` or encoded.
#[tokio::test]
async fn cve_2025_10611_and_wso2_2022_2177_parameters_in_paths_open_nothing() {
    let site = Site::new().await;
    for target in [
        "/public;/private",
        "/public;/../private",
        "/private;/public",
        "/private;%2Fpublic%2Fx",
        "/public%3B/private",
        "/public%2f..%2fprivate",
        "/public/..;/private",
        "/public/..%3B/private",
        "/public/%2e%2e/private",
        "/public/%252e%252e/private",
        "/public/.%2e/private",
        "/public/%5c..%5cprivate",
        "//public/x",
        "/Public/x",
        "/publicx",
        "/.portcullis;/sign-in/../../private",
        "/.portcullis%2fsign-in/../private",
    ] {
        site.is_shut("GET", target, &[("accept", "application/json")])
            .await;
    }
}

/// An interface that only other parts of the product were to call was open to everybody.
#[tokio::test]
async fn cve_2025_9152_nothing_of_the_proxies_answers_to_people() {
    let site = Site::new().await;
    let (_, cookie) = site.people.signed_in("alice").await;
    let facts = [
        ("cookie", cookie.as_str()),
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example"),
        ("x-forwarded-uri", "/public"),
    ];
    for target in ["/.portcullis/check", "/.portcullis/check/status", "/.portcullis/check/path/x"] {
        let (answer, reached) = site.ask(Door::Gateway, "GET", target, &facts).await;
        assert!(answer.status() == 403 && !reached, "{target}: {answer}");
        assert_eq!(answer.header("x-portcullis-user"), "");
    }
}

/// A preflight is let through by its looks, with what else it carries.
#[tokio::test]
async fn preflights_pass_as_nobodys_or_not_at_all() {
    let site = Site::new().await;
    let (_, cookie) = site.people.signed_in("alice").await;
    let preflight = [
        ("origin", "https://other.example"),
        ("access-control-request-method", "POST"),
        ("cookie", cookie.as_str()),
        ("authorization", "Bearer x"),
        ("x-portcullis-user", "root"),
    ];
    let (answer, passes) = site
        .ask(Door::Gateway, "OPTIONS", "/private", &preflight)
        .await;
    assert!(passes, "{answer}");
    for name in ["cookie=", "authorization=", "x-portcullis-user="] {
        assert!(!answer.text().contains(name), "{name}: {}", answer.text());
    }
    // Whoever asks here forwards its cookies.
    for door in [Door::Traefik, Door::Nginx, Door::Envoy] {
        let (answer, passes) = site.ask(door, "OPTIONS", "/private", &preflight[..2]).await;
        assert!(!passes, "{door:?}: {answer}");
    }
}

/// Where people are sent after they have signed in (GHSA-5m6c-jp6f-2vcv, GHSA-j7px-6hwj-hpjg,
/// GHSA-4mf2-f3wh-gvf2 of oauth2-proxy, authelia#290).
#[tokio::test]
async fn ghsa_5m6c_jp6f_2vcv_nobody_is_sent_elsewhere_after_signing_in() {
    const PASSWORD: &str = "open the gate please";
    let site = Site::new().await;
    site.people
        .test
        .account_with_password("alice", PASSWORD)
        .await;
    for elsewhere in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "///evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        " //evil.example",
        "/%2f/../..//evil.example",
        "/../..//evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "//app.example@evil.example",
        "/.//evil.example",
        "evil.example",
    ] {
        let fields = [("login", "alice"), ("password", PASSWORD), ("return_to", elsewhere)];
        let browser = site.people.browser();
        let answer = browser.post_form("/.portcullis/sign-in", "", &fields).await;
        let to = answer
            .headers
            .get("location")
            .and_then(|to| to.to_str().ok());
        assert_eq!((answer.status, to), (303, Some("/")), "{elsewhere:?}");
    }
}

/// A cache before the gateway gave one person's refusal, or page, to another.
#[tokio::test]
async fn refusals_are_never_cached() {
    let site = Site::new().await;
    let (alice, cookie) = site.people.signed_in("alice").await;
    site.people.test.lock(&alice).await;
    for accept in ["text/html", "application/json"] {
        for cookie in ["", cookie.as_str()] {
            let sent = [("accept", accept), ("cookie", cookie)];
            let (answer, passes) = site.ask(Door::Gateway, "GET", "/private", &sent).await;
            assert!(!passes && answer.header("cache-control") == "no-store", "{answer}");
        }
    }
}

/// Every test that the manual names is there, in the file of the module that it names.
#[test]
fn the_manual_names_tests_that_are_there() {
    let manual = include_str!("../../../src/manual/attacks.md");
    let paths = manual
        .split('`')
        .filter(|word| word.matches("::").count() >= 2);
    let mut named = 0;
    for path in paths {
        let (module, test) = path.rsplit_once("::").expect("a path");
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = match module.strip_suffix("::tests") {
            Some(module) => format!("src/{}.rs", module.replace("::", "/")),
            None => format!("tests/it/{}.rs", module.replace("::", "/")),
        };
        let text =
            std::fs::read_to_string(root.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(text.contains(&format!("fn {test}(")), "{file} has no test {test}");
        named += 1;
    }
    assert!(named > 20, "only {named}");
}
