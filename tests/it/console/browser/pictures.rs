//! The pictures of the README, of people whom there are not, at an hour that stands still:
//! see `tests/browser/console_pictures.mjs`.
//!
//! `PORTCULLIS_PICTURES=src/manual/pictures cargo test --test it console::browser::pictures`
//! takes them anew.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use portcullis::admin::{Actor, Admin, GroupChange, Rights, Target};
use portcullis::domain::account::Account;
use portcullis::domain::group::GroupName;
use portcullis::domain::lock::{End, Reason};
use portcullis::pages::Branding;
use portcullis::store::Directory;
use portcullis::testing::TestGate;

use super::{administrator, driven, service};
use crate::pages::browser::person;

const PICTURES: [&str; 4] = ["overview.png", "users.png", "locked.png", "phone.png"];

/// So large is none of them.
const MOST_BYTES: u64 = 60_000;

const PEOPLE: [(&str, &str); 14] = [
    ("ada", "Ada Lindqvist"),
    ("amir", "Amir Rahimi"),
    ("chen", "Chen Wei"),
    ("elena", "Elena Popescu"),
    ("femi", "Femi Adeyemi"),
    ("hana", "Hana Nováková"),
    ("jonas", "Jonas Berg"),
    ("leila", "ليلى حداد"),
    ("marta", "Marta Silva"),
    ("noor", "Noor de Vries"),
    ("oskar", "Oskar Kowalski"),
    ("priya", "Priya Raman"),
    ("tomas", "Tomás Ortega"),
    ("yuki", "Yuki Tanaka"),
];

const GROUPS: [(&str, &[usize]); 3] =
    [("Warehouse", &[1, 4, 6, 10]), ("Accounts", &[3, 8, 11]), ("Help desk", &[5, 9])];

/// How many guess wrong and are locked out, and how many are locked, of the last 13 days.
const DAYS: [(usize, usize); 13] = [
    (1, 0),
    (0, 1),
    (2, 0),
    (1, 1),
    (3, 0),
    (0, 0),
    (1, 0),
    (5, 2),
    (9, 1),
    (4, 1),
    (2, 0),
    (1, 1),
    (0, 0),
];

struct Office {
    test: TestGate,
    admin: Admin,
    people: Vec<Account>,
}

impl Office {
    async fn open() -> Self {
        let test = TestGate::new().await;
        let gate = test.gate();
        let admin = Admin::new(Arc::clone(test.directory()))
            .with_gate(gate.clone())
            .with_passwords(gate.passwords());
        let directory: Arc<dyn Directory> = Arc::clone(test.directory());
        let mut people = Vec::new();
        for (login, name) in PEOPLE {
            people.push(person(&directory, login, name).await);
        }
        administrator(&admin, "ada").await;
        people[0] = admin.account(&Target::from("ada")).await.expect("ada");
        for (name, members) in GROUPS {
            let mut change = GroupChange::default();
            for at in members {
                change.members().add(people[*at].id);
            }
            let new = change.into_new(GroupName::new(name).expect("a name"));
            admin
                .create_group(&Actor::System, new)
                .await
                .expect("a group");
        }
        Self { test, admin, people }
    }

    fn ada(&self) -> Actor {
        let ada = &self.people[0];
        let from = Some("192.0.2.14".to_owned());
        Actor::Account { id: ada.id, login: ada.login.clone(), from, rights: Rights::of(ada) }
    }

    async fn pass(&self, hours: u64) {
        self.test
            .clock()
            .advance(Duration::from_secs(3_600 * hours));
    }

    /// Two weeks, with an attack in the middle of them.
    async fn live(&self) {
        for (locked_out, locked) in DAYS {
            for one in &self.people[1..][..locked_out] {
                self.test.lock_out(one).await;
            }
            for one in &self.people[8..][..locked] {
                self.test.lock(one).await;
                self.test.unlock(one).await;
            }
            self.pass(12).await;
            for one in self.people.iter().skip(locked_out % 4).step_by(3) {
                self.test.sign_in(one).await;
            }
            self.pass(12).await;
        }
    }

    async fn lock(&self, at: usize, end: End, why: &str) {
        let (target, why) = (Target::Id(self.people[at].id), Reason::try_from(why));
        let locked = self.admin.lock(&self.ada(), &target, end, why.ok()).await;
        locked.expect("locked");
    }

    async fn today(&self) {
        self.test.invited("zoe").await;
        self.test.disable(&self.people[12]).await;
        let week = self
            .test
            .clock()
            .wall()
            .after(Duration::from_secs(7 * 86_400));
        self.lock(10, End::At(week), "Phone stolen on the way home; a new one comes on Friday")
            .await;
        self.pass(3).await;
        self.lock(3, End::Never, "Left the company").await;
        self.test.lock_out(&self.people[6]).await;
        self.test.clock().advance(Duration::from_secs(90));
        self.test.lock_out(&self.people[2]).await;
        self.test.clock().advance(Duration::from_secs(120));
    }
}

/// Where they are to be, or else nowhere for long.
fn destination(scratch: &Path) -> std::path::PathBuf {
    match std::env::var_os("PORTCULLIS_PICTURES") {
        Some(folder) => Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
        None => scratch.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_console_are_small() {
    let office = Office::open().await;
    office.live().await;
    office.today().await;
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = destination(scratch.path());
    let brand = Branding::new("Harbour").contact("the help desk, 4711");
    let more = vec![folder.display().to_string(), office.test.clock().wall().to_string()];
    driven(service(&office.test.gate(), &office.admin, brand), "console_pictures.mjs", more).await;
    for name in PICTURES {
        let bytes = fs::metadata(folder.join(name)).expect(name).len();
        assert!((2_000..MOST_BYTES).contains(&bytes), "{name} has {bytes} bytes");
    }
}

/// The README shows those that are in the repository, and no others.
#[test]
fn the_readme_shows_every_picture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("a README");
    for name in PICTURES {
        let path = format!("src/manual/pictures/{name}");
        assert!(readme.contains(&format!("src=\"{path}\"")), "{name} is shown nowhere");
        let bytes = fs::metadata(root.join(&path)).expect(name).len();
        assert!((2_000..MOST_BYTES).contains(&bytes), "{name} has {bytes} bytes");
    }
    let there = fs::read_dir(root.join("src/manual/pictures")).expect("a folder");
    assert_eq!(there.count(), PICTURES.len());
    assert!(readme.contains("PORTCULLIS_PICTURES=src/manual/pictures"), "how they are made");
}
