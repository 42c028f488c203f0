//! What counters must say, worked out the slow way: everything that ever happened
//! to a counter is kept, and at each question lived through again from the
//! beginning, instant by instant. Written from the rules and not from the engine:
//! it shares nothing with it but plain numbers.

mod life;

use std::collections::HashMap;

use self::life::Life;

/// Microseconds.
pub(super) type Time = i64;

pub(super) const SECOND: Time = 1_000_000;

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
