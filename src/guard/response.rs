//! How a refusal is answered.
//!
//! [`DefaultResponseForDenial`] answers each kind of client in its own terms:
//!
//! | client | no or ended session | locked, disabled, deleted, not yet active | nobody can say |
//! |---|---|---|---|
//! | navigation | 303 to sign-in | 303 to sign-in with a notice | a page with 503 |
//! | navigation, no sign-in page known | a page with 401 | a page with 403 | a page with 503 |
//! | program, WebSocket handshake | 401 problem | 403 problem | 503 problem |
//! | any with a bearer token | 401 problem, `Bearer` | 401 problem, `invalid_token` | 503 problem |
//! | htmx | 401 and `HX-Redirect` | 403 and `HX-Redirect` | 503 problem |
//! | gRPC | status 16 | status 7, or 16 with a token | status 14 |
//!
//! Every answer is `Cache-Control: no-store`, names in `Vary` what it hung on,
//! and carries `Retry-After` where it is an error whose end is known. Session
//! cookies are cleared when the session is known to be dead, and never while
//! nobody can say. Nothing of a request is repeated in an answer except the
//! validated return address; `Host` is never looked at.
//!
//! A closure replaces all of that:
//!
//! ```
//! use http::request::Parts;
//! use http::{Response, StatusCode};
//! use portcullis::domain::denial::Denial;
//! use portcullis::guard::ResponseForDenial;
//!
//! fn takes(_: impl ResponseForDenial<String>) {}
//!
//! // The types of both parameters must be written for the compiler.
//! takes(|denial: &Denial, _: &Parts| {
//!     let mut response = Response::new(denial.reason().to_string());
//!     *response.status_mut() = StatusCode::IM_A_TEAPOT;
//!     response
//! });
//! ```

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Response, Uri};

use super::address::SignInAddress;
use super::answer::Config;
use super::body::{BodyFromText, NoText, Text};
use super::page::RefusalPages;
use super::redirect_loop::LoopGuard;
use crate::domain::denial::Denial;

/// Makes the response to a refused request.
///
/// Implemented for closures; see the [module docs](self) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't answer a refused request with a body of type `{B}`",
    note = "`DefaultResponseForDenial` needs `{B}: From<String>`, or one of `text_into` and `without_text`",
    note = "a closure is `|denial: &Denial, request: &Parts| -> Response<{B}>`, with both types written"
)]
pub trait ResponseForDenial<B> {
    /// Makes the response.
    fn response_for(&self, denial: &Denial, request: &Parts) -> Response<B>;

    /// The response, with the denial in its extensions for layers further out.
    ///
    /// What a middleware calls, so that no answer is without it.
    fn refuse(&self, denial: &Denial, request: &Parts) -> Response<B> {
        let mut response = self.response_for(denial, request);
        response.extensions_mut().insert(denial.clone());
        response
    }
}

impl<F, B> ResponseForDenial<B> for F
where
    F: Fn(&Denial, &Parts) -> Response<B>,
{
    fn response_for(&self, denial: &Denial, request: &Parts) -> Response<B> {
        self(denial, request)
    }
}

/// The answers that clients of every kind understand.
///
/// See the [module docs](self) for what they are. Cheap to clone.
///
/// Bodies are made by `From<String>`, which axum's and `http-body-util`'s have.
/// For others say how, or that headers must do:
///
/// ```
/// use portcullis::guard::{DefaultResponseForDenial, ResponseForDenial};
///
/// fn takes<B>(_: impl ResponseForDenial<B>) {}
///
/// takes::<axum::body::Body>(DefaultResponseForDenial::new());
/// takes::<tonic::body::Body>(DefaultResponseForDenial::new().text_into(tonic::body::Body::new));
/// takes::<tonic::body::Body>(DefaultResponseForDenial::new().without_text());
/// ```
#[derive(Clone, Debug, Default)]
pub struct DefaultResponseForDenial<T = Text> {
    config: Arc<Config>,
    text: T,
}

impl DefaultResponseForDenial {
    /// Answers that know of no sign-in page, no cookie and no tokens.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T> DefaultResponseForDenial<T> {
    /// Sends people to this page.
    #[must_use]
    pub fn sign_in_at(self, address: SignInAddress) -> Self {
        self.with(|config| config.sign_in = Some(address))
    }

    /// Sends this `Set-Cookie` when a session is known to be dead. Name, path,
    /// domain and attributes must be the ones that the cookie was set with.
    ///
    /// May be called for each cookie that there is.
    #[must_use]
    pub fn clear_cookie(self, set_cookie: HeaderValue) -> Self {
        self.with(|config| config.clear_cookies.push(set_cookie))
    }

    /// Says whether bearer tokens are taken, and so asked for by
    /// `WWW-Authenticate`.
    #[must_use]
    pub fn takes_tokens(self, takes_tokens: bool) -> Self {
        self.with(|config| config.takes_tokens = takes_tokens)
    }

    /// Tells people whom to ask: "the help desk, 4711". Plain text.
    #[must_use]
    pub fn contact(self, contact: impl Into<String>) -> Self {
        self.with(|config| config.contact = Some(contact.into()))
    }

    /// Shows people pages in the looks of the service, in place of a plain one.
    #[must_use]
    pub fn refusal_pages(self, pages: impl RefusalPages + 'static) -> Self {
        self.with(|config| config.pages = Some(Arc::new(pages)))
    }

    /// Finds the address that the client asked for, where something took a
    /// prefix off it before the guard. The request's own otherwise.
    ///
    /// In a nested axum router:
    ///
    /// ```
    /// use portcullis::guard::DefaultResponseForDenial;
    ///
    /// let answers = DefaultResponseForDenial::new().original_uri(|request| {
    ///     request.extensions.get::<axum::extract::OriginalUri>().map(|uri| &uri.0)
    /// });
    /// # let _ = answers;
    /// ```
    #[must_use]
    pub fn original_uri(self, find: fn(&Parts) -> Option<&Uri>) -> Self {
        self.with(|config| config.original_uri = find)
    }

    /// Replaces the rule that ends redirect loops.
    #[must_use]
    pub fn loop_guard(self, loops: LoopGuard) -> Self {
        self.with(|config| config.loops = loops)
    }

    /// Makes bodies of text with this function.
    pub fn text_into<F, B>(self, text: F) -> DefaultResponseForDenial<F>
    where
        F: Fn(String) -> B,
    {
        DefaultResponseForDenial { config: self.config, text }
    }

    /// Answers by status and headers alone.
    pub fn without_text(self) -> DefaultResponseForDenial<NoText> {
        DefaultResponseForDenial { config: self.config, text: NoText }
    }

    fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

impl<B, T: BodyFromText<B>> ResponseForDenial<B> for DefaultResponseForDenial<T> {
    fn response_for(&self, denial: &Denial, request: &Parts) -> Response<B> {
        let mut response = self.config.answer(denial, request);
        if request.method == Method::HEAD && !response.body().is_empty() {
            let length = HeaderValue::from(response.body().len());
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length);
            response.body_mut().clear();
        }
        response.map(|text| self.text.body_from(text))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, Request};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::denial::{DenialReason, LockKind};
    use crate::domain::lock::End;
    use crate::domain::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_secs(1_795_284_720);
    const OPENS: &str = "2026-11-21T18:16:00Z";
    const CLEAR: &str = "portcullis=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax";

    fn locked(by: LockKind, end: End) -> DenialReason {
        DenialReason::Locked { by, end }
    }

    fn in_four_minutes() -> End {
        End::At(NOW.after(Duration::from_secs(240)))
    }

    /// Every reason, with its status for a cookie and its notice.
    fn reasons() -> [(DenialReason, u16, Option<&'static str>); 9] {
        let unknown = DenialReason::Unknown { retry_after: Duration::from_millis(1_500) };
        [
            (DenialReason::Deleted, 403, Some("deleted")),
            (DenialReason::Disabled, 403, Some("disabled")),
            (locked(LockKind::Admin, in_four_minutes()), 403, Some("locked")),
            (locked(LockKind::Admin, End::Never), 403, Some("locked")),
            (locked(LockKind::Lockout, in_four_minutes()), 403, Some("locked-out")),
            (DenialReason::NotYetActive, 403, Some("not-yet-active")),
            (DenialReason::SessionEnded, 401, Some("signed-out")),
            (DenialReason::NoSession, 401, None),
            (unknown, 503, None),
        ]
    }

    fn retry_after(reason: DenialReason) -> Option<&'static str> {
        match reason {
            DenialReason::Locked { end: End::At(_), .. } => Some("240"),
            DenialReason::Unknown { .. } => Some("2"),
            _ => None,
        }
    }

    fn denial(reason: DenialReason) -> Denial {
        Denial::new(reason, NOW)
    }

    fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut builder = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).expect("a request").into_parts().0
    }

    fn navigation(uri: &str) -> Parts {
        request("GET", uri, &[("sec-fetch-mode", "navigate"), ("host", "evil.example")])
    }

    fn program() -> Parts {
        request("GET", "/a?b=c", &[("accept", "application/json")])
    }

    fn htmx(headers: &[(&str, &str)]) -> Parts {
        request("GET", "/piece", &[&[("hx-request", "true")], headers].concat())
    }

    fn grpc() -> Parts {
        request("POST", "/a.B/C", &[("content-type", "application/grpc+proto")])
    }

    fn handshake() -> Parts {
        let headers = [("connection", "Upgrade"), ("upgrade", "websocket")];
        request("GET", "/socket", &headers)
    }

    fn answers() -> DefaultResponseForDenial {
        DefaultResponseForDenial::new()
            .sign_in_at("/sign-in".parse().expect("an address"))
            .clear_cookie(HeaderValue::from_static(CLEAR))
            .contact("the <b>help</b> desk")
    }

    fn elsewhere() -> DefaultResponseForDenial {
        answers().sign_in_at("https://sso.example/login".parse().expect("an address"))
    }

    fn header<'a, B>(response: &'a Response<B>, name: &str) -> Option<&'a str> {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().expect("visible ASCII"))
    }

    fn problem(response: &Response<String>) -> Value {
        assert_eq!(header(response, "content-type"), Some("application/problem+json"));
        serde_json::from_str(response.body()).expect("JSON")
    }

    /// What holds for every answer.
    fn assert_common(response: &Response<String>, denial: &Denial) {
        assert_eq!(response.extensions().get::<Denial>(), Some(denial));
        assert_eq!(header(response, "cache-control"), Some("no-store"));
        assert!(header(response, "vary").expect("it").starts_with("Cookie,"));
        assert_eq!(header(response, "etag"), None);
        let known = retry_after(denial.reason()).filter(|_| response.status().as_u16() >= 400);
        assert_eq!(header(response, "retry-after"), known);
        let challenged = header(response, "www-authenticate").is_some();
        assert_eq!(challenged, response.status() == 401, "{denial}");
    }

    fn refuse(answers: &DefaultResponseForDenial, denial: &Denial, by: &Parts) -> Response<String> {
        let response = answers.refuse(denial, by);
        assert_common(&response, denial);
        response
    }

    #[test]
    fn navigations_are_sent_to_sign_in() {
        for (reason, _, notice) in reasons() {
            let response = refuse(&answers(), &denial(reason), &navigation("/a?b=c"));
            if matches!(reason, DenialReason::Unknown { .. }) {
                assert_eq!(response.status(), 503);
                assert_eq!(header(&response, "location"), None);
                assert!(response.body().contains("<h1>Not available right now</h1>"));
                continue;
            }
            let notice = notice.map_or(String::new(), |notice| format!("&notice={notice}"));
            let location = format!("/sign-in?return_to=/a%3Fb%3Dc{notice}");
            assert_eq!(response.status(), 303, "{reason}");
            assert_eq!(header(&response, "location"), Some(&*location));
            assert_eq!(response.body(), "");
        }
    }

    #[test]
    fn only_a_visit_is_returned_to() {
        let ended = denial(DenialReason::SessionEnded);
        for method in ["POST", "HEAD", "PUT"] {
            let post = request(method, "/a", &[("sec-fetch-mode", "navigate")]);
            let response = refuse(&answers(), &ended, &post);
            assert_eq!(response.status(), 303);
            assert_eq!(header(&response, "location"), Some("/sign-in?notice=signed-out"));
        }
        let response = refuse(&answers(), &ended, &navigation("//evil.example/"));
        assert_eq!(header(&response, "location"), Some("/sign-in?notice=signed-out"));
    }

    #[test]
    fn a_prefix_that_was_taken_off_is_put_back() {
        let answers = answers().original_uri(|request| request.extensions.get::<Uri>());
        let mut inner = navigation("/7");
        inner.extensions.insert(Uri::from_static("/reports/7"));
        let response = refuse(&answers, &denial(DenialReason::NoSession), &inner);
        assert_eq!(header(&response, "location"), Some("/sign-in?return_to=/reports/7"));
    }

    #[test]
    fn the_sign_in_page_is_not_sent_to_itself() {
        let response =
            refuse(&answers(), &denial(DenialReason::NoSession), &navigation("/sign-in"));
        assert_eq!(response.status(), 401);
        assert_eq!(header(&response, "location"), None);
    }

    #[test]
    fn without_a_sign_in_page_people_read_a_page() {
        let answers = DefaultResponseForDenial::new().contact("the <b>help</b> desk");
        for (reason, status, _) in reasons() {
            let response = refuse(&answers, &denial(reason), &navigation("/a"));
            assert_eq!(response.status(), status, "{reason}");
            assert_eq!(header(&response, "content-type"), Some("text/html; charset=utf-8"));
            assert!(response.body().contains("<h1>") && !response.body().contains("<b>"));
        }
        let reason = locked(LockKind::Admin, in_four_minutes());
        let page = refuse(&answers, &denial(reason), &navigation("/a")).into_body();
        assert!(page.contains("Your account is locked") && page.contains(OPENS));
        assert!(page.contains("Ask your administrator.") && page.contains("&lt;b&gt;help"));
    }

    #[test]
    fn programs_get_a_problem() {
        for (reason, status, _) in reasons() {
            for by in [program(), handshake(), request("OPTIONS", "/a", &[])] {
                let response = refuse(&answers(), &denial(reason), &by);
                let problem = problem(&response);
                assert_eq!(response.status(), status, "{reason}");
                assert_eq!(problem["status"], status);
                assert_eq!(problem["type"], format!("urn:portcullis:denial:{reason}"));
                let until = retry_after(reason).filter(|_| status == 403).map(|_| OPENS);
                assert_eq!(problem.get("until"), until.map(Value::from).as_ref());
                let sign_in = (status != 503).then(|| json!("/sign-in"));
                assert_eq!(problem.get("sign_in_url"), sign_in.as_ref());
                assert_eq!(header(&response, "location"), None);
            }
        }
    }

    #[test]
    fn a_problem_reads_like_this() {
        let reason = locked(LockKind::Admin, in_four_minutes());
        let response = refuse(&answers(), &denial(reason), &program());
        let expected = json!({
            "type": "urn:portcullis:denial:account-locked",
            "title": "Your account is locked",
            "status": 403,
            "detail": "Ask your administrator.",
            "sign_in_url": "/sign-in",
            "until": OPENS,
        });
        assert_eq!(problem(&response), expected);
    }

    #[test]
    fn the_challenge_is_for_tokens_where_they_are_taken() {
        let challenge = |answers: &DefaultResponseForDenial, denial: &Denial| {
            let response = refuse(answers, denial, &program());
            header(&response, "www-authenticate").map(str::to_owned)
        };
        let taking = answers().takes_tokens(true);
        let none = denial(DenialReason::NoSession);
        let bad = none.clone().by_token(true);
        let invalid = "Bearer realm=\"portcullis\", error=\"invalid_token\"";
        assert_eq!(challenge(&answers(), &none).as_deref(), Some("Session realm=\"portcullis\""));
        assert_eq!(challenge(&taking, &none).as_deref(), Some("Bearer realm=\"portcullis\""));
        assert_eq!(challenge(&taking, &bad).as_deref(), Some(invalid));
        let locked = denial(locked(LockKind::Admin, End::Never));
        assert_eq!(challenge(&taking, &locked), None);
        assert_eq!(challenge(&answers(), &locked.by_token(true)).as_deref(), Some(invalid));
    }

    #[test]
    fn a_token_is_never_sent_to_a_form() {
        for (reason, status, _) in reasons() {
            let denial = denial(reason).by_token(true);
            for by in [program(), navigation("/a"), htmx(&[]), handshake()] {
                let response = refuse(&answers(), &denial, &by);
                assert_eq!(response.status(), if status == 503 { 503 } else { 401 });
                assert_eq!(header(&response, "location"), None);
                assert_eq!(header(&response, "hx-redirect"), None);
                assert_eq!(problem(&response).get("sign_in_url"), None);
            }
        }
    }

    #[test]
    fn htmx_is_told_where_to_go() {
        for (reason, status, notice) in reasons() {
            let by = htmx(&[("hx-current-url", "https://evil.example/page?a=b")]);
            let response = refuse(&answers(), &denial(reason), &by);
            assert_eq!(response.status(), status);
            let notice = notice.map_or(String::new(), |notice| format!("&notice={notice}"));
            let expected = format!("/sign-in?return_to=/page%3Fa%3Db{notice}");
            let expected = (status != 503).then_some(&*expected);
            assert_eq!(header(&response, "hx-redirect"), expected);
            assert_eq!(header(&response, "location"), None);
        }
    }

    #[test]
    fn htmx_returns_to_pages_and_not_to_pieces() {
        let current = ("hx-current-url", "https://app.example/page");
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "/sign-in"),
            (&[current], "/sign-in?return_to=/page"),
            (&[current, ("sec-fetch-site", "same-origin")], "/sign-in?return_to=/page"),
            (&[current, ("sec-fetch-site", "cross-site")], "/sign-in"),
            (&[current, ("hx-boosted", "true")], "/sign-in?return_to=/piece"),
            (&[("hx-current-url", "javascript:alert(1)")], "/sign-in"),
            (&[("hx-current-url", "https://a//evil.example")], "/sign-in"),
            (&[("hx-current-url", "https://a/sign-in?b")], "/sign-in"),
        ];
        for (headers, expected) in cases {
            let response = refuse(&answers(), &denial(DenialReason::NoSession), &htmx(headers));
            assert_eq!(header(&response, "hx-redirect"), Some(*expected), "{headers:?}");
        }
        let bare = DefaultResponseForDenial::new();
        let response = refuse(&bare, &denial(DenialReason::NoSession), &htmx(&[current]));
        assert_eq!(header(&response, "hx-redirect"), None);
    }

    #[test]
    fn grpc_gets_trailers_only() {
        for (reason, status, _) in reasons() {
            for token in [false, true] {
                let denial = denial(reason).by_token(token);
                let response = refuse(&answers(), &denial, &grpc());
                let code = match status {
                    503 => "14",
                    403 if !token => "7",
                    _ => "16",
                };
                assert_eq!(response.status(), 200);
                assert_eq!(header(&response, "grpc-status"), Some(code), "{reason}");
                assert_eq!(header(&response, "content-type"), Some("application/grpc"));
                assert!(!header(&response, "grpc-message").expect("it").is_empty());
                assert_eq!(response.body(), "");
            }
        }
        let web = request("POST", "/a", &[("content-type", "application/grpc-web-text+proto")]);
        let response = refuse(&answers(), &denial(DenialReason::NoSession), &web);
        assert_eq!(header(&response, "content-type"), Some("application/grpc-web-text"));
    }

    #[test]
    fn a_cookie_is_cleared_only_when_its_session_is_dead() {
        for (reason, status, _) in reasons() {
            for by in [program(), navigation("/a"), htmx(&[]), grpc(), handshake()] {
                let dead = denial(reason).with_dead_session(true);
                let cleared = (status != 503).then_some(CLEAR);
                assert_eq!(header(&refuse(&answers(), &dead, &by), "set-cookie"), cleared);
                let alive = denial(reason);
                assert_eq!(header(&refuse(&answers(), &alive, &by), "set-cookie"), None);
            }
        }
    }

    #[test]
    fn a_circle_ends_on_a_page() {
        let answers = elsewhere();
        let born = |ago| {
            denial(locked(LockKind::Admin, End::Never))
                .with_dead_session(true)
                .with_session_born_at(NOW.before(Duration::from_secs(ago)))
        };
        let denial = born(2);
        let mut by = navigation("/a");
        for _ in 0..2 {
            let response = refuse(&answers, &denial, &by);
            assert_eq!(response.status(), 303);
            assert!(
                header(&response, "location")
                    .expect("it")
                    .starts_with("https://sso.example/")
            );
            let count = header(&response, "set-cookie").expect("a count");
            let pair = count.split(';').next().expect("a pair");
            by.headers.insert("cookie", pair.parse().expect("a value"));
        }
        let last = refuse(&answers, &denial, &by);
        assert_eq!(last.status(), 403);
        let link = "<a href=\"https://sso.example/login?return_to=/a\">Sign in</a>";
        assert!(last.body().contains(link));
        let cookies: Vec<_> = last.headers().get_all("set-cookie").into_iter().collect();
        assert!(
            cookies[0]
                .to_str()
                .expect("ASCII")
                .starts_with("portcullis-loop=;")
        );
        assert_eq!(cookies[1], CLEAR);

        // The same person's click, later.
        assert_eq!(refuse(&answers, &born(60), &by).status(), 303);
    }

    #[test]
    fn a_form_of_our_own_can_not_circle() {
        let denial = denial(DenialReason::Disabled).with_session_born_at(NOW);
        let response = refuse(&answers(), &denial, &navigation("/a"));
        assert_eq!(response.status(), 303);
        assert_eq!(header(&response, "set-cookie"), None);
    }

    #[test]
    fn a_head_has_the_length_and_no_body() {
        let head = request("HEAD", "/a", &[]);
        let get = request("GET", "/a", &[]);
        let denial = denial(DenialReason::Disabled);
        let body = refuse(&answers(), &denial, &get).into_body();
        let response = refuse(&answers(), &denial, &head);
        assert_eq!(response.body(), "");
        assert_eq!(header(&response, "content-length"), Some(&*body.len().to_string()));
    }

    #[test]
    fn a_closure_answers_too_and_carries_the_denial() {
        let closure = |denial: &Denial, _: &Parts| Response::new(denial.reason().to_string());
        let denial = denial(DenialReason::Disabled);
        let response = closure.refuse(&denial, &program());
        assert_eq!(response.body(), "account-disabled");
        assert_eq!(response.extensions().get::<Denial>(), Some(&denial));
    }

    #[test]
    fn every_usual_body_can_be_made() {
        use http_body_util::combinators::BoxBody;
        use http_body_util::{BodyExt, Empty, Full};
        type Bytes = axum::body::Bytes;

        fn status<B>(answers: &impl ResponseForDenial<B>) -> u16 {
            let denial = Denial::new(DenialReason::Disabled, NOW);
            answers.refuse(&denial, &program()).status().as_u16()
        }
        let new = DefaultResponseForDenial::new;
        assert_eq!(status::<axum::body::Body>(&new()), 403);
        assert_eq!(status::<Full<Bytes>>(&new()), 403);
        assert_eq!(status::<String>(&new()), 403);
        assert_eq!(status::<Empty<Bytes>>(&new().without_text()), 403);
        assert_eq!(status(&new().text_into(tonic::body::Body::new::<String>)), 403);
        let boxed = |text| -> BoxBody<Bytes, std::convert::Infallible> { Full::from(text).boxed() };
        let boxed = |text: String| boxed(Bytes::from(text));
        assert_eq!(status(&new().text_into(boxed)), 403);
    }

    proptest! {
        /// Property: whatever a client sends, nothing of it is in the answer
        /// except a validated return address, and no answer passes for success
        /// but gRPC's, which carries its status.
        #[test]
        fn nothing_is_repeated(
            kind in 0..4usize,
            reason in 0..9usize,
            path in "[!-~]{0,20}",
            noise in "[!-~]{8,30}",
        ) {
            let noise = format!("NOISE{noise}");
            let Ok(uri) = format!("/{path}").parse::<Uri>() else { return Ok(()) };
            let mut by = [navigation("/"), program(), htmx(&[]), grpc()][kind].clone();
            by.uri = uri;
            for name in ["host", "referer", "origin", "x-forwarded-host", "forwarded", "cookie"] {
                by.headers.insert(name, noise.parse().expect("visible ASCII"));
            }
            let response = refuse(&answers(), &denial(reasons()[reason].0), &by);
            let repeats = |headers: &HeaderMap| {
                headers.values().any(|v| v.as_bytes().windows(5).any(|w| w == b"NOISE"))
            };
            prop_assert!(!repeats(response.headers()) && !response.body().contains("NOISE"));
            let grpc = header(&response, "grpc-status").is_some();
            prop_assert!(grpc || response.status().as_u16() >= 300);
            if let Some(location) = header(&response, "location") {
                prop_assert!(location == "/sign-in" || location.starts_with("/sign-in?"));
            }
        }

        /// Property: whatever page htmx says that it was on, people return to a
        /// page of ours, and only its path and query count.
        #[test]
        fn htmx_returns_to_us(page in "https?://[a-z.:@0-9]{0,12}[!-~]{0,30}|/[!-~]{0,30}|[!-~]{0,40}") {
            let by = htmx(&[("hx-current-url", &page)]);
            let response = refuse(&answers(), &denial(DenialReason::NoSession), &by);
            let redirect = header(&response, "hx-redirect").expect("it");
            let base = url::Url::parse("https://app.example").expect("a base");
            let to = base.join(redirect).expect("a URL");
            prop_assert_eq!((to.origin(), to.path()), (base.origin(), "/sign-in"));
            let mut params = to.query_pairs();
            if let Some((name, value)) = params.next() {
                prop_assert_eq!(&*name, "return_to");
                prop_assert!(value == "/" || page.contains(&*value));
                prop_assert!(crate::guard::ReturnTo::parse(&value).is_ok(), "{}", value);
            }
            prop_assert!(params.next().is_none());
        }
    }
}
