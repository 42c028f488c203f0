//! Examples of requests, as they are typed at a prompt.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stands in an address as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

const FORM: &str = "application/x-www-form-urlencoded";

/// A request for the command line.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Where it stands, its name, and its value.
    pub(super) parameters: Vec<(&'a str, &'a str, String)>,
    pub(super) with_token: bool,
    /// The body with its type.
    pub(super) body: Option<(&'a str, &'a Value)>,
}

impl Request<'_> {
    /// As `curl` takes it, part by part in lines of their own.
    pub(super) fn curl(&self) -> String {
        let mut parts = vec!["curl".to_owned()];
        if self.method != "GET" && !(self.method == "POST" && self.body.is_some()) {
            parts.push(format!("-X {}", self.method));
        }
        if self.with_token {
            parts.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
        }
        for (_, name, value) in self
            .parameters
            .iter()
            .filter(|(place, ..)| *place == "header")
        {
            parts.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
        }
        if let Some((kind, body)) = self.body {
            parts.extend(sent(kind, body));
        }
        parts.push(quoted(&self.address()));
        parts.join(" \\\n  ")
    }

    fn address(&self) -> String {
        let encode = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let (mut path, mut query) = (self.path.to_owned(), String::new());
        for (place, name, value) in &self.parameters {
            match *place {
                "path" => path = path.replace(&format!("{{{name}}}"), &encode(value)),
                "query" => {
                    let sign = if query.is_empty() { '?' } else { '&' };
                    query.push(sign);
                    query.push_str(&format!("{}={}", encode(name), encode(value)));
                }
                _ => {}
            }
        }
        format!("http://127.0.0.1:8081{path}{query}")
    }
}

fn sent(kind: &str, body: &Value) -> Vec<String> {
    match body.as_object() {
        Some(fields) if kind == FORM => {
            let field = |(name, value): (&String, &Value)| {
                let value = super::kind::written(value);
                format!("--data-urlencode {}", quoted(&format!("{name}={value}")))
            };
            fields.iter().map(field).collect()
        }
        _ => vec![
            format!("-H {}", quoted(&format!("Content-Type: {kind}"))),
            format!("-d {}", quoted(&body.to_string())),
        ],
    }
}

/// A text that a shell takes for itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// Property: a shell reads what was quoted, whatever it is.
        #[test]
        fn a_shell_reads_what_was_quoted(text in "[ -~]{0,40}") {
            let script = format!("printf %s {}", quoted(&text));
            let said = Command::new("sh").args(["-c", &script]).output().expect("a shell");
            prop_assert_eq!(String::from_utf8_lossy(&said.stdout), text);
        }
    }

    #[test]
    fn a_request_is_written_as_it_is_typed() {
        let body = json!({ "reason": "didn't come" });
        let request = Request {
            method: "POST",
            path: "/admin/v1/accounts/{who}/lock",
            parameters: vec![
                ("path", "who", "a/b".to_owned()),
                ("query", "x", "1 2".to_owned()),
                ("header", "If-Match", "\"7\"".to_owned()),
            ],
            with_token: true,
            body: Some(("application/json", &body)),
        };
        let expected = "curl \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'If-Match: \"7\"' \\\n  \
                        -H 'Content-Type: application/json' \\\n  -d '{\"reason\":\"didn'\\''t come\"}' \
                        \\\n  'http://127.0.0.1:8081/admin/v1/accounts/a%2Fb/lock?x=1%202'";
        assert_eq!(request.curl(), expected);
    }
}
