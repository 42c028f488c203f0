//! What clients write, brought into the form that it is kept and compared in: names as
//! the schema spells them, values of the schema's kinds, nothing where nothing is said.

use serde_json::{Map, Value};

use super::flavour::Flavour;
use super::problem::Problem;
use super::schema::{Attribute, Kind, ResourceType};

/// A resource, or something in one.
pub(super) type Object = Map<String, Value>;

/// The preferred one of several.
pub(super) const PRIMARY: &str = "primary";

/// The value of an attribute; `None`: unassigned. What is read-only in it is left out.
pub(super) fn read(
    attribute: &'static Attribute,
    value: &Value,
    flavour: Flavour,
) -> Result<Option<Value>, Problem> {
    if !attribute.many {
        return one(attribute, value, flavour);
    }
    let all = match value {
        Value::Null => return Ok(None),
        Value::Array(all) => all.as_slice(),
        single => std::slice::from_ref(single),
    };
    let mut read: Vec<Value> = Vec::new();
    for value in all {
        if let Some(value) = one(attribute, value, flavour)?
            && !read.contains(&value)
        {
            read.push(value);
        }
    }
    if read.iter().filter(|value| is_primary(value)).count() > 1 {
        let name = attribute.name;
        return Err(Problem::value(format!("of {name}, no more than one is primary")));
    }
    Ok((!read.is_empty()).then_some(Value::Array(read)))
}

/// One of the values of an attribute.
pub(super) fn one(
    attribute: &'static Attribute,
    value: &Value,
    flavour: Flavour,
) -> Result<Option<Value>, Problem> {
    let wrong = |wanted: &str| Problem::value(format!("{} is {wanted}", attribute.name));
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Complex, Value::Object(object)) => complex(attribute, object, flavour),
        (Kind::Complex, _) => Err(wrong("an object")),
        (Kind::Boolean, value) => {
            let flag = flag(value, flavour).ok_or_else(|| wrong("true or false"))?;
            Ok(Some(flag.into()))
        }
        (Kind::Integer, Value::Number(_)) => Ok(Some(value.clone())),
        (Kind::Integer, _) => Err(wrong("a number")),
        // Its clients send instants as numbers, too.
        (Kind::String, Value::Number(number)) if flavour.is_wso2() => {
            Ok(Some(number.to_string().into()))
        }
        (_, Value::String(text)) => Ok((!text.is_empty()).then(|| value.clone())),
        _ => Err(wrong("a string")),
    }
}

/// A flag. Some clients send it as a text; WSO2 takes any text but `true` for false.
fn flag(value: &Value, flavour: Flavour) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::String(_) if flavour.is_wso2() => Some(false),
        _ => None,
    }
}

fn complex(
    attribute: &'static Attribute,
    object: &Object,
    flavour: Flavour,
) -> Result<Option<Value>, Problem> {
    let mut read = Object::new();
    for (name, value) in object {
        // What nobody here knows is passed over, as the standard has it.
        let Some(sub) = attribute.sub(name).filter(|sub| !sub.is_read_only()) else { continue };
        if let Some(value) = self::read(sub, value, flavour)? {
            read.insert(sub.name.to_owned(), value);
        }
    }
    Ok((!read.is_empty()).then_some(Value::Object(read)))
}

pub(super) fn is_primary(value: &Value) -> bool {
    value.get(PRIMARY) == Some(&Value::Bool(true))
}

/// A whole resource as it was sent, without what is read-only and what is unknown.
pub(super) fn resource(
    kind: ResourceType,
    sent: &Object,
    flavour: Flavour,
) -> Result<Object, Problem> {
    let mut read = Object::new();
    for (name, value) in sent {
        if let Some(extension) = kind.extension(flavour, name) {
            let Some(values) = object_or_null(extension.urn, value)? else { continue };
            for (name, value) in values {
                if let Some(attribute) = extension.attribute(name) {
                    insert(&mut read, Some(extension.urn), attribute, value, flavour)?;
                }
            }
        } else if let Some(attribute) = kind.attribute(name)
            && attribute.name != "schemas"
        {
            insert(&mut read, None, attribute, value, flavour)?;
        }
    }
    for attribute in kind
        .schema()
        .attributes
        .iter()
        .filter(|attribute| attribute.required)
    {
        if !read.contains_key(attribute.name) {
            return Err(Problem::value(format!("{} is required", attribute.name)));
        }
    }
    Ok(read)
}

fn object_or_null<'a>(urn: &str, value: &'a Value) -> Result<Option<&'a Object>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::Object(values) => Ok(Some(values)),
        _ => Err(Problem::value(format!("{urn} is an object"))),
    }
}

fn insert(
    into: &mut Object,
    extension: Option<&str>,
    attribute: &'static Attribute,
    value: &Value,
    flavour: Flavour,
) -> Result<(), Problem> {
    if attribute.is_read_only() {
        return Ok(());
    }
    if let Some(value) = read(attribute, value, flavour)? {
        set(into, extension, attribute.name, Some(value));
    }
    Ok(())
}

/// What an attribute at the top, or at the top of an extension, is.
pub(super) fn get<'a>(of: &'a Object, extension: Option<&str>, name: &str) -> Option<&'a Value> {
    match extension {
        None => of.get(name),
        Some(urn) => of.get(urn)?.get(name),
    }
}

/// Sets it or takes it away; an extension without anything in it is none.
pub(super) fn set(of: &mut Object, extension: Option<&str>, name: &str, value: Option<Value>) {
    let Some(urn) = extension else { return put(of, name, value) };
    let mut own = match of.remove(urn) {
        Some(Value::Object(own)) => own,
        _ => Object::new(),
    };
    put(&mut own, name, value);
    if !own.is_empty() {
        of.insert(urn.to_owned(), Value::Object(own));
    }
}

fn put(of: &mut Object, name: &str, value: Option<Value>) {
    match value {
        Some(value) => of.insert(name.to_owned(), value),
        None => of.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "written in place")]
    fn read(sent: Value, flavour: Flavour) -> Result<Value, Problem> {
        let sent = sent.as_object().expect("an object");
        resource(ResourceType::User, sent, flavour).map(Value::Object)
    }

    #[test]
    fn names_are_spelled_as_the_schema_does_and_nothing_is_left_out() {
        let sent = json!({
            "USERNAME": "bob", "Name": { "GIVENNAME": "Bob", "familyName": null },
            "emails": { "value": "a@b.c" }, "nickName": "", "phoneNumbers": [],
            "id": "7", "groups": [{ "value": "1" }], "what": 1,
            "URN:IETF:params:scim:schemas:extension:enterprise:2.0:user": { "department": "D" },
        });
        let expected = json!({
            "userName": "bob", "name": { "givenName": "Bob" }, "emails": [{ "value": "a@b.c" }],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "D" },
        });
        assert_eq!(read(sent, Flavour::Strict), Ok(expected));
    }

    #[test]
    fn values_are_of_their_kinds() {
        for (wrong, name) in [
            (json!({ "userName": 1 }), "userName"),
            (json!({ "userName": "a", "active": "maybe" }), "active"),
            (json!({ "userName": "a", "name": "A" }), "name"),
            (json!({ "userName": "a", "emails": ["a@b.c"] }), "emails"),
            (json!({}), "userName"),
        ] {
            let problem = read(wrong, Flavour::Strict).expect_err(name);
            assert_eq!(problem.kind, Some("invalidValue"));
            assert!(problem.words.contains(name), "{problem:?}");
        }
        let two = json!([{ "value": "a", "primary": true }, { "value": "b", "primary": "True" }]);
        assert!(read(json!({ "userName": "a", "emails": two }), Flavour::Strict).is_err());
        let wso2 = read(json!({ "userName": "a", "active": "yes" }), Flavour::Wso2);
        assert_eq!(wso2, Ok(json!({ "userName": "a", "active": false })));
    }
}
