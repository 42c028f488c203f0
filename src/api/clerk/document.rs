//! What is kept of a person in Clerk's words: metadata, further e-mail addresses, and
//! what we only remember.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::account::Account;
use crate::domain::login::fold_email;

/// What it is kept under.
pub(super) const INTERFACE: &str = "clerk";

/// The kinds of metadata, as requests and users name them.
pub(super) const METADATA: [&str; 3] = ["public_metadata", "private_metadata", "unsafe_metadata"];

/// What Clerk's clients may set, and what means nothing here: it is shown as it was set.
pub(super) const REMEMBERED: [&str; 5] = [
    "delete_self_enabled",
    "create_organization_enabled",
    "create_organizations_limit",
    "legal_accepted_at",
    "bypass_client_trust",
];

/// What is kept in an account's documents.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Document {
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
    /// Addresses beside the primary one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) emails: Vec<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) remembered: Map<String, Value>,
}

impl Document {
    /// What an account has. What can't be read was not written here, and is nothing.
    pub(super) fn of(account: &Account) -> Self {
        let kept = account.details.documents.get(INTERFACE);
        kept.and_then(|kept| Self::deserialize(kept).ok())
            .unwrap_or_default()
    }

    /// As it is kept; `None` where there is nothing to keep.
    pub(super) fn to_value(&self) -> Option<Value> {
        let empty = *self == Self::default();
        serde_json::to_value(self).ok().filter(|_| !empty)
    }

    /// One kind of metadata.
    pub(super) fn metadata(&self, kind: &str) -> Value {
        let found = self.metadata.get(kind).cloned();
        found.unwrap_or_else(|| Value::Object(Map::new()))
    }

    pub(super) fn replace_metadata(&mut self, kind: &str, with: Map<String, Value>) {
        if with.is_empty() {
            self.metadata.remove(kind);
        } else {
            self.metadata.insert(kind.to_owned(), with.into());
        }
    }

    /// As RFC 7396 merges: what is null goes.
    pub(super) fn merge_metadata(&mut self, kind: &str, patch: &Map<String, Value>) {
        let mut merged = self.metadata(kind);
        merge_object(&mut merged, patch);
        if let Value::Object(merged) = merged {
            self.replace_metadata(kind, merged);
        }
    }

    /// Makes this address the primary one's companion no more, or one.
    pub(super) fn change_primary(&mut self, old: Option<&str>, new: &str) {
        self.emails.retain(|email| !same(email, new));
        if let Some(old) = old.filter(|old| !same(old, new)) {
            self.emails.insert(0, old.to_owned());
        }
    }
}

/// Whether two spellings are one address.
pub(super) fn same(a: &str, b: &str) -> bool {
    fold_email(a) == fold_email(b)
}

/// A JSON merge patch.
fn merge(target: &mut Value, patch: &Value) {
    match patch {
        Value::Object(patch) => merge_object(target, patch),
        other => *target = other.clone(),
    }
}

fn merge_object(target: &mut Value, patch: &Map<String, Value>) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Any JSON that is not too deep.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]{1,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn merged(target: &Value, patch: &Value) -> Value {
        let mut target = target.clone();
        merge(&mut target, patch);
        target
    }

    /// Whether an object has a null in it that a merge would have taken out. Those in
    /// arrays stay.
    fn has_null(value: &Value) -> bool {
        let Value::Object(fields) = value else { return false };
        fields
            .values()
            .any(|value| value.is_null() || has_null(value))
    }

    proptest! {
        /// Laws of RFC 7396: the same patch twice is the patch once; what is no object
        /// replaces; nothing that is patched onto nothing leaves a null.
        #[test]
        fn merging_follows_its_laws(target in value(), patch in value()) {
            let once = merged(&target, &patch);
            prop_assert_eq!(&merged(&once, &patch), &once);
            if !patch.is_object() {
                prop_assert_eq!(&once, &patch);
            }
            prop_assert!(!has_null(&merged(&Value::Null, &patch)));
            prop_assert_eq!(merged(&target, &json!({})).is_object(), true);
        }

        /// What a patch does not name stays as it was, and what it names is as it says.
        #[test]
        fn merging_changes_what_is_named_alone(target in value(), patch in value()) {
            let (Value::Object(before), Value::Object(named)) = (&target, &patch) else {
                return Ok(());
            };
            let after = merged(&target, &patch);
            for (name, value) in before {
                if !named.contains_key(name) {
                    prop_assert_eq!(&after[name], value);
                }
            }
            for (name, value) in named {
                if value.is_null() {
                    prop_assert!(after.get(name).is_none());
                } else if !value.is_object() {
                    prop_assert_eq!(&after[name], value);
                }
            }
        }
    }

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn merging_does_as_the_rfc_shows() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a":"b"}), json!(["c"]), json!(["c"])),
            (json!({"a":"foo"}), json!(null), json!(null)),
            (json!({"a":"foo"}), json!("bar"), json!("bar")),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            assert_eq!(merged(&target, &patch), result, "{target} and {patch}");
        }
    }
}
