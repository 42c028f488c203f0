//! The page that a refused person reads where there is nowhere to send them.

use std::fmt::{self, Debug, Display, Write};
use std::sync::Arc;

use http::Response;
use http::header::{
    CONTENT_SECURITY_POLICY as POLICY_HEADER, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};

use crate::domain::denial::Denial;

use super::notice::{Opening, advice, is_for_administrator, title};

/// The whole style; its hash is in [`CONTENT_SECURITY_POLICY`], so it holds no
/// quotes that a formatter might touch.
const STYLE: &str = ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif;\
     color:light-dark(#1f2430,#e4e7ee);background:light-dark(#f7f8fa,#14171d)}\
     body{margin:0;padding:4rem 1.5rem}main{max-inline-size:34rem;margin-inline:auto}\
     h1{font-size:1.75rem;line-height:1.2;margin:0 0 1rem}p{margin:0 0 1rem}\
     a{color:light-dark(#4338ca,#a5b4fc)}";

/// Nothing may be loaded, run or sent by the page; it has its one style.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; base-uri 'none'; \
     form-action 'none'; style-src 'sha256-ei6stfn+rmdCosNjYKEe5pGDmDsg7GvjAbGdsqEDyQU='";

/// What a page may say beyond the denial itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Offer<'a> {
    /// Whom to ask, in the words of the configuration.
    pub(super) contact: Option<&'a str>,
    /// Where to sign in.
    pub(super) sign_in: Option<&'a str>,
}

/// What a refused person is told, for whoever writes the page.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RefusalWords<'a> {
    /// What is the matter, in a few words.
    pub title: &'a str,
    /// What to do about it, in a sentence or two.
    pub advice: &'a str,
    /// What stands against the account, and until when; none where it is nothing of an
    /// account's.
    pub denial: Option<&'a Denial>,
    /// Whether an administrator is the one to ask.
    pub is_for_administrator: bool,
    /// Whom to ask, as the guard was told. Plain text.
    pub contact: Option<&'a str>,
    /// Where to sign in, where that could help.
    pub sign_in: Option<&'a str>,
}

/// Writes the pages of refused people in the looks of the service.
///
/// The `pages` have one: `Pages::refusal_pages`. Without any, people read a plain page.
pub trait RefusalPages: Debug + Send + Sync {
    /// The page as HTML; `None` leaves it to the plain one.
    fn write(&self, words: &RefusalWords<'_>) -> Option<String>;

    /// The `Content-Security-Policy` that it needs.
    fn content_security_policy(&self) -> HeaderValue;
}

impl<T: RefusalPages + ?Sized> RefusalPages for Arc<T> {
    fn write(&self, words: &RefusalWords<'_>) -> Option<String> {
        (**self).write(words)
    }

    fn content_security_policy(&self) -> HeaderValue {
        (**self).content_security_policy()
    }
}

impl<'a> RefusalWords<'a> {
    pub(super) fn of(denial: &'a Denial, offer: Offer<'a>) -> Self {
        let reason = denial.reason();
        let is_for_administrator = is_for_administrator(reason);
        Self {
            title: title(reason),
            advice: advice(reason),
            denial: Some(denial),
            is_for_administrator,
            contact: offer.contact.filter(|_| is_for_administrator),
            sign_in: offer.sign_in,
        }
    }

    pub(crate) const fn plain(title: &'a str, advice: &'a str) -> Self {
        let (denial, contact, sign_in) = (None, None, None);
        Self { title, advice, denial, is_for_administrator: false, contact, sign_in }
    }

    /// The page, with the headers that it needs: in the service's looks, or else plain.
    pub(crate) fn response(&self, pages: Option<&dyn RefusalPages>) -> Response<String> {
        let written = pages
            .and_then(|pages| Some((pages.write(self)?, pages.content_security_policy())))
            .unwrap_or_else(|| (render(self), HeaderValue::from_static(CONTENT_SECURITY_POLICY)));
        let mut response = Response::new(written.0);
        let headers = response.headers_mut();
        headers.insert(POLICY_HEADER, written.1);
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Writes the plain page.
fn render(words: &RefusalWords<'_>) -> String {
    write(words.title, sentences(words))
}

/// Writes a page that says one thing in plain text.
#[cfg(feature = "gateway")]
pub(crate) fn plain(title: &str, text: &str) -> String {
    write(title, [Escaped(text).to_string()])
}

fn write(title: &str, sentences: impl IntoIterator<Item = String>) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    for sentence in sentences {
        page.push_str("<p>");
        page.push_str(&sentence);
        page.push_str("</p>\n");
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn sentences(words: &RefusalWords<'_>) -> impl Iterator<Item = String> {
    [
        words.denial.and_then(Opening::of).map(opening_sentence),
        Some(Escaped(words.advice).to_string()),
        words.contact.map(|contact| Escaped(contact).to_string()),
        words
            .sign_in
            .map(|address| format!("<a href=\"{}\">Sign in</a>", Escaped(address))),
    ]
    .into_iter()
    .flatten()
}

fn opening_sentence(opening: Opening) -> String {
    format!(
        "It unlocks in {}, on <time datetime=\"{}\">{}</time>.",
        opening.wait_in_words(),
        opening.to_rfc_3339(),
        opening.in_words(),
    )
}

/// Text for HTML, in an element or a quoted attribute.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::domain::denial::{DenialReason, LockKind};
    use crate::domain::lock::End;
    use crate::domain::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_secs(1_795_284_720);

    fn locked(by: LockKind) -> Denial {
        let end = End::At(NOW.after(Duration::from_secs(240)));
        Denial::new(DenialReason::Locked { by, end }, NOW)
    }

    fn page(denial: &Denial, offer: Offer<'_>) -> String {
        RefusalWords::of(denial, offer).response(None).into_body()
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for group in bytes.chunks(3) {
            let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for digit in 0..4 {
                let value = bits >> (18 - 6 * digit) & 0x3f;
                let known = digit <= group.len();
                text.push(if known { char::from(DIGITS[value as usize]) } else { '=' });
            }
        }
        text
    }

    #[test]
    fn the_policy_allows_the_style_and_nothing_else() {
        let hash = format!("'sha256-{}'", base64(&Sha256::digest(STYLE)));
        assert!(CONTENT_SECURITY_POLICY.ends_with(&hash), "the style's hash is {hash}");
    }

    #[test]
    fn a_locked_person_reads_until_when_and_whom_to_ask() {
        let contact = Some("the help desk, 4711");
        let page = page(&locked(LockKind::Admin), Offer { contact, sign_in: None });
        for part in [
            "<html lang=\"en\">",
            "<title>Your account is locked</title>",
            "<h1>Your account is locked</h1>",
            "in 4 minutes, on <time datetime=\"2026-11-21T18:16:00Z\">21 November 2026 at 18:16:00 UTC",
            "<p>Ask your administrator.</p>\n<p>the help desk, 4711</p>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert!(!page.contains("<a "));
    }

    #[test]
    fn a_locked_out_person_waits_and_asks_nobody() {
        let contact = Some("the help desk");
        let page = page(&locked(LockKind::Lockout), Offer { contact, sign_in: Some("/in?a&b") });
        assert!(page.contains("too many failed attempts") && !page.contains("help desk"));
        assert!(page.contains("<a href=\"/in?a&amp;b\">Sign in</a>"));
    }

    /// Writes of a locked account alone.
    #[derive(Debug)]
    struct Poster;

    impl RefusalPages for Poster {
        fn write(&self, words: &RefusalWords<'_>) -> Option<String> {
            words
                .denial
                .map(|denial| format!("{}: {}", words.title, denial.reason()))
        }

        fn content_security_policy(&self) -> HeaderValue {
            HeaderValue::from_static("default-src 'self'")
        }
    }

    #[test]
    fn a_page_in_the_services_looks_has_its_own_policy_and_a_plain_one_stands_in() {
        let policy = |response: &Response<String>| response.headers()[POLICY_HEADER].clone();
        let denial = locked(LockKind::Admin);
        let own = RefusalWords::of(&denial, Offer::default()).response(Some(&Poster));
        assert_eq!(own.body(), "Your account is locked: account-locked");
        assert_eq!(policy(&own), "default-src 'self'");
        assert_eq!(own.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let plain = RefusalWords::plain("Too many", "Wait & see.").response(Some(&Poster));
        assert!(plain.body().contains("<p>Wait &amp; see.</p>"), "{}", plain.body());
        assert_eq!(policy(&plain), CONTENT_SECURITY_POLICY);
    }

    proptest! {
        /// Property: no text adds a tag or leaves its attribute, and it reads
        /// back as it was.
        #[test]
        fn text_stays_text(text in "[<>&\"'a-z/=; ]{0,40}|.{0,20}") {
            let escaped = Escaped(&text).to_string();
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let entities =
                [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
            let read = entities.iter().fold(escaped, |text, (from, to)| text.replace(from, to));
            prop_assert_eq!(read, text);
        }

        /// Property: a page has the same tags whatever it is given to say.
        #[test]
        fn a_page_keeps_its_shape(contact in ".{0,40}", address in "[!-~]{0,40}") {
            let plain = Offer { contact: Some("a"), sign_in: Some("a") };
            let offer = Offer { contact: Some(&contact), sign_in: Some(&address) };
            let tags = |offer| page(&locked(LockKind::Admin), offer).matches('<').count();
            prop_assert_eq!(tags(offer), tags(plain));
        }
    }
}
