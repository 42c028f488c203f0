//! What is asked for, one by one: finer than the permissions that people are given.

use std::fmt;

use crate::domain::permission::Permission;

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One thing that an interface lets somebody do.
        ///
        /// A permission allows several of them; a scope of another system exactly its
        /// own.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$doc])* $name,)*
        }

        impl Operation {
            /// Every operation, in the order in which they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

operations! {
    /// To list and search people.
    ListUsers,
    /// To see one person with every field.
    ViewUser,
    /// To lift what failed sign-ins laid.
    UnlockUser,
    /// To make an account.
    CreateUser,
    /// To change an account: names, locks, disablement, sessions, devices.
    UpdateUser,
    /// To delete an account for good.
    DeleteUser,
    /// To list and search groups.
    ListGroups,
    /// To see one group with its members.
    ViewGroup,
    /// To make a group.
    CreateGroup,
    /// To change a group and who is in it.
    UpdateGroup,
    /// To delete a group.
    DeleteGroup,
    /// To make accounts, many in one request.
    BulkCreateUsers,
    /// To change accounts, many in one request.
    BulkUpdateUsers,
    /// To delete accounts, many in one request.
    BulkDeleteUsers,
    /// To make groups, many in one request.
    BulkCreateGroups,
    /// To change groups, many in one request.
    BulkUpdateGroups,
    /// To delete groups, many in one request.
    BulkDeleteGroups,
    /// To see the settings.
    ReadSettings,
    /// To change the settings.
    ChangeSettings,
    /// To read the audit log, and to check that nobody altered it.
    ReadAudit,
    /// To make, list and revoke others' tokens, and to administer applications.
    ManageTokens,
    /// To read the figures.
    ReadMetrics,
    /// To ask about standings, and to follow the feed of their changes.
    ReadFeed,
}

/// What many at once are to one.
const BULK: [(Operation, Operation); 6] = [
    (Operation::BulkCreateUsers, Operation::CreateUser),
    (Operation::BulkUpdateUsers, Operation::UpdateUser),
    (Operation::BulkDeleteUsers, Operation::DeleteUser),
    (Operation::BulkCreateGroups, Operation::CreateGroup),
    (Operation::BulkUpdateGroups, Operation::UpdateGroup),
    (Operation::BulkDeleteGroups, Operation::DeleteGroup),
];

/// A set of operations.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Operations(u32);

impl Operations {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// All of these.
    pub(crate) const fn of(operations: &[Operation]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < operations.len() {
            set |= 1 << operations[at] as u32;
            at += 1;
        }
        Self(set)
    }

    /// Those of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of these are in it. None of them always are.
    pub const fn contain(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, in the order in which they are declared.
    pub fn iter(self) -> impl Iterator<Item = Operation> {
        let all = Operation::ALL.iter().copied();
        all.filter(move |operation| self.contain((*operation).into()))
    }

    /// What is allowed inside a request that asks for many things at once: each of what
    /// may be done there, and what only reads.
    #[must_use]
    pub fn in_bulk(self) -> Self {
        let single: Vec<Operation> = BULK.iter().map(|(_, single)| *single).collect();
        let allowed = BULK
            .iter()
            .filter(|(bulk, _)| self.contain((*bulk).into()))
            .map(|(_, single)| Self::from(*single))
            .fold(Self::NONE, Self::union);
        Self(self.0 & !Self::of(&single).0).union(allowed)
    }
}

impl From<Operation> for Operations {
    fn from(operation: Operation) -> Self {
        Self::of(&[operation])
    }
}

/// All that the permission allows.
impl From<Permission> for Operations {
    fn from(permission: Permission) -> Self {
        permission.operations()
    }
}

impl FromIterator<Operation> for Operations {
    fn from_iter<I: IntoIterator<Item = Operation>>(operations: I) -> Self {
        let sets = operations.into_iter().map(Self::from);
        sets.fold(Self::NONE, Self::union)
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    fn some() -> impl Strategy<Value = Vec<Operation>> {
        subsequence(Operation::ALL.to_vec(), 0..=Operation::ALL.len())
    }

    proptest! {
        /// Property: a set is the operations that were put into it, whatever is done
        /// with it.
        #[test]
        fn a_set_is_what_was_put_into_it(one in some(), other in some()) {
            let set: Operations = one.iter().copied().collect();
            let others: Operations = other.iter().copied().collect();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), &one[..]);
            for operation in Operation::ALL {
                let (a, b) = (one.contains(operation), other.contains(operation));
                let in_set = |set: Operations| set.contain((*operation).into());
                prop_assert_eq!(in_set(set.union(others)), a || b);
                prop_assert_eq!(in_set(set.intersection(others)), a && b);
            }
            let all_there = other.iter().all(|operation| one.contains(operation));
            prop_assert_eq!(set.contain(others), all_there);
            prop_assert_eq!(set.is_empty(), one.is_empty());
        }

        /// Property: in a bulk, what changes something is allowed exactly by what is for
        /// bulks, and the rest as ever.
        #[test]
        fn a_bulk_allows_what_is_for_bulks(held in some()) {
            let set: Operations = held.iter().copied().collect();
            for operation in Operation::ALL {
                let bulk = BULK.iter().find(|(_, single)| single == operation);
                let expected = held.contains(bulk.map_or(operation, |(bulk, _)| bulk));
                prop_assert_eq!(set.in_bulk().contain((*operation).into()), expected);
            }
        }
    }
}
