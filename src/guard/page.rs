//! The page that a refused person reads where there is nowhere to send them.

use std::fmt::{self, Display, Write};

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

/// Writes the page of a denial.
pub(super) fn render(denial: &Denial, offer: Offer<'_>) -> String {
    write(title(denial.reason()), sentences(denial, offer))
}

/// Writes a page that says one thing in plain text.
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

fn sentences(denial: &Denial, offer: Offer<'_>) -> impl Iterator<Item = String> {
    let reason = denial.reason();
    let contact = offer.contact.filter(|_| is_for_administrator(reason));
    [
        Opening::of(denial).map(opening_sentence),
        Some(advice(reason).to_owned()),
        contact.map(|contact| Escaped(contact).to_string()),
        offer
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
        let page = render(&locked(LockKind::Admin), Offer { contact, sign_in: None });
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
        let page = render(&locked(LockKind::Lockout), Offer { contact, sign_in: Some("/in?a&b") });
        assert!(page.contains("too many failed attempts") && !page.contains("help desk"));
        assert!(page.contains("<a href=\"/in?a&amp;b\">Sign in</a>"));
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
            let tags = |offer| render(&locked(LockKind::Admin), offer).matches('<').count();
            prop_assert_eq!(tags(offer), tags(plain));
        }
    }
}
