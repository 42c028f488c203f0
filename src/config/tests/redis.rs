//! `[redis]`.

use std::time::Duration;

use super::*;
use crate::store::redis::{AfterLoss, RedisMode, WhenAway};

fn with(section: &str) -> String {
    format!("[upstream]\nurl = \"http://127.0.0.1:3000\"\n{section}")
}

#[test]
fn without_a_server_attempts_are_counted_beside_the_directory() {
    assert!(config(&with("")).redis.is_none());
    assert!(
        config(&with("[redis]\nurls = []\nmode = \"cluster\"\n"))
            .redis
            .is_none()
    );
}

#[test]
fn a_server_is_named_by_its_address_alone_or_with_all_there_is_to_say() {
    let of = |section: &str| config(&with(section)).redis.expect("a server");
    let plain = of("[redis]\nurls = [\"redis://127.0.0.1:6379\"]\n");
    let settings = plain.settings().expect("no files");
    assert_eq!(settings.servers[0].to_string(), "redis://127.0.0.1:6379/0");
    assert_eq!((settings.mode, settings.prefix.as_str()), (RedisMode::Standalone, "portcullis:"));
    assert_eq!((settings.when_away, settings.after_loss), (WhenAway::Refuse, AfterLoss::Refuse));
    assert!(!plain.bus && settings.password.is_none());

    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret pass\r\n").expect("writes");
    let full = of(&format!(
        "[redis]\nurls = [\"rediss://a:1\", \"rediss://b\"]\nmode = \"sentinel\"\nmaster = \"m\"\n\
         username = \"u\"\npassword_file = {secret:?}\nprefix = \"shop:\"\ntimeout = \"200ms\"\n\
         when_away = \"count-locally\"\nafter_loss = \"go-on\"\n[store]\nbus = \"redis\"\n"
    ));
    let settings = full.settings().expect("a file with a password");
    assert_eq!(settings.password.as_deref(), Some("s3cret pass"));
    assert_eq!(
        (settings.timeout, settings.mode),
        (Duration::from_millis(200), RedisMode::Sentinel)
    );
    assert!(full.bus && !format!("{settings:?}").contains("s3cret"));
    std::fs::write(&secret, "\n").expect("writes");
    let words = full.settings().expect_err("it is empty").to_string();
    assert!(words.contains("redis.password_file") && words.contains("empty"), "{words}");
}

#[test]
fn a_secret_lies_beside_the_file_that_names_it() {
    let redis = config(&with(
        "[redis]\nurls = [\"redis://127.0.0.1\"]\npassword_file = \"secrets/redis\"\n",
    ));
    let file = redis
        .redis
        .expect("a server")
        .password_file
        .expect("a file");
    assert_eq!(file, PathBuf::from("secrets/redis"));
}

#[test]
fn what_can_not_be_meant_is_said() {
    for (section, words) in [
        ("urls = [\"redis://127.0.0.1\", \"redis://127.0.0.2\"]", "names several servers"),
        ("urls = [\"redis://127.0.0.1/1\"]\nmode = \"cluster\"", "names a database"),
        (
            "urls = [\"redis://127.0.0.1\", \"rediss://h\"]\nmode = \"cluster\"",
            "mixes redis:// and rediss://",
        ),
        ("urls = [\"redis://10.0.0.1\"]", "in plain text"),
        ("urls = [\"redis://u:secret@10.0.0.1\"]", "holds a user or a password"),
        ("password_file = \"secret\"", "takes a Redis"),
        ("urls = [\"redis://h\"]\nprefix = \"a{b\"", "`redis.prefix` is none"),
        ("urls = [\"redis://h\"]\ntimeout = \"1ms\"", "is out of bounds"),
    ] {
        let text = with(&format!("[redis]\n{section}\n"));
        let errors = refused(&text, &[]);
        let whats = whats(&errors);
        assert!(whats.iter().any(|what| what.contains(words)), "{section}: {whats:?}");
        assert!(whats.iter().all(|what| !what.contains("secret@")), "{whats:?}");
    }
    let bus = refused(&with("[store]\nbus = \"redis\"\n"), &[]);
    assert!(whats(&bus)[0].contains("`store.bus` takes a Redis"), "{:?}", whats(&bus));
    let trusted = "[redis]\nurls = [\"redis://10.0.0.1\"]\nallow_plain = true\n";
    assert!(config(&with(trusted)).redis.is_some());
}
