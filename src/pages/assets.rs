//! The stylesheet, the script and the pictures, by names that change with their
//! content.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderName, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use crate::pages::brand::{Accent, Branding, Logo};

const STYLE: &[u8] = include_bytes!("assets/pages.css");
const SCRIPT: &[u8] = include_bytes!("assets/pages.js");
#[cfg(feature = "api")]
const DOCS: &[u8] = include_bytes!("assets/docs.css");
const CONSOLE: &[u8] = include_bytes!("assets/console.css");
/// htmx 4.0.1, as its package has it; its licence (0BSD) asks for nothing.
const HTMX: &[u8] = include_bytes!("assets/htmx.min.js");
const ICON: &[u8] = include_bytes!("assets/icon.svg");

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// What has a hash of its content in its name never changes.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A picture that somebody opens as a page does nothing.
const AS_PICTURE: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");

/// What is served, and how.
#[derive(Clone, Debug)]
struct Asset {
    name: String,
    content_type: &'static str,
    bytes: Bytes,
    /// The same, compressed, where that is worth it.
    gzip: Option<Bytes>,
}

static STYLESHEET: LazyLock<Asset> = LazyLock::new(|| Asset::fixed("pages", "css", CSS, STYLE));
#[cfg(feature = "api")]
static DOCS_STYLESHEET: LazyLock<Asset> = LazyLock::new(|| Asset::fixed("docs", "css", CSS, DOCS));
static CONSOLE_STYLESHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::fixed("console", "css", CSS, CONSOLE));
static HTMX_SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::fixed("htmx", "js", JAVASCRIPT, HTMX));
static JS: LazyLock<Asset> = LazyLock::new(|| Asset::fixed("pages", "js", JAVASCRIPT, SCRIPT));
static MARK: LazyLock<Asset> = LazyLock::new(|| Asset::fixed("icon", "svg", SVG, ICON));

/// The names that a page links to.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) stylesheet: String,
    pub(super) script: String,
    pub(super) icon: String,
    /// The accent, where there is one.
    pub(super) colours: Option<String>,
    /// The logo, where there is one.
    pub(super) logo: Option<String>,
}

impl Names {
    pub(super) fn of(branding: &Branding) -> Self {
        Self {
            stylesheet: STYLESHEET.name.clone(),
            script: JS.name.clone(),
            icon: MARK.name.clone(),
            colours: branding.accent.map(|accent| colours(accent).name),
            logo: branding.logo.as_ref().map(|logo| picture(logo).name),
        }
    }
}

/// The name of what descriptions of interfaces link to beside.
#[cfg(feature = "api")]
pub(super) fn of_docs() -> &'static str {
    &DOCS_STYLESHEET.name
}

/// The name of the stylesheet that pages of the console link to beside.
pub(super) fn of_console() -> &'static str {
    &CONSOLE_STYLESHEET.name
}

/// The name of the script that makes pages of the console follow what is typed.
pub(super) fn of_htmx() -> &'static str {
    &HTMX_SCRIPT.name
}

/// Serves an asset of this name, if there is one.
pub(super) fn serve(name: &str, branding: &Branding, headers: &HeaderMap) -> Response {
    let fixed = [
        &STYLESHEET,
        &JS,
        &MARK,
        &CONSOLE_STYLESHEET,
        &HTMX_SCRIPT,
        #[cfg(feature = "api")]
        &DOCS_STYLESHEET,
    ]
    .into_iter();
    if let Some(asset) = fixed.map(|asset| &**asset).find(|asset| asset.name == name) {
        return asset.answer(headers);
    }
    let colours = branding.accent.map(colours);
    let logo = branding.logo.as_ref().map(picture);
    match [colours, logo]
        .into_iter()
        .flatten()
        .find(|asset| asset.name == name)
    {
        Some(asset) => asset.answer(headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn colours(accent: Accent) -> Asset {
    let (light, dark) = accent.shades();
    let rule = format!(":root{{--accent:light-dark({light},{dark})}}\n");
    Asset::new("colours", "css", CSS, rule.into())
}

fn picture(logo: &Logo) -> Asset {
    let Picture { name, content_type, bytes } = logo.picture().clone();
    Asset { name, content_type, bytes, gzip: None }
}

/// What a logo is served as; made once, and not for each page.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Picture {
    name: String,
    pub(super) content_type: &'static str,
    pub(super) bytes: Bytes,
}

impl Picture {
    pub(super) fn new(content_type: &'static str, bytes: Vec<u8>) -> Self {
        let extension = match content_type {
            SVG => "svg",
            "image/png" => "png",
            "image/jpeg" => "jpg",
            _ => "webp",
        };
        let Asset { name, content_type, bytes, .. } =
            Asset::new("logo", extension, content_type, bytes.into());
        Self { name, content_type, bytes }
    }
}

impl Asset {
    fn fixed(stem: &str, extension: &str, kind: &'static str, bytes: &'static [u8]) -> Self {
        let asset = Self::new(stem, extension, kind, Bytes::from_static(bytes));
        Self { gzip: compressed(bytes), ..asset }
    }

    fn new(stem: &str, extension: &str, content_type: &'static str, bytes: Bytes) -> Self {
        let mut hash = String::new();
        for byte in &Sha256::digest(&bytes)[..8] {
            // Writing into a text can't fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Self { name: format!("{stem}.{hash}.{extension}"), content_type, bytes, gzip: None }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", self.name);
        let known = headers.get_all(IF_NONE_MATCH).iter().any(|line| {
            let mut tags = line.as_bytes().split(|byte| *byte == b',');
            tags.any(|sent| is_same(sent.trim_ascii(), tag.as_bytes()))
        });
        let mut response = match known {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => self.body(takes_gzip(headers)),
        };
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(CACHE_CONTROL, FOR_EVER);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(ETAG, tag);
        }
        response
    }

    fn body(&self, compressed: bool) -> Response {
        let gzip = self.gzip.as_ref().filter(|_| compressed);
        let mut response = Response::new(Body::from(gzip.unwrap_or(&self.bytes).clone()));
        let headers = response.headers_mut();
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if self.content_type == SVG {
            headers.insert(CONTENT_SECURITY_POLICY, AS_PICTURE);
        }
        // Another site's page has no use for them.
        let policy = HeaderName::from_static("cross-origin-resource-policy");
        headers.insert(policy, HeaderValue::from_static("same-origin"));
        response
    }
}

/// The same in a smaller form. Writing into memory can't fail.
fn compressed(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    let small = encoder.finish().ok()?;
    (small.len() < bytes.len()).then(|| small.into())
}

/// Whether a client names gzip among what it takes, and does not refuse it.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter();
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut gzip = codings.filter_map(|coding| {
        let mut parts = coding.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(b"gzip"));
        let weight = parts.next().and_then(|weight| weight.strip_prefix(b"q="));
        named.then(|| weight.is_none_or(|weight| weight.iter().any(|c| (b'1'..=b'9').contains(c))))
    });
    gzip.next().unwrap_or(false)
}

/// Tags are compared weakly (RFC 9110, 13.1.2).
fn is_same(sent: &[u8], tag: &[u8]) -> bool {
    sent == b"*" || sent.strip_prefix(b"W/").unwrap_or(sent) == tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stylesheet_is_small() {
        assert!(STYLE.len() < 14 * 1024, "{} bytes", STYLE.len());
        #[cfg(feature = "api")]
        assert!(DOCS.len() < 14 * 1024, "{} bytes", DOCS.len());
        assert!(CONSOLE.len() < 14 * 1024, "{} bytes", CONSOLE.len());
        assert!(SCRIPT.len() < 4 * 1024, "{} bytes", SCRIPT.len());
    }

    #[test]
    fn a_name_changes_with_its_content() {
        let one = Asset::fixed("a", "css", CSS, b"a{}");
        let two = Asset::fixed("a", "css", CSS, b"b{}");
        assert_ne!(one.name, two.name);
        assert!(one.name.starts_with("a.") && one.name.ends_with(".css"), "{}", one.name);
    }
}
