//! The life of one counter, lived through instant by instant.

use super::{Event, Growth, Guess, Lock, Outcome, Rules, SECOND, Says, Time, Window};

/// How long a guess that nobody settles is in flight.
const IN_FLIGHT: Time = 60 * SECOND;

/// How far a clock may step back and count as standing still.
const STOOD_STILL: Time = 60 * SECOND;

const FREE_REPEATS: u32 = 20;

const REMEMBERED_OF_ALL: usize = 24;

struct Taken {
    guess: u64,
    at: Time,
    is_open: bool,
}

/// A counter's life so far.
pub(super) struct Life {
    rules: Rules,
    pub(super) generation: u64,
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
    pub(super) fn lived(rules: &Rules, history: &[(Time, Event)]) -> Self {
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

    pub(super) fn live(&mut self, now: Time, event: Event) {
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

    pub(super) fn has_at(mut self, guess: u64, now: Time) -> bool {
        self.time_passes(now);
        self.taken.iter().any(|taken| taken.guess == guess)
    }

    /// Whether a wrong password had been found wrong before this guess began, is
    /// remembered still, and not all of its free repeats are used up.
    pub(super) fn is_repeat(&mut self, guess: u64, tried: Guess, now: Time) -> bool {
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

    pub(super) fn says(&self) -> Says {
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
