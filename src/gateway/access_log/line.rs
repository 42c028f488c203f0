//! One line, for people's eyes or for programs.
//!
//! Whatever a client sent is in it as text that means nothing: in one line, between
//! quotation marks where it is not plain, and without a byte that a terminal acts on.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use crate::domain::account::AccountKey;
use crate::domain::session::SessionId;
use crate::engine::figures::Word;
use crate::gateway::figures::Outcome;
use crate::gateway::settings::AccessFormat;
use crate::gateway::trace_context::{SpanId, TraceId};

/// What a session is told by: as much of the name of one, which is a hash, as tells those
/// of one person apart.
const SESSION_DIGITS: usize = 8;

/// What is known of a request at its end.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) client: IpAddr,
    pub(super) method: Method,
    /// Without its query.
    pub(super) path: String,
    /// `None`: the client went away before there was an answer.
    pub(super) status: Option<StatusCode>,
    /// Of the body, as they were handed over to be sent.
    pub(super) bytes: u64,
    /// Whether the answer came to its end.
    pub(super) is_whole: bool,
    pub(super) took: Duration,
    pub(super) upstream: Option<Duration>,
    pub(super) account: Option<AccountKey>,
    pub(super) session: Option<SessionId>,
    pub(super) outcome: Outcome,
    pub(super) denial: Option<&'static str>,
    pub(super) id: HeaderValue,
    /// The trace, this step of it, and the one that asked for it.
    pub(super) trace: Option<(TraceId, SpanId, Option<SpanId>)>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            at: Timestamp::UNIX_EPOCH,
            client: Ipv4Addr::UNSPECIFIED.into(),
            method: Method::GET,
            path: String::new(),
            status: None,
            bytes: 0,
            is_whole: false,
            took: Duration::ZERO,
            upstream: None,
            account: None,
            session: None,
            outcome: Outcome::Abandoned,
            denial: None,
            id: HeaderValue::from_static("unknown"),
            trace: None,
        }
    }
}

/// The fields of a line, in their order. What is not known is left out.
#[derive(Serialize)]
struct Fields<'a> {
    time: String,
    client: String,
    method: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    bytes: u64,
    complete: bool,
    duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_ms: Option<f64>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    denial: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    request_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<String>,
}

impl Line {
    /// Appends the line, with its end.
    pub(super) fn write(&self, format: AccessFormat, out: &mut Vec<u8>) {
        let fields = self.fields();
        match format {
            AccessFormat::Json => {
                // Into memory, and of texts and numbers: nothing can go wrong.
                let _ = serde_json::to_writer(&mut *out, &fields);
            }
            AccessFormat::Text => {
                let mut text = String::with_capacity(256);
                let _ = fields.write_text(&mut text);
                out.extend_from_slice(text.as_bytes());
            }
        }
        out.push(b'\n');
    }

    fn fields(&self) -> Fields<'_> {
        let (trace, span, parent) = match &self.trace {
            Some((trace, span, parent)) => (Some(trace), Some(span), parent.as_ref()),
            None => (None, None, None),
        };
        Fields {
            time: format!("{:.6}", self.at),
            client: self.client.to_string(),
            method: self.method.as_str(),
            path: &self.path,
            status: self.status.map(|status| status.as_u16()),
            bytes: self.bytes,
            complete: self.is_whole,
            duration_ms: millis(self.took),
            upstream_ms: self.upstream.map(millis),
            outcome: self.outcome.as_str(),
            denial: self.denial,
            account: self.account.as_ref().map(ToString::to_string),
            session: self.session.map(|session| {
                let mut name = session.to_string();
                name.truncate(SESSION_DIGITS);
                name
            }),
            request_id: String::from_utf8_lossy(self.id.as_bytes()),
            trace_id: trace.map(ToString::to_string),
            span_id: span.map(ToString::to_string),
            parent_span_id: parent.map(ToString::to_string),
        }
    }
}

/// To the microsecond.
fn millis(time: Duration) -> f64 {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    f64::from(micros) / 1000.0
}

impl Fields<'_> {
    /// `name=value`, as logfmt has it.
    fn write_text(&self, out: &mut String) -> fmt::Result {
        write!(out, "time={} client={} method=", self.time, self.client)?;
        plain(out, self.method)?;
        out.push_str(" path=");
        plain(out, self.path)?;
        if let Some(status) = self.status {
            write!(out, " status={status}")?;
        }
        write!(out, " bytes={} complete={}", self.bytes, self.complete)?;
        write!(out, " duration_ms={:.3}", self.duration_ms)?;
        if let Some(upstream) = self.upstream_ms {
            write!(out, " upstream_ms={upstream:.3}")?;
        }
        write!(out, " outcome={}", self.outcome)?;
        let further = [
            ("denial", self.denial),
            ("account", self.account.as_deref()),
            ("session", self.session.as_deref()),
            ("request_id", Some(&*self.request_id)),
            ("trace_id", self.trace_id.as_deref()),
            ("span_id", self.span_id.as_deref()),
            ("parent_span_id", self.parent_span_id.as_deref()),
        ];
        for (name, value) in further {
            if let Some(value) = value {
                write!(out, " {name}=")?;
                plain(out, value)?;
            }
        }
        Ok(())
    }
}

/// A value as it is, if it is one plain word; else between quotation marks.
fn plain(out: &mut String, value: &str) -> fmt::Result {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'=');
    if !value.is_empty() && value.bytes().all(is_plain) {
        out.push_str(value);
        return Ok(());
    }
    out.push('"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(byte))?,
            b' '..=b'~' => out.push(char::from(byte)),
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    out.push('"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::account::AccountId;

    fn written(line: &Line, format: AccessFormat) -> String {
        let mut out = Vec::new();
        line.write(format, &mut out);
        String::from_utf8(out).expect("text")
    }

    fn full() -> Line {
        let id = AccountId::try_from(7).expect("a number");
        Line {
            at: "2026-01-02T03:04:05.678901Z".parse().expect("a time"),
            client: "192.0.2.7".parse().expect("an address"),
            path: "/a/b".to_owned(),
            status: Some(StatusCode::FORBIDDEN),
            bytes: 12,
            is_whole: true,
            took: Duration::from_micros(12_345),
            upstream: Some(Duration::from_millis(10)),
            account: Some(id.into()),
            session: "00112233445566778899aabbccddeeff".parse().ok(),
            outcome: Outcome::Denied,
            denial: Some("account-locked"),
            id: HeaderValue::from_static("r-1"),
            ..Line::default()
        }
    }

    #[test]
    fn a_line_has_what_is_known() {
        assert_eq!(
            written(&full(), AccessFormat::Text),
            "time=2026-01-02T03:04:05.678901Z client=192.0.2.7 method=GET path=/a/b status=403 \
             bytes=12 complete=true duration_ms=12.345 upstream_ms=10.000 outcome=denied \
             denial=account-locked account=7 session=00112233 request_id=r-1\n"
        );
        let json: serde_json::Value =
            serde_json::from_str(&written(&full(), AccessFormat::Json)).expect("JSON");
        assert_eq!(json["duration_ms"], 12.345);
        assert_eq!(json["account"], "7");
        assert_eq!(json["session"], "00112233");
        assert!(json.get("trace_id").is_none(), "what is not known is left out");
        let abandoned = written(&Line::default(), AccessFormat::Text);
        assert!(!abandoned.contains("status="), "{abandoned}");
        assert!(abandoned.contains("complete=false"), "{abandoned}");
    }

    proptest! {
        /// Whatever a client or a source calls things, a line is one line of visible
        /// letters that reads back as it was.
        #[test]
        fn nobody_writes_lines_of_their_own(path in any::<String>(), account in ".{1,40}") {
            let account: Option<AccountKey> = format!("t:{account}").parse().ok();
            let line = Line { path: path.clone(), account, ..full() };
            let text = written(&line, AccessFormat::Text);
            let body = text.strip_suffix('\n').expect("an end");
            prop_assert!(body.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", body);
            let json = written(&line, AccessFormat::Json);
            let body = json.strip_suffix('\n').expect("an end");
            prop_assert!(!body.bytes().any(|byte| byte < b' '), "{}", body);
            let read: serde_json::Value = serde_json::from_str(body).expect("JSON");
            prop_assert_eq!(read["path"].as_str(), Some(path.as_str()));
        }
    }
}
