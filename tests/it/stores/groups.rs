//! Groups, and who is in them.

use std::collections::BTreeSet;

use portcullis::domain::event::Action;
use portcullis::domain::group::{Group, GroupName};
use portcullis::domain::permission::{Permission, Permissions};
use portcullis::domain::standing::Lifecycle;
use portcullis::store::{
    AuditQuery, Directory, GroupChanged, GroupEdit, GroupQuery, MemberChange, NewGroup, NoMember,
};
use portcullis::{Account, AccountId};
use serde_json::{Value, json};

use super::{World, add, edit, note, person};

pub(super) fn new_group(name: &str, members: &[&Account]) -> NewGroup {
    NewGroup {
        name: GroupName::new(name).expect("a name"),
        external_id: None,
        permissions: Permissions::default(),
        document: Value::Null,
        members: members.iter().map(|account| account.id).collect(),
    }
}

pub(super) async fn made(directory: &dyn Directory, new: NewGroup) -> Group {
    let made = directory
        .groups()
        .create_group(new, note(Action::GroupCreated))
        .await;
    made.expect("a store").expect("members")
}

async fn change(
    directory: &dyn Directory,
    group: &Group,
    change: impl FnOnce(&mut Group, &mut MemberChange) + Send,
) -> Result<Option<GroupChanged>, NoMember> {
    let decide = Box::new(|found: &Group| {
        let (mut group, mut members) = (found.clone(), MemberChange::default());
        change(&mut group, &mut members);
        Some(GroupEdit { group, members, note: note(Action::GroupUpdated) })
    });
    directory
        .groups()
        .change_group(group.id, decide)
        .await
        .expect("a store")
}

async fn members(directory: &dyn Directory, group: &Group) -> Vec<AccountId> {
    let all = directory
        .groups()
        .members(group.id, None, 100)
        .await
        .expect("a store");
    all.into_iter().map(|member| member.account).collect()
}

async fn records(directory: &dyn Directory) -> usize {
    let query = AuditQuery { account: None, before: None, limit: 1_000 };
    directory.audit(query).await.expect("a store").len()
}

pub(crate) async fn a_group_is_kept_with_its_members(world: World) {
    let directory = &*world.directory;
    let (ada, bob) = (add(directory, person("ada")).await, add(directory, person("bob")).await);
    let permissions: Permissions = [Permission::ViewUsers].into_iter().collect();
    let mut new = new_group("Staff", &[&ada, &bob]);
    new.permissions = permissions.clone();
    new.external_id = Some("HR-1".to_owned());
    new.document = json!({ "a": [1] });
    let staff = made(directory, new).await;
    let groups = directory.groups();
    assert_eq!(groups.group(staff.id).await.expect("a store"), Some(staff.clone()));
    assert_eq!(members(directory, &staff).await, [ada.id, bob.id]);
    assert_eq!(groups.count_members(staff.id).await.expect("a store"), 2);
    let page = groups
        .members(staff.id, Some(ada.id), 1)
        .await
        .expect("a store");
    assert_eq!(page[0].account, bob.id);
    let of = groups
        .memberships(vec![bob.id, ada.id])
        .await
        .expect("a store");
    let pairs: Vec<_> = of.iter().map(|one| (one.account, one.group)).collect();
    assert_eq!(pairs, [(ada.id, staff.id), (bob.id, staff.id)]);
    assert_eq!((of[0].name.as_str(), &of[0].permissions), ("Staff", &permissions));
}

pub(crate) async fn a_change_of_a_group_is_one_record(world: World) {
    let directory = &*world.directory;
    let (ada, bob) = (add(directory, person("ada")).await, add(directory, person("bob")).await);
    let staff = made(directory, new_group("Staff", &[&ada])).await;
    let before = records(directory).await;
    let changed = change(directory, &staff, |group, members| {
        group.name = GroupName::new("People").expect("a name");
        members.add(bob.id);
        members.remove(ada.id);
    });
    let changed = changed.await.expect("members").expect("a group");
    assert!(changed.changed);
    assert_eq!(changed.group.version, staff.version.next());
    assert_eq!(members(directory, &staff).await, [bob.id]);
    assert_eq!(records(directory).await, before + 1);
    let query = AuditQuery { account: None, before: None, limit: 1 };
    let record = directory.audit(query).await.expect("a store").remove(0);
    let after: Value = serde_json::from_str(&record.after.expect("a state")).expect("JSON");
    assert_eq!(after["members_added"], json!([bob.id]));
    assert_eq!(after["members_removed"], json!([ada.id]));
    assert_eq!(after["group"]["name"], "People");
    // The same once more is no change.
    let again = change(directory, &staff, |_, members| members.add(bob.id)).await;
    let again = again.expect("members").expect("a group");
    assert_eq!((again.changed, again.group.version), (false, changed.group.version));
    let replaced = change(directory, &staff, |_, members| {
        members.clear();
        members.add(ada.id);
        members.add(bob.id);
    });
    assert!(replaced.await.expect("members").expect("a group").changed);
    assert_eq!(members(directory, &staff).await, [ada.id, bob.id]);
    assert_eq!(records(directory).await, before + 2);
    assert!(directory.verify_audit().await.expect("a store").is_ok());
}

pub(crate) async fn only_the_living_are_in_groups(world: World) {
    let directory = &*world.directory;
    let (ada, bob) = (add(directory, person("ada")).await, add(directory, person("bob")).await);
    let staff = made(directory, new_group("Staff", &[&ada, &bob])).await;
    edit(directory, ada.id, |account| account.lifecycle = Lifecycle::Deleted).await;
    assert_eq!(members(directory, &staff).await, [bob.id]);
    let now = directory
        .groups()
        .group(staff.id)
        .await
        .expect("a store")
        .expect("a group");
    assert_eq!(now.version, staff.version.next(), "it is another group now");
    let nobody = AccountId::try_from(999).expect("a number");
    let before = records(directory).await;
    for missing in [ada.id, nobody] {
        let refused = change(directory, &staff, |group, members| {
            group.external_id = Some("x".to_owned());
            members.add(missing);
        });
        assert_eq!(refused.await.expect_err("nobody"), NoMember(missing));
        let mut new = new_group("Others", &[&bob]);
        new.members.insert(missing);
        let refused = directory
            .groups()
            .create_group(new, note(Action::GroupCreated))
            .await;
        assert_eq!(refused.expect("a store").expect_err("nobody"), NoMember(missing));
    }
    assert_eq!(records(directory).await, before, "nothing was written");
}

pub(crate) async fn groups_are_found(world: World) {
    let directory = &*world.directory;
    let ada = add(directory, person("ada")).await;
    let mut ids = Vec::new();
    for (name, external, members) in [
        ("Staff", Some("a"), vec![&ada]),
        ("staff", None, vec![]),
        ("Board", Some("A"), vec![&ada]),
    ] {
        let external_id = external.map(str::to_owned);
        let new = NewGroup { external_id, ..new_group(name, &members) };
        ids.push(made(directory, new).await.id);
    }
    let query = || GroupQuery { limit: 10, ..GroupQuery::default() };
    let name = |name: &str| GroupQuery { name: Some(name.to_owned()), ..query() };
    for (query, expected) in [
        (query(), vec![ids[0], ids[1], ids[2]]),
        (name("STAFF"), vec![ids[0], ids[1]]),
        (GroupQuery { member: Some(ada.id), ..name("staff") }, vec![ids[0]]),
        (GroupQuery { external_id: Some("A".to_owned()), ..query() }, vec![ids[2]]),
        (GroupQuery { ids: Some(vec![ids[1]]), ..query() }, vec![ids[1]]),
        (GroupQuery { ids: Some(Vec::new()), ..query() }, vec![]),
        (GroupQuery { after: Some(ids[1]), ..query() }, vec![ids[2]]),
    ] {
        let page = directory
            .groups()
            .list_groups(query.clone())
            .await
            .expect("a store");
        let found: Vec<_> = page.groups.iter().map(|group| group.id).collect();
        assert_eq!(found, expected, "{query:?}");
        let total = if query.after.is_some() { 3 } else { expected.len() as u64 };
        assert_eq!(page.total, total, "{query:?}");
    }
    let page = GroupQuery { offset: 1, limit: 1, ..query() };
    let page = directory.groups().list_groups(page).await.expect("a store");
    assert_eq!((page.groups[0].id, page.total), (ids[1], 3));
}

pub(crate) async fn a_deleted_group_leaves_its_number(world: World) {
    let directory = &*world.directory;
    let ada = add(directory, person("ada")).await;
    let staff = made(directory, new_group("Staff", &[&ada])).await;
    let groups = directory.groups();
    let kept = groups
        .delete_group(staff.id, Box::new(|_| None))
        .await
        .expect("a store");
    assert_eq!(kept, Some(false));
    let gone = groups
        .delete_group(staff.id, Box::new(|_| Some(note(Action::GroupDeleted))))
        .await;
    assert_eq!(gone.expect("a store"), Some(true));
    assert_eq!(groups.group(staff.id).await.expect("a store"), None);
    assert_eq!(groups.memberships(vec![ada.id]).await.expect("a store"), []);
    let again = groups
        .delete_group(staff.id, Box::new(|_| None))
        .await
        .expect("a store");
    assert_eq!(again, None);
    let others = made(directory, NewGroup { members: BTreeSet::new(), ..new_group("Others", &[]) });
    assert!(others.await.id > staff.id);
    assert!(
        change(directory, &staff, |_, _| ())
            .await
            .expect("members")
            .is_none()
    );
}

pub(crate) async fn a_tombstone_gives_its_login_up(world: World) {
    let directory = &*world.directory;
    let bob = add(directory, person("bob")).await;
    let login = bob.login.clone();
    assert!(
        directory
            .tombstone(login.clone())
            .await
            .expect("a store")
            .is_none()
    );
    edit(directory, bob.id, |account| account.lifecycle = Lifecycle::Deleted).await;
    let tombstone = directory.tombstone(login.clone()).await.expect("a store");
    assert_eq!(tombstone.map(|account| account.id), Some(bob.id));
    let aside = login.set_aside(bob.id.get());
    edit(directory, bob.id, |account| account.login = aside.clone()).await;
    assert!(directory.tombstone(login).await.expect("a store").is_none());
    let found = directory
        .account(bob.id)
        .await
        .expect("a store")
        .expect("a record");
    assert_eq!((found.login, found.lifecycle), (aside, Lifecycle::Deleted));
    let new = add(directory, person("bob")).await;
    assert_ne!(new.id, bob.id);
}
