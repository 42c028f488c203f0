//! The pages that refused people read at the guard, as all other pages look.

use askama::Template;
use http::HeaderValue;

use crate::domain::denial::Denial;
use crate::domain::lock::End;
use crate::guard::{RefusalPages, RefusalWords};
use crate::pages::answer::POLICY;
use crate::pages::brand::SharedBranding;
use crate::pages::site::Frame;
use crate::pages::when::Moment;

/// What [`Pages::refusal_pages`](crate::pages::Pages::refusal_pages) makes.
#[derive(Clone, Debug)]
pub struct PagesOfRefusal {
    pub(super) brand: SharedBranding,
    pub(super) at: String,
    pub(super) home: String,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    frame: Frame,
    title: &'a str,
    advice: &'a str,
    ask: bool,
    /// Whom the guard was told to name, where the branding names nobody.
    contact: Option<&'a str>,
    opening: Option<Moment>,
    sign_in: Option<&'a str>,
}

impl RefusalPages for PagesOfRefusal {
    fn write(&self, words: &RefusalWords<'_>) -> Option<String> {
        let frame = Frame::new(&self.at, &self.brand, self.home.clone());
        let contact = words.contact.filter(|_| frame.brand.contact.is_none());
        let page = RefusedPage {
            frame,
            title: words.title,
            advice: words.advice,
            ask: words.is_for_administrator,
            contact,
            opening: words.denial.and_then(opening),
            sign_in: words.sign_in,
        };
        page.render().ok()
    }

    fn content_security_policy(&self) -> HeaderValue {
        HeaderValue::from_static(POLICY)
    }
}

/// When a lock opens by itself.
fn opening(denial: &Denial) -> Option<Moment> {
    let end = denial.reason().lock_end().and_then(End::instant)?;
    Moment::to_come(end, denial.at())
}

impl RefusedPage<'_> {
    /// Whether the advice is to ask an administrator and nothing else.
    fn says_more(&self) -> bool {
        !self.advice.starts_with("Ask your administrator")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::denial::{DenialReason, LockKind};
    use crate::domain::time::Timestamp;
    use crate::guard::{DefaultResponseForDenial, ResponseForDenial};
    use crate::pages::Branding;

    const NOW: Timestamp = Timestamp::from_secs(1_795_284_720);

    fn refused(reason: DenialReason, brand: Branding) -> http::Response<String> {
        let pages =
            PagesOfRefusal { brand: brand.into(), at: "/me".to_owned(), home: "/".to_owned() };
        let answers = DefaultResponseForDenial::new()
            .contact("the <desk>")
            .refusal_pages(pages);
        let request = http::Request::get("/a").header("sec-fetch-mode", "navigate");
        let (request, ()) = request.body(()).expect("a request").into_parts();
        answers.refuse(&Denial::new(reason, NOW), &request)
    }

    #[test]
    fn a_refused_person_reads_a_page_of_the_service() {
        let end = End::At(NOW.after(std::time::Duration::from_secs(240)));
        let locked = DenialReason::Locked { by: LockKind::Admin, end };
        let page = refused(locked, Branding::new("Harbour <1>").contact("room 7"));
        assert_eq!(page.status(), 403);
        assert_eq!(page.headers()["content-security-policy"], POLICY);
        let page = page.into_body();
        for part in [
            "Harbour &#60;1&#62;</span>",
            "<h1>Your account is locked</h1>",
            "Ask your administrator (room 7).",
            "in 4 minutes",
            "href=\"/me/assets/",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(!page.contains("desk"), "the branding's contact goes before: {page}");
    }

    #[test]
    fn whoever_the_guard_names_is_named_where_the_branding_names_nobody() {
        let page = refused(DenialReason::Disabled, Branding::new("Harbour")).into_body();
        assert!(page.contains("Ask your administrator (the &#60;desk&#62;)."), "{page}");
        let end = End::Never;
        let lockout = DenialReason::Locked { by: LockKind::Lockout, end };
        let page = refused(lockout, Branding::new("Harbour").contact("room 7")).into_body();
        assert!(page.contains("too many failed attempts"), "{page}");
        assert!(!page.contains("Ask your administrator"), "waiting is all there is: {page}");
    }
}
