//! Certificates that end, and handshakes that come to nothing: what is told of them.

use std::process::Command;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::*;
use crate::gateway::figures::Figures;
use crate::support::Browser;

/// A day so many days from now.
fn day(days: i64) -> (i32, u8, u8) {
    let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let day = day.checked_add(days.days()).expect("a day");
    (day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
}

async fn figures(admin: std::net::SocketAddr) -> Figures {
    let page = Browser::at(admin).get("/metrics", "").await;
    Figures::parse(&page.body).expect("figures")
}

const TEXT: &str = "[public]\nlisten = \"127.0.0.1:0\"\nurl = \"https://a.example\"\n\
                    [tls]\ncertificate = \"a.crt\"\nkey = \"a.key\"\n\
                    [admin]\nlisten = \"off\"\n[upstream]\nurl = \"http://127.0.0.1:9\"\n";

/// What `portcullis check` prints in this folder.
fn check(folder: &std::path::Path) -> String {
    std::fs::write(folder.join("gateway.toml"), TEXT).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command
        .args(["check", "--config", "gateway.toml"])
        .env_clear()
        .current_dir(folder);
    let ran = command.output().expect("the program");
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

#[tokio::test]
async fn a_certificate_that_ends_is_told_of_once_and_by_check() {
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let pair = signer.issue(folder.path(), "a", "a.example");
    assert!(!check(folder.path()).contains("the certificate"));
    signer.issue_until(&pair, "a.example", day(10));
    let said = check(folder.path());
    assert!(said.contains("a.crt ends at"), "{said}");
    let mut program = Program::with(folder.path(), TEXT);
    let line = program.says("certificate ends soon").await;
    assert!(line.contains("a.crt") && line.contains("end="), "{line}");
    signer.issue_until(&pair, "a.example", day(-1));
    let line = program.says("certificate has ended").await;
    assert!(line.contains("a.crt"), "{line}");
    let said = check(folder.path());
    assert!(said.contains("a.crt ended at"), "{said}");
    // One that is good, and then one that ends, is told of again.
    signer.issue_until(&pair, "a.example", day(400));
    program.says("certificate replaced").await;
    signer.issue_until(&pair, "a.example", day(13));
    program.says("certificate ends soon").await;
}

#[tokio::test]
async fn figures_tell_of_ends_and_of_handshakes_that_failed() {
    let secure = Secure::with(|settings| {
        settings.admin = Some(([127, 0, 0, 1], 0).into());
        settings.limits.head_timeout = Duration::from_secs(1);
    })
    .await;
    let admin = secure.stand.admin.expect("it listens");
    let page = figures(admin).await;
    let end =
        |listener| page.value("portcullis_tls_certificate_end_seconds", &[("listener", listener)]);
    // The first of January 4000.
    let expected: Timestamp = "4000-01-01T00:00:00Z".parse().expect("an instant");
    assert_eq!((end("public"), end("admin")), (expected.as_second() as f64, 0.0));
    let address = secure.stand.address;
    let stranger = Signer::new().client(&["http/1.1"]);
    assert!(stranger.to(address, "a.example").await.is_err());
    assert!(
        secure
            .signer
            .client(&["spdy/3"])
            .to(address, "a.example")
            .await
            .is_err()
    );
    let mut plain = RawClient::to(address).await;
    plain
        .send("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await;
    drop(RawClient::to(address).await);
    let _silent = RawClient::to(address).await;
    for kind in ["distrusted", "incompatible", "malformed", "gone", "timeout"] {
        const FAILURES: &str = "portcullis_tls_handshake_failures_total";
        let counted = async {
            while figures(admin).await.value(FAILURES, &[("kind", kind)]) != 1.0 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let counted = timeout(Duration::from_secs(20), counted).await;
        assert!(counted.is_ok(), "{kind}: {:?}", figures(admin).await);
    }
}
