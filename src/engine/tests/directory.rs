//! Accounts of a directory, and sessions of the gate's own.

use http::header::AUTHORIZATION;
use proptest::prelude::*;

use super::*;
use crate::OnStale;
use crate::admin::{Actor, Admin, TokenRequest, UnlockKind};
use crate::domain::account::Account;
use crate::domain::lock::Reason;
use crate::domain::policy::LockoutPolicy;
use crate::testing::{START, TestGate};

const PEOPLE: usize = 3;
const LIFETIME: Duration = Duration::from_secs(3600);
const LOCKED_OUT_FOR: Duration = Duration::from_secs(90);
const SYSTEM: Actor = Actor::System;

#[derive(Clone, Copy, Debug)]
enum Step {
    SignIn(usize),
    Request(usize),
    /// One request of every session there ever was: far more than have room.
    Everybody,
    ByToken(usize),
    /// Told to the gate by whoever does it, or heard of through the feed.
    Change(usize, Change, Told),
    /// Guesses until the account is locked out.
    Guess(usize),
    EndOne(usize, Told),
    Advance(u64),
    Sweep,
    Doubt,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Lock(Option<u64>),
    Unlock(UnlockKind),
    Disable,
    Enable,
    SignOutEverywhere,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    Here,
    Elsewhere,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..PEOPLE;
    let told = || prop_oneof![Just(Told::Here), Just(Told::Elsewhere)];
    let change = prop_oneof![
        2 => proptest::option::of(1..200_u64).prop_map(Change::Lock),
        2 => Just(Change::Unlock(UnlockKind::All)),
        1 => Just(Change::Unlock(UnlockKind::Lockout)),
        1 => Just(Change::Unlock(UnlockKind::AdminLock)),
        1 => Just(Change::Disable),
        1 => Just(Change::Enable),
        1 => Just(Change::SignOutEverywhere),
    ];
    prop_oneof![
        6 => who().prop_map(Step::SignIn),
        12 => any::<usize>().prop_map(Step::Request),
        1 => Just(Step::Everybody),
        2 => who().prop_map(Step::ByToken),
        8 => (who(), change, told()).prop_map(|(who, what, told)| Step::Change(who, what, told)),
        2 => who().prop_map(Step::Guess),
        2 => (any::<usize>(), told()).prop_map(|(which, told)| Step::EndOne(which, told)),
        3 => (0..120_u64).prop_map(Step::Advance),
        1 => Just(Step::Sweep),
        1 => Just(Step::Doubt),
    ]
}

/// An account in the simplest words.
#[derive(Clone, Copy, Debug, Default)]
struct Person {
    lock: Option<End>,
    lockout: Option<Timestamp>,
    disabled: bool,
    generation: u64,
}

impl Person {
    fn lock_on(&self, now: Timestamp) -> Option<End> {
        self.lock.filter(|end| !end.is_over(now))
    }

    fn lockout_on(&self, now: Timestamp) -> Option<Timestamp> {
        self.lockout.filter(|end| now < *end)
    }

    fn change(&mut self, change: Change, now: Timestamp) {
        let (lock, lockout) = (self.lock_on(now), self.lockout_on(now));
        match change {
            Change::Lock(secs) => {
                let end = secs.map_or(End::Never, |s| End::At(now.after(Duration::from_secs(s))));
                self.generation += u64::from(lock.is_none());
                self.lock = Some(lock.map_or(end, |stands| stands.max(end)));
            }
            Change::Unlock(which) => {
                if which != UnlockKind::Lockout && lock.is_some() {
                    self.lock = None;
                    self.generation += 1;
                }
                let any = lockout.is_some() || (which == UnlockKind::All && lock.is_some());
                if which != UnlockKind::AdminLock && any {
                    self.lockout = None;
                }
            }
            Change::Disable | Change::Enable => {
                let disabled = matches!(change, Change::Disable);
                self.generation += u64::from(self.disabled != disabled);
                self.disabled = disabled;
            }
            Change::SignOutEverywhere => self.generation += 1,
        }
    }

    /// What refuses the account itself.
    fn meets(&self, lockouts_count: bool, now: Timestamp) -> Meets {
        let lockout = self.lockout_on(now).filter(|_| lockouts_count).map(End::At);
        match (self.disabled, self.lock_on(now), lockout) {
            (true, ..) => Meets::Disabled,
            (_, Some(end), lockout) => {
                Meets::Locked(LockKind::Admin, lockout.map_or(end, |lockout| end.max(lockout)))
            }
            (_, None, Some(end)) => Meets::Locked(LockKind::Lockout, end),
            (_, None, None) => Meets::Pass,
        }
    }
}

struct Opened {
    signed_in: SignedIn,
    who: usize,
    born: u64,
    expires_at: Timestamp,
    ended: bool,
}

struct World {
    test: TestGate,
    elsewhere: Admin,
    accounts: Vec<Account>,
    tokens: Vec<HeaderMap>,
    people: [Person; PEOPLE],
    sessions: Vec<Opened>,
}

impl World {
    async fn new() -> Self {
        let policy = LockoutPolicy::after(2).lasting(LOCKED_OUT_FOR).build();
        let policy = policy.expect("a policy");
        let test = TestGate::with(|builder| {
            let builder = builder.session_capacity(4).api_tokens(true).lockout(policy);
            // Idleness depends on when uses were written: tested by itself.
            builder
                .session_lasts(LIFETIME, 2 * LIFETIME)
                .max_stale(Duration::MAX, OnStale::Strict)
        })
        .await;
        test.admin()
            .allow_disabling(&SYSTEM, true)
            .await
            .expect("a setting");
        let elsewhere = Admin::new(Arc::clone(test.directory()));
        let (mut accounts, mut tokens) = (Vec::new(), Vec::new());
        for number in 0..PEOPLE {
            let account = test.account(&format!("person{number}")).await;
            let request = TokenRequest::default();
            let token = elsewhere
                .create_token(&SYSTEM, &account.id.into(), request)
                .await;
            let value = format!("Bearer {}", token.expect("a token").secret.expose());
            tokens.push(
                [(AUTHORIZATION, value.parse().expect("a header"))]
                    .into_iter()
                    .collect(),
            );
            accounts.push(account);
        }
        let people = <[Person; PEOPLE]>::default();
        Self { test, elsewhere, accounts, tokens, people, sessions: Vec::new() }
    }

    fn gate(&self) -> Portcullis {
        self.test.gate()
    }

    fn now(&self) -> Timestamp {
        self.test.clock().wall()
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::SignIn(who) => self.sign_in(who).await,
            Step::Request(_) | Step::EndOne(..) if self.sessions.is_empty() => {}
            Step::Request(which) => self.request(which % self.sessions.len()).await,
            Step::Everybody => {
                for which in 0..self.sessions.len() {
                    self.request(which).await;
                }
            }
            Step::ByToken(who) => {
                let answered = answer(self.gate().admit(&self.tokens[who])).await;
                let expected = self.people[who].meets(false, self.now());
                assert_eq!(Meets::of(&answered), expected, "a token of {who}");
            }
            Step::Change(who, change, told) => self.change(who, change, told).await,
            Step::Guess(who) => self.guess(who).await,
            Step::EndOne(which, told) => self.end_one(which % self.sessions.len(), told).await,
            Step::Advance(secs) => self.test.clock().advance(Duration::from_secs(secs)),
            Step::Sweep => self.gate().0.standings.sweep(),
            Step::Doubt => self.gate().0.doubt_everything(),
        }
    }

    async fn sign_in(&mut self, who: usize) {
        let now = self.now();
        let opened = self.gate().open_session(self.accounts[who].id, None).await;
        let may = self.people[who].meets(true, now) == Meets::Pass;
        assert_eq!(opened.is_ok(), may, "{who} signs in");
        let Ok(signed_in) = opened else { return };
        let born = self.people[who].generation;
        let expires_at = now.after(LIFETIME);
        self.sessions
            .push(Opened { signed_in, who, born, expires_at, ended: false });
    }

    async fn request(&self, which: usize) {
        let session = &self.sessions[which];
        let answered = visit(&self.gate(), session.signed_in.token().expose()).await;
        assert_eq!(Meets::of(&answered), self.expected(session), "session {which}");
        if let Err(denial) = answered {
            let dead = session.ended
                || session.born != self.people[session.who].generation
                || denial.reason() == DenialReason::SessionEnded;
            assert_eq!(denial.session_is_dead(), dead, "session {which}");
        }
    }

    fn expected(&self, session: &Opened) -> Meets {
        let (person, now) = (&self.people[session.who], self.now());
        let of_session = session.born != person.generation || now >= session.expires_at;
        match person.meets(true, now) {
            // Of a session that was ended nobody knows any more whose it was.
            _ if session.ended => Meets::SessionEnded,
            Meets::Pass if of_session => Meets::SessionEnded,
            of_account => of_account,
        }
    }

    async fn change(&mut self, who: usize, change: Change, told: Told) {
        let target = self.accounts[who].id.into();
        let admin = if told == Told::Here { self.test.admin() } else { &self.elsewhere };
        let now = self.now();
        let changed = match change {
            Change::Lock(secs) => {
                let end = secs.map_or(End::Never, |s| End::At(now.after(Duration::from_secs(s))));
                admin.lock(&SYSTEM, &target, end, None).await
            }
            Change::Unlock(which) => admin.unlock(&SYSTEM, &target, which).await,
            Change::Disable => {
                let reason = Reason::try_from("left").expect("a reason");
                admin.disable(&SYSTEM, &target, reason).await
            }
            Change::Enable => admin.enable(&SYSTEM, &target).await,
            Change::SignOutEverywhere => admin.sign_out(&SYSTEM, &target).await,
        };
        let account = changed.expect("nobody here is an administrator").account;
        self.people[who].change(change, now);
        assert_eq!(account.generation.get(), self.people[who].generation, "{change:?}");
        if told == Told::Elsewhere {
            self.heard_of(&account).await;
        }
    }

    /// The feed has told the gate of it.
    async fn heard_of(&self, account: &Account) {
        let gate = self.gate();
        settled("the feed is read", async || {
            let standing = gate.standing(&account.key()).await.expect("it answers");
            standing.is_some_and(|standing| standing.version >= account.version)
        })
        .await;
    }

    async fn guess(&mut self, who: usize) {
        let (gate, now) = (self.gate(), self.now());
        let login = format!("person{who}");
        for _ in 0..2 {
            match gate
                .attempt(&login, std::net::IpAddr::from([127, 0, 0, 1]))
                .await
            {
                Ok(attempt) => drop(attempt.fail().await.expect("it answers")),
                Err(error) => {
                    let until = self.people[who].lockout_on(now).expect("the model is open");
                    assert_eq!(error, SignInError::LockedOut { end: End::At(until), at: now });
                    return;
                }
            }
        }
        self.people[who].lockout = Some(now.after(LOCKED_OUT_FOR));
    }

    async fn end_one(&mut self, which: usize, told: Told) {
        let session = &mut self.sessions[which];
        let admin = if told == Told::Here { self.test.admin() } else { &self.elsewhere };
        let key = session.signed_in.session().key;
        let ended = admin.end_session(&SYSTEM, key.id()).await;
        assert_eq!(ended.is_ok(), !session.ended);
        session.ended = true;
        let gate = self.test.gate().0;
        let token = session.signed_in.token().expose().as_bytes();
        let hash = gate.tokens.hash(token, Bearer::Session);
        settled("the feed is read", async || gate.sessions.find(hash).is_none()).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Property: whatever happens in what order, with far more sessions than
    /// there is room for, the gate says of each request what the facts say. No
    /// eviction ever separates a session from its account.
    #[test]
    fn the_gate_says_what_the_facts_say(steps in proptest::collection::vec(step(), 1..100)) {
        on_one_thread(async {
            let mut world = World::new().await;
            assert_eq!(world.now(), START);
            for step in steps {
                world.take(step).await;
            }
            world.take(Step::Everybody).await;
            assert!(world.gate().sessions_in_memory() <= 4);
        });
    }
}
