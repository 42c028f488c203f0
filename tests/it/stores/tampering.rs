//! Whoever can write to the database, but has not the key, alters the audit log: it is
//! found, and the first record that does not fit is named.

use std::fs;
use std::path::{Path, PathBuf};

use portcullis::domain::event::Action;
use portcullis::domain::time::Clock;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{
    AUDIT_STEP, AuditLog, AuditWalk, Break, BrokenChain, Directory, StoreError,
};
use proptest::prelude::*;
use sqlx::SqliteConnection;
use tempfile::TempDir;

use super::sqlite::{outsider, run};
use super::{add, edit, folder, minutes, noon, note, person};

const RECORDS: u64 = 300;

/// Files of a directory, as they lie on the disk.
struct Files {
    folder: TempDir,
    clock: Clock,
}

impl Files {
    fn new() -> Self {
        Self { folder: folder(), clock: Clock::manual(noon()) }
    }

    /// A closed directory with some hundred records, one a second.
    async fn written() -> Self {
        let files = Self::new();
        let directory = files.open().await;
        let alice = add(&directory, person("alice")).await;
        for n in 1..RECORDS {
            files.clock.advance(minutes(1));
            edit(&directory, alice.id, |account| account.name = n.to_string()).await;
        }
        directory.close().await;
        files
    }

    fn db(&self) -> PathBuf {
        self.folder.path().join("accounts.db")
    }

    fn anchor(&self) -> PathBuf {
        self.folder.path().join("accounts.db.anchor")
    }

    async fn open(&self) -> SqlDirectory {
        let opened = SqlDirectory::open_with_clock(self.db(), self.clock.clone()).await;
        opened.expect("opens")
    }

    async fn check(&self) -> Result<u64, BrokenChain> {
        let directory = self.open().await;
        let found = directory.verify_audit().await.expect("answers");
        directory.close().await;
        found
    }

    /// The same files somewhere else, closed as they are.
    fn copy(&self) -> Self {
        let copy = Self { folder: folder(), clock: self.clock.clone() };
        for file in fs::read_dir(self.folder.path()).expect("a folder") {
            let file = file.expect("a file");
            fs::copy(file.path(), copy.folder.path().join(file.file_name())).expect("copies");
        }
        copy
    }

    async fn alter(&self, sql: &[&str]) {
        let mut conn = outsider(&self.db()).await;
        for sql in sql {
            run(&mut conn, sql).await;
        }
        close(conn).await;
    }

    async fn write_more(&self) {
        let directory = self.open().await;
        let alice = 1.try_into().expect("a number");
        for n in 0..5 {
            self.clock.advance(minutes(1));
            edit(&directory, alice, |account| account.name = format!("more {n}")).await;
        }
        directory.close().await;
    }
}

async fn close(conn: SqliteConnection) {
    use sqlx::Connection;
    conn.close().await.expect("closes");
}

fn at(position: u64, how: Break) -> Result<u64, BrokenChain> {
    Err(BrokenChain { position, how })
}

/// Every column of a row, and every way to move rows. The one place that could say so
/// outside of the database is taken away: the database alone shows it.
#[tokio::test]
async fn every_alteration_is_found_by_the_database_alone() {
    let files = Files::written().await;
    assert_eq!(files.check().await, Ok(RECORDS));
    let row = "WHERE position = 77";
    let of_row: Vec<String> = [
        "at = at + 1",
        "actor = 'cli:eve'",
        "action = 'account.created'",
        "action = 'nothing.known'",
        "account = 2",
        "account = NULL",
        "reason = 'because'",
        "origin = '192.0.2.9'",
        "state_before = NULL",
        "state_before = '{}'",
        "state_after = '{}'",
        "link = (SELECT link FROM audit WHERE position = 76)",
        "link = 'x'",
    ]
    .iter()
    .map(|change| format!("UPDATE audit SET {change} {row}"))
    .collect();
    let mut cases: Vec<(Vec<&str>, u64, Break)> = of_row
        .iter()
        .map(|sql| (vec![sql.as_str()], 77, Break::Altered))
        .collect();
    let swapped = vec![
        "UPDATE audit SET position = 0 WHERE position = 50",
        "UPDATE audit SET position = 50 WHERE position = 51",
        "UPDATE audit SET position = 51 WHERE position = 0",
    ];
    let inserted = vec![
        "INSERT INTO audit SELECT 301, at, actor, action, account, reason, origin, \
         state_before, state_after, link FROM audit WHERE position = 300",
    ];
    let cut_and_rewritten = vec![
        "DELETE FROM audit WHERE position > 250",
        "DELETE FROM feed",
        "UPDATE heads SET position = 250, \
         link = (SELECT link FROM audit WHERE position = 250) WHERE stream = 0",
    ];
    let all_gone = vec![
        "DELETE FROM audit",
        "DELETE FROM feed",
        "UPDATE heads SET position = 0, \
         link = '0000000000000000000000000000000000000000000000000000000000000000' \
         WHERE stream = 0",
    ];
    let beginning_forged = vec![
        "INSERT INTO audit_pruned SELECT 1, position, link, link FROM audit WHERE position = 100",
        "DELETE FROM audit WHERE position <= 100",
    ];
    cases.extend([
        (vec!["DELETE FROM audit WHERE position = 77"], 77, Break::Missing),
        (vec!["DELETE FROM audit WHERE position = 1"], 1, Break::Missing),
        (vec!["DELETE FROM audit WHERE position > 250"], 251, Break::CutOff),
        (vec!["DELETE FROM audit"], 1, Break::CutOff),
        (vec!["UPDATE audit SET position = 999 WHERE position = 12"], 12, Break::Missing),
        (vec!["UPDATE heads SET seal = '' WHERE stream = 0"], 300, Break::Head),
        (vec!["UPDATE heads SET link = seal WHERE stream = 0"], 300, Break::Head),
        (vec!["UPDATE heads SET position = 299 WHERE stream = 0"], 300, Break::Extra),
        (swapped, 50, Break::Altered),
        (inserted, 301, Break::Altered),
        (cut_and_rewritten, 250, Break::Head),
        (all_gone, 0, Break::Head),
        (beginning_forged, 100, Break::Pruned),
    ]);
    for (sql, position, how) in cases {
        let copy = files.copy();
        copy.alter(&sql).await;
        // What was noted of a log without records says nothing against it.
        fs::write(copy.anchor(), "").expect("writes");
        assert_eq!(copy.check().await, at(position, how), "{sql:?}");
        if how == Break::Head {
            copy.write_more().await;
            copy.check()
                .await
                .expect_err("what is written later mends nothing");
        }
    }
}

/// All of it was written with the key, so only what is noted outside tells.
#[tokio::test]
async fn an_older_copy_is_found_by_what_is_noted_outside() {
    let files = Files::written().await;
    let old = fs::read(files.db()).expect("reads");
    files.write_more().await;
    assert_eq!(files.check().await, Ok(RECORDS + 5));

    fs::write(files.db(), &old).expect("the older copy is put back");
    assert_eq!(files.check().await, at(RECORDS + 1, Break::CutOff));
    let directory = files.open().await;
    let noted = directory.note_end().await.expect("answers");
    assert_eq!(noted.map_err(|broken| broken.how), Err(Break::CutOff), "and nothing is noted");
    directory.close().await;
    files.write_more().await;
    files.write_more().await;
    assert_eq!(files.check().await, at(RECORDS + 5, Break::Replaced), "however much is written");

    fs::remove_file(files.anchor()).expect("removes");
    assert_eq!(files.check().await, Ok(RECORDS + 10), "without it nothing tells");
    assert!(files.anchor().exists(), "it is noted anew");
}

/// A running gateway notes how far the log reaches without a check of the whole.
#[tokio::test]
async fn how_far_the_log_reaches_is_noted_by_who_runs() {
    let files = Files::written().await;
    files.write_more().await;
    let directory = files.open().await;
    assert_eq!(directory.note_end().await.expect("answers"), Ok(()));
    directory.close().await;
    files
        .alter(&[
            "DELETE FROM audit WHERE position > 302",
            "UPDATE heads SET position = 302 WHERE stream = 0",
        ])
        .await;
    let found = files.check().await.expect_err("records are gone");
    assert_eq!(found.position, 302);
}

#[tokio::test]
async fn a_note_that_somebody_else_wrote_is_not_believed() {
    let files = Files::written().await;
    files.check().await.expect("whole");
    let text = fs::read_to_string(files.anchor()).expect("reads");
    for forged in [text.replace("300", "200"), "seen 7\n".to_owned(), "?".to_owned()] {
        fs::write(files.anchor(), forged).expect("writes");
        let directory = files.open().await;
        let error = directory.verify_audit().await.expect_err("it is not ours");
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains(".anchor"), "{error}");
        directory.close().await;
    }
}

/// Once there are seals, nobody gets a new one by taking the old one away.
#[tokio::test]
async fn a_seal_is_given_once() {
    let files = Files::written().await;
    files
        .alter(&["UPDATE heads SET seal = '' WHERE stream = 0"])
        .await;
    files.open().await.close().await;
    assert_eq!(files.check().await, at(RECORDS, Break::Head));
}

#[tokio::test]
async fn a_check_goes_on_where_the_last_one_came_to() {
    let files = Files::written().await;
    files.check().await.expect("whole");
    files.write_more().await;
    let directory = files.open().await;
    let walk = directory
        .checked_before()
        .await
        .expect("answers")
        .expect("was checked");
    assert_eq!((walk.position(), walk.checked()), (RECORDS, 0));
    let walk = directory
        .check(walk)
        .await
        .expect("answers")
        .expect("whole");
    assert_eq!((walk.position(), walk.checked(), walk.is_done()), (RECORDS + 5, 5, true));
    directory.close().await;

    for (sql, position, how) in [
        ("UPDATE audit SET actor = 'x' WHERE position = 304", None, Break::Altered),
        ("DELETE FROM audit WHERE position = 305", Some(305), Break::Missing),
        ("UPDATE audit SET link = 'x' WHERE position = 305", Some(305), Break::Missing),
    ] {
        let copy = files.copy();
        copy.alter(&[sql]).await;
        let directory = copy.open().await;
        let walk = directory
            .checked_before()
            .await
            .expect("answers")
            .expect("was checked");
        let found = directory.check(walk).await.expect("answers");
        match position {
            // What was checked before is not looked at again: the whole check finds it.
            None => {
                assert!(found.expect("nothing new").is_done());
                let whole = directory.verify_audit().await.expect("answers");
                assert_eq!(whole, at(304, how));
            }
            Some(position) => assert_eq!(found.expect_err("gone"), BrokenChain { position, how }),
        }
        directory.close().await;
    }
}

#[tokio::test]
async fn after_pruning_the_rest_holds_and_alterations_are_found() {
    let files = Files::written().await;
    let directory = files.open().await;
    let before = noon().after(minutes(100));
    let pruned = directory
        .audit_log()
        .forget(before, note(Action::AuditPruned))
        .await;
    let pruned = pruned.expect("answers").expect("whole").expect("some");
    assert_eq!((pruned.through, pruned.records), (100, 100));
    directory.close().await;
    assert_eq!(files.check().await, Ok(RECORDS - 100 + 1));
    for (sql, position, how) in [
        ("UPDATE audit SET reason = 'x' WHERE position = 101", 101, Break::Altered),
        ("DELETE FROM audit WHERE position = 101", 101, Break::Missing),
        ("DELETE FROM audit WHERE position = 301", 301, Break::CutOff),
        ("UPDATE audit_pruned SET position = 99", 99, Break::Pruned),
        ("UPDATE audit_pruned SET tag = link", 100, Break::Pruned),
        ("DELETE FROM audit_pruned", 1, Break::Missing),
    ] {
        let copy = files.copy();
        copy.alter(&[sql]).await;
        assert_eq!(copy.check().await, at(position, how), "{sql}");
        // And nothing of it is pruned away.
        let directory = copy.open().await;
        let forgotten = directory
            .audit_log()
            .forget(noon().after(minutes(400)), note(Action::AuditPruned));
        assert_eq!(forgotten.await.expect("answers"), Err(BrokenChain { position, how }), "{sql}");
        directory.close().await;
    }
}

/// Rows that a crash left behind are nobody's any more, and go the next time.
#[tokio::test]
async fn a_pruning_that_was_cut_short_is_finished() {
    let files = Files::written().await;
    let rows = "CREATE TABLE kept AS SELECT * FROM audit WHERE position <= 100";
    files.alter(&[rows]).await;
    let directory = files.open().await;
    let forget = async |directory: &SqlDirectory| {
        let before = noon().after(minutes(100));
        let pruned = directory
            .audit_log()
            .forget(before, note(Action::AuditPruned))
            .await;
        pruned
            .expect("answers")
            .expect("whole")
            .map(|pruned| pruned.records)
    };
    assert_eq!(forget(&directory).await, Some(100));
    directory.close().await;
    files.alter(&["INSERT INTO audit SELECT * FROM kept"]).await;
    assert_eq!(files.check().await, Ok(RECORDS - 100 + 1));
    let directory = files.open().await;
    assert_eq!(forget(&directory).await, None);
    directory.close().await;
    let mut conn = outsider(&files.db()).await;
    let left = run(&mut conn, "DELETE FROM audit WHERE position <= 100").await;
    assert_eq!(left, 0);
}

/// Twenty thousand records are read in steps of five hundred, and never more at once.
#[tokio::test]
async fn a_check_reads_no_more_than_a_step_at_once() {
    let files = Files::new();
    let directory = files.open().await;
    add(&directory, person("alice")).await;
    // So many durable writes would take minutes: the rows are put in as they would be.
    let rows = 20_000;
    write_chain(&directory, &files.db(), rows).await;
    let (mut walk, mut steps) = (AuditWalk::from_the_start(), 0);
    while !walk.is_done() {
        let before = walk.checked();
        walk = directory
            .check(walk)
            .await
            .expect("answers")
            .expect("whole");
        steps += 1;
        assert!(walk.checked() - before <= AUDIT_STEP as u64);
    }
    assert_eq!((walk.checked(), steps), (rows, rows / AUDIT_STEP as u64 + 1));
    directory.close().await;
}

/// Appends records up to this position, as the key's holder would.
async fn write_chain(directory: &SqlDirectory, file: &Path, upto: u64) {
    use portcullis::domain::event::AuditRecord;
    use portcullis::store::AuditSearch;
    use portcullis::store::keyring::AuditMark;

    let search = AuditSearch { limit: 1, ..AuditSearch::default() };
    let first = directory
        .audit_log()
        .records(search)
        .await
        .expect("answers")
        .remove(0);
    let mut conn = outsider(file).await;
    run(&mut conn, "BEGIN IMMEDIATE").await;
    let (mut record, mut link) = (first.record, first.link);
    while record.position < upto {
        record = AuditRecord { position: record.position + 1, ..record };
        link = directory.keyring().audit_link(&link, &record);
        let insert = "INSERT INTO audit SELECT $1, at, actor, action, account, reason, origin, \
             state_before, state_after, $2 FROM audit WHERE position = 1";
        sqlx::query(insert)
            .bind(record.position as i64)
            .bind(link.to_hex())
            .execute(&mut conn)
            .await
            .expect("writes");
    }
    let seal = directory.keyring().audit_mark(AuditMark::Head, upto, &link);
    sqlx::query("UPDATE heads SET position = $1, link = $2, seal = $3 WHERE stream = 0")
        .bind(upto as i64)
        .bind(link.to_hex())
        .bind(seal.to_hex())
        .execute(&mut conn)
        .await
        .expect("writes");
    run(&mut conn, "COMMIT").await;
}

/// What somebody does to the log of a few records.
#[derive(Clone, Debug)]
enum Tampering {
    Change { position: u64, column: usize },
    Cut { after: u64, move_head: bool },
    Delete { position: u64 },
    Swap { one: u64, other: u64 },
}

const FEW: u64 = 12;
const COLUMNS: [&str; 9] = [
    "at = at - 1",
    "actor = actor || 'x'",
    "action = 'session.ended'",
    "account = 99",
    "reason = 'another'",
    "origin = '::1'",
    "state_before = '{\"x\":1}'",
    "state_after = NULL",
    "link = 'f' || substr(link, 2) || '0'",
];

fn tampering() -> impl Strategy<Value = Tampering> {
    let position = 1..=FEW;
    prop_oneof![
        (position.clone(), 0..COLUMNS.len())
            .prop_map(|(position, column)| Tampering::Change { position, column }),
        (0..FEW, any::<bool>()).prop_map(|(after, move_head)| Tampering::Cut { after, move_head }),
        position
            .clone()
            .prop_map(|position| Tampering::Delete { position }),
        (position.clone(), position)
            .prop_filter("two rows", |(one, other)| one != other)
            .prop_map(|(one, other)| Tampering::Swap { one, other }),
    ]
}

impl Tampering {
    /// The statements, and the first position that can't fit any more.
    fn sql(&self) -> (Vec<String>, u64) {
        match *self {
            Self::Change { position, column } => {
                let change = COLUMNS[column];
                (vec![format!("UPDATE audit SET {change} WHERE position = {position}")], position)
            }
            Self::Cut { after, move_head } => {
                let cut = format!("DELETE FROM audit WHERE position > {after}");
                let head = format!(
                    "UPDATE heads SET position = {after}, link = COALESCE((SELECT link FROM audit \
                     WHERE position = {after}), '{}') WHERE stream = 0",
                    "0".repeat(64)
                );
                let sql = if move_head { vec![cut, head] } else { vec![cut] };
                (sql, if move_head { after } else { after + 1 })
            }
            Self::Delete { position } => {
                (vec![format!("DELETE FROM audit WHERE position = {position}")], position)
            }
            Self::Swap { one, other } => {
                let set = |to: u64, from: u64| {
                    format!("UPDATE audit SET position = {to} WHERE position = {from}")
                };
                (vec![set(0, one), set(one, other), set(other, 0)], one.min(other))
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Property: after one of these the check names the first position that can't fit;
    /// after several it finds something exactly if anything is other than it was.
    #[test]
    fn no_tampering_goes_unnoticed(several in proptest::collection::vec(tampering(), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let files = Files::new();
            let directory = files.open().await;
            let alice = add(&directory, person("alice")).await;
            for n in 1..FEW {
                edit(&directory, alice.id, |account| account.name = n.to_string()).await;
            }
            directory.close().await;
            // One alone is named exactly; what several do together may undo itself.
            let (first, position) = several[0].sql();
            let alone = files.copy();
            alone.alter(&first.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let found = alone.check().await.expect_err("altered");
            prop_assert_eq!(found.position, position, "{:?}", several[0]);

            let mut conn = outsider(&files.db()).await;
            let whole = dump(&mut conn).await;
            for sql in several.iter().flat_map(|tampering| tampering.sql().0) {
                let _ = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await;
            }
            let altered = dump(&mut conn).await != whole;
            close(conn).await;
            prop_assert_eq!(files.check().await.is_err(), altered, "{:?}", several);
            Ok(())
        })?;
    }
}

async fn dump(conn: &mut SqliteConnection) -> Vec<String> {
    use sqlx::Row;
    let rows = sqlx::query(
        "SELECT position || '|' || at || '|' || actor || '|' || action || '|' || \
         COALESCE(account, '-') || '|' || COALESCE(reason, '-') || '|' || \
         COALESCE(origin, '-') || '|' || COALESCE(state_before, '-') || '|' || \
         COALESCE(state_after, '-') || '|' || link FROM audit \
         UNION ALL SELECT 'head|' || position || '|' || link FROM heads WHERE stream = 0 \
         ORDER BY 1",
    )
    .fetch_all(conn)
    .await;
    rows.expect("reads").iter().map(|row| row.get(0)).collect()
}
