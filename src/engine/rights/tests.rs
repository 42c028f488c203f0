use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::domain::event::{Action, Note};
use crate::domain::group::GroupName;
use crate::store::{GroupEdit, MemberChange, NewGroup};
use crate::testing::{TestGate, current_account};

fn note() -> Note {
    Note { actor: "test".to_owned(), action: Action::GroupUpdated, reason: None, from: None }
}

/// Waits for the feed, which tells of groups.
async fn becomes(gate: &Portcullis, me: &CurrentAccount, wanted: impl Fn(&Rights) -> bool) {
    let soon = tokio::time::timeout(Duration::from_secs(20), async {
        while !wanted(&gate.rights_of(me).await.expect("a directory in memory")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    soon.await.expect("what changed is known soon");
}

#[tokio::test]
async fn rights_follow_the_account_and_its_groups() {
    let test = TestGate::new().await;
    let (alice, gate) = (test.account("alice").await, test.gate());
    let me = current_account(&test, &alice).await;
    let none = gate.rights_of(&me).await.expect("a directory in memory");
    assert_eq!(*none, Rights::default());
    assert!(!none.allow(Permission::ViewUsers));

    let new = NewGroup {
        name: GroupName::new("Straße").expect("a name"),
        external_id: None,
        permissions: [Permission::ViewAudit].into_iter().collect(),
        document: Value::Null,
        members: BTreeSet::from([alice.id]),
    };
    let groups = test.directory().groups();
    let group = groups
        .create_group(new, note())
        .await
        .expect("a store")
        .expect("members");
    becomes(&gate, &me, |rights| rights.are_in("STRASSE")).await;
    let now = gate.rights_of(&me).await.expect("a directory in memory");
    assert!(now.allow(Permission::ViewAudit) && !now.allow(Permission::ViewUsers));
    assert_eq!(now.groups(), ["Straße"]);

    test.edit(&alice, |alice| {
        alice.details.permissions = [Permission::ManageUsers].into_iter().collect();
    })
    .await;
    // One's own account is as it is at once.
    let now = gate.rights_of(&me).await.expect("a directory in memory");
    assert!(now.allow(Permission::UnlockUsers), "manages, and so unlocks");

    let mut members = MemberChange::default();
    members.remove(alice.id);
    let decide = |group: &crate::domain::group::Group| {
        Some(GroupEdit { group: group.clone(), members, note: note() })
    };
    groups
        .change_group(group.id, Box::new(decide))
        .await
        .expect("a store")
        .expect("members");
    becomes(&gate, &me, |rights| !rights.are_in("straße") && !rights.allow(Permission::ViewAudit))
        .await;
}

#[tokio::test]
async fn what_did_not_change_is_not_read_again() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let me = current_account(&test, &alice).await;
    let first = test
        .gate()
        .rights_of(&me)
        .await
        .expect("a directory in memory");
    let second = test
        .gate()
        .rights_of(&me)
        .await
        .expect("a directory in memory");
    assert!(Arc::ptr_eq(&first, &second));
}
