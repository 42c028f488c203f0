//! Refusals as programs read them: RFC 9457 problem documents.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::notice::{Opening, advice, title};
use crate::domain::denial::Denial;
use crate::engine::SignInError;

/// What comes before [`DenialReason::as_str`] in a problem's `type`.
///
/// [`DenialReason::as_str`]: crate::domain::denial::DenialReason::as_str
pub const PROBLEM_TYPE_PREFIX: &str = "urn:portcullis:denial:";

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// The refusal, with the address of the sign-in page where that helps.
pub(super) fn refusal(
    denial: &Denial,
    status: StatusCode,
    sign_in_url: Option<&str>,
) -> Response<String> {
    let reason = denial.reason();
    let problem = Problem {
        r#type: format!("{PROBLEM_TYPE_PREFIX}{reason}"),
        title: title(reason),
        status: status.as_u16(),
        detail: Some(advice(reason)),
        sign_in_url,
        until: Opening::of(denial).map(Opening::to_rfc_3339),
    };
    problem.into_response(status)
}

/// A sign-in that was refused: the same bytes for a login that exists and one that
/// does not.
pub(super) fn of_sign_in(error: SignInError) -> Response<String> {
    // In the words that the guard has for it.
    let words = match error {
        SignInError::Refused { reason, .. } => title(reason).to_owned(),
        other => other.to_string(),
    };
    let problem = Problem {
        r#type: format!("{PROBLEM_TYPE_PREFIX}{}", error.as_str()),
        title: &words,
        status: error.status().as_u16(),
        detail: None,
        sign_in_url: None,
        until: error.until().map(|until| until.to_string()),
    };
    problem.into_response(error.status())
}

/// What is wrong with a request, under a word for programs.
pub(super) fn plain(kind: &str, status: StatusCode, title: &str, detail: &str) -> Response<String> {
    let problem = Problem {
        r#type: format!("{PROBLEM_TYPE_PREFIX}{kind}"),
        title,
        status: status.as_u16(),
        detail: Some(detail),
        sign_in_url: None,
        until: None,
    };
    problem.into_response(status)
}

impl Problem<'_> {
    fn into_response(self, status: StatusCode) -> Response<String> {
        let mut response = Response::new(serde_json::to_string(&self).unwrap_or_default());
        *response.status_mut() = status;
        let content_type = HeaderValue::from_static("application/problem+json");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }
}
