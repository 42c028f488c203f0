//! Every interleaving of cell, registry and session table, walked by loom.
//!
//! Compiled only with `--cfg portcullis_loom`, which `tests/run` sets: the
//! primitives in [`sync`](super::sync) are loom's then.

use std::sync::Arc;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::domain::account::AccountKey;
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::standing::{Bearer, Generation, Standing, Version};
use crate::domain::time::{Monotonic, Timestamp};
use crate::engine::cell::{Cell, Verdict};
use crate::engine::session::{Live, TokenHash, TokenHasher};
use crate::engine::sessions::{Overtaken, Sessions};
use crate::engine::standings::Standings;

const NOW: Timestamp = Timestamp::from_secs(1_000);
const BORN: Option<Generation> = Some(Generation::new(0));

fn active() -> Standing {
    Standing::active().at_version(Version::new(1))
}

fn locked() -> Standing {
    Standing::locked()
        .at_version(Version::new(2))
        .in_generation(Generation::new(1))
}

fn read(cell: &Cell, source: impl FnOnce() -> Standing) {
    let began = cell.begin_read();
    cell.finish_read(began, Some(source()), NOW, Monotonic::NEVER);
}

#[test]
fn loom_a_slow_read_never_undoes_a_pushed_lock() {
    loom::model(|| {
        let cell = Arc::new(Cell::new(AccountKey::integer(1)));
        let reader = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || read(&cell, active))
        };
        cell.push(locked(), NOW);
        assert_eq!(cell.word().verdict(BORN, NOW), Verdict::Refuse, "right after the push");
        reader.join().expect("the reader");
        assert_eq!(cell.word().verdict(BORN, NOW), Verdict::Refuse, "after the slow read");
    });
}

#[test]
fn loom_pushes_of_one_version_beat_reads_that_began_before() {
    loom::model(|| {
        let cell = Arc::new(Cell::new(AccountKey::integer(1)));
        let source = Arc::new(Mutex::new(Standing::active()));
        let reader = {
            let (cell, source) = (Arc::clone(&cell), Arc::clone(&source));
            thread::spawn(move || read(&cell, || source.lock().expect("source").clone()))
        };
        // A source without versions: it stores, then pushes.
        *source.lock().expect("source") = Standing::locked();
        cell.push(Standing::locked(), NOW);
        reader.join().expect("the reader");
        assert_eq!(cell.word().verdict(BORN, NOW), Verdict::Refuse);
    });
}

#[test]
fn loom_what_was_refused_once_is_not_admitted_again() {
    loom::model(|| {
        let cell = Arc::new(Cell::new(AccountKey::integer(1)));
        read(&cell, active);
        let writer = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || {
                cell.push(locked(), NOW);
            })
        };
        let first = cell.word().verdict(BORN, NOW);
        let second = cell.word().verdict(BORN, NOW);
        assert!(first == Verdict::Pass || second == Verdict::Refuse);
        writer.join().expect("the writer");
        assert_eq!(cell.word().verdict(BORN, NOW), Verdict::Refuse);
    });
}

#[test]
fn loom_doubt_is_not_cleared_by_a_read_that_began_before() {
    loom::model(|| {
        let cell = Arc::new(Cell::new(AccountKey::integer(1)));
        read(&cell, active);
        let source = Arc::new(Mutex::new(active()));
        let reader = {
            let (cell, source) = (Arc::clone(&cell), Arc::clone(&source));
            thread::spawn(move || read(&cell, || source.lock().expect("source").clone()))
        };
        // A lock whose push is lost, and then the follower learns that it missed
        // something.
        *source.lock().expect("source") = locked();
        cell.suspect();
        let verdict = cell.word().verdict(BORN, NOW);
        assert_ne!(verdict, Verdict::Pass, "right after the doubt");
        reader.join().expect("the reader");
        assert_ne!(cell.word().verdict(BORN, NOW), Verdict::Pass, "after the slow read");
    });
}

/// A request reads its session, gets or makes the cell and fills it, while an
/// administrator stores a lock and pushes it to whatever cell there is.
#[test]
fn loom_session_read_lock_and_push_cell_creation() {
    loom::model(|| {
        let standings = Arc::new(Standings::new(1));
        let directory = Arc::new(Mutex::new(active()));
        let answered = Arc::new(AtomicBool::new(false));
        let key = AccountKey::integer(1);

        let request = {
            let (standings, directory) = (Arc::clone(&standings), Arc::clone(&directory));
            let (answered, key) = (Arc::clone(&answered), key.clone());
            thread::spawn(move || {
                let began_after = answered.load(Ordering::SeqCst);
                // The session, with the account it names and its generation.
                let born = directory.lock().expect("directory").generation;
                let cell = standings.find_or_create(&key);
                if cell.word().verdict(Some(born), NOW) == Verdict::Unknown {
                    read(&cell, || directory.lock().expect("directory").clone());
                }
                let passed = cell.word().verdict(BORN, NOW) == Verdict::Pass;
                assert!(!(began_after && passed), "admitted after the answer");
                cell
            })
        };

        *directory.lock().expect("directory") = locked();
        if let Some(cell) = standings.find(&key) {
            cell.push(locked(), NOW);
        }
        answered.store(true, Ordering::SeqCst);

        let cell = request.join().expect("the request");
        assert_eq!(cell.word().verdict(BORN, NOW), Verdict::Refuse, "the cell missed the lock");
    });
}

#[test]
fn loom_two_who_miss_an_account_share_one_cell() {
    loom::model(|| {
        let standings = Arc::new(Standings::new(1));
        let other = {
            let standings = Arc::clone(&standings);
            thread::spawn(move || standings.find_or_create(&AccountKey::integer(1)))
        };
        let mine = standings.find_or_create(&AccountKey::integer(1));
        let theirs = other.join().expect("the other");
        assert!(Arc::ptr_eq(&mine, &theirs));
    });
}

/// One session, as a request reads it from the store into the table.
struct Reader {
    sessions: Arc<Sessions>,
    stored: Arc<Mutex<bool>>,
}

impl Reader {
    fn new() -> Self {
        Self { sessions: Arc::new(Sessions::new(4)), stored: Arc::new(Mutex::new(true)) }
    }

    fn session() -> Session {
        Session {
            key: SessionKey::from_bytes([7; 32]),
            account: AccountKey::integer(1),
            generation: Generation::new(0),
            created_at: NOW,
            expires_at: NOW,
            last_seen_at: NOW,
            opened_from: None,
            user_agent: None,
            device: None,
            console: false,
        }
    }

    fn id() -> SessionId {
        Self::session().key.id()
    }

    fn token() -> TokenHash {
        TokenHasher::new([7; 16]).hash(b"token", Bearer::Session)
    }

    /// `None` if the store has it no more.
    fn read(&self) -> Option<Result<(), Overtaken>> {
        let reading = self.sessions.read(Self::id());
        if !*self.stored.lock().expect("stored") {
            return None;
        }
        let cell = Arc::new(Cell::new(AccountKey::integer(1)));
        let live = Live::new(Self::token(), &Self::session(), Bearer::Session, cell);
        Some(reading.finish(&Arc::new(live)))
    }

    fn is_inside(&self) -> bool {
        self.sessions.find(Self::token()).is_some()
    }
}

#[test]
fn loom_a_session_that_ends_while_it_is_read_is_not_put_in() {
    loom::model(|| {
        let reader = Arc::new(Reader::new());
        let reading = {
            let reader = Arc::clone(&reader);
            thread::spawn(move || reader.read())
        };
        *reader.stored.lock().expect("stored") = false;
        reader.sessions.end(Reader::id());
        assert!(!reader.is_inside(), "right after the end");
        reading.join().expect("the reader");
        assert!(!reader.is_inside(), "after the slow read");
    });
}

#[test]
fn loom_two_who_read_a_session_share_what_overtakes_it() {
    let mut three_threads = loom::model::Builder::new();
    three_threads.preemption_bound = Some(3);
    three_threads.check(|| {
        let reader = Arc::new(Reader::new());
        let reading = {
            let reader = Arc::clone(&reader);
            thread::spawn(move || reader.read())
        };
        let ending = {
            let reader = Arc::clone(&reader);
            thread::spawn(move || {
                *reader.stored.lock().expect("stored") = false;
                reader.sessions.end(Reader::id());
            })
        };
        reader.read();
        reading.join().expect("the reader");
        ending.join().expect("whoever ends it");
        assert!(!reader.is_inside());
    });
}

#[test]
fn loom_doubt_while_a_session_is_read_means_reading_it_again() {
    loom::model(|| {
        let reader = Arc::new(Reader::new());
        let reading = {
            let reader = Arc::clone(&reader);
            thread::spawn(move || {
                // As the gate does: twice at most.
                if reader.read() == Some(Err(Overtaken::ReadAgain)) {
                    assert_ne!(reader.read(), Some(Err(Overtaken::ReadAgain)));
                }
            })
        };
        // An end that the feed lost, and then the follower learns of the loss.
        *reader.stored.lock().expect("stored") = false;
        reader.sessions.forget_all();
        reading.join().expect("the reader");
        assert!(!reader.is_inside());
    });
}
