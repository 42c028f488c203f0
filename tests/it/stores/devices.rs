//! Known devices: seen at sign-ins, limited, forgotten.

use std::time::Duration;

use portcullis::Account;
use portcullis::domain::account::AccountId;
use portcullis::domain::denial::DenialReason;
use portcullis::domain::device::{Device, DeviceId, GRACE, KNOWN_FOR, MAX_DEVICES};
use portcullis::domain::event::Action;
use portcullis::domain::lock::End;
use portcullis::domain::session::Session;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AuditQuery, Directory, NewDevice, NewSession, SessionStore};

use super::accounts::lockout;
use super::sqlite::{outsider, run};
use super::{World, add, admin_lock, edit, folder, key, minutes, new_session, noon, note, person};

fn device_id(number: u64) -> DeviceId {
    DeviceId::from_random(number.to_be_bytes())
}

/// The sign-in with this number, on the device of this number or a known one.
fn sign_in(account: &Account, number: u64, known: Option<DeviceId>) -> NewSession {
    let device = NewDevice {
        known,
        past_lockout: known.is_some(),
        fresh: device_id(number),
        key: key(number),
    };
    NewSession {
        user_agent: Some(format!("browser {number}")),
        device: Some(device),
        console: false,
        ..new_session(account.id, number)
    }
}

async fn try_open(directory: &dyn Directory, new: NewSession) -> Result<Session, DenialReason> {
    directory.open_session(new).await.expect("writes")
}

/// The device that a session was opened on.
async fn on(directory: &dyn Directory, new: NewSession) -> DeviceId {
    let session = try_open(directory, new).await.expect("may sign in");
    let found = directory.session(session.key).await.expect("answers");
    assert_eq!(found.as_ref(), Some(&session), "kept with the session");
    session.device.expect("on a device")
}

async fn listed(directory: &dyn Directory, account: AccountId) -> Vec<DeviceId> {
    let devices = directory.devices(account).await.expect("answers");
    devices.iter().map(|device| device.id).collect()
}

async fn device(directory: &dyn Directory, account: &Account, id: DeviceId) -> Option<Device> {
    directory.device(account.id, id).await.expect("answers")
}

pub(super) async fn a_device_is_known_from_its_first_sign_in(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    let plain = try_open(directory, new_session(alice.id, 9))
        .await
        .expect("signed in");
    assert_eq!(plain.device, None);
    assert_eq!(listed(directory, alice.id).await, []);

    let id = on(directory, sign_in(&alice, 1, None)).await;
    assert_eq!(id, device_id(1));
    let expected = Device {
        id,
        account: alice.id,
        generation: alice.generation,
        key: key(1),
        previous: None,
        user_agent: Some("browser 1".to_owned()),
        first_seen_at: noon(),
        last_seen_at: noon(),
        last_seen_from: Some("192.0.2.7".to_owned()),
        expires_at: noon().after(KNOWN_FOR),
    };
    assert_eq!(device(directory, &alice, id).await.as_ref(), Some(&expected));
    assert_eq!(device(directory, &bob, id).await, None, "of one account alone");
    let all = directory.devices(alice.id).await.expect("answers");
    assert_eq!(all, std::slice::from_ref(&expected));
    assert_eq!(listed(directory, bob.id).await, []);

    world.clock.advance(minutes(1));
    let again = on(directory, sign_in(&alice, 2, Some(id))).await;
    assert_eq!(again, id, "the same device");
    let now = noon().after(minutes(1));
    let rotated = Device {
        key: key(2),
        previous: Some((key(1), now.after(GRACE))),
        user_agent: Some("browser 2".to_owned()),
        last_seen_at: now,
        expires_at: now.after(KNOWN_FOR),
        ..expected
    };
    assert_eq!(device(directory, &alice, id).await, Some(rotated));
    let elsewhere = on(directory, sign_in(&bob, 3, Some(id))).await;
    assert_eq!(elsewhere, device_id(3), "nobody signs in on another's device");
}

pub(super) async fn ten_devices_are_known_and_the_oldest_used_goes(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    on(directory, sign_in(&bob, 100, None)).await;
    for number in 1..=MAX_DEVICES as u64 {
        on(directory, sign_in(&alice, number, None)).await;
        world.clock.advance(Duration::from_secs(1));
    }
    on(directory, sign_in(&alice, 20, Some(device_id(1)))).await;
    assert_eq!(listed(directory, alice.id).await.len(), MAX_DEVICES);
    on(directory, sign_in(&alice, 21, None)).await;
    let left = listed(directory, alice.id).await;
    assert_eq!(left.len(), MAX_DEVICES);
    assert_eq!(left[0], device_id(21), "last used first");
    assert!(left.contains(&device_id(1)), "it was used again");
    assert_eq!(device(directory, &alice, device_id(2)).await, None, "the oldest used");
    assert_eq!(listed(directory, bob.id).await, [device_id(100)]);
    // Also when all come in one instant, the new one stays.
    for number in 30..60 {
        on(directory, sign_in(&alice, number, None)).await;
        let left = listed(directory, alice.id).await;
        assert!(left.len() == MAX_DEVICES && left.contains(&device_id(number)), "{number}");
    }
}

pub(super) async fn a_known_device_comes_in_past_a_lockout_and_no_further(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let laptop = on(directory, sign_in(&alice, 1, None)).await;
    edit(directory, alice.id, |a| a.locks.lockout = Some(lockout(Some(minutes(7))))).await;

    let refused =
        |opened: Result<Session, DenialReason>| matches!(opened, Err(DenialReason::Locked { .. }));
    assert!(refused(try_open(directory, sign_in(&alice, 2, None)).await));
    let mut unsure = sign_in(&alice, 3, Some(laptop));
    unsure.device.as_mut().expect("a device").past_lockout = false;
    assert!(refused(try_open(directory, unsure).await), "its own budget granted nothing");
    assert!(
        refused(try_open(directory, sign_in(&alice, 4, Some(device_id(4)))).await),
        "forgotten"
    );
    assert_eq!(on(directory, sign_in(&alice, 5, Some(laptop))).await, laptop);

    edit(directory, alice.id, |a| a.locks.admin_lock = Some(admin_lock(End::Never))).await;
    assert!(refused(try_open(directory, sign_in(&alice, 6, Some(laptop))).await));
    assert_eq!(listed(directory, alice.id).await, [laptop], "a refusal is no sign-in");
}

pub(super) async fn devices_go_with_the_generation_and_with_time(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let old = on(directory, sign_in(&alice, 1, None)).await;
    let raised = edit(directory, alice.id, |a| a.generation = a.generation.next()).await;
    assert_eq!(device(directory, &alice, old).await, None);
    assert_eq!(listed(directory, alice.id).await, []);
    let id = on(directory, sign_in(&raised, 2, Some(old))).await;
    assert_eq!(id, device_id(2), "not known any more");

    world.clock.advance(KNOWN_FOR - Duration::from_secs(1));
    assert!(device(directory, &alice, id).await.is_some());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(device(directory, &alice, id).await, None);
    assert_eq!(listed(directory, alice.id).await, []);
    // The sessions are over, too, and go first.
    assert!(
        directory
            .prune(world.clock.wall().after(minutes(1)))
            .await
            .expect("writes")
            >= 3
    );
}

pub(super) async fn a_forgotten_device_is_told_and_spares_nobody(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let laptop = on(directory, sign_in(&alice, 1, None)).await;
    let phone = on(directory, sign_in(&alice, 2, None)).await;
    let lay = |facts: portcullis::store::Facts<'_>| {
        let mut account = facts.account.clone();
        account
            .locks
            .lock_out(lockout(Some(minutes(7))), facts.devices);
        let note = note(Action::AccountLockedOut);
        Some(portcullis::store::Edit { account, password_hash: None, note })
    };
    let changed = directory
        .change(alice.id, Box::new(lay))
        .await
        .expect("writes");
    let before = changed.expect("an account").account;
    let mut spared = before.locks.spared.clone();
    spared.sort();
    assert_eq!(spared, [laptop, phone]);

    let head = directory.feed_head().await.expect("answers");
    let forget = async |id| {
        let note = note(Action::DeviceForgotten);
        directory
            .forget_device(alice.id, id, note)
            .await
            .expect("writes")
    };
    let after = forget(phone).await.expect("it was there");
    assert_eq!(after.locks.spared, [laptop]);
    assert_eq!(after.version, before.version.next());
    assert_eq!(directory.account(alice.id).await.expect("answers").as_ref(), Some(&after));
    assert_eq!(listed(directory, alice.id).await, [laptop]);
    let page = directory.feed_after(head, 10).await.expect("answers");
    let [told] = &page.accounts[..] else { panic!("one change: {:?}", page.accounts) };
    assert_eq!((&told.account, &told.standing), (&after.key(), &after.standing()));
    let query = AuditQuery { account: Some(alice.id), before: None, limit: 1 };
    let records = directory.audit(query).await.expect("answers");
    assert_eq!(records[0].action, Action::DeviceForgotten);
    assert!(directory.verify_audit().await.expect("answers").is_ok());

    assert_eq!(forget(phone).await, None, "gone already");
    assert_eq!(forget(device_id(77)).await, None);
    let quiet = directory.feed_after(page.next, 10).await.expect("answers");
    assert!(quiet.accounts.is_empty(), "nothing was changed");
}

/// The schema of a program that knew no devices, with somebody signed in.
const BEFORE: [&str; 5] = [
    include_str!("../../../src/store/sql/migrations/directory/0001_begin.sql"),
    "CREATE TABLE portcullis_schema (number BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)",
    "INSERT INTO portcullis_schema (number, applied_at) VALUES (1, 0)",
    "INSERT INTO accounts (id, login, name, name_folded, admin, lifecycle, locks, disabled, \
     generation, version, attempts_generation, created_at, updated_at) VALUES (1, 'alice', '', '', \
     0, 'active', '{\"admin_lock\":null,\"lockout\":null,\"disablement\":null}', 0, 0, 1, 0, 0, 0)",
    "UPDATE heads SET accounts = 1 WHERE stream = 0",
];

#[tokio::test]
async fn an_older_file_learns_of_devices() {
    let folder = folder();
    let file = folder.path().join("accounts.db");
    std::fs::write(&file, "").expect("a file");
    std::fs::write(folder.path().join("accounts.db.key"), "7".repeat(64)).expect("a key");
    let mut older = outsider(&file).await;
    for sql in BEFORE {
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut older)
            .await;
        done.expect("runs");
    }
    let session = format!(
        "INSERT INTO sessions (id, key, account, generation, created_at, expires_at, last_seen_at) \
         VALUES ('{}', '{}', 1, 0, 0, {}, 0)",
        key(1).id(),
        key(1).to_hex(),
        i64::MAX,
    );
    run(&mut older, &session).await;
    drop(older);

    let directory = SqlDirectory::open(&file).await.expect("opens");
    let session = directory
        .session(key(1))
        .await
        .expect("answers")
        .expect("kept");
    assert_eq!(session.device, None);
    let alice = directory
        .account(1.try_into().expect("a number"))
        .await
        .expect("answers");
    let alice = alice.expect("kept");
    let device = on(&directory, sign_in(&alice, 2, None)).await;
    assert_eq!(listed(&directory, alice.id).await, [device]);
}
