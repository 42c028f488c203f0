//! Refusals as programs read them: RFC 9457 problem documents.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use super::notice::{Opening, advice, title};
use crate::domain::denial::Denial;

/// What comes before [`DenialReason::as_str`] in a problem's `type`.
///
/// [`DenialReason::as_str`]: crate::domain::denial::DenialReason::as_str
pub const PROBLEM_TYPE_PREFIX: &str = "urn:portcullis:denial:";

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
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
        detail: advice(reason),
        sign_in_url,
        until: Opening::of(denial).map(Opening::to_rfc_3339),
    };
    let mut response = Response::new(serde_json::to_string(&problem).unwrap_or_default());
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static("application/problem+json");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}
