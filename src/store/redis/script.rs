//! The scripts: what they are told, and what they answer.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{Cmd, RedisError, Script, Value};

use crate::domain::attempts::{Budget, Guess, Outcome, Reservation, Scope, Settled, Ticket};
use crate::domain::counting::{CounterRules, Growth, Window};
use crate::domain::lock::{LiveSessions, Lockout, LockoutId};
use crate::domain::time::Timestamp;
use crate::store::Counter;

/// Up to where numbers are whole in Lua, with room to add two of them.
const BEYOND: u64 = 1 << 52;

/// A script, and the name that a server which has seen it knows it by.
#[derive(Debug)]
pub(super) struct Text {
    code: &'static str,
    name: LazyLock<String>,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(super) static $name: Text = Text {
            code: concat!(include_str!("record.lua"), "\n", include_str!($file)),
            name: LazyLock::new(|| Script::new($name.code).get_hash().to_owned()),
        };
    };
}

script!(BEGIN, "begin.lua");
script!(EVICT, "evict.lua");
script!(LOOK, "look.lua");
script!(RESERVE, "reserve.lua");
script!(SETTLE, "settle.lua");

/// One call of a script, to be sent as it is, also twice.
#[derive(Clone, Debug)]
pub(super) struct Call {
    script: &'static Text,
    keys: Vec<Vec<u8>>,
    args: Vec<Vec<u8>>,
}

/// What every script is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The instant, where it is not the server's.
    pub(super) at: Option<Timestamp>,
    /// For how long nobody gets a guess after a loss.
    pub(super) closed_for: Duration,
}

impl Call {
    pub(super) fn new(script: &'static Text, terms: Terms, guard: Vec<u8>) -> Self {
        let mut call = Self { script, keys: vec![guard], args: Vec::new() };
        call.arg(
            terms
                .at
                .map_or_else(String::new, |at| at.as_micros().to_string()),
        );
        call.arg(micros(terms.closed_for).to_string());
        // What a clock of a test's own says is no time to expire at.
        call.arg(if terms.at.is_some() { "0" } else { "1" });
        call
    }

    pub(super) fn key(&mut self, key: Vec<u8>) {
        self.keys.push(key);
    }

    pub(super) fn arg(&mut self, arg: impl Into<Vec<u8>>) {
        self.args.push(arg.into());
    }

    /// A counter: in the script's words.
    pub(super) fn counter(&mut self, key: Vec<u8>, counter: &Counter, ticket: Option<Ticket>) {
        self.key(key);
        let rules = &*counter.rules;
        let generation = ticket.map_or(counter.generation, |ticket| ticket.parts().0);
        self.arg(generation.to_string());
        self.arg(match counter.scope {
            Scope::Own => "own",
            Scope::Shared => "shared",
        });
        self.arg(rules.limit().to_string());
        self.arg(match rules.window() {
            Window::Endless => "none",
            Window::SinceLast(_) => "since-last",
            Window::Sliding(_) => "sliding",
        });
        self.arg(or_nothing(rules.window().length().map(micros)));
        self.arg(or_nothing(rules.ceiling()));
        self.arg(lengths(rules));
        self.arg(or_nothing(rules.permanent_after()));
        self.arg(or_nothing(rules.streak_lasts().map(micros)));
        self.arg(match rules.live_sessions() {
            LiveSessions::Keep => "keep",
            LiveSessions::Refuse => "refuse",
        });
        self.arg(rules.remembered().to_string());
        self.arg(ticket.map_or_else(Vec::new, |ticket| ticket.parts().1.to_be_bytes().to_vec()));
    }

    /// By the name that the server knows the script by, if it does.
    pub(super) fn by_name(&self) -> Cmd {
        self.command("EVALSHA", &self.script.name)
    }

    /// With the script, for a server that does not know it.
    pub(super) fn whole(&self) -> Cmd {
        self.command("EVAL", self.script.code)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut cmd = redis::cmd(name);
        cmd.arg(script).arg(self.keys.len());
        cmd.arg(&self.keys).arg(&self.args);
        cmd
    }
}

fn or_nothing(number: Option<impl ToString>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

/// Microseconds that Lua can count with: some centuries at most.
fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros())
        .unwrap_or(u64::MAX)
        .min(BEYOND)
}

/// How long lockouts last, one after the other; the last one repeats.
fn lengths(rules: &CounterRules) -> String {
    let different = match rules.growth() {
        None => return String::new(),
        Some(Growth::None) => 1,
        // By then any factor is beyond what is counted with.
        Some(Growth::Factor { .. }) => 33,
        Some(Growth::Steps(steps)) => steps.len(),
    };
    let most = rules
        .permanent_after()
        .map_or(different, |most| different.min(most as usize));
    let mut lengths = Vec::with_capacity(most);
    for earlier in 0..u32::try_from(most).unwrap_or(u32::MAX) {
        let length = rules.length_after(earlier).unwrap_or(Duration::MAX);
        let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        let grown_up = matches!(rules.growth(), Some(Growth::Factor { .. }));
        if grown_up && lengths.last() == Some(&length) {
            break;
        }
        lengths.push(length);
    }
    let words: Vec<_> = lengths.iter().map(i64::to_string).collect();
    words.join(" ")
}

/// How an outcome is called, and what it teaches.
pub(super) fn outcome_words(outcome: Outcome) -> (&'static str, Vec<u8>) {
    match outcome {
        Outcome::Failed(guess) => ("failed", guess.map(print).unwrap_or_default()),
        Outcome::Passed | Outcome::Released => ("released", Vec::new()),
        Outcome::Succeeded => ("succeeded", Vec::new()),
    }
}

fn print(guess: Guess) -> Vec<u8> {
    let mut bytes = guess.source.to_be_bytes().to_vec();
    bytes.extend(guess.print.to_be_bytes());
    bytes
}

/// What came of a reservation.
#[derive(Debug)]
pub(super) struct Answered<T> {
    pub(super) said: T,
    /// Whether a loss was found just now.
    pub(super) lost: bool,
}

#[derive(Debug)]
pub(super) enum Reserved {
    /// Nobody gets a guess for so long.
    Closed(Duration),
    Said(Reservation),
}

/// What an answer is where it can't be read.
fn misread() -> RedisError {
    (redis::ErrorKind::UnexpectedReturnType, "an answer of another version").into()
}

type Read<T> = Result<T, RedisError>;

fn list(value: &Value) -> Read<&[Value]> {
    match value {
        Value::Array(values) => Ok(values),
        _ => Err(misread()),
    }
}

fn text(value: Option<&Value>) -> Read<&str> {
    match value {
        Some(Value::BulkString(bytes)) => std::str::from_utf8(bytes).map_err(|_| misread()),
        Some(Value::SimpleString(text)) => Ok(text),
        _ => Err(misread()),
    }
}

fn number<T: std::str::FromStr + TryFrom<i64>>(value: Option<&Value>) -> Read<T> {
    match value {
        Some(Value::Int(number)) => T::try_from(*number).map_err(|_| misread()),
        other => text(other)?.parse().map_err(|_| misread()),
    }
}

fn lockout(value: Option<&Value>) -> Read<Lockout> {
    let parts = list(value.ok_or_else(misread)?)?;
    let [generation, n, laid_at, length, failures, live] = parts else { return Err(misread()) };
    let length = match text(Some(length))? {
        "" => None,
        micros => Some(Duration::from_micros(micros.parse().map_err(|_| misread())?)),
    };
    Ok(Lockout {
        id: LockoutId { generation: number(Some(generation))?, n: number(Some(n))? },
        laid_at: Timestamp::from_micros(number(Some(laid_at))?),
        length,
        failures: number(Some(failures))?,
        live_sessions: match text(Some(live))? {
            "keep" => LiveSessions::Keep,
            _ => LiveSessions::Refuse,
        },
    })
}

/// The answer to [`RESERVE`].
pub(super) fn reserved(value: &Value, nonce: u64) -> Read<Answered<Reserved>> {
    let parts = list(value)?;
    let lost = |at: usize| Ok::<_, RedisError>(number::<i64>(parts.get(at))? == 1);
    match text(parts.first())? {
        "closed" => {
            let left = Duration::from_micros(number(parts.get(1))?);
            Ok(Answered { said: Reserved::Closed(left), lost: lost(2)? })
        }
        "busy" => Ok(Answered { said: Reserved::Said(Reservation::Busy), lost: lost(1)? }),
        "locked" => {
            let (counter, lockout) = (number(parts.get(2))?, lockout(parts.get(3))?);
            let said = Reserved::Said(Reservation::LockedOut { counter, lockout });
            Ok(Answered { said, lost: lost(1)? })
        }
        "granted" => {
            let tickets = parts[2..]
                .iter()
                .map(|generation| Ok(Ticket::of(number(Some(generation))?, nonce)));
            let tickets: Read<Vec<_>> = tickets.collect();
            let said = Reserved::Said(Reservation::Granted(tickets?));
            Ok(Answered { said, lost: lost(1)? })
        }
        _ => Err(misread()),
    }
}

/// The answer to [`SETTLE`]: whether the guess turned out to be none, and what each
/// counter says.
pub(super) fn settled(value: &Value) -> Read<(bool, Vec<Settled>)> {
    let (how, each) = list(value)?.split_first().ok_or_else(misread)?;
    let released = text(Some(how))? == "released";
    let each = each.iter().map(|one| {
        let parts = list(one)?;
        match text(parts.first())? {
            "locked" => Ok(Settled::LockedOut(lockout(parts.get(1))?)),
            "recorded" => Ok(Settled::Recorded { remaining: number(parts.get(1))? }),
            "stale" => Ok(Settled::Stale),
            _ => Err(misread()),
        }
    });
    let each: Read<Vec<_>> = each.collect();
    Ok((released, each?))
}

/// The answer to [`LOOK`].
pub(super) fn looked(value: &Value) -> Read<Budget> {
    let parts = list(value)?;
    match text(parts.first())? {
        "locked" => Ok(Budget::LockedOut(lockout(parts.get(1))?)),
        "open" => {
            let remaining: i64 = number(parts.get(1))?;
            let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
            Ok(Budget::Open { remaining })
        }
        _ => Err(misread()),
    }
}
