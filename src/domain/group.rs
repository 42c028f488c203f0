//! Groups of people.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::permission::Permissions;
use crate::domain::standing::Version;
use crate::domain::time::Timestamp;

/// The longest name of a group, in characters.
pub const MAX_GROUP_NAME_CHARS: usize = 256;

/// A group's number, the same in every interface; never given out again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct GroupId(i64);

impl GroupId {
    /// The number itself, 1 or more.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for GroupId {
    type Error = InvalidGroup;

    fn try_from(number: i64) -> Result<Self, InvalidGroup> {
        if number > 0 { Ok(Self(number)) } else { Err(InvalidGroup::NotPositive) }
    }
}

impl From<GroupId> for i64 {
    fn from(id: GroupId) -> Self {
        id.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a group is called. Several may be called the same: their numbers tell them
/// apart.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupName(String);

impl GroupName {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// If nothing is left of it, it is too long, or no page could show it.
    pub fn new(name: &str) -> Result<Self, InvalidGroup> {
        let name = name.trim();
        let fits = (1..=MAX_GROUP_NAME_CHARS).contains(&name.chars().count());
        if !fits || name.chars().any(char::is_control) {
            return Err(InvalidGroup::Name);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for GroupName {
    type Error = InvalidGroup;

    fn try_from(name: String) -> Result<Self, InvalidGroup> {
        Self::new(&name)
    }
}

impl From<GroupName> for String {
    fn from(name: GroupName) -> Self {
        name.0
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why something can't be of a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidGroup {
    /// Nothing that people could tell it by.
    #[error("a group's name has 1 to {MAX_GROUP_NAME_CHARS} characters and no control characters")]
    Name,
    /// Numbers begin at 1.
    #[error("a group's number is 1 or more")]
    NotPositive,
}

/// A group's record, without its members: there may be very many.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Group {
    /// The number.
    pub id: GroupId,
    /// What people call it.
    pub name: GroupName,
    /// What another system knows it by.
    pub external_id: Option<String>,
    /// What its members may do beside what they may by themselves.
    pub permissions: Permissions,
    /// What interfaces keep of it in words of their own.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub document: Value,
    /// Raised by every change, also of who is in it.
    pub version: Version,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: a name is what was written without outer space, and forges no line.
        #[test]
        fn a_name_keeps_its_words(name in "\\s?\\PC{0,20}\n?\\PC{0,5}|x{254,258}") {
            let trimmed = name.trim();
            let plain = !trimmed.chars().any(char::is_control);
            let fits = (1..=MAX_GROUP_NAME_CHARS).contains(&trimmed.chars().count());
            let read = GroupName::new(&name);
            let expected = Some(trimmed).filter(|_| plain && fits);
            prop_assert_eq!(read.as_ref().ok().map(GroupName::as_str), expected);
        }
    }

    #[test]
    fn numbers_begin_at_one() {
        assert_eq!(GroupId::try_from(0), Err(InvalidGroup::NotPositive));
        assert_eq!(GroupId::try_from(7).map(GroupId::get), Ok(7));
    }
}
