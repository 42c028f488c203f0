//! What counters must say, worked out the slow way: everything that ever happened
//! to a counter is kept, and at each question lived through again from the
//! beginning, instant by instant. Written from the rules and not from the engine:
//! it shares nothing with it but plain numbers.

use std::collections::HashMap;

/// Microseconds.
pub(super) type Time = i64;

pub(super) const SECOND: Time = 1_000_000;

/// How long a guess that nobody settles is in flight.
const IN_FLIGHT: Time = 60 * SECOND;

/// How far a clock may step back and count as standing still.
const STOOD_STILL: Time = 60 * SECOND;

const FREE_REPEATS: u32 = 20;

const REMEMBERED_OF_ALL: usize = 24;

#[derive(Clone, Copy, Debug)]
pub(super) enum Window {
    Endless,
    SinceLast(Time),
    Sliding(Time),
}

#[derive(Clone, Debug)]
pub(super) enum Growth {
    Factor(u32, Option<Time>),
    None,
    Steps(Vec<Time>),
}

/// How one counter counts.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) limit: u32,
    pub(super) window: Window,
    /// None: until unlocked.
    pub(super) lock_for: Option<Time>,
    pub(super) growth: Growth,
    pub(super) permanent_after: Option<u32>,
    pub(super) ceiling: Option<u32>,
    pub(super) remembered: usize,
}

/// Who tried which wrong password.
pub(super) type Guess = (u32, u64);

#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Failed(Option<Guess>),
    GivenBack,
    Succeeded,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Lock {
    pub(super) generation: u64,
    pub(super) n: u64,
    pub(super) laid_at: Time,
    pub(super) length: Option<Time>,
    pub(super) failures: u32,
}

impl Lock {
    fn end(&self) -> Time {
        self.length
            .map_or(Time::MAX, |length| self.laid_at + length)
    }
}

/// What a counter says of a new guess, or of one that was just settled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Says {
    Locked(Lock),
    Left(u32),
    /// The guess is none of this counter's any more.
    Nothing,
}

/// One counter of an attempt.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) rules: Rules,
    pub(super) generation: u64,
    /// Whether a success clears it.
    pub(super) own: bool,
}

/// What is told of a reservation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Reserved {
    Busy,
    /// Each counter's generation: what the guess is settled in.
    Granted(Vec<u64>),
    Locked {
        counter: usize,
        lock: Lock,
    },
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Somebody asked, in this generation.
    Asked(u64),
    Settled(u64, u64, Outcome),
    Taken(u64),
}

/// All counters, each with everything that happened to it.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    histories: HashMap<String, Vec<(Time, Event)>>,
    guesses: u64,
}

impl Oracle {
    fn note(&mut self, name: &str, now: Time, event: Event) {
        let history = self.histories.entry(name.to_owned()).or_default();
        history.push((now, event));
    }

    fn life(&self, asked: &Asked) -> Life {
        let history = self.histories.get(&asked.name);
        Life::lived(&asked.rules, history.map_or(&[], Vec::as_slice))
    }

    /// The guess's number, and what came of asking for it.
    pub(super) fn reserve(&mut self, asked: &[Asked], now: Time) -> (u64, Reserved) {
        self.guesses += 1;
        for one in asked {
            self.note(&one.name, now, Event::Asked(one.generation));
        }
        let lives: Vec<Life> = asked.iter().map(|one| self.life(one)).collect();
        let says: Vec<Says> = lives.iter().map(Life::says).collect();
        if let Some((counter, lock)) = longest(&says) {
            return (self.guesses, Reserved::Locked { counter, lock });
        }
        if says.contains(&Says::Left(0)) {
            return (self.guesses, Reserved::Busy);
        }
        for one in asked {
            self.note(&one.name, now, Event::Taken(self.guesses));
        }
        (self.guesses, Reserved::Granted(lives.iter().map(|life| life.generation).collect()))
    }

    pub(super) fn settle(
        &mut self,
        asked: &[Asked],
        guess: u64,
        generations: &[u64],
        outcome: Outcome,
        now: Time,
    ) -> Vec<Says> {
        let is_repeat = match (outcome, asked.first(), generations.first()) {
            (Outcome::Failed(Some(tried)), Some(first), Some(generation)) => {
                let mut life = self.life(first);
                life.generation == *generation && life.is_repeat(guess, tried, now)
            }
            _ => false,
        };
        let mut said = Vec::new();
        for (at, (one, generation)) in asked.iter().zip(generations).enumerate() {
            let outcome = match outcome {
                Outcome::Failed(_) if is_repeat && at > 0 => Outcome::GivenBack,
                Outcome::Failed(_) if at > 0 => Outcome::Failed(None),
                Outcome::Succeeded if !one.own => Outcome::GivenBack,
                outcome => outcome,
            };
            let known =
                self.life(one).generation == *generation && self.life(one).has_at(guess, now);
            self.note(&one.name, now, Event::Settled(guess, *generation, outcome));
            let life = self.life(one);
            said.push(match life.says() {
                _ if life.generation != *generation => Says::Nothing,
                Says::Left(_) if !known => Says::Nothing,
                says => says,
            });
        }
        said
    }

    /// What a new guess would meet; asking leaves no trace.
    pub(super) fn look(&self, asked: &[Asked], now: Time) -> Says {
        let look = |one: &Asked| {
            let mut life = self.life(one);
            life.live(now, Event::Asked(one.generation));
            life.says()
        };
        let says: Vec<Says> = asked.iter().map(look).collect();
        match longest(&says) {
            Some((_, lock)) => Says::Locked(lock),
            None => {
                let left = says.iter().filter_map(|says| match says {
                    Says::Left(left) => Some(*left),
                    _ => None,
                });
                Says::Left(left.min().unwrap_or(u32::MAX))
            }
        }
    }
}

fn longest(says: &[Says]) -> Option<(usize, Lock)> {
    let mut best: Option<(usize, Lock)> = None;
    for (at, says) in says.iter().enumerate() {
        let Says::Locked(lock) = says else { continue };
        if best
            .as_ref()
            .is_none_or(|(_, best)| best.end() < lock.end())
        {
            best = Some((at, lock.clone()));
        }
    }
    best
}

struct Taken {
    guess: u64,
    at: Time,
    is_open: bool,
}

/// A counter's life so far.
struct Life {
    rules: Rules,
    generation: u64,
    locks: u64,
    locks_in_a_row: u32,
    row_ended: Option<Time>,
    failures_in_a_row: u32,
    taken: Vec<Taken>,
    lock: Option<Lock>,
    /// Every wrong password since the last reset, in the order they were found wrong.
    wrong: Vec<(Guess, Time)>,
    repeats: (u32, Time),
}

impl Life {
    fn lived(rules: &Rules, history: &[(Time, Event)]) -> Self {
        let mut life = Self::born(rules.clone(), 0);
        for (now, event) in history {
            life.live(*now, *event);
        }
        life
    }

    fn born(rules: Rules, generation: u64) -> Self {
        Self {
            rules,
            generation,
            locks: 0,
            locks_in_a_row: 0,
            row_ended: None,
            failures_in_a_row: 0,
            taken: Vec::new(),
            lock: None,
            wrong: Vec::new(),
            repeats: (0, 0),
        }
    }

    fn live(&mut self, now: Time, event: Event) {
        match event {
            Event::Asked(generation) => {
                if generation > self.generation {
                    *self = Self::born(self.rules.clone(), generation);
                }
                self.time_passes(now);
            }
            Event::Taken(guess) => {
                let at = self.time_passes(now);
                self.taken.push(Taken { guess, at, is_open: true });
                self.failures_in_a_row += 1;
            }
            Event::Settled(_, generation, _) if generation != self.generation => {}
            Event::Settled(guess, _, outcome) => self.settle(guess, outcome, now),
        }
    }

    fn settle(&mut self, guess: u64, outcome: Outcome, now: Time) {
        let is_repeat = match outcome {
            Outcome::Failed(Some(tried)) => self.is_repeat(guess, tried, now),
            _ => false,
        };
        let now = self.time_passes(now);
        let Some(at) = self.taken.iter().position(|taken| taken.guess == guess) else { return };
        match outcome {
            Outcome::Failed(tried) if !is_repeat => {
                self.taken[at].is_open = false;
                self.wrong.extend(tried.map(|tried| (tried, now)));
            }
            Outcome::Failed(_) | Outcome::GivenBack => {
                self.taken.remove(at);
                self.failures_in_a_row -= 1;
            }
            Outcome::Succeeded => {
                self.taken.remove(at);
                self.taken.retain(|taken| taken.is_open);
                let open = u32::try_from(self.taken.len()).expect("few");
                self.failures_in_a_row = self.failures_in_a_row.min(open);
                (self.locks_in_a_row, self.row_ended) = (0, None);
                self.wrong.clear();
                self.repeats = (0, 0);
            }
        }
        self.forget_old(now);
        self.lock_if_full(now);
    }

    /// Goes through everything that happens by itself until now, in its order, and
    /// says what time it is: where the clock just stepped back, that of the last stamp.
    fn time_passes(&mut self, now: Time) -> Time {
        let now = self.unless_stepped_back(now);
        while let Some((at, what)) = self.next_by(now) {
            match what {
                None => {
                    self.lock = None;
                    self.row_ended = Some(at);
                }
                Some(open) => {
                    self.taken[open].is_open = false;
                    self.forget_old(at);
                    self.lock_if_full(at);
                }
            }
        }
        self.forget_old(now);
        self.end_row(now);
        now
    }

    /// The end of the lock, or that of the flight of a guess.
    fn next_by(&self, now: Time) -> Option<(Time, Option<usize>)> {
        let lock = self.lock.iter().map(|lock| (lock.end(), None));
        let open = self
            .taken
            .iter()
            .enumerate()
            .filter(|(_, taken)| taken.is_open);
        let flights = open.map(|(at, taken)| (taken.at + IN_FLIGHT, Some(at)));
        let next = lock.chain(flights).min_by_key(|(at, _)| *at)?;
        (next.0 <= now).then_some(next)
    }

    fn unless_stepped_back(&mut self, now: Time) -> Time {
        let stamps = self.taken.iter().map(|taken| taken.at);
        let lock = self.lock.as_ref().map(|lock| lock.laid_at);
        let last = stamps.chain(lock).chain(self.row_ended).max();
        let now = match last {
            Some(last) if last > now && last - now <= STOOD_STILL => last,
            _ => now,
        };
        for taken in &mut self.taken {
            taken.at = taken.at.min(now);
        }
        if let Some(lock) = &mut self.lock {
            lock.laid_at = lock.laid_at.min(now);
        }
        self.row_ended = self.row_ended.map(|at| at.min(now));
        for (_, at) in &mut self.wrong {
            *at = (*at).min(now);
        }
        self.repeats.1 = self.repeats.1.min(now);
        now
    }

    fn forget_old(&mut self, now: Time) {
        let last = self.taken.iter().map(|taken| taken.at).max();
        let is_old = |at: Time| match self.rules.window {
            Window::Endless => false,
            Window::Sliding(window) => now - at >= window,
            Window::SinceLast(window) => last.is_some_and(|last| now - last >= window),
        };
        self.taken
            .retain(|taken| taken.is_open || !is_old(taken.at));
    }

    fn lock_if_full(&mut self, now: Time) {
        let at_ceiling = self
            .rules
            .ceiling
            .is_some_and(|ceiling| self.failures_in_a_row >= ceiling);
        let is_full = self.taken.len() >= self.rules.limit as usize;
        if self.taken.iter().any(|taken| taken.is_open) || !(is_full || at_ceiling) {
            return;
        }
        self.locks += 1;
        let length = if at_ceiling { None } else { self.next_length() };
        let failures = if at_ceiling { self.failures_in_a_row } else { self.rules.limit };
        let (generation, n) = (self.generation, self.locks);
        self.lock = Some(Lock { generation, n, laid_at: now, length, failures });
        self.locks_in_a_row += 1;
        self.taken.clear();
    }

    fn next_length(&self) -> Option<Time> {
        let before = self.locks_in_a_row;
        if self
            .rules
            .permanent_after
            .is_some_and(|most| before >= most)
        {
            return None;
        }
        match &self.rules.growth {
            Growth::None => self.rules.lock_for,
            Growth::Steps(steps) => steps.get(before as usize).or(steps.last()).copied(),
            Growth::Factor(factor, cap) => {
                let mut length = self.rules.lock_for?;
                for _ in 0..before {
                    length = length.saturating_mul(Time::from(*factor));
                }
                Some(cap.map_or(length, |cap| length.min(cap)))
            }
        }
    }

    /// Nothing has happened for as long as the longest lock, and as the window.
    fn end_row(&mut self, now: Time) {
        let longest = match &self.rules.growth {
            _ if self.rules.permanent_after.is_some() => None,
            Growth::None => self.rules.lock_for,
            Growth::Factor(_, cap) => *cap,
            Growth::Steps(steps) => steps.iter().max().copied(),
        };
        let window = match self.rules.window {
            Window::Endless => None,
            Window::Sliding(window) | Window::SinceLast(window) => Some(window),
        };
        let (Some(longest), Some(window), Some(ended)) = (longest, window, self.row_ended) else {
            return;
        };
        let is_quiet = self.taken.is_empty() && self.lock.is_none();
        if is_quiet && now - ended >= longest.max(window) {
            (self.locks_in_a_row, self.row_ended) = (0, None);
        }
    }

    fn has_at(mut self, guess: u64, now: Time) -> bool {
        self.time_passes(now);
        self.taken.iter().any(|taken| taken.guess == guess)
    }

    /// Whether a wrong password had been found wrong before this guess began, is
    /// remembered still, and not all of its free repeats are used up.
    fn is_repeat(&mut self, guess: u64, tried: Guess, now: Time) -> bool {
        let now = self.time_passes(now);
        let Some(began) = self.taken.iter().find(|taken| taken.guess == guess) else {
            return false;
        };
        let began = began.at;
        let known = self.remembered();
        if !known
            .iter()
            .any(|(known, at)| *known == tried && *at <= began)
        {
            return false;
        }
        let window = match self.rules.window {
            Window::Endless => return true,
            Window::Sliding(window) | Window::SinceLast(window) => window,
        };
        if self.repeats.0 == 0 || now - self.repeats.1 >= window {
            self.repeats = (0, now);
        }
        self.repeats.0 += 1;
        self.repeats.0 <= FREE_REPEATS
    }

    /// The last ones, each once: of a source so many, and of all so many.
    fn remembered(&self) -> Vec<(Guess, Time)> {
        let mut kept: Vec<(Guess, Time)> = Vec::new();
        for (guess, at) in self.wrong.iter().rev() {
            let of_source = kept.iter().filter(|(known, _)| known.0 == guess.0);
            let is_kept = kept.iter().any(|(known, _)| known == guess);
            let is_full = of_source.count() >= self.rules.remembered;
            if !is_kept && !is_full && kept.len() < REMEMBERED_OF_ALL {
                kept.push((*guess, *at));
            }
        }
        kept
    }

    fn says(&self) -> Says {
        if let Some(lock) = &self.lock {
            return Says::Locked(lock.clone());
        }
        let taken = u32::try_from(self.taken.len()).expect("few");
        let left = self.rules.limit.saturating_sub(taken);
        let below_ceiling = self
            .rules
            .ceiling
            .map(|ceiling| ceiling.saturating_sub(self.failures_in_a_row));
        Says::Left(below_ceiling.map_or(left, |most| left.min(most)))
    }
}
