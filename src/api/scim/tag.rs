//! Versions as entity tags.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::problem::Problem;
use crate::domain::standing::Version;

/// A version as a tag.
pub(super) fn tag(version: Version) -> String {
    format!("W/\"{}\"", version.get())
}

/// What a request says of the versions that it is about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Tags(Option<Vec<String>>);

impl Tags {
    /// Those of a header. Without one, any version will do.
    pub(super) fn of(headers: &HeaderMap, name: HeaderName) -> Self {
        let mut values = headers.get_all(name).iter().peekable();
        if values.peek().is_none() {
            return Self(None);
        }
        let texts = values.filter_map(|value: &HeaderValue| value.to_str().ok());
        let each = texts.flat_map(|text| text.split(','));
        Self(Some(each.map(|tag| bare(tag).to_owned()).collect()))
    }

    /// That of an operation among many.
    pub(super) fn of_version(version: Option<&str>) -> Self {
        Self(version.map(|version| vec![bare(version).to_owned()]))
    }

    pub(super) const fn are_given(&self) -> bool {
        self.0.is_some()
    }

    /// Whether this version is named.
    pub(super) fn name(&self, version: Version) -> bool {
        let own = version.get().to_string();
        let mut tags = self.0.iter().flatten();
        tags.any(|tag| tag == "*" || *tag == own)
    }

    /// The same of a version that is a tag already.
    pub(super) fn name_tag(&self, version: &str) -> bool {
        let mut tags = self.0.iter().flatten();
        tags.any(|tag| tag == "*" || tag == bare(version))
    }

    /// Refuses another version than those that are named.
    pub(super) fn check(&self, version: Version) -> Result<(), Problem> {
        if !self.are_given() || self.name(version) {
            return Ok(());
        }
        let now = tag(version);
        Err(Problem::outdated(format!("it was changed meanwhile, and is {now}: look at it again")))
    }
}

/// A tag without its quotes: tags are compared weakly.
fn bare(tag: &str) -> &str {
    let tag = tag.trim();
    let strong = tag.strip_prefix("W/").unwrap_or(tag);
    strong
        .strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .unwrap_or(strong)
}

#[cfg(test)]
mod tests {
    use http::header::IF_MATCH;

    use super::*;

    #[test]
    fn a_version_is_named_by_its_tag() {
        let version = Version::new(3);
        for (header, named) in [
            ("W/\"3\"", true),
            ("\"3\"", true),
            ("*", true),
            ("W/\"2\", W/\"3\"", true),
            ("W/\"2\"", false),
            ("W/\"33\"", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, header.parse().expect("a value"));
            let tags = Tags::of(&headers, IF_MATCH);
            assert_eq!(tags.name(version), named, "{header}");
            assert_eq!(tags.check(version).is_ok(), named, "{header}");
        }
        assert!(Tags::default().check(version).is_ok());
        assert_eq!(tag(version), "W/\"3\"");
    }
}
