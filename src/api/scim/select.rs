//! Which attributes of a resource are shown: `attributes`, `excludedAttributes`.

use serde_json::{Value, json};

use super::flavour::Flavour;
use super::path::{Place, place};
use super::problem::Problem;
use super::schema::{Attribute, ResourceType, Returned};
use super::value::{self, Object};

/// More names than there are.
const MAX_NAMES: usize = 200;

/// Which attributes somebody wants to see.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Select {
    /// Those that are shown by default.
    #[default]
    Default,
    Only(Vec<String>),
    Without(Vec<String>),
}

impl Select {
    /// Of names as they stand in an address or a request; at most one of the two.
    pub(super) fn of(
        only: Option<Vec<String>>,
        without: Option<Vec<String>>,
    ) -> Result<Self, Problem> {
        let bounded = |names: Vec<String>| {
            if names.len() > MAX_NAMES {
                return Err(Problem::value(format!("at most {MAX_NAMES} attributes are named")));
            }
            Ok(names)
        };
        Ok(match (only, without) {
            (Some(_), Some(_)) => {
                let words = "either attributes are named or excludedAttributes, not both";
                return Err(Problem::value(words));
            }
            (Some(only), None) => Self::Only(bounded(only)?),
            (None, Some(without)) => Self::Without(bounded(without)?),
            (None, None) => Self::Default,
        })
    }

    /// Names that stand in one text.
    pub(super) fn names(text: &str) -> Option<Vec<String>> {
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        let names: Vec<_> = names.map(str::to_owned).collect();
        (!names.is_empty()).then_some(names)
    }

    /// Whether this attribute at the top may be shown at all.
    pub(super) fn wants(&self, kind: ResourceType, flavour: Flavour, name: &str) -> bool {
        let wanted = self.read(kind, flavour);
        let attribute = kind.attribute(name);
        attribute.is_some_and(|attribute| wanted.part(None, attribute).is_some())
    }

    /// The resource as it is shown.
    pub(super) fn show(&self, kind: ResourceType, flavour: Flavour, resource: &Object) -> Value {
        let wanted = self.read(kind, flavour);
        let mut shown = Object::new();
        let mut schemas = vec![json!(kind.schema().urn)];
        let top = super::schema::COMMON.iter().chain(kind.schema().attributes);
        for attribute in top.filter(|attribute| attribute.name != "schemas") {
            let part = wanted.part(None, attribute);
            let value = resource.get(attribute.name).zip(part);
            let value = value.and_then(|(value, part)| part.of(attribute, flavour, value));
            value::set(&mut shown, None, attribute.name, value);
        }
        for extension in kind.extensions(flavour) {
            for attribute in extension.attributes {
                let part = wanted.part(Some(extension.urn), attribute);
                let value = value::get(resource, Some(extension.urn), attribute.name);
                let value = value.zip(part);
                let value = value.and_then(|(value, part)| part.of(attribute, flavour, value));
                value::set(&mut shown, Some(extension.urn), attribute.name, value);
            }
            if shown.contains_key(extension.urn) {
                schemas.push(json!(extension.urn));
            }
        }
        shown.insert("schemas".to_owned(), schemas.into());
        Value::Object(shown)
    }

    /// The places that are named. Names that mean nothing here are passed over.
    fn read(&self, kind: ResourceType, flavour: Flavour) -> Wanted {
        let places = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| place(kind, flavour, name).ok())
                .collect()
        };
        match self {
            Self::Default => Wanted::Default,
            Self::Only(names) => Wanted::Only(places(names)),
            Self::Without(names) => Wanted::Without(places(names)),
        }
    }
}

enum Wanted {
    Default,
    Only(Vec<Place>),
    Without(Vec<Place>),
}

/// What of an attribute is shown.
enum Part {
    All,
    Only(Vec<&'static str>),
    Without(Vec<&'static str>),
}

/// Which places are about an attribute: all of it, or parts of it.
fn about(
    places: &[Place],
    extension: Option<&str>,
    attribute: &Attribute,
) -> (bool, Vec<&'static str>) {
    let own = places
        .iter()
        .filter(|place| place.extension.map(|schema| schema.urn) == extension);
    let (mut whole, mut parts) = (false, Vec::new());
    for place in own {
        match (place.attribute, place.sub) {
            (None, _) => whole = true,
            (Some(named), None) if named.name == attribute.name => whole = true,
            (Some(named), Some(sub)) if named.name == attribute.name => parts.push(sub.name),
            _ => {}
        }
    }
    (whole, parts)
}

impl Wanted {
    fn part(&self, extension: Option<&str>, attribute: &Attribute) -> Option<Part> {
        match (attribute.returned, self) {
            (Returned::Never, _) => None,
            (Returned::Always, _) | (Returned::Default, Self::Default) => Some(Part::All),
            (Returned::Request, Self::Default | Self::Without(_)) => None,
            (_, Self::Only(places)) => match about(places, extension, attribute) {
                (true, _) => Some(Part::All),
                (false, parts) if parts.is_empty() => None,
                (false, parts) => Some(Part::Only(parts)),
            },
            (_, Self::Without(places)) => match about(places, extension, attribute) {
                (true, _) => None,
                (false, parts) => Some(Part::Without(parts)),
            },
        }
    }
}

impl Part {
    fn of(&self, attribute: &Attribute, flavour: Flavour, value: &Value) -> Option<Value> {
        // WSO2 shows what is called members with all their parts.
        let by_default = |name: &str| {
            let sub = attribute.sub(name);
            flavour.is_wso2() || sub.is_none_or(|sub| sub.returned != Returned::Request)
        };
        let keeps = |name: &str| match self {
            Self::All => by_default(name),
            Self::Only(parts) => parts.contains(&name),
            Self::Without(parts) => by_default(name) && !parts.contains(&name),
        };
        match value {
            Value::Object(parts) => {
                let kept = parts.iter().filter(|(name, _)| keeps(name));
                let kept: Object = kept
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(all) => {
                let kept: Vec<Value> = all
                    .iter()
                    .filter_map(|value| self.of(attribute, flavour, value))
                    .collect();
                (!kept.is_empty()).then_some(kept.into())
            }
            value => Some(value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(select: &Select) -> Value {
        let user = json!({
            "id": "7", "userName": "bob", "password": "x",
            "name": { "givenName": "B", "familyName": "O" }, "emails": [{ "value": "a", "type": "b" }],
            "urn:scim:wso2:schema": { "accountLocked": true, "accountState": "LOCKED" },
        });
        let user = user.as_object().expect("an object");
        select.show(ResourceType::User, Flavour::Strict, user)
    }

    fn names(text: &str) -> Option<Vec<String>> {
        Select::names(text)
    }

    #[test]
    fn what_is_named_is_shown() {
        let only = |text| shown(&Select::Only(names(text).expect("names")));
        let core = "urn:ietf:params:scim:schemas:core:2.0:User";
        let wso2 = "urn:scim:wso2:schema";
        assert_eq!(
            only("USERNAME, name.givenName,nosuch"),
            json!({ "schemas": [core], "id": "7", "userName": "bob", "name": { "givenName": "B" } })
        );
        assert_eq!(
            only("urn:scim:wso2:schema:accountState,password"),
            json!({ "schemas": [core, wso2], "id": "7", wso2: { "accountState": "LOCKED" } })
        );
        assert_eq!(only("emails.type")["emails"], json!([{ "type": "b" }]));
    }

    #[test]
    fn what_is_excluded_is_left_out() {
        let without = shown(&Select::Without(names("emails,id,name.givenName").expect("names")));
        assert_eq!((&without["emails"], &without["id"]), (&Value::Null, &json!("7")));
        assert_eq!(without["name"], json!({ "familyName": "O" }));
        assert_eq!(without["urn:scim:wso2:schema"], json!({ "accountLocked": true }));
        assert!(Select::of(names("a"), names("b")).is_err());
        assert!(shown(&Select::Default).get("password").is_none());
    }
}
