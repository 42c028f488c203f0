//! What can be done, by what it is about, for people to choose from.

use crate::domain::event::Action;

/// Actions that are about the same.
pub(super) struct Area {
    pub(super) name: &'static str,
    pub(super) actions: Vec<Listed>,
}

/// An action to choose.
pub(super) struct Listed {
    /// As addresses and the log write it.
    pub(super) word: &'static str,
    pub(super) name: &'static str,
    pub(super) is_chosen: bool,
}

/// Every action in words, with this one chosen.
pub(super) fn areas(chosen: &str) -> Vec<Area> {
    let listed = |(action, name): &(Action, &'static str)| {
        let word = action.as_str();
        Listed { word, name, is_chosen: word == chosen }
    };
    let area = |(name, actions): &(&'static str, &[(Action, &'static str)])| Area {
        name,
        actions: actions.iter().map(listed).collect(),
    };
    AREAS.iter().map(area).collect()
}

const AREAS: [(&str, &[(Action, &str)]); 8] = [
    (
        "People",
        &[
            (Action::AccountCreated, "Added somebody"),
            (Action::AccountActivated, "Let an invited person in"),
            (Action::AccountUpdated, "Changed somebody's details"),
            (Action::AccountDeleted, "Deleted somebody"),
        ],
    ),
    (
        "Locks",
        &[
            (Action::AccountLocked, "Locked somebody"),
            (Action::AccountUnlocked, "Unlocked somebody"),
            (Action::AccountDisabled, "Disabled somebody"),
            (Action::AccountEnabled, "Enabled somebody"),
        ],
    ),
    (
        "Failed sign-ins",
        &[
            (Action::AccountLockedOut, "Lockout after failed sign-ins"),
            (Action::AccountLockedOutAtAddress, "Lockout at one address"),
            (Action::DeviceLockedOut, "Lockout of one known device"),
            (Action::AccountWouldBeLockedOut, "Lockout that was only noted"),
            (Action::AddressUnlocked, "Let an address try again"),
        ],
    ),
    (
        "Passwords and sessions",
        &[
            (Action::PasswordSet, "Set a password"),
            (Action::PasswordRemoved, "Took a password away"),
            (Action::PasswordRehashed, "Kept a password as another hash"),
            (Action::InvitationCreated, "Made an invitation link"),
            (Action::SessionEnded, "Ended a session"),
            (Action::SessionsEnded, "Signed somebody out everywhere"),
            (Action::DeviceForgotten, "Forgot a device"),
        ],
    ),
    (
        "Deletions",
        &[
            (Action::DeletionBegun, "Began a deletion"),
            (Action::DeletionResumed, "Went on with a deletion"),
            (Action::DeletionCancelled, "Called a deletion off"),
            (Action::RecordsTransferred, "Gave records to somebody else"),
        ],
    ),
    (
        "Groups and bulk updates",
        &[
            (Action::GroupCreated, "Made a group"),
            (Action::GroupUpdated, "Changed a group"),
            (Action::GroupDeleted, "Deleted a group"),
            (Action::RunBegun, "Began a bulk update"),
            (Action::RunResumed, "Went on with a bulk update"),
            (Action::RunCancelled, "Stopped a bulk update"),
        ],
    ),
    (
        "Programs",
        &[
            (Action::TokenCreated, "Made an API token"),
            (Action::TokenRevoked, "Revoked an API token"),
            (Action::ApplicationCreated, "Added an application"),
            (Action::ApplicationEnabled, "Enabled an application"),
            (Action::ApplicationDisabled, "Disabled an application"),
            (Action::ApplicationScopesChanged, "Changed what an application may do"),
            (Action::ApplicationSecretRotated, "Gave an application a new secret"),
            (Action::ApplicationRemoved, "Removed an application"),
        ],
    ),
    (
        "Portcullis itself",
        &[
            (Action::SettingChanged, "Changed a setting"),
            (Action::AuditPruned, "Pruned the audit log"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_can_be_chosen_once_and_by_words_of_its_own() {
        let listed: Vec<_> = areas("")
            .into_iter()
            .flat_map(|area| area.actions)
            .collect();
        let words: BTreeSet<_> = listed.iter().map(|one| one.word).collect();
        let names: BTreeSet<_> = listed.iter().map(|one| one.name).collect();
        let all: BTreeSet<_> = Action::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words, all);
        assert_eq!((listed.len(), names.len()), (all.len(), all.len()));
        assert!(
            names
                .iter()
                .all(|name| !name.contains('.') && !name.contains('_')),
            "{names:?}"
        );
        let chosen = areas(Action::TokenRevoked.as_str());
        let chosen = chosen
            .iter()
            .flat_map(|area| &area.actions)
            .filter(|one| one.is_chosen);
        assert_eq!(chosen.map(|one| one.name).collect::<Vec<_>>(), ["Revoked an API token"]);
    }
}
