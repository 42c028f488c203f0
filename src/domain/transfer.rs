//! What becomes of a person's records when their account is deleted.
//!
//! An application's records are in modules: contacts, deals, invoices. Whoever
//! deletes an account says what goes to somebody else: everything, nothing, or some:
//! of each module all, none, or those that fit conditions. As JSON:
//!
//! ```
//! use portcullis::domain::transfer::Transfer;
//!
//! let some = r#"{
//!     "records": "some",
//!     "receiver": 7,
//!     "modules": {
//!         "contacts": "all",
//!         "invoices": "none",
//!         "deals": [{ "field": "status", "is": "open" }, { "field": "kind", "is_not": "trial" }]
//!     }
//! }"#;
//! for choice in [r#"{ "records": "nothing" }"#, r#"{ "records": "all", "receiver": 7 }"#, some] {
//!     serde_json::from_str::<Transfer>(choice).expect("a choice");
//! }
//! ```

mod condition;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::account::AccountId;

pub use self::condition::{
    Comparison, Condition, Conditions, MAX_CONDITIONS, MAX_FIELD_BYTES, MAX_VALUE_BYTES,
};

/// What goes to somebody else. There is no default: whoever deletes has to say.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Form", into = "Form")]
#[expect(clippy::exhaustive_enums, reason = "everything, nothing or some")]
pub enum Transfer {
    /// Every record of every module.
    All {
        /// Who gets them.
        receiver: AccountId,
    },
    /// No record: they stay with the deleted account.
    Nothing,
    /// What is chosen by module.
    Some {
        /// Who gets them.
        receiver: AccountId,
        /// What is chosen; of a module that is not named, no record.
        modules: BTreeMap<ModuleName, ModuleChoice>,
    },
}

/// Which records of a module go to somebody else.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "ChoiceForm", into = "ChoiceForm")]
#[expect(clippy::exhaustive_enums, reason = "all, none or some")]
pub enum ModuleChoice {
    /// All of them.
    All,
    /// None: they stay with the deleted account.
    None,
    /// Those that fit every condition.
    Where(Conditions),
}

/// What a configuration calls a module: small letters, digits, `-` and `_`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModuleName(String);

/// Why this is no choice.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTransfer {
    /// A condition compares with nothing, or with two values.
    #[error("a condition has either `is` or `is_not`")]
    Comparison,
    /// The name of a field is empty, too long or has control characters.
    #[error("the name of a field has 1 to {MAX_FIELD_BYTES} bytes and no control characters")]
    Field,
    /// Not the form of a module's name.
    #[error("{name:?} is not the name of a module: small letters, digits, - and _, at most 40")]
    Module {
        /// What was given.
        name: String,
    },
    /// Nothing is chosen by module.
    #[error("no module is named: name one, or transfer nothing")]
    NoModules,
    /// There is no condition, where there has to be one.
    #[error("a list of conditions is not empty: write \"all\" for all records")]
    NoConditions,
    /// Nobody gets the records.
    #[error("it is not said who gets the records")]
    NoReceiver,
    /// Something is said that does not belong to the choice.
    #[error("{word:?} goes with no {what}")]
    Needless {
        /// The choice.
        word: &'static str,
        /// What was said.
        what: &'static str,
    },
    /// Too many conditions.
    #[error("a module takes at most {MAX_CONDITIONS} conditions")]
    TooMany,
    /// A value is too long.
    #[error("a value has at most {MAX_VALUE_BYTES} bytes")]
    Value,
    /// A word that is no choice.
    #[error("{word:?} is no choice: it is \"all\", \"none\" or a list of conditions")]
    Word {
        /// What was given.
        word: String,
    },
}

// === impl Transfer ===

impl Transfer {
    /// Who gets records, if anybody.
    pub fn receiver(&self) -> Option<AccountId> {
        match self {
            Self::All { receiver } | Self::Some { receiver, .. } => Some(*receiver),
            Self::Nothing => None,
        }
    }

    /// Which records of a module go to the receiver.
    pub fn choice(&self, module: &ModuleName) -> ModuleChoice {
        match self {
            Self::All { .. } => ModuleChoice::All,
            Self::Nothing => ModuleChoice::None,
            Self::Some { modules, .. } => {
                modules.get(module).cloned().unwrap_or(ModuleChoice::None)
            }
        }
    }
}

/// As it is written.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Form {
    records: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receiver: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modules: Option<BTreeMap<ModuleName, ModuleChoice>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    All,
    Nothing,
    Some,
}

impl TryFrom<Form> for Transfer {
    type Error = InvalidTransfer;

    fn try_from(form: Form) -> Result<Self, InvalidTransfer> {
        let Form { records, receiver, modules } = form;
        match (records, receiver, modules) {
            (Word::Nothing, None, None) => Ok(Self::Nothing),
            (Word::Nothing, Some(_), _) => Err(needless("nothing", "receiver")),
            (Word::Nothing, None, Some(_)) => Err(needless("nothing", "modules")),
            (_, None, _) => Err(InvalidTransfer::NoReceiver),
            (Word::All, Some(receiver), None) => Ok(Self::All { receiver }),
            (Word::All, Some(_), Some(_)) => Err(needless("all", "modules")),
            (Word::Some, Some(receiver), Some(modules)) if !modules.is_empty() => {
                Ok(Self::Some { receiver, modules })
            }
            (Word::Some, Some(_), _) => Err(InvalidTransfer::NoModules),
        }
    }
}

fn needless(word: &'static str, what: &'static str) -> InvalidTransfer {
    InvalidTransfer::Needless { word, what }
}

impl From<Transfer> for Form {
    fn from(transfer: Transfer) -> Self {
        match transfer {
            Transfer::All { receiver } => {
                Self { records: Word::All, receiver: Some(receiver), modules: None }
            }
            Transfer::Nothing => Self { records: Word::Nothing, receiver: None, modules: None },
            Transfer::Some { receiver, modules } => {
                Self { records: Word::Some, receiver: Some(receiver), modules: Some(modules) }
            }
        }
    }
}

// === impl ModuleChoice ===

impl ModuleChoice {
    /// The conditions that a record has to fit, if there are any.
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Self::All | Self::None => &[],
            Self::Where(conditions) => &conditions.0,
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum ChoiceForm {
    Word(String),
    Conditions(Vec<Condition>),
}

impl TryFrom<ChoiceForm> for ModuleChoice {
    type Error = InvalidTransfer;

    fn try_from(form: ChoiceForm) -> Result<Self, InvalidTransfer> {
        match form {
            ChoiceForm::Word(word) if word == "all" => Ok(Self::All),
            ChoiceForm::Word(word) if word == "none" => Ok(Self::None),
            ChoiceForm::Word(word) => Err(InvalidTransfer::Word { word }),
            ChoiceForm::Conditions(conditions) => Conditions::new(conditions).map(Self::Where),
        }
    }
}

impl From<ModuleChoice> for ChoiceForm {
    fn from(choice: ModuleChoice) -> Self {
        match choice {
            ModuleChoice::All => Self::Word("all".to_owned()),
            ModuleChoice::None => Self::Word("none".to_owned()),
            ModuleChoice::Where(conditions) => Self::Conditions(conditions.0),
        }
    }
}

// === impl ModuleName ===

impl ModuleName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ModuleName {
    type Error = InvalidTransfer;

    fn try_from(name: String) -> Result<Self, InvalidTransfer> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
        if begins && name.len() <= 40 && name.chars().all(plain) {
            Ok(Self(name))
        } else {
            Err(InvalidTransfer::Module { name })
        }
    }
}

impl FromStr for ModuleName {
    type Err = InvalidTransfer;

    fn from_str(name: &str) -> Result<Self, InvalidTransfer> {
        name.to_owned().try_into()
    }
}

impl From<ModuleName> for String {
    fn from(name: ModuleName) -> Self {
        name.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<Transfer, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_contradicts_itself_is_no_choice() {
        for (json, why) in [
            ("{}", "missing field `records`"),
            (r#"{"records":"most"}"#, "unknown variant"),
            (r#"{"records":"all"}"#, "who gets"),
            (r#"{"records":"some","receiver":7}"#, "no module is named"),
            (r#"{"records":"some","receiver":7,"modules":{}}"#, "no module is named"),
            (r#"{"records":"nothing","receiver":7}"#, "goes with no receiver"),
            (r#"{"records":"nothing","modules":{}}"#, "goes with no modules"),
            (r#"{"records":"all","receiver":7,"modules":{"a":"all"}}"#, "goes with no modules"),
            (r#"{"records":"all","receiver":0}"#, "1 or more"),
            (r#"{"records":"some","receiver":7,"modules":{"A":"all"}}"#, "not the name"),
            (r#"{"records":"some","receiver":7,"modules":{"a":"most"}}"#, "is no choice"),
            (r#"{"records":"some","receiver":7,"modules":{"a":[]}}"#, "not empty"),
            (r#"{"records":"all","receiver":7,"more":1}"#, "unknown field"),
        ] {
            let refused = read(json).expect_err(json);
            assert!(refused.contains(why), "{json}: {refused}");
        }
        let both = r#"{"field":"a","is":"1","is_not":"2"}"#;
        assert!(serde_json::from_str::<Condition>(both).is_err());
    }

    #[test]
    fn a_module_that_is_not_named_keeps_its_records() {
        let some = read(r#"{"records":"some","receiver":7,"modules":{"a":"all"}}"#).expect("one");
        let name = |name: &str| name.parse::<ModuleName>().expect("a name");
        assert_eq!(some.choice(&name("a")), ModuleChoice::All);
        assert_eq!(some.choice(&name("b")), ModuleChoice::None);
        assert_eq!(Transfer::Nothing.choice(&name("a")), ModuleChoice::None);
    }

    #[test]
    fn conditions_are_read_as_people_write_them() {
        for (text, field, comparison, value) in [
            ("status is open", "status", Comparison::Is, "open"),
            ("status is not open", "status", Comparison::IsNot, "open"),
            ("deal size is not too big", "deal size", Comparison::IsNot, "too big"),
            ("status is ", "status", Comparison::Is, ""),
            ("status is", "status", Comparison::Is, ""),
            ("status is not", "status", Comparison::IsNot, ""),
            ("a is b is c", "a", Comparison::Is, "b is c"),
        ] {
            let read: Condition = text.parse().expect(text);
            assert_eq!((read.field(), read.comparison(), read.value()), (field, comparison, value));
        }
        for bad in ["", "status", "is open", " is open", "status = open", "a\nb is c"] {
            assert!(bad.parse::<Condition>().is_err(), "{bad:?}");
        }
    }

    fn conditions() -> impl Strategy<Value = Condition> {
        ("[a-z ';\"]{1,20}", any::<bool>(), ".{0,40}").prop_map(|(field, is, value)| {
            let comparison = if is { Comparison::Is } else { Comparison::IsNot };
            Condition::new(&field, comparison, &value).expect("a condition")
        })
    }

    fn choices() -> impl Strategy<Value = ModuleChoice> {
        prop_oneof![
            Just(ModuleChoice::All),
            Just(ModuleChoice::None),
            proptest::collection::vec(conditions(), 1..5)
                .prop_map(|all| ModuleChoice::Where(Conditions::new(all).expect("some"))),
        ]
    }

    proptest! {
        /// Property: a choice reads back from its JSON as it was.
        #[test]
        fn a_choice_reads_back(
            receiver in 1_i64..1000,
            modules in proptest::collection::btree_map("[a-z][a-z0-9_-]{0,39}", choices(), 1..5),
        ) {
            let receiver = AccountId::try_from(receiver).expect("a number");
            let modules = modules.into_iter()
                .map(|(name, choice)| (name.parse().expect("a name"), choice))
                .collect();
            for transfer in [
                Transfer::Nothing,
                Transfer::All { receiver },
                Transfer::Some { receiver, modules },
            ] {
                let json = serde_json::to_string(&transfer).expect("JSON");
                prop_assert_eq!(read(&json), Ok(transfer));
            }
        }

        /// Property: of two conditions that differ in the word alone, exactly one fits.
        #[test]
        fn is_not_takes_what_is_leaves(field in "[a-z]{1,9}", wanted in ".{0,9}", value: Option<String>) {
            let fits = |comparison| {
                let condition = Condition::new(&field, comparison, &wanted).expect("a condition");
                condition.fits(value.as_deref())
            };
            prop_assert_ne!(fits(Comparison::Is), fits(Comparison::IsNot));
        }
    }
}
