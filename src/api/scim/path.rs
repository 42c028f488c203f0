//! Paths: `userName`, `name.givenName`, `emails[type eq "work"].value`, a schema's URN.

use super::filter::{Filter, Target, attribute_path, split_path};
use super::flavour::Flavour;
use super::problem::Problem;
use super::schema::{Attribute, ResourceType, Schema};

/// Where in a resource something is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The extension that it is in.
    pub(super) extension: Option<&'static Schema>,
    /// `None`: all of the extension.
    pub(super) attribute: Option<&'static Attribute>,
    pub(super) sub: Option<&'static Attribute>,
}

/// The same, and which of several values.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) place: Place,
    pub(super) filter: Option<Filter<Target>>,
}

/// Reads a path, as changes name what they change.
pub(super) fn path(kind: ResourceType, flavour: Flavour, text: &str) -> Result<Path, Problem> {
    let invalid = |problem: Problem| Problem::path(problem.words);
    let (before, filter, after) = split_path(text).map_err(invalid)?;
    let mut place = place(kind, flavour, before)?;
    let Some(filter) = filter else { return Ok(Path { place, filter: None }) };
    let Some(attribute) = place
        .attribute
        .filter(|one| one.many && place.sub.is_none())
    else {
        return Err(Problem::path(format!("{before} has no several values")));
    };
    if let Some(sub) = after {
        place.sub = Some(part(attribute, sub)?);
    }
    let filter = filter.within(attribute)?;
    Ok(Path { place, filter: Some(filter) })
}

/// Reads a path without brackets.
pub(super) fn place(kind: ResourceType, flavour: Flavour, text: &str) -> Result<Place, Problem> {
    if !attribute_path(text) {
        return Err(Problem::path(format!("{text:?} is not the path of an attribute")));
    }
    for extension in kind.extensions(flavour) {
        if let Some(rest) = below(text, extension.urn) {
            return in_extension(extension, rest);
        }
    }
    let rest = below(text, kind.schema().urn).unwrap_or(text);
    let (name, sub) = parted(rest);
    let attribute = kind
        .attribute(name)
        .ok_or_else(|| unknown(kind.name(), name))?;
    let sub = sub.map(|sub| part(attribute, sub)).transpose()?;
    Ok(Place { extension: None, attribute: Some(attribute), sub })
}

fn in_extension(extension: &'static Schema, rest: &str) -> Result<Place, Problem> {
    if rest.is_empty() {
        return Ok(Place { extension: Some(extension), attribute: None, sub: None });
    }
    let (name, sub) = parted(rest);
    let attribute = extension
        .attribute(name)
        .ok_or_else(|| unknown(extension.name, name))?;
    let sub = sub.map(|sub| part(attribute, sub)).transpose()?;
    Ok(Place { extension: Some(extension), attribute: Some(attribute), sub })
}

/// What is left of a path that begins with this URN.
fn below<'a>(text: &'a str, urn: &str) -> Option<&'a str> {
    let (begin, rest) = text.split_at_checked(urn.len())?;
    if !begin.eq_ignore_ascii_case(urn) {
        return None;
    }
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') }
}

fn parted(text: &str) -> (&str, Option<&str>) {
    text.split_once('.')
        .map_or((text, None), |(name, sub)| (name, Some(sub)))
}

fn part(attribute: &'static Attribute, sub: &str) -> Result<&'static Attribute, Problem> {
    attribute
        .sub(sub)
        .ok_or_else(|| unknown(attribute.name, sub))
}

fn unknown(of: &str, name: &str) -> Problem {
    Problem::path(format!("{of} has no attribute {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Option<&'static str>, String, bool), Problem> {
        let Path { place, filter } = path(ResourceType::User, Flavour::Strict, text)?;
        let names: Vec<_> = place
            .attribute
            .into_iter()
            .chain(place.sub)
            .map(|one| one.name)
            .collect();
        Ok((place.extension.map(|schema| schema.name), names.join("."), filter.is_some()))
    }

    #[test]
    fn a_path_names_one_place() {
        let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        for (text, extension, names, filter) in [
            ("USERNAME", None, "userName", false),
            ("name.GIVENNAME", None, "name.givenName", false),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName",
                None,
                "name.givenName",
                false,
            ),
            (enterprise, Some("EnterpriseUser"), "", false),
            (&format!("{enterprise}:department"), Some("EnterpriseUser"), "department", false),
            (
                &format!("{enterprise}:manager.value").to_uppercase(),
                Some("EnterpriseUser"),
                "manager.value",
                false,
            ),
            ("urn:scim:wso2:schema:accountLocked", Some("AccountState"), "accountLocked", false),
            ("emails[type eq \"work\"]", None, "emails", true),
            ("emails[type eq \"work\" and not (value pr)].value", None, "emails.value", true),
            ("meta.created", None, "meta.created", false),
        ] {
            assert_eq!(read(text), Ok((extension, names.to_owned(), filter)), "{text}");
        }
    }

    #[test]
    fn what_is_nowhere_is_refused() {
        for bad in [
            "",
            " ",
            "nosuch",
            "name.nosuch",
            "name.givenName.x",
            "userName[a pr]",
            "name[a pr]",
            "emails[",
            "emails[]",
            "emails[type eq \"work\"]x",
            "emails[type eq \"work\"].",
            "emails.value[type pr]",
            "urn:scim:wso2:schema:nosuch",
            "urn:nosuch:a",
            "urn:scim:wso2:schemaaccountLocked",
        ] {
            let refused = read(bad).expect_err(bad);
            assert_eq!(refused.kind, Some("invalidPath"), "{bad}: {refused:?}");
        }
        let unknown = read("emails[nosuch pr]").expect_err("unknown");
        assert_eq!(unknown.kind, Some("invalidFilter"));
    }
}
