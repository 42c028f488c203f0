use proptest::prelude::*;
use serde_json::json;

use super::super::attempt::{Marker, Outcome};
use super::*;
use crate::cli::output::clean;
use crate::domain::client::ClientAddr;
use crate::domain::login::TypedLogin;
use crate::domain::time::Timestamp;

const HEADER: &str = "time,login,outcome,address,device,secret";

fn requests() -> SignIns {
    SignIns { path: Some("/login".to_owned()), method: "POST".to_owned() }
}

fn reader(format: Format) -> Reader {
    let access = format.is_access_log();
    let sign = access.then(|| "status=303".parse::<Sign>().expect("a sign"));
    let requests = if access { requests() } else { SignIns { path: None, ..requests() } };
    let reader = Reader::new(format, &Columns::default(), sign.as_ref(), &requests);
    reader.unwrap_or_else(|failure| panic!("{}", failure.message()))
}

/// Past its header, where it has one.
fn reading(format: Format) -> Reader {
    let mut reader = reader(format);
    if format == Format::Csv {
        assert_eq!(reader.read(HEADER), Ok(Read::Other));
    }
    reader
}

const FORMATS: [Format; 4] = [Format::Csv, Format::Jsonl, Format::Nginx, Format::Caddy];

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Failure => "failure",
        Outcome::Refused => "refused",
    }
}

const fn status(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Success => 303,
        Outcome::Failure => 401,
        Outcome::Refused => 429,
    }
}

/// Writes an attempt as a line of this format.
fn written(format: Format, attempt: &Attempt) -> String {
    let address = attempt
        .address
        .map(|address| address.to_string())
        .unwrap_or_default();
    let (at, outcome) = (attempt.at.to_string(), attempt.outcome);
    let secret = attempt.secret.as_ref().map(|marker| marker.0.as_str());
    let quoted =
        |text: Option<&str>| format!("\"{}\"", text.unwrap_or_default().replace('"', "\"\""));
    match format {
        Format::Csv => [
            at,
            quoted(attempt.login.as_deref()),
            word(outcome).to_owned(),
            address,
            quoted(attempt.device.as_deref()),
            quoted(secret),
        ]
        .join(","),
        Format::Jsonl => json!({
            "time": at, "login": attempt.login, "outcome": word(outcome), "address": address,
            "device": attempt.device, "secret": secret,
        })
        .to_string(),
        Format::Nginx => {
            let instant =
                jiff::Timestamp::from_microsecond(attempt.at.as_micros()).expect("a time");
            let time = instant.strftime("%d/%b/%Y:%H:%M:%S +0000");
            let status = status(outcome);
            format!(
                "{address} - - [{time}] \"POST /login?next=/ HTTP/2.0\" {status} 5 \"-\" \"a \\\"b\""
            )
        }
        Format::Caddy => json!({
            "ts": attempt.at.floor_secs(), "status": status(outcome),
            "request": { "client_ip": address, "method": "POST", "uri": "/login" },
        })
        .to_string(),
    }
}

/// A text as it is kept: with nothing around it, and not the dash for nothing.
fn kept() -> impl Strategy<Value = Option<String>> {
    let text = "[a-zA-Z0-9,;\"'\\\\\t<>&äß]{1,12}".prop_map(|text| text.trim().to_owned());
    proptest::option::of(text.prop_filter("something", |text| !text.is_empty()))
}

fn any_attempt() -> impl Strategy<Value = Attempt> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(|v4| ClientAddr::from(std::net::IpAddr::from(v4))),
        any::<[u8; 16]>().prop_map(|v6| ClientAddr::from(std::net::IpAddr::from(v6))),
    ];
    let outcome =
        prop_oneof![Just(Outcome::Success), Just(Outcome::Failure), Just(Outcome::Refused)];
    (0_i64..4_000_000_000, kept(), address, outcome, kept(), kept()).prop_map(
        |(secs, login, address, outcome, device, secret)| Attempt {
            at: Timestamp::from_secs(secs),
            login: login.map(|login| TypedLogin::new(&login).as_str().to_owned()),
            address: Some(address),
            outcome,
            device,
            secret: secret.map(Marker),
        },
    )
}

/// What an access log tells of an attempt.
fn seen_by(format: Format, attempt: &Attempt) -> Attempt {
    match format.is_access_log() {
        true => Attempt { login: None, device: None, secret: None, ..attempt.clone() },
        false => attempt.clone(),
    }
}

proptest! {
    /// Property: an attempt that is written as a line is read back as the same.
    #[test]
    fn what_is_written_is_read_back(attempt in any_attempt()) {
        for format in FORMATS {
            let line = written(format, &attempt);
            let read = reading(format).read(&line);
            prop_assert_eq!(read, Ok(Read::Attempt(seen_by(format, &attempt))), "{}", line);
        }
    }

    /// Property: the first line of a log tells how it is written.
    #[test]
    fn the_format_is_guessed(attempt in any_attempt()) {
        for format in FORMATS {
            let first = if format == Format::Csv { HEADER.to_owned() } else { written(format, &attempt) };
            prop_assert_eq!(Format::guess(&first), format, "{}", first);
        }
    }

    /// Property: any text is read or refused, as a header and as a line, and what is
    /// said of it steers no terminal and is short.
    #[test]
    fn any_text_is_read_or_refused(
        text in "\\PC{0,80}|[\u{0}-\u{7f}\u{202e}]{0,80}|[a-z0-9,;\"{}:\\[\\] /.-]{0,80}",
        first: bool,
    ) {
        let _ = Format::guess(&text);
        for format in FORMATS {
            let mut reader = if first { reader(format) } else { reading(format) };
            if let Err(bad) = reader.read(&text) {
                let words = bad.words(true);
                prop_assert_eq!(&clean(&words), &words);
                prop_assert!(words.len() < 700 && !words.contains('\n'), "{}", words);
                prop_assert!(bad.words(false).len() <= words.len());
            }
        }
    }

    /// Property: a line cut anywhere is read or refused, too.
    #[test]
    fn a_cut_line_is_read_or_refused(attempt in any_attempt(), share in 0.0_f64..1.0) {
        for format in FORMATS {
            let line = written(format, &attempt);
            let cut = line.floor_char_boundary((line.len() as f64 * share) as usize);
            let _ = reading(format).read(&line[..cut]);
        }
    }
}

/// Odd lines, each with its format and what comes of it.
#[test]
fn the_corpus_is_read_as_it_says() {
    let corpus = include_str!("../../../../tests/corpus/sign_ins.txt");
    let cases = corpus
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut count = 0;
    for case in cases {
        let parts: Vec<_> = case.splitn(3, " | ").collect();
        let [format, expected, line] = parts[..] else { panic!("no case: {case}") };
        let format = FORMATS
            .into_iter()
            .find(|known| known.name() == format.trim());
        let line = line.replace("\\e", "\u{1b}").replace("\\t", "\t");
        let read = match reading(format.expect("a format")).read(&line) {
            Ok(Read::Other) => "other".to_owned(),
            Ok(Read::Attempt(attempt)) => {
                let login = attempt.login.unwrap_or_else(|| "-".to_owned());
                let address = attempt
                    .address
                    .map_or_else(|| "-".to_owned(), |a| a.to_string());
                format!("{} {login} {} {address}", attempt.at, word(attempt.outcome))
            }
            Err(bad) => bad.words(true),
        };
        let expected = expected.trim();
        let begins = expected
            .strip_suffix('…')
            .is_some_and(|begin| read.starts_with(begin));
        assert!(begins || read == expected, "{case}\n{read}");
        count += 1;
    }
    assert!(count > 40, "{count}");
}

#[test]
fn columns_and_signs_are_named_by_whoever_knows_the_log() {
    let columns = "time=when,login=who,address=from"
        .parse::<Columns>()
        .expect("columns");
    let sign = "how=OK,FINE".parse::<Sign>().expect("a sign");
    let none = SignIns { path: None, method: String::new() };
    for (format, lines) in [
        (Format::Csv, ["from;how;when;who", "192.0.2.1;fine;0;Ann", "192.0.2.1;no;0;Ann"]),
        (
            Format::Jsonl,
            [
                "",
                r#"{"when":0,"who":"Ann","how":"OK","from":"192.0.2.1"}"#,
                r#"{"when":0,"who":"Ann","from":"192.0.2.1"}"#,
            ],
        ),
    ] {
        let reader = Reader::new(format, &columns, Some(&sign), &none);
        let mut reader = reader.unwrap_or_else(|failure| panic!("{}", failure.message()));
        let read = lines.map(|line| match reader.read(line).expect("a line") {
            Read::Attempt(attempt) => Some((attempt.outcome, attempt.login)),
            Read::Other => None,
        });
        let ann = |outcome| Some((outcome, Some("ann".to_owned())));
        assert_eq!(read, [None, ann(Outcome::Success), ann(Outcome::Failure)]);
    }
    let nested = "login=user.name".parse::<Columns>().expect("columns");
    let reader = Reader::new(Format::Jsonl, &nested, None, &none);
    let mut reader = reader.unwrap_or_else(|failure| panic!("{}", failure.message()));
    let line = r#"{"ts":1.5,"user":{"name":"bob"},"success":true,"ip":"[2001:db8::1]:443"}"#;
    let Ok(Read::Attempt(attempt)) = reader.read(line) else { panic!("no attempt") };
    assert_eq!((attempt.login.as_deref(), attempt.outcome), (Some("bob"), Outcome::Success));
    for wrong in ["", "time", "when=x", "time="] {
        assert!(wrong.parse::<Columns>().is_err(), "{wrong:?}");
    }
    for wrong in ["", "status", "=303", "status=", "status=1,,2"] {
        assert!(wrong.parse::<Sign>().is_err(), "{wrong:?}");
    }
    let class = "status=2xx".parse::<Sign>().expect("a sign");
    assert!(class.is_shown("204") && !class.is_shown("302") && !class.is_shown("2ab"));
}

#[test]
fn a_header_that_names_too_little_says_what_is_missing() {
    for (header, missing) in [
        ("a,b", "(a, b) does not name a time and an outcome and a login or an address:"),
        ("time,login", "does not name an outcome:"),
        ("time,outcome", "does not name a login or an address:"),
    ] {
        let mut reader = reader(Format::Csv);
        assert_eq!(reader.read(header), Ok(Read::Other));
        let why = reader.hopeless().expect("too little");
        assert!(why.contains(missing) && why.contains("--columns"), "{why}");
    }
}

#[test]
fn an_access_log_needs_to_be_told_what_a_sign_in_is() {
    let sign = "status=303".parse::<Sign>().expect("a sign");
    let none = SignIns { path: None, method: "POST".to_owned() };
    let other = "code=303".parse::<Sign>().expect("a sign");
    let columns = "time=ts".parse::<Columns>().expect("columns");
    let plain = Columns::default();
    for (columns, sign, requests, words) in [
        (&plain, Some(&sign), none, "--path /login"),
        (&plain, None, requests(), "--success status=303"),
        (&plain, Some(&other), requests(), "by its status alone"),
        (&columns, Some(&sign), requests(), "no columns"),
    ] {
        let failure = Reader::new(Format::Nginx, columns, sign, &requests)
            .err()
            .expect("refused");
        assert!(failure.message().contains(words), "{}", failure.message());
    }
    let failure = Reader::new(Format::Csv, &plain, None, &requests())
        .err()
        .expect("refused");
    assert!(failure.message().contains("--path is for access logs"));
}
