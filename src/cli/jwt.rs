//! `portcullis jwt`: tokens that somebody else signed.

use std::io::{BufRead, ErrorKind, Read};

use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use crate::api::own::view::Instant;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::domain::time::{Clock, Timestamp};
use crate::engine::jwt::{JwtTrial, Tried};

/// The longest line that is read, in bytes.
const LONGEST: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum JwtCommand {
    /// Say what JSON web tokens on standard input are worth: a line of JSON for each
    ///
    /// A line is {"token": "…", "keys": […]}: the token and the keys that may have signed it,
    /// as a list of JWKs or a JWK set. "issuer" and "audience", where they are there, have to be
    /// the token's; "now" is the time in seconds since 1970, else it is that of this machine.
    /// Nothing is asked of anybody. The exit code is 1 if one of the tokens is not valid.
    Check,
}

/// A token, and what it is held against.
#[derive(Deserialize)]
struct Asked {
    token: String,
    keys: Value,
    issuer: Option<String>,
    audience: Option<String>,
    now: Option<Number>,
}

/// Why a token is worth nothing, in a word and in words.
struct Worthless {
    flaw: &'static str,
    why: String,
}

impl JwtCommand {
    pub(super) fn run(self, output: Output) -> Result<(), Failure> {
        match self {
            Self::Check => check(output),
        }
    }
}

fn check(output: Output) -> Result<(), Failure> {
    let (mut input, mut line) = (std::io::stdin().lock(), Vec::new());
    let (mut number, mut checked, mut invalid) = (0_u64, 0_u64, 0_u64);
    while next(&mut input, &mut line)? {
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        checked += 1;
        let judged = judge(&line);
        invalid += u64::from(judged.is_err());
        tell(number, &judged, output)?;
    }
    match (checked, invalid) {
        (0, _) => Err(Failure::usage("there is no token on standard input")),
        (_, 0) => Ok(()),
        _ => Err(Failure::new(Exit::Failed, format!("{invalid} of {checked} are not valid"))),
    }
}

/// Reads a line, if there is another.
fn next(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool, Failure> {
    line.clear();
    let read = input.take(LONGEST + 1).read_until(b'\n', line);
    let read = read
        .map_err(|error| Failure::unexpected(format!("standard input can't be read: {error}")))?;
    if read as u64 > LONGEST {
        return Err(Failure::usage(format!("a line is longer than {LONGEST} bytes")));
    }
    Ok(read > 0)
}

fn judge(line: &[u8]) -> Result<Tried, Worthless> {
    let fields: Result<Map<String, Value>, _> = serde_json::from_slice(line);
    let asked: Asked = fields
        .and_then(|fields| serde_json::from_value(fields.into()))
        .map_err(|error| Worthless { flaw: "line", why: format!("not such a line: {error}") })?;
    let now = asked
        .now
        .as_ref()
        .map_or_else(|| Clock::system().wall(), instant);
    let set = set(asked.keys).to_string();
    let trial = JwtTrial::with_set(set.as_bytes(), now)
        .map_err(|error| Worthless { flaw: "keys", why: error.to_string() })?;
    let trial = trial.of(asked.issuer, asked.audience);
    trial
        .verify(asked.token.as_bytes())
        .map_err(|flaw| Worthless { flaw: flaw.as_str(), why: flaw.words().to_owned() })
}

/// A list of keys, or one key, as a set.
fn set(keys: Value) -> Value {
    match keys {
        Value::Object(set) if set.contains_key("keys") => set.into(),
        Value::Array(keys) => json!({ "keys": keys }),
        key => json!({ "keys": [key] }),
    }
}

fn instant(now: &Number) -> Timestamp {
    let fraction = || now.as_f64().map(|secs| secs.floor() as i64);
    Timestamp::from_secs(now.as_i64().or_else(fraction).unwrap_or_default())
}

/// Whoever closes the pipe still gets the exit code.
fn tell(number: u64, judged: &Result<Tried, Worthless>, output: Output) -> Result<(), Failure> {
    let (json, words) = match judged {
        Ok(Tried { subject, expires_at }) => {
            let whose = subject
                .as_deref()
                .map_or("no subject".to_owned(), |sub| format!("{sub:?}"));
            let json = json!({
                "line": number, "valid": true, "subject": subject,
                "expires_at": Instant(*expires_at),
            });
            (json, format!("{number}: valid, {whose}, expires {expires_at}"))
        }
        Err(Worthless { flaw, why }) => {
            let json = json!({ "line": number, "valid": false, "flaw": flaw, "why": why });
            (json, format!("{number}: not valid ({flaw}): {why}"))
        }
    };
    match output.line(&json, &words) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::unexpected(format!("the answer can't be written: {error}")))
        }
        _ => Ok(()),
    }
}
