//! Access logs: sign-ins are told by path, method and status. They don't tell
//! logins.

use super::super::attempt::{Attempt, Outcome};
use super::columns::read_address;
use super::jsonl::{object, text_at};
use super::sign::Sign;
use super::time::{read_common_time, read_time};
use super::{Bad, Read, SignIns};
use crate::cli::exit::Failure;
use crate::domain::time::Timestamp;

/// Which requests are sign-ins, and which of these succeeded.
pub(in crate::cli::replay) struct Wanted {
    path: String,
    method: String,
    sign: Sign,
}

/// A request, as either log tells it.
struct Request<'a> {
    at: &'a dyn Fn() -> Option<Timestamp>,
    address: &'a str,
    method: &'a str,
    target: &'a str,
    status: &'a str,
}

impl Wanted {
    pub(super) fn new(requests: &SignIns, sign: Option<&Sign>) -> Result<Self, Failure> {
        let needs = |what: &str| {
            Failure::usage(format!(
                "an access log does not say which requests are sign-ins: add {what}"
            ))
        };
        let path = requests
            .path
            .clone()
            .ok_or_else(|| needs("--path, as in --path /login"))?;
        let sign = sign
            .cloned()
            .ok_or_else(|| needs("the status of one that succeeds, as in --success status=303"))?;
        if sign.field() != "status" {
            return Err(Failure::usage(
                "an access log tells a success by its status alone: write --success status=303",
            ));
        }
        Ok(Self { path, method: requests.method.clone(), sign })
    }

    fn read(&self, request: &Request<'_>) -> Result<Read, Bad> {
        let path = request.target.split(['?', '#']).next().unwrap_or_default();
        if !request.method.eq_ignore_ascii_case(&self.method) || path != self.path {
            return Ok(Read::Other);
        }
        let outcome = match request.status {
            status if self.sign.is_shown(status) => Outcome::Success,
            "429" => Outcome::Refused,
            // It was no answer to the password.
            status if status.starts_with('5') => return Ok(Read::Other),
            _ => Outcome::Failure,
        };
        let at = (request.at)().ok_or_else(|| Bad::new("the time can't be read"))?;
        let address = Some(read_address(request.address)?);
        Ok(Read::Attempt(Attempt { at, login: None, address, outcome, device: None, secret: None }))
    }
}

/// Whether a line looks like one of the combined form.
pub(super) fn looks_combined(line: &str) -> bool {
    let parts = combined(line);
    parts.is_some_and(|[_, time, request, _]| {
        read_common_time(time).is_some() && !request.is_empty()
    })
}

/// `ADDRESS - USER [TIME] "REQUEST" STATUS …`: what nginx and Apache write.
fn combined(line: &str) -> Option<[&str; 4]> {
    let (address, rest) = line.split_once(' ')?;
    let (_, rest) = rest.split_once('[')?;
    let (time, rest) = rest.split_once(']')?;
    let rest = rest.trim_start().strip_prefix('"')?;
    let end = end_of_quoted(rest)?;
    let status = rest[end + 1..].split_whitespace().next()?;
    Some([address, time, &rest[..end], status])
}

/// Where the quote closes that is open: one after a backslash does not.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

pub(super) fn read_combined(wanted: &Wanted, line: &str) -> Result<Read, Bad> {
    let parts = combined(line);
    let [address, time, request, status] =
        parts.ok_or_else(|| Bad::new("it is no line of a combined access log"))?;
    // What is no HTTP at all is logged, too, and is no sign-in.
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let at = || read_common_time(time).or_else(|| read_time(time));
    wanted.read(&Request { at: &at, address, method, target, status })
}

pub(super) fn read_caddy(wanted: &Wanted, line: &str) -> Result<Read, Bad> {
    let object = object(line)?;
    let text = |path: &str| text_at(&object, path);
    let Some((method, target)) = text("request.method").zip(text("request.uri")) else {
        // Caddy's other lines.
        return Ok(Read::Other);
    };
    let names = ["request.client_ip", "request.remote_ip", "request.remote_addr"];
    let address = names.into_iter().find_map(text);
    let time = text("ts").unwrap_or_default();
    wanted.read(&Request {
        at: &|| read_time(&time),
        address: &address.unwrap_or_default(),
        method: &method,
        target: &target,
        status: &text("status").unwrap_or_default(),
    })
}
