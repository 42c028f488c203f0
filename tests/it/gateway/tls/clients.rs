//! Certificates that those who connect have to show.

use std::path::Path;

use portcullis::TrustedProxies;
use portcullis::gateway::settings::{AskedOf, ClientCertificates};

use super::*;
use crate::support::tls::{Shown, TlsClient};

const V13: &[&tokio_rustls::rustls::SupportedProtocolVersion] = &[&version::TLS13];
const V12: &[&tokio_rustls::rustls::SupportedProtocolVersion] = &[&version::TLS12];

/// A gateway that asks for certificates of an authority.
struct Asking {
    secure: Secure,
    authority: Signer,
    files: TempDir,
}

fn networks(text: &str) -> TrustedProxies {
    TrustedProxies::new([text.parse().expect("a network")])
}

impl Asking {
    async fn with(
        change: impl FnOnce(&mut ClientCertificates, &Signer, &Path),
        settings: impl FnOnce(&mut Settings),
    ) -> Self {
        let (authority, files) = (Signer::new(), tempfile::tempdir().expect("a folder"));
        let mut clients =
            ClientCertificates::new(authority.authority(&files.path().join("ca.pem")));
        change(&mut clients, &authority, files.path());
        let secure = Secure::with(|all| {
            all.client_address.trusted_proxies = networks("127.0.0.1/32");
            all.tls.as_mut().expect("it has TLS").clients = Some(clients);
            settings(all);
        })
        .await;
        Self { secure, authority, files }
    }

    /// That asks its proxies alone.
    async fn proxies_from(network: &'static str) -> Self {
        Self::with(
            |clients, _, _| clients.asked = AskedOf::These(networks(network)),
            |all| all.client_address.trusted_proxies = networks(network),
        )
        .await
    }

    fn client(&self, shown: Option<&Shown>) -> TlsClient {
        self.secure.signer.client_showing(&["http/1.1"], V13, shown)
    }

    async fn seen(&self, client: &TlsClient) -> Option<String> {
        seen_by(self.secure.stand.address, client, b"").await
    }
}

/// Of whom the application is told, when somebody in https says that another asked in http;
/// `None`: the connection was closed.
async fn seen_by(
    address: std::net::SocketAddr,
    client: &TlsClient,
    before: &[u8],
) -> Option<String> {
    let mut stream = client.after(address, "a.example", before).await.ok()?;
    let request = "GET /open/proto HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-Proto: http\r\n\
                   Connection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .expect("in time");
    let answer = String::from_utf8(answer).expect("text");
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
}

#[tokio::test]
async fn a_proxy_without_the_right_certificate_is_shut_out() {
    let asking = Asking::proxies_from("127.0.0.1/32").await;
    let right = asking.authority.shown_by("proxy.internal", 1);
    assert_eq!(asking.seen(&asking.client(Some(&right))).await.as_deref(), Some("http"));
    let wrong = [
        Signer::new().shown_by("proxy.internal", 1),
        // What the gateway itself is shown by is another authority's.
        asking.secure.signer.shown_by("proxy.internal", 1),
        asking
            .authority
            .shown_between("proxy.internal", 2, [2019, 2020]),
        asking
            .authority
            .shown_between("proxy.internal", 3, [3999, 4000]),
    ];
    for versions in [V13, V12] {
        for shown in wrong.iter().map(Some).chain([None]) {
            let client = asking
                .secure
                .signer
                .client_showing(&["http/1.1"], versions, shown);
            assert_eq!(asking.seen(&client).await, None);
        }
    }
    let old = asking
        .secure
        .signer
        .client_showing(&["http/1.1"], V12, Some(&right));
    assert_eq!(asking.seen(&old).await.as_deref(), Some("http"));
}

#[tokio::test]
async fn people_are_not_asked_and_not_believed() {
    let asking = Asking::proxies_from("192.0.2.0/24").await;
    assert_eq!(asking.seen(&asking.client(None)).await.as_deref(), Some("https"));
    // One that nobody asked for is not shown.
    let shown = Signer::new().shown_by("proxy.internal", 1);
    assert_eq!(asking.seen(&asking.client(Some(&shown))).await.as_deref(), Some("https"));
}

/// Whom the PROXY protocol tells of is who has to show it.
#[tokio::test]
async fn behind_a_proxy_of_tcp_the_address_that_is_told_decides() {
    let asking = Asking::with(
        |clients, _, _| clients.asked = AskedOf::These(networks("192.0.2.0/24")),
        |all| {
            all.client_address.trusted_proxies = networks("192.0.2.0/24");
            all.client_address.proxy_protocol = networks("127.0.0.1/32");
        },
    )
    .await;
    let right = asking.authority.shown_by("proxy.internal", 1);
    let from = |last: u8| {
        let rest = [0x21, 0x11, 0, 12, 192, 0, last, 7, 127, 0, 0, 1, 0, 9, 0, 80];
        [&b"\r\n\r\n\0\r\nQUIT\n"[..], &rest].concat()
    };
    let (with, without) = (asking.client(Some(&right)), asking.client(None));
    let address = asking.secure.stand.address;
    assert_eq!(seen_by(address, &with, &from(2)).await.as_deref(), Some("http"));
    assert_eq!(seen_by(address, &without, &from(2)).await, None);
    assert_eq!(seen_by(address, &without, &from(3)).await.as_deref(), Some("https"));
}

#[tokio::test]
async fn everybody_may_be_asked() {
    let asking = Asking::with(
        |_, _, _| {},
        |all| {
            all.client_address.trusted_proxies = networks("192.0.2.0/24");
        },
    )
    .await;
    assert_eq!(asking.seen(&asking.client(None)).await, None);
    let right = asking.authority.shown_by("anybody.example", 1);
    let client = asking.client(Some(&right));
    assert_eq!(asking.seen(&client).await.as_deref(), Some("https"), "no proxy, all the same");
}

#[tokio::test]
async fn a_certificate_may_have_to_be_for_a_name() {
    let asking = Asking::with(
        |clients, _, _| clients.names = vec!["proxy.internal".to_owned(), "10.0.0.7".to_owned()],
        |_| {},
    )
    .await;
    for (name, is_known) in [
        ("proxy.internal", true),
        ("10.0.0.7", true),
        ("other.internal", false),
        ("proxy.internal.evil.example", false),
        ("10.0.0.8", false),
    ] {
        let shown = asking.authority.shown_by(name, 1);
        assert_eq!(asking.seen(&asking.client(Some(&shown))).await.is_some(), is_known, "{name}");
    }
}

/// Waits until the same client is let in or shut out.
async fn until(asking: &Asking, client: &TlsClient, is_in: bool) {
    let changed = async {
        while asking.seen(client).await.is_some() != is_in {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let changed = timeout(Duration::from_secs(30), changed).await;
    changed.unwrap_or_else(|_| panic!("it never is: {is_in}"));
}

/// The clients here keep what they were given to go on from an earlier handshake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_revoked_is_shut_out_and_does_not_go_on_from_before() {
    let asking = Asking::with(
        |clients, authority, folder| {
            let file = folder.join("ca.crl");
            authority.revoke(&file, &[], 4000);
            clients.revoked = Some(file);
        },
        |_| {},
    )
    .await;
    let shown = [1, 2].map(|number| asking.authority.shown_by("proxy.internal", number));
    let clients = [V13, V12].map(|versions| {
        let client = |shown| {
            asking
                .secure
                .signer
                .client_showing(&["http/1.1"], versions, Some(shown))
        };
        [client(&shown[0]), client(&shown[1])]
    });
    for client in clients.iter().flatten() {
        assert!(asking.seen(client).await.is_some());
    }
    let file = asking.files.path().join("ca.crl");
    asking.authority.revoke(&file, &[2], 4000);
    for [good, revoked] in &clients {
        until(&asking, revoked, false).await;
        assert!(asking.seen(good).await.is_some(), "it is not revoked");
    }
    // A list that is out of date tells of nobody who was revoked since.
    asking.authority.revoke(&file, &[], 2021);
    until(&asking, &clients[0][0], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_authority_is_taken_and_a_broken_file_is_not() {
    let asking = Asking::with(|_, _, _| {}, |_| {}).await;
    let (first, second) = (asking.authority.shown_by("a", 1), Signer::new());
    let (first, next) = (asking.client(Some(&first)), second.shown_by("a", 1));
    let next = asking.client(Some(&next));
    let file = asking.files.path().join("ca.pem");
    std::fs::write(&file, "no certificate").expect("written");
    // Longer than it takes for a file to be taken.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(asking.seen(&first).await.is_some() && asking.seen(&next).await.is_none());
    second.authority(&file);
    until(&asking, &next, true).await;
    assert_eq!(asking.seen(&first).await, None);
}

#[tokio::test]
async fn the_admin_listener_asks_for_itself() {
    let (authority, files) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let file = authority.authority(&files.path().join("ca.pem"));
    let signer = Signer::new();
    let mut tls = signer.for_one(files.path());
    tls.clients = Some(ClientCertificates::new(file));
    let stand = Stand::with(application(), |settings| {
        settings.admin = Some(([127, 0, 0, 1], 0).into());
        settings.admin_hosts = vec!["a.example".to_owned()];
        settings.admin_tls = Some(tls);
    })
    .await;
    let admin = stand.admin.expect("it listens");
    let shown = authority.shown_by("admin", 1);
    let client = signer.client_showing(&["http/1.1"], V13, Some(&shown));
    let stream = client
        .to(admin, "a.example")
        .await
        .expect("hands are shaken");
    assert_eq!(ask(stream, "/livez").await.status(), 200);
    let client = signer.client_showing(&["http/1.1"], V13, None);
    let closed = match client.to(admin, "a.example").await {
        Err(_) => true,
        Ok(mut stream) => !matches!(timeout(SOON, stream.read_u8()).await, Ok(Ok(_)) | Err(_)),
    };
    assert!(closed, "it is let in without one");
}

#[test]
fn files_that_are_none_are_named() {
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let other = folder.path().join("other");
    std::fs::write(&other, "no certificate").expect("written");
    let check = |clients: ClientCertificates| {
        let mut tls = signer.for_one(folder.path());
        tls.clients = Some(clients);
        tls.check().expect_err("it can't be used").to_string()
    };
    let why = check(ClientCertificates::new(other.clone()));
    assert!(why.contains("other") && why.contains("holds no certificate"), "{why}");
    let authority = signer.authority(&folder.path().join("ca.pem"));
    let mut clients = ClientCertificates::new(authority.clone());
    clients.revoked = Some(other);
    let why = check(clients);
    assert!(why.contains("other") && why.contains("no list of revoked"), "{why}");
    let mut clients = ClientCertificates::new(authority);
    clients.names = vec!["a b".to_owned()];
    let why = check(clients);
    assert!(why.contains("a b") && why.contains("no name"), "{why}");
}
