//! Which requests are for the sign-in handler, however their path is spelled.
//!
//! What stands behind the layer decides what a path means, and the layer can't ask
//! it. So a path has three readings: it is plainly the handler's, it is plainly
//! another one, or somebody on the way could take it for the handler's. The last is
//! refused: passed on, it would be a guess that nobody counts.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use unicode_normalization::UnicodeNormalization;

/// What a request's path means.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Reading {
    /// Another path, to whoever reads it.
    Other,
    /// The handler's path, to some who read it.
    TwoWays,
    /// The handler's path.
    Plain,
}

/// The paths of one layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Paths {
    paths: Vec<SignInPath>,
    ignore_case: bool,
}

#[derive(Clone, Debug)]
struct SignInPath {
    text: String,
    skeleton: String,
}

/// Three rounds are more than any application decodes; this bounds hostile input.
const MAX_DECODINGS: usize = 4;

impl Paths {
    /// Adds a path in its one plain spelling; says whether it is in it.
    pub(super) fn add(&mut self, text: &str) -> bool {
        let folded = folded(text.as_bytes());
        let skeleton = skeleton(&folded, &[]);
        let plain = folded.strip_prefix('/') == Some(&skeleton)
            && !text.contains(['%', ';', '?', '#'])
            && !is_crooked(&folded);
        self.paths
            .push(SignInPath { text: text.to_owned(), skeleton });
        plain
    }

    pub(super) const fn ignore_case(&mut self) {
        self.ignore_case = true;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|path| path.text.as_str())
    }

    pub(super) fn read(&self, path: &str) -> Reading {
        if self.paths.iter().any(|own| self.is_plainly(own, path)) {
            Reading::Plain
        } else if self.may_be_meant(path) {
            Reading::TwoWays
        } else {
            Reading::Other
        }
    }

    /// Whether somebody could take a path for one of these, who decodes and tidies
    /// it as often as anybody does. What is encoded more often than that, or leads
    /// nobody knows where, could be anything.
    fn may_be_meant(&self, path: &str) -> bool {
        if is_ordinary(path) {
            // As nearly every path: there is nothing to take off.
            let bare = path.trim_matches('/');
            return self
                .paths
                .iter()
                .any(|own| bare.eq_ignore_ascii_case(&own.skeleton));
        }
        let mut decoded = Cow::Borrowed(path.as_bytes());
        for _ in 0..MAX_DECODINGS {
            // A letter that is a sign to one reader is none to another.
            let plain = String::from_utf8_lossy(&decoded).to_lowercase();
            let texts = [folded(&decoded), plain];
            if texts.iter().any(|text| self.may_be_read_as(text)) {
                return true;
            }
            let next: Cow<'_, [u8]> = percent_decode(&decoded).into();
            if *next == *decoded {
                return false;
            }
            decoded = Cow::Owned(next.into_owned());
        }
        true
    }

    fn may_be_read_as(&self, text: &str) -> bool {
        is_crooked(text) || self.paths.iter().any(|own| may_mean(text, &own.skeleton))
    }

    /// Whether every router takes this for that path, or for none: some letters
    /// may be encoded, once, and a slash may stand at the end.
    fn is_plainly(&self, own: &SignInPath, path: &str) -> bool {
        let decoded: Cow<'_, [u8]> = percent_decode(path.as_bytes()).into();
        if slashes(&decoded) != slashes(path.as_bytes()) {
            return false;
        }
        let own = own.text.as_bytes();
        let bare = decoded.strip_suffix(b"/").unwrap_or(&decoded);
        let same = |path: &[u8]| path == own || (self.ignore_case && is_alike(path, own));
        same(&decoded) || same(bare)
    }
}

fn slashes(path: &[u8]) -> usize {
    path.iter().filter(|byte| **byte == b'/').count()
}

fn is_alike(one: &[u8], other: &[u8]) -> bool {
    let lower = |bytes| std::str::from_utf8(bytes).map(str::to_lowercase);
    lower(one).is_ok_and(|one| lower(other) == Ok(one))
}

/// Whether nobody reads anything into a path but letters and their case.
fn is_ordinary(path: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    path.bytes().all(letter) && !path.contains("//")
}

/// In lower case, and in the plain forms of letters.
fn folded(path: &[u8]) -> String {
    readable(path).nfkc().flat_map(char::to_lowercase).collect()
}

/// Whether readers disagree on where a path leads: by backslashes, by control
/// characters, and by dot segments, also those that are encoded, have parameters or
/// blanks behind them.
fn is_crooked(path: &str) -> bool {
    let is_dots = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        matches!(name.replace("%2e", ".").trim_end(), "." | "..")
    };
    path.contains(|c: char| c == '\\' || c.is_control()) || path.split('/').any(is_dots)
}

/// Where a path ends for some readers, once it is decoded.
const ENDS: [&[char]; 4] = [&[], &['?'], &['#'], &['?', '#']];

/// Whether one of them takes it for that path: parameters may be taken off before
/// the end is looked for, or afterwards.
fn may_mean(path: &str, own: &str) -> bool {
    ENDS.iter().any(|ends| {
        let cut = path.split(*ends).next().unwrap_or_default();
        skeleton(path, ends) == own || skeleton(cut, &[]) == own
    })
}

/// A path without all that some server or other takes off: repeated slashes,
/// parameters, what follows an end, dots and blanks behind a name.
fn skeleton(path: &str, ends: &[char]) -> String {
    let mut kept = Vec::new();
    for segment in path.split('/') {
        let name = segment.split(';').next().unwrap_or_default();
        let end = name.find(ends);
        kept.extend(bare(&name[..end.unwrap_or(name.len())]));
        if end.is_some() {
            break;
        }
    }
    kept.join("/")
}

/// A name without the dots and blanks behind it; none where nothing is left.
fn bare(name: &str) -> Option<&str> {
    let bare = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    (!bare.is_empty()).then_some(bare)
}

/// As text; a letter of ASCII that is written in two bytes is that letter.
fn readable(path: &[u8]) -> String {
    if !path.contains(&0xC0) && !path.contains(&0xC1) {
        return String::from_utf8_lossy(path).into_owned();
    }
    let (mut short, mut rest) = (Vec::with_capacity(path.len()), path);
    while let Some((first, more)) = rest.split_first() {
        let overlong = more.first().filter(|_| matches!(first, 0xC0 | 0xC1));
        short.push(overlong.map_or(*first, |next| (first & 1) << 6 | (next & 0x3F)));
        rest = &more[usize::from(overlong.is_some())..];
    }
    String::from_utf8_lossy(&short).into_owned()
}

#[cfg(test)]
mod tests;
