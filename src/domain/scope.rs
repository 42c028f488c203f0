//! What a token is for: the words that stand in it, and what they allow.

use std::collections::BTreeSet;

use crate::domain::operation::{Operation, Operations};
use crate::domain::permission::Permission;

/// The scope of everything that the owner may do.
pub const EVERYTHING: &str = "*";

/// The longest scope, in bytes.
pub const MAX_SCOPE_BYTES: usize = 64;

/// What a token may be used for.
///
/// Words that name nothing here are another program's, and allow nothing here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scopes {
    everything: bool,
    operations: Operations,
    others: BTreeSet<String>,
}

impl Scopes {
    /// What these words are for.
    pub fn of<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        let mut scopes = Self::default();
        for word in words {
            let word = word.as_ref();
            if word == EVERYTHING {
                scopes.everything = true;
            } else if let Some(operations) = operations_of(word) {
                scopes.operations = scopes.operations.union(operations);
            } else {
                scopes.others.insert(word.to_owned());
            }
        }
        scopes
    }

    /// Whether they are for everything.
    pub const fn are_everything(&self) -> bool {
        self.everything
    }

    /// Whether they are for all of this.
    pub fn allow(&self, wanted: impl Into<Operations>) -> bool {
        self.everything || self.operations.contain(wanted.into())
    }

    /// Whether they are for all that the others are for.
    pub fn include(&self, others: &Self) -> bool {
        let named = !others.everything
            && self.operations.contain(others.operations)
            && self.others.is_superset(&others.others);
        self.everything || named
    }

    /// What they allow of this.
    pub fn narrow(&self, operations: Operations) -> Operations {
        if self.everything { operations } else { self.operations.intersection(operations) }
    }

    /// What they name of what is done here, `*` aside.
    pub const fn operations(&self) -> Operations {
        self.operations
    }

    /// What both they and these are for.
    #[must_use]
    pub fn intersection(self, others: Self) -> Self {
        match (self.everything, others.everything) {
            (true, _) => others,
            (_, true) => self,
            (false, false) => Self {
                everything: false,
                operations: self.operations.intersection(others.operations),
                others: self.others.intersection(&others.others).cloned().collect(),
            },
        }
    }

    /// What they are for inside a request that asks for many things at once.
    #[must_use]
    pub fn in_bulk(self) -> Self {
        Self { operations: self.operations.in_bulk(), ..self }
    }
}

/// Whether this has the form of a scope: a word of small letters, digits and
/// `. : _ -`, or `*`.
pub fn is_scope(text: &str) -> bool {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b':' | b'_' | b'-');
    let word = (1..=MAX_SCOPE_BYTES).contains(&text.len()) && text.bytes().all(plain);
    word || text == EVERYTHING
}

/// What a word other than `*` allows here, if it is one of ours or of WSO2's.
pub fn operations_of(word: &str) -> Option<Operations> {
    let ours = word.parse::<Permission>().ok().map(Permission::operations);
    ours.or_else(|| operations_of_wso2(word))
}

/// WSO2's words, as they stand before the prefix of an organisation is put in.
const WSO2: [(&str, &[Operation]); 17] = [
    ("user_mgt_create", &[Operation::CreateUser]),
    ("user_mgt_list", &[Operation::ListUsers]),
    ("user_mgt_view", &[Operation::ViewUser]),
    ("user_mgt_update", &[Operation::UpdateUser]),
    ("user_mgt_delete", &[Operation::DeleteUser]),
    ("group_mgt_create", &[Operation::CreateGroup]),
    ("group_mgt_list", &[Operation::ListGroups]),
    ("group_mgt_view", &[Operation::ViewGroup]),
    ("group_mgt_update", &[Operation::UpdateGroup]),
    ("group_mgt_delete", &[Operation::DeleteGroup]),
    (
        "bulk_resource_create",
        &[
            Operation::BulkCreateUsers,
            Operation::BulkUpdateUsers,
            Operation::BulkDeleteUsers,
            Operation::BulkCreateGroups,
            Operation::BulkUpdateGroups,
            Operation::BulkDeleteGroups,
        ],
    ),
    ("bulk_user_create", &[Operation::BulkCreateUsers]),
    ("bulk_user_update", &[Operation::BulkUpdateUsers]),
    ("bulk_user_delete", &[Operation::BulkDeleteUsers]),
    ("bulk_group_create", &[Operation::BulkCreateGroups]),
    ("bulk_group_update", &[Operation::BulkUpdateGroups]),
    ("bulk_group_delete", &[Operation::BulkDeleteGroups]),
];

fn operations_of_wso2(word: &str) -> Option<Operations> {
    let rest = word.strip_prefix("internal_")?;
    let rest = rest.strip_prefix("org_").unwrap_or(rest);
    let found = WSO2.iter().find(|(name, _)| *name == rest);
    found.map(|(_, operations)| Operations::of(operations))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;

    /// Every word that means something here.
    fn known() -> Vec<String> {
        let ours = Permission::ALL.iter().map(ToString::to_string);
        let wso2 = WSO2
            .iter()
            .flat_map(|(name, _)| [format!("internal_{name}"), format!("internal_org_{name}")]);
        ours.chain(wso2).collect()
    }

    fn words() -> impl Strategy<Value = Vec<String>> {
        let mut all = known();
        all.extend(["*", "reports:read", "internal_user_mgt", "users"].map(str::to_owned));
        subsequence(all, 0..6)
    }

    #[test]
    fn a_scope_of_wso2_allows_exactly_its_operation() {
        for (name, operations) in WSO2 {
            for word in [format!("internal_{name}"), format!("internal_org_{name}")] {
                assert!(is_scope(&word), "{word}");
                let scopes = Scopes::of([&word]);
                for operation in Operation::ALL {
                    let expected = operations.contains(operation);
                    assert_eq!(scopes.allow(*operation), expected, "{word} {operation:?}");
                }
            }
        }
        for word in
            ["user_mgt_create", "internal_", "internal_org_", "internal_org_org_user_mgt_list"]
        {
            assert_eq!(operations_of(word), None, "{word}");
        }
    }

    #[test]
    fn a_scope_of_ours_allows_what_the_permission_does() {
        for permission in Permission::ALL {
            let scopes = Scopes::of([permission.as_str()]);
            for operation in Operation::ALL {
                let expected = permission.operations().contain((*operation).into());
                assert_eq!(scopes.allow(*operation), expected, "{permission} {operation:?}");
            }
        }
    }

    proptest! {
        /// Property: scopes include others exactly where they are for everything, or the
        /// others are not and name nothing more; and what is included allows no more.
        #[test]
        fn what_is_included_is_no_more(one in words(), other in words()) {
            let (scopes, others) = (Scopes::of(&one), Scopes::of(&other));
            prop_assert!(scopes.include(&scopes));
            if other.iter().all(|word| one.contains(word)) {
                prop_assert!(scopes.include(&others));
            }
            if scopes.include(&others) {
                for operation in Operation::ALL {
                    prop_assert!(scopes.allow(*operation) || !others.allow(*operation));
                }
                prop_assert!(scopes.are_everything() || !others.are_everything());
                let foreign = "reports:read".to_owned();
                let held = one.contains(&foreign) || scopes.are_everything();
                prop_assert!(held || !other.contains(&foreign));
            }
        }

        /// Property: what both are for is what each is for, and no word more.
        #[test]
        fn what_both_are_for(one in words(), other in words()) {
            let (scopes, others) = (Scopes::of(&one), Scopes::of(&other));
            let both = scopes.clone().intersection(others.clone());
            prop_assert!(scopes.include(&both) && others.include(&both));
            for operation in Operation::ALL {
                let expected = scopes.allow(*operation) && others.allow(*operation);
                prop_assert_eq!(both.allow(*operation), expected);
            }
        }

        /// Property: what is narrowed is allowed, was there, and is all of that.
        #[test]
        fn narrowing_keeps_what_is_allowed(one in words(), operation in select(Operation::ALL)) {
            let scopes = Scopes::of(&one);
            let kept = scopes.narrow(operation.into());
            prop_assert_eq!(!kept.is_empty(), scopes.allow(operation));
        }

        /// Property: only `*` and words of plain letters are scopes.
        #[test]
        fn a_scope_is_a_plain_word(text in "[a-z.:_-]{0,70}|[ -~]{0,8}|\\*") {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".:_-".contains(c);
            let word = !text.is_empty() && text.len() <= 64 && text.chars().all(plain);
            prop_assert_eq!(is_scope(&text), word || text == "*");
        }
    }
}
