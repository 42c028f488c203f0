//! How the pages look like those of whoever runs the service.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};

use crate::admin;
use crate::pages::assets::Picture;
use crate::pages::colour::Colour;

/// The largest logo, in bytes.
pub const MAX_LOGO_BYTES: usize = 256 * 1024;

/// What the pages say of the service that they stand before, and in which
/// colour.
///
/// ```
/// use portcullis::pages::Branding;
///
/// let branding = Branding::new("Harbour")
///     .accent("#0b7285".parse()?)
///     .contact("the help desk, 4711")
///     .support_url("mailto:help@harbour.example".parse()?);
/// assert_eq!(branding.name, "Harbour");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Branding {
    /// The name of the service, as people know it.
    pub name: String,
    /// The colour of links and of the button that matters.
    pub accent: Option<Accent>,
    /// The picture above the name, in place of a small gate.
    pub logo: Option<Logo>,
    /// Whom to ask, in words: "the help desk, 4711".
    pub contact: Option<String>,
    /// Where help is, as a link at the foot of each page.
    pub support_url: Option<SupportUrl>,
}

impl Branding {
    /// A service of this name, with everything else as it comes.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), accent: None, logo: None, contact: None, support_url: None }
    }

    /// The same in this colour.
    #[must_use]
    pub fn accent(self, accent: Accent) -> Self {
        Self { accent: Some(accent), ..self }
    }

    /// The same with this picture.
    #[must_use]
    pub fn logo(self, logo: Logo) -> Self {
        Self { logo: Some(logo), ..self }
    }

    /// The same with whom to ask.
    #[must_use]
    pub fn contact(self, contact: impl Into<String>) -> Self {
        Self { contact: Some(contact.into()), ..self }
    }

    /// The same with where help is.
    #[must_use]
    pub fn support_url(self, url: SupportUrl) -> Self {
        Self { support_url: Some(url), ..self }
    }
}

/// The directory's settings; what can't be shown is left out.
impl From<&admin::Branding> for Branding {
    fn from(said: &admin::Branding) -> Self {
        let of_default = Self::default();
        Self {
            name: said.name.clone().unwrap_or(of_default.name),
            accent: said.accent.as_ref().and_then(|text| text.parse().ok()),
            logo: None,
            contact: said.contact.clone(),
            support_url: said.support_url.as_ref().and_then(|text| text.parse().ok()),
        }
    }
}

impl Default for Branding {
    fn default() -> Self {
        Self::new("Portcullis")
    }
}

/// A [`Branding`] that can be changed while pages are served.
///
/// Cheap to clone; clones share it, and the next page has the new one.
#[derive(Clone, Debug, Default)]
pub struct SharedBranding(Arc<RwLock<Arc<Branding>>>);

impl SharedBranding {
    /// What the pages are served with now.
    pub fn get(&self) -> Arc<Branding> {
        let branding = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&branding)
    }

    /// Serves the pages with this from now on.
    pub fn set(&self, branding: Branding) {
        let mut shared = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *shared = Arc::new(branding);
    }
}

impl From<Branding> for SharedBranding {
    fn from(branding: Branding) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(branding))))
    }
}

/// The colour of links, of the focus and of the primary button.
///
/// Any colour can be chosen: the pages darken it on light ground, and lighten it
/// on dark ground, until text in it can be read (a contrast of 4.5 to 1 or more).
///
/// ```
/// use portcullis::pages::Accent;
///
/// let yellow: Accent = "#fd0".parse()?;
/// assert_eq!(yellow.to_string(), "#ffdd00");
/// # Ok::<(), portcullis::pages::InvalidBranding>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Accent(Colour);

impl Accent {
    /// The colour that is used on light ground, and the one on dark ground.
    pub(super) fn shades(self) -> (Colour, Colour) {
        (self.0.readable_on_light(), self.0.readable_on_dark())
    }
}

/// Reads `#rgb` or `#rrggbb`.
impl FromStr for Accent {
    type Err = InvalidBranding;

    fn from_str(text: &str) -> Result<Self, InvalidBranding> {
        Colour::parse(text).map(Self).ok_or(InvalidBranding::Accent)
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A picture: SVG, PNG, JPEG or WebP, at most [`MAX_LOGO_BYTES`].
///
/// It is served to browsers as a picture and never as a page: scripts in an SVG
/// don't run.
#[derive(Clone, Eq, PartialEq)]
pub struct Logo(Picture);

impl Logo {
    /// Takes a picture's bytes; its kind is told by how they begin.
    ///
    /// # Errors
    ///
    /// If they are none of the four kinds, or too many.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, InvalidBranding> {
        let bytes = bytes.into();
        if bytes.len() > MAX_LOGO_BYTES {
            return Err(InvalidBranding::LogoTooLarge { bytes: bytes.len() });
        }
        let content_type = kind_of(&bytes).ok_or(InvalidBranding::LogoKind)?;
        Ok(Self(Picture::new(content_type, bytes)))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// What they are, as in `Content-Type`.
    pub const fn content_type(&self) -> &'static str {
        self.0.content_type
    }

    pub(super) const fn picture(&self) -> &Picture {
        &self.0
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({}, {} bytes)", self.content_type(), self.bytes().len())
    }
}

fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if text.starts_with(b"<svg") || text.starts_with(b"<?xml") {
        Some("image/svg+xml")
    } else {
        None
    }
}

/// Where help is: an `https`, `http` or `mailto` address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SupportUrl(String);

impl SupportUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SupportUrl {
    type Err = InvalidBranding;

    fn from_str(text: &str) -> Result<Self, InvalidBranding> {
        // A link to `javascript:` would be a script of whoever sets it.
        let begins = ["https://", "http://", "mailto:"];
        let known = begins.iter().any(|begin| {
            text.get(..begin.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(begin) && text.len() > begin.len())
        });
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        match known && visible {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidBranding::SupportUrl),
        }
    }
}

/// Why something can't be part of a [`Branding`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBranding {
    /// Not `#rgb` or `#rrggbb`.
    #[error("an accent is a colour in hexadecimal digits: write it as #4338ca")]
    Accent,
    /// None of the kinds of picture that every browser shows.
    #[error("a logo is an SVG, PNG, JPEG or WebP picture: convert it to one of them")]
    LogoKind,
    /// Larger than [`MAX_LOGO_BYTES`].
    #[error("a logo has at most {MAX_LOGO_BYTES} bytes, not {bytes}: make it smaller")]
    LogoTooLarge {
        /// How large it was.
        bytes: usize,
    },
    /// Not an address that a browser opens.
    #[error("a support address begins with https://, http:// or mailto:, without spaces")]
    SupportUrl,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_support_address_is_no_script() {
        for good in ["https://help.example/a?b#c", "mailto:help@a.example", "HTTP://a"] {
            assert_eq!(good.parse::<SupportUrl>().map(|url| url.0).as_deref(), Ok(good));
        }
        for bad in ["", "javascript:alert(1)", "https://", "//a", "data:text/html,a", "http://a b"]
        {
            assert_eq!(bad.parse::<SupportUrl>(), Err(InvalidBranding::SupportUrl), "{bad}");
        }
    }

    #[test]
    fn a_logo_is_what_it_begins_with() {
        let kind = |bytes: &[u8]| Logo::new(bytes).map(|logo| logo.content_type());
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n..."), Ok("image/png"));
        assert_eq!(kind(b"\xff\xd8\xff\xe0"), Ok("image/jpeg"));
        assert_eq!(kind(b"RIFF....WEBPVP8 "), Ok("image/webp"));
        assert_eq!(kind(b"\xef\xbb\xbf <svg xmlns=''>"), Ok("image/svg+xml"));
        assert_eq!(kind(b"<html>"), Err(InvalidBranding::LogoKind));
        let bytes = MAX_LOGO_BYTES + 1;
        assert_eq!(kind(&vec![b'<'; bytes]), Err(InvalidBranding::LogoTooLarge { bytes }));
    }

    #[test]
    fn what_a_setting_takes_a_page_shows() {
        use crate::admin::settings::{accent, support_url};

        for text in ["#fd0", "#4338CA", "4338ca", "#12345", "#ggg", "", "#\u{e4}\u{e4}\u{e4}"] {
            let taken = accent(text);
            assert_eq!(taken.is_ok(), text.parse::<Accent>().is_ok(), "{text:?}");
        }
        for text in ["https://a", "mailto:a@b", "javascript:alert(1)", "https://", "http://a b"] {
            let taken = support_url(text);
            assert_eq!(taken.is_ok(), text.parse::<SupportUrl>().is_ok(), "{text:?}");
        }
        let mut said = admin::Branding::default();
        assert_eq!(Branding::from(&said), Branding::default());
        said.name = Some("Harbour".to_owned());
        said.accent = Some("#fd0".to_owned());
        let shown = Branding::from(&said);
        assert_eq!((shown.name.as_str(), shown.accent), ("Harbour", "#fd0".parse().ok()));
    }

    #[test]
    fn the_next_page_has_the_new_branding() {
        let shared = SharedBranding::default();
        let clone = shared.clone();
        clone.set(Branding::new("Harbour"));
        assert_eq!(shared.get().name, "Harbour");
    }
}
