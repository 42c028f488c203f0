//! Where a person goes after signing in.
//!
//! A return address comes from outside, so it is an open redirect until it has
//! been read the way a browser would read it. What is accepted:
//!
//! 1. At most [`MAX_RETURN_TO_BYTES`] bytes, beginning with one `/`.
//! 2. Visible ASCII only, without `\`, `#`, `"`, `<` and `>`. Browsers drop
//!    tabs and newlines and take `\` for `/`; the others they send
//!    percent-encoded, so only a query with a raw `\` is lost.
//! 3. A path without empty segments and without dot segments, `..;` included.
//! 4. A path that still has these qualities, and neither control characters
//!    nor `\`, each time it is percent-decoded, until decoding changes nothing.
//!    `/group%2Fproject` passes; `/%2fevil.example` and `/%252fevil.example`
//!    don't.
//!
//! The third rule is stricter than browsers need: between them and us may be a
//! proxy that strips a prefix from `Location` or decodes it, and turns
//! `/app//evil.example` into `//evil.example`.
//!
//! The query is the application's own and is not looked into.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

use super::address::ReturnOrigin;

/// The longest return address, in bytes.
pub const MAX_RETURN_TO_BYTES: usize = 2048;

/// Deeper encodings are nobody's address; this bounds hostile input.
const MAX_DECODINGS: usize = 3;

/// What stands for itself in the value of a query parameter.
pub(crate) const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A path and query on our own origin, safe to redirect a browser to.
///
/// See the [module docs](self) for what is accepted.
///
/// ```
/// use portcullis::guard::ReturnTo;
///
/// let reports = ReturnTo::parse("/reports/7?tab=notes")?;
/// assert_eq!(reports.to_query_value(), "/reports/7%3Ftab%3Dnotes");
///
/// assert!(ReturnTo::parse("//evil.example").is_err());
/// assert!(ReturnTo::parse("/\\evil.example").is_err());
/// # Ok::<(), portcullis::guard::InvalidReturnTo>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ReturnTo {
    text: String,
    /// How much of it is the origin of another host.
    origin: usize,
}

impl ReturnTo {
    /// Reads an address that came from outside, such as a form field.
    ///
    /// # Errors
    ///
    /// If a browser, or a proxy before it, could be led elsewhere by it.
    pub fn parse(text: &str) -> Result<Self, InvalidReturnTo> {
        check_form(text)?;
        let path = text.split_once('?').map_or(text, |(path, _)| path);
        check_decodings(path.as_bytes())?;
        Ok(Self { text: text.to_owned(), origin: 0 })
    }

    /// The same, where people may return to other hosts, too: an address of one of
    /// these origins, or a path of our own.
    ///
    /// An origin is compared letter by letter, as we write it ourselves: an address
    /// that a browser would have to put right first is none of them.
    ///
    /// # Errors
    ///
    /// As [`ReturnTo::parse`].
    pub fn parse_within(text: &str, origins: &[ReturnOrigin]) -> Result<Self, InvalidReturnTo> {
        let path = origins.iter().find_map(|origin| origin.path_of(text));
        let Some(path) = path else { return Self::parse(text) };
        let Self { text: path, .. } = Self::parse(path)?;
        Ok(Self { origin: text.len() - path.len(), text: text.to_owned() })
    }

    /// The address that a request was made for: its path and query.
    ///
    /// Scheme, host and every header are left aside. Whether the request may be
    /// made again (a GET) is for the caller to say.
    ///
    /// # Errors
    ///
    /// If the target has no path, or one that [`ReturnTo::parse`] refuses.
    pub fn of_request(uri: &Uri) -> Result<Self, InvalidReturnTo> {
        uri.path_and_query()
            .ok_or(InvalidReturnTo::NotAPath)
            .and_then(|target| Self::parse(target.as_str()))
    }

    /// The address, to be written into `Location`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        let rest = self.text.get(self.origin..).unwrap_or_default();
        rest.split_once('?').map_or(rest, |(path, _)| path)
    }

    /// The address as the value of a query parameter.
    ///
    /// Only unreserved characters, `/` and `%` are in it, so it needs no
    /// escaping in a header or in HTML.
    pub fn to_query_value(&self) -> String {
        utf8_percent_encode(&self.text, QUERY_VALUE).to_string()
    }

    /// Whether the address leads to this path, however it is spelled.
    ///
    /// Asked with the path of the sign-in page: returning to it would nest the
    /// address into itself, again and again.
    pub fn leads_to(&self, path: &str) -> bool {
        same_path(self.path(), path)
    }
}

/// Whether two paths may be routed alike: percent-encoding, letter case and
/// slashes at the end aside.
pub(crate) fn same_path(one: &str, other: &str) -> bool {
    routed(one).eq_ignore_ascii_case(&routed(other))
}

fn routed(path: &str) -> Vec<u8> {
    let decoded = Cow::from(percent_decode(path.as_bytes()));
    let end = decoded.iter().rposition(|byte| *byte != b'/');
    decoded[..end.map_or(0, |last| last + 1)].to_vec()
}

impl FromStr for ReturnTo {
    type Err = InvalidReturnTo;

    fn from_str(text: &str) -> Result<Self, InvalidReturnTo> {
        Self::parse(text)
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why text is no [`ReturnTo`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReturnTo {
    /// Longer than [`MAX_RETURN_TO_BYTES`].
    #[error("a return address has at most {MAX_RETURN_TO_BYTES} bytes, not {len}")]
    TooLong {
        /// How long it was.
        len: usize,
    },
    /// Not a path from the root: empty, relative, or an address of its own.
    #[error("a return address begins with a slash")]
    NotAPath,
    /// A character that browsers drop, or read as another one.
    #[error("a return address has no such character as the one at byte {at}")]
    Character {
        /// Where it stands, counted in bytes.
        at: usize,
    },
    /// The path has `//`, as it stands or once it is decoded.
    #[error("a return address has no empty path segment")]
    EmptySegment,
    /// The path has `.` or `..`, as it stands or once it is decoded.
    #[error("a return address has no dot segment")]
    DotSegment,
    /// The path has an encoded backslash or control character.
    #[error("a return address has no encoded backslash or control character in its path")]
    Concealed,
    /// The path is encoded over and over.
    #[error("a return address is not encoded more than {MAX_DECODINGS} times over")]
    EncodedTooOften,
}

fn check_form(text: &str) -> Result<(), InvalidReturnTo> {
    if text.len() > MAX_RETURN_TO_BYTES {
        return Err(InvalidReturnTo::TooLong { len: text.len() });
    }
    if !text.starts_with('/') {
        return Err(InvalidReturnTo::NotAPath);
    }
    match text.bytes().position(|byte| !stands_for_itself(byte)) {
        Some(at) => Err(InvalidReturnTo::Character { at }),
        None => Ok(()),
    }
}

const fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'"' | b'<' | b'>')
}

/// Checks a path as it stands and each time it is decoded.
fn check_decodings(path: &[u8]) -> Result<(), InvalidReturnTo> {
    let mut path = Cow::Borrowed(path);
    for _ in 0..=MAX_DECODINGS {
        check_path(&path)?;
        let decoded = match Cow::from(percent_decode(&path)) {
            Cow::Borrowed(_) => return Ok(()),
            Cow::Owned(decoded) => decoded,
        };
        path = Cow::Owned(decoded);
    }
    Err(InvalidReturnTo::EncodedTooOften)
}

fn check_path(path: &[u8]) -> Result<(), InvalidReturnTo> {
    if path
        .iter()
        .any(|byte| byte.is_ascii_control() || *byte == b'\\')
    {
        return Err(InvalidReturnTo::Concealed);
    }
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // One slash may end the path.
        if segment.is_empty() && segments.peek().is_some() {
            return Err(InvalidReturnTo::EmptySegment);
        }
        if is_dot_segment(segment) {
            return Err(InvalidReturnTo::DotSegment);
        }
    }
    Ok(())
}

/// `.` or `..`, with or without the parameters that some servers cut off.
fn is_dot_segment(segment: &[u8]) -> bool {
    let name = segment.split(|byte| *byte == b';').next();
    matches!(name, Some(b"." | b".."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    /// Lines of `ok` or `no`, a tab, and an address with Rust's escapes.
    const CORPUS: &str = include_str!("../../tests/corpus/return_to.txt");

    fn corpus() -> impl Iterator<Item = (bool, String)> {
        let lines = CORPUS
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("# "));
        lines.map(|line| {
            let (verdict, text) = line.split_once('\t').expect("a verdict and a tab");
            assert!(matches!(verdict, "ok" | "no"), "{line}");
            (verdict == "ok", unescape(text))
        })
    }

    #[test]
    fn other_hosts_are_returned_to_where_they_are_listed() {
        let origins = ["https://wiki.example.com", "https://files.example.com:8443"];
        let origins = origins.map(|origin| ReturnOrigin::parse(origin).expect("an origin"));
        let there = ReturnTo::parse_within("https://wiki.example.com/a?b=c", &origins);
        let there = there.expect("listed");
        assert_eq!((there.as_str(), there.path()), ("https://wiki.example.com/a?b=c", "/a"));
        assert_eq!(there.to_query_value(), "https%3A//wiki.example.com/a%3Fb%3Dc");
        assert!(there.leads_to("/A/"));
        let no = [
            "https://wiki.example.com",
            "https://wiki.example.com.evil.test/",
            "https://wiki.example.com@evil.test/",
            "https://wiki.example.com:8443/",
            "https://wiki.example.com//evil.test",
            "https://wiki.example.com/\\evil.test",
            "https://wiki.example.com/%2e%2e/",
            "http://wiki.example.com/",
            "HTTPS://wiki.example.com/",
            "https://WIKI.example.com/",
            "https:/wiki.example.com/",
            " https://wiki.example.com/",
            "//wiki.example.com/",
            "https://files.example.com/",
            "https://evil.test/https://wiki.example.com/",
            "javascript:https://wiki.example.com/",
        ];
        for text in no {
            assert!(ReturnTo::parse_within(text, &origins).is_err(), "{text}");
        }
        assert!(ReturnTo::parse("https://wiki.example.com/a").is_err());
    }

    proptest! {
        /// Property: what is taken leads a browser to our own origin or to a listed one.
        #[test]
        fn a_return_address_leads_nowhere_else(
            origin in "(https://wiki\\.example\\.com)?",
            rest in "[/:@a-z.%2eE?#\\\\\t]{0,16}",
        ) {
            let listed = [ReturnOrigin::parse("https://wiki.example.com").expect("an origin")];
            let text = format!("{origin}{rest}");
            if ReturnTo::parse_within(&text, &listed).is_ok() {
                let base = Url::parse("https://app.example/sign-in").expect("a base");
                let led = base.join(&text).expect("an address").origin().ascii_serialization();
                let allowed = ["https://app.example", "https://wiki.example.com"];
                prop_assert!(allowed.contains(&led.as_str()), "{} leads to {}", text, led);
            }
        }
    }

    fn unescape(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((plain, escape)) = rest.split_once('\\') {
            out.push_str(plain);
            let (kind, after) = escape.split_at(1);
            let (decoded, after) = match kind {
                "t" => ('\t', after),
                "n" => ('\n', after),
                "r" => ('\r', after),
                "\\" => ('\\', after),
                "u" => {
                    let (hex, after) = after[1..].split_once('}').expect("a closing brace");
                    let code = u32::from_str_radix(hex, 16).expect("hexadecimal digits");
                    (char::from_u32(code).expect("a character"), after)
                }
                other => panic!("no such escape: {other}"),
            };
            out.push(decoded);
            rest = after;
        }
        out + rest
    }

    /// Where a browser goes that is on our page and is given the address.
    fn browser(text: &str) -> Option<Url> {
        let base = Url::parse("https://app.example/.portcullis/sign-in").expect("a base");
        base.join(text).ok()
    }

    fn stays_with_us(text: &str) -> bool {
        let home = Url::parse("https://app.example")
            .expect("an origin")
            .origin();
        browser(text).is_some_and(|url| url.origin() == home && !url.path().starts_with("//"))
    }

    #[test]
    fn the_corpus_gets_its_verdicts() {
        let mut counted = [0, 0];
        for (accepted, text) in corpus() {
            assert_eq!(ReturnTo::parse(&text).is_ok(), accepted, "{text:?}");
            assert!(!accepted || stays_with_us(&text), "{text:?} leads away");
            counted[usize::from(accepted)] += 1;
        }
        assert!(counted[0] >= 150 && counted[1] >= 40, "{counted:?}");
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let long = format!("/{}", "a".repeat(MAX_RETURN_TO_BYTES));
        let cases: &[(&str, InvalidReturnTo)] = &[
            ("", InvalidReturnTo::NotAPath),
            ("https://evil.example/", InvalidReturnTo::NotAPath),
            ("//evil.example", InvalidReturnTo::EmptySegment),
            ("/\\evil.example", InvalidReturnTo::Character { at: 1 }),
            ("/a#b", InvalidReturnTo::Character { at: 2 }),
            ("/%2fevil.example", InvalidReturnTo::EmptySegment),
            ("/%5cevil.example", InvalidReturnTo::Concealed),
            ("/%2e%2e/evil", InvalidReturnTo::DotSegment),
            ("/%252525252f", InvalidReturnTo::EncodedTooOften),
            (&long, InvalidReturnTo::TooLong { len: MAX_RETURN_TO_BYTES + 1 }),
        ];
        for (text, error) in cases {
            assert_eq!(ReturnTo::parse(text), Err(*error), "{text:?}");
        }
        assert!(ReturnTo::parse(&long[..MAX_RETURN_TO_BYTES]).is_ok());
    }

    #[test]
    fn of_a_request_only_path_and_query_count() {
        let of = |uri: &str| ReturnTo::of_request(&uri.parse().expect("a URI")).ok();
        let text = |uri| of(uri).map(|address| address.to_string());
        assert_eq!(text("/a?b=c").as_deref(), Some("/a?b=c"));
        assert_eq!(text("https://evil.example/a?b=c").as_deref(), Some("/a?b=c"));
        assert_eq!(text("https://evil.example").as_deref(), Some("/"));
        assert_eq!(text("https://evil.example//evil.example/"), None);
        assert_eq!(text("*"), None);
        assert_eq!(text("evil.example:443"), None);
    }

    #[test]
    fn the_sign_in_page_is_recognised_however_it_is_spelled() {
        for text in ["/sign-in", "/sign-in?return_to=/a", "/sign-in/", "/SIGN-in", "/%73ign-in"] {
            let address = ReturnTo::parse(text).expect("an address");
            assert!(address.leads_to("/sign-in"), "{text}");
        }
        for text in ["/", "/sign-in-help", "/a/sign-in", "/a?b=/sign-in"] {
            let address = ReturnTo::parse(text).expect("an address");
            assert!(!address.leads_to("/sign-in"), "{text}");
        }
    }

    /// Addresses made of what open redirects are made of.
    fn hostile() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            4 => proptest::sample::select(vec![
                "/", "//", "\\", ".", "..", "%2f", "%2F", "%252f", "%5c", "%255C", "%2e", "%2E%2e",
                "%09", "%00", "%", "%2", "\t", "\n", "\r", " ", "@", ":", "?", "#", ";", "&", "=",
                "evil.example", "https:", "http://evil.example", "javascript:", "a", "~", "{", "|",
                "[::1]", "é", "／", "。", "\u{202e}", "\u{a0}", "\"", "<", "'", "`", "^", ",",
            ]).prop_map(str::to_owned),
            1 => ".{0,3}",
        ];
        let tail = proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat());
        prop_oneof![3 => tail.clone().prop_map(|tail| format!("/{tail}")), 1 => tail]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// Property: wherever an accepted address stands, a browser stays on our
        /// origin, at a path that is no address of another host.
        #[test]
        fn a_browser_stays_with_us(text in hostile()) {
            if let Ok(address) = ReturnTo::parse(&text) {
                prop_assert!(stays_with_us(address.as_str()), "{:?} leads away", text);
            }
        }

        /// Property: it stays so when a proxy decodes the path on the way, once
        /// or twice, or strips its first segment.
        #[test]
        fn a_meddling_proxy_changes_nothing(text in hostile()) {
            if let Ok(address) = ReturnTo::parse(&text) {
                let once = percent_decode(address.path().as_bytes()).decode_utf8_lossy();
                let twice = percent_decode(once.as_bytes()).decode_utf8_lossy();
                prop_assert!(stays_with_us(&once) && stays_with_us(&twice), "{:?}", text);
                if let Some(next) = address.path()[1..].find('/') {
                    prop_assert!(stays_with_us(&address.path()[1 + next..]), "{:?}", text);
                }
            }
        }

        /// Property: the query value reads back as the address, and nothing in it
        /// means anything to a header, a query or HTML.
        #[test]
        fn the_query_value_reads_back(text in hostile()) {
            if let Ok(address) = ReturnTo::parse(&text) {
                let value = address.to_query_value();
                let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
                prop_assert!(value.chars().all(plain), "{}", value);
                let query = format!("return_to={value}");
                let mut pairs = url::form_urlencoded::parse(query.as_bytes());
                let (_, read) = pairs.next().expect("one pair");
                prop_assert_eq!(read, address.as_str());
            }
        }

        /// Property: what a browser itself sends for an ordinary page is taken.
        #[test]
        fn ordinary_addresses_are_taken(
            segments in proptest::collection::vec("[a-zA-Z0-9_~@:+,-][^%/?#\\\\\\.\\p{C}]{0,8}", 0..6),
            query in proptest::option::of("[^#\\\\\\p{C}]{0,30}"),
        ) {
            let mut page = browser("/").expect("the root");
            page.path_segments_mut().expect("a base").clear().extend(&segments);
            page.set_query(query.as_deref());
            let sent = &page[url::Position::BeforePath..];
            let taken = ReturnTo::parse(sent).map(|address| address.to_string());
            prop_assert_eq!(taken.as_deref(), Ok(sent));
        }
    }
}
