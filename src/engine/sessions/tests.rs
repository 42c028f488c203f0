use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::account::AccountKey;
use crate::domain::session::{Session, SessionKey};
use crate::domain::standing::{Bearer, Generation};
use crate::domain::time::Timestamp;
use crate::engine::cell::Cell;
use crate::engine::session::{Times, TokenHasher};

const EARLY: Timestamp = Timestamp::from_secs(1_000);
const END: Timestamp = Timestamp::from_secs(100_000);
const IDLE: Duration = Duration::from_secs(600);

fn session(number: u8) -> Session {
    let mut key = [number; 32];
    key[8..].reverse();
    Session {
        key: SessionKey::from_bytes(key),
        account: AccountKey::integer(1),
        generation: Generation::new(0),
        created_at: EARLY,
        expires_at: END,
        last_seen_at: EARLY,
        opened_from: None,
        user_agent: None,
        device: None,
        console: false,
    }
}

fn hash(number: u8) -> TokenHash {
    TokenHasher::new([7; 16]).hash(&[number], Bearer::Session)
}

fn live(number: u8) -> Arc<Live> {
    let cell = Arc::new(Cell::new(AccountKey::integer(1)));
    Arc::new(Live::new(hash(number), &session(number), Bearer::Session, cell))
}

fn id(number: u8) -> SessionId {
    session(number).key.id()
}

fn put(sessions: &Sessions, number: u8) -> Arc<Live> {
    let live = live(number);
    assert_eq!(sessions.read(live.id()).finish(&live), Ok(()));
    live
}

impl Sessions {
    /// Both tables hold the same entries, no more than there is room for.
    fn assert_whole(&self, capacity: usize) {
        let mut named = 0;
        for shard in &self.by_id {
            let shard = shard.read().expect("not poisoned");
            named += shard.len();
            for live in &*shard {
                let found = self.find(live.token).expect("the token of a name");
                assert!(Arc::ptr_eq(&found, live));
            }
        }
        assert_eq!(named, self.len(), "as many names as tokens");
        assert!(named <= capacity, "{named} of {capacity}");
    }
}

#[test]
fn what_ends_while_it_is_read_is_not_put_in() {
    let sessions = Sessions::new(8);
    let (first, second) = (sessions.read(id(1)), sessions.read(id(1)));
    sessions.end(id(1));
    assert_eq!(first.finish(&live(1)), Err(Overtaken::Ended));
    assert_eq!(second.finish(&live(1)), Err(Overtaken::Ended));
    assert!(sessions.find(hash(1)).is_none());
    // The next reader asks the store itself, and another session is none of this.
    assert_eq!(sessions.read(id(1)).finish(&live(1)), Ok(()));
    let other = sessions.read(id(2));
    sessions.end(id(1));
    assert_eq!(other.finish(&live(2)), Ok(()));
    assert!(sessions.find(hash(1)).is_none() && sessions.find(hash(2)).is_some());
    assert!(sessions.reading().by_session.is_empty(), "nobody reads any more");
}

#[test]
fn doubt_while_it_is_read_means_reading_again() {
    let sessions = Sessions::new(8);
    put(&sessions, 2);
    let reading = sessions.read(id(1));
    sessions.forget_all();
    assert_eq!(sessions.len(), 0);
    // Whoever begins now is not held back by one who is slow.
    assert_eq!(sessions.read(id(1)).finish(&live(1)), Ok(()));
    assert_eq!(reading.finish(&live(1)), Err(Overtaken::ReadAgain));
    assert!(sessions.find(hash(1)).is_some());

    let reading = sessions.read(id(3));
    sessions.end(id(3));
    sessions.forget_all();
    assert_eq!(reading.finish(&live(3)), Err(Overtaken::Ended), "an end stays an end");
}

#[test]
fn a_read_that_is_given_up_leaves_nothing() {
    let sessions = Sessions::new(8);
    drop(sessions.read(id(1)));
    assert!(sessions.reading().by_session.is_empty());
}

#[test]
fn sessions_in_use_outlast_the_others() {
    let sessions = Sessions::new(4);
    for number in 0..4 {
        put(&sessions, number);
    }
    for number in 4..100 {
        // Used since the hand last passed: one of four is never thrown out.
        assert!(sessions.find(hash(2)).is_some(), "before {number}");
        put(&sessions, number);
    }
    sessions.assert_whole(4);
}

#[test]
fn a_table_where_all_are_in_use_still_makes_room() {
    let sessions = Sessions::new(4);
    for number in 0..50 {
        put(&sessions, number);
        assert!(sessions.find(hash(number)).is_some());
    }
    sessions.assert_whole(4);
}

#[test]
fn one_text_is_two_tokens() {
    let hasher = TokenHasher::new([7; 16]);
    let text = [b'A'; 43];
    let as_session = hasher.hash(&text, Bearer::Session);
    assert_ne!(as_session, hasher.hash(&text, Bearer::Token));
    assert_eq!(as_session, hasher.hash(&text, Bearer::Session));
}

#[test]
fn the_times_of_a_session() {
    let live = live(1);
    let after = |secs| EARLY.after(Duration::from_secs(secs));
    assert_eq!(live.times(after(59), IDLE), Times::Fine);
    assert!(live.is_settled(after(59)) && !live.is_settled(after(60)));
    assert_eq!(live.times(after(60), IDLE), Times::Touch);
    assert!(live.touch(after(60)) && !live.touch(after(61)), "once a minute");
    assert_eq!(live.times(after(660), IDLE), Times::Touch, "61 was the last use");
    assert_eq!(live.times(after(661), IDLE), Times::Idle);
    live.touch(END.before(Duration::from_secs(1)));
    assert!(!live.is_settled(END), "a use does not hide the end");
    assert_eq!(live.times(END.before(Duration::from_micros(1)), IDLE), Times::Fine);
    assert_eq!(live.times(END, IDLE), Times::Expired);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8),
    Find(u8),
    End(u8),
    Forget(u8),
    ForgetAll,
    Begin(u8),
    Finish(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..12_u8;
    prop_oneof![
        6 => number().prop_map(Step::Insert),
        6 => number().prop_map(Step::Find),
        2 => number().prop_map(Step::End),
        1 => number().prop_map(Step::Forget),
        1 => Just(Step::ForgetAll),
        3 => number().prop_map(Step::Begin),
        3 => any::<usize>().prop_map(Step::Finish),
    ]
}

/// What the table should do, in the simplest words.
#[derive(Default)]
struct Model {
    /// Everything that may be found: an eviction may take it, nothing else.
    inside: HashMap<u8, Arc<Live>>,
    /// Reads under way, with what overtook them.
    reading: Vec<(u8, Option<Overtaken>)>,
}

impl Model {
    fn overtake(&mut self, by: Overtaken, which: impl Fn(u8) -> bool) {
        for (_, overtaken) in self.reading.iter_mut().filter(|(number, _)| which(*number)) {
            match by {
                Overtaken::Ended => *overtaken = Some(by),
                Overtaken::ReadAgain => *overtaken = overtaken.or(Some(by)),
            }
        }
    }

    /// Readers of one session share its end, also who joined later; a doubt is
    /// of those who read already.
    fn shared(&self, number: u8) -> Option<Overtaken> {
        let ended = (number, Some(Overtaken::Ended));
        self.reading.contains(&ended).then_some(Overtaken::Ended)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Property: whatever happens in what order, what is found is what was last
    /// put in and not taken out, both tables agree, and there is never too much.
    #[test]
    fn names_and_tokens_never_diverge(
        capacity in 1..6_usize,
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let sessions = Sessions::new(capacity);
        let mut model = Model::default();
        let mut readers: Vec<ReadingSession<'_>> = Vec::new();
        for step in steps {
            match step {
                Step::Insert(number) if model.shared(number).is_some() => {}
                Step::Insert(number) => {
                    let live = put(&sessions, number);
                    model.inside.insert(number, live);
                    prop_assert!(sessions.find(hash(number)).is_some(), "just put in");
                }
                Step::Find(number) => {
                    let Some(found) = sessions.find(hash(number)) else { continue };
                    let expected = model.inside.get(&number);
                    prop_assert!(expected.is_some_and(|live| Arc::ptr_eq(live, &found)));
                }
                Step::End(number) => {
                    sessions.end(id(number));
                    model.inside.remove(&number);
                    model.overtake(Overtaken::Ended, |other| other == number);
                }
                Step::Forget(number) => {
                    sessions.forget(id(number));
                    model.inside.remove(&number);
                }
                Step::ForgetAll => {
                    sessions.forget_all();
                    model.inside.clear();
                    model.overtake(Overtaken::ReadAgain, |_| true);
                }
                Step::Begin(number) => {
                    let overtaken = model.shared(number);
                    readers.push(sessions.read(id(number)));
                    model.reading.push((number, overtaken));
                }
                Step::Finish(which) => {
                    if readers.is_empty() { continue }
                    let which = which % readers.len();
                    let (number, overtaken) = model.reading.swap_remove(which);
                    let live = live(number);
                    let finished = readers.swap_remove(which).finish(&live);
                    prop_assert_eq!(finished.err(), overtaken);
                    if overtaken.is_none() {
                        model.inside.insert(number, live);
                    }
                }
            }
            sessions.assert_whole(capacity);
        }
    }
}
