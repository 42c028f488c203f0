//! Plays the steps of a vector and says what does not hold.

use std::fmt::{Debug, Display};
use std::sync::Arc;

use portcullis::admin::{Actor, UnlockKind};
use portcullis::domain::lock::End;
use portcullis::domain::policy::MAX_LIMIT;
use portcullis::{Attempt, SignInError, SignedIn};
use tokio::sync::Barrier;

use super::format::{Action, Lift, Step, Surface, Vector};
use super::house::{Checked, House, PASSWORD, Stores};

/// What was found after a step.
struct Found {
    allowed: bool,
    allowed_count: u32,
    /// When a new sign-in from there is possible again, if it is refused.
    locked_until: Option<End>,
    remaining: Option<u32>,
}

/// Everything that does not hold: which step, what was expected, what was found.
pub(super) async fn play(vector: &Vector, stores: Stores, checked: Checked) -> Vec<String> {
    let name = |rest: String| {
        let Vector { id, title, source, .. } = vector;
        format!("{id} ({title}; {source}) {stores:?}, {checked:?}: {rest}")
    };
    let mut house = match House::of(vector, stores, checked).await {
        Ok(house) => house,
        Err(error) => return vec![name(error)],
    };
    let mut wrong = Vec::new();
    let mut guesses = 0;
    for (number, step) in vector.steps.iter().enumerate() {
        let here = |rest| name(format!("step {} ({:?}): {rest}", number + 1, step.action));
        match take(&mut house, step, &mut guesses).await {
            Ok(found) => wrong.extend(differences(step, &found).into_iter().map(here)),
            Err(error) => {
                wrong.push(here(error));
                break;
            }
        }
    }
    wrong
}

async fn take(house: &mut House, step: &Step, guesses: &mut u32) -> Result<Found, String> {
    let (mut allowed, mut allowed_count) = (false, 0);
    for time in 0..step.repeat {
        house.set_clock(step.at_s.instant().after(step.every_s.length() * time));
        match step.action {
            Action::Check => {}
            Action::AdminLock => admin_lock(house, step).await?,
            Action::AdminUnlock => admin_unlock(house, step).await?,
            Action::Fail | Action::Success => {
                let granted = at_once(house, step, guesses).await?;
                allowed = granted == step.concurrent;
                allowed_count += granted;
            }
        }
    }
    let locked_until = locked_until(house, step).await?;
    if !matches!(step.action, Action::Fail | Action::Success) {
        allowed = match step.surface {
            Surface::SignIn => locked_until.is_none(),
            Surface::Session => house.admits_session(step).await,
        };
        allowed_count = u32::from(allowed);
    }
    let remaining = match step.expect.remaining {
        Some(_) if locked_until.is_none() => Some(guesses_left(house, step).await?),
        Some(_) => Some(0),
        None => None,
    };
    Ok(Found { allowed, allowed_count, locked_until, remaining })
}

async fn admin_lock(house: &House, step: &Step) -> Result<(), String> {
    let end = step
        .until_s
        .map_or(End::Never, |until| End::At(until.instant()));
    let target = house.account_of(step)?.id.into();
    let locked = house.admin.lock(&Actor::System, &target, end, None).await;
    locked.map(drop).map_err(|error| error.to_string())
}

async fn admin_unlock(house: &House, step: &Step) -> Result<(), String> {
    let kind = match step.lift {
        None | Some(Lift::All) => UnlockKind::All,
        Some(Lift::AdminLock) => UnlockKind::AdminLock,
        Some(Lift::Lockout) => UnlockKind::Lockout,
    };
    let target = house.account_of(step)?.id.into();
    let unlocked = house.admin.unlock(&Actor::System, &target, kind).await;
    unlocked.map(drop).map_err(|error| error.to_string())
}

/// So many sign-ins at the same instant: all have begun before the first is
/// settled. Says how many were allowed.
async fn at_once(house: &mut House, step: &Step, guesses: &mut u32) -> Result<u32, String> {
    let begun = Arc::new(Barrier::new(step.concurrent as usize));
    let mut tasks = Vec::new();
    for _ in 0..step.concurrent {
        *guesses += 1;
        let settle = how_to_settle(house, step, *guesses)?;
        let (gate, login, visitor) =
            (house.gate.clone(), step.account.clone(), house.visitor(step));
        let begun = Arc::clone(&begun);
        tasks.push(tokio::spawn(async move {
            let attempt = gate.attempt(&login, visitor).await;
            begun.wait().await;
            match attempt {
                Ok(attempt) => settle.of(attempt).await,
                Err(refused) => Err(refused),
            }
        }));
    }
    let mut allowed = 0;
    for task in tasks {
        match task.await.expect("it ends") {
            Ok(signed_in) => {
                allowed += 1;
                signed_in
                    .iter()
                    .for_each(|session| house.keep(step, session));
            }
            Err(
                SignInError::Busy | SignInError::LockedOut { .. } | SignInError::Refused { .. },
            ) => {}
            Err(other) => return Err(other.to_string()),
        }
    }
    Ok(allowed)
}

enum Settle {
    CheckPassword { password: String, is_right: bool },
    Fail { password: String },
    Succeed(portcullis::AccountId),
    Withdraw,
}

fn how_to_settle(house: &House, step: &Step, guess: u32) -> Result<Settle, String> {
    let wrong = || match &step.secret {
        _ if step.empty => String::new(),
        Some(secret) => secret.clone(),
        // Each is a guess of its own.
        None => format!("wrong guess {guess}"),
    };
    // Many at once would wait for each other's hash, and some of them in vain.
    let by_the_engine = house.checked == Checked::ByTheEngine && step.concurrent == 1;
    Ok(match step.action {
        Action::Success if by_the_engine => {
            Settle::CheckPassword { password: PASSWORD.to_owned(), is_right: true }
        }
        Action::Success => Settle::Succeed(house.account_of(step)?.id),
        _ if by_the_engine => Settle::CheckPassword { password: wrong(), is_right: false },
        _ if step.empty => Settle::Withdraw,
        _ => Settle::Fail { password: wrong() },
    })
}

impl Settle {
    /// The session of a sign-in that succeeded; nothing where a wrong password was
    /// looked at.
    async fn of(self, attempt: Attempt) -> Result<Option<SignedIn>, SignInError> {
        match self {
            Self::Withdraw => attempt.withdraw().await.map(|()| None),
            Self::Fail { password } => attempt.fail_with(&password).await.map(|_| None),
            Self::Succeed(account) => attempt.succeed(account).await.map(Some),
            Self::CheckPassword { password, is_right } => {
                match attempt.check_password(&password).await {
                    Err(SignInError::Wrong) if !is_right => Ok(None),
                    answer => answer.map(Some),
                }
            }
        }
    }
}

/// Until when a new sign-in is refused: by the engine, by an administrator, or by
/// both, the longer of the two.
async fn locked_until(house: &House, step: &Step) -> Result<Option<End>, String> {
    let attempt = house.gate.attempt(&step.account, house.visitor(step)).await;
    let by_the_engine = match attempt {
        Ok(attempt) => {
            attempt
                .withdraw()
                .await
                .map_err(|error| error.to_string())?;
            None
        }
        Err(SignInError::LockedOut { end, .. }) => Some(end),
        Err(other) => return Err(other.to_string()),
    };
    let Ok(account) = house.account_of(step) else { return Ok(by_the_engine) };
    let account = house.directory.account(account.id).await;
    let account = account.expect("it answers").expect("an account");
    let lock = account.locks.admin_lock_at(house.clock.wall());
    Ok(by_the_engine.max(lock.map(|lock| lock.end)))
}

/// How many guesses can be under way at once from there, found by having them.
async fn guesses_left(house: &House, step: &Step) -> Result<u32, String> {
    let mut held = Vec::new();
    let all = loop {
        let visitor = house.visitor(step);
        match house.gate.attempt(&step.account, visitor).await {
            Ok(attempt) if held.len() <= MAX_LIMIT as usize => held.push(attempt),
            Ok(_) => break Err("guesses are not counted at all".to_owned()),
            Err(SignInError::Busy) => break Ok(()),
            Err(other) => break Err(other.to_string()),
        }
    };
    let left = u32::try_from(held.len()).expect("not that many");
    for attempt in held {
        attempt
            .withdraw()
            .await
            .map_err(|error| error.to_string())?;
    }
    all.map(|()| left)
}

fn differences(step: &Step, found: &Found) -> Vec<String> {
    let expect = &step.expect;
    let until = |end: &Option<End>| match end {
        None => "not locked".to_owned(),
        Some(End::Never) => "until unlocked".to_owned(),
        Some(End::At(at)) => format!("until {} s", at.as_micros() as f64 / 1e6),
    };
    let expected_until = expect.locked_until_s.map(|until| {
        let end = until.map_or(End::Never, |until| End::At(until.instant()));
        Some(end)
    });
    let mut wrong = Vec::new();
    differs(&mut wrong, "allowed", expect.allowed, &found.allowed);
    differs(&mut wrong, "allowed_count", expect.allowed_count, &found.allowed_count);
    differs(&mut wrong, "locked", expect.locked, &found.locked_until.is_some());
    if let Some(remaining) = found.remaining {
        differs(&mut wrong, "remaining", expect.remaining, &remaining);
    }
    let expected_until = expected_until.as_ref().map(until);
    differs(&mut wrong, "locked_until_s", expected_until, &until(&found.locked_until));
    wrong
}

fn differs<T: Debug + PartialEq + Display>(
    wrong: &mut Vec<String>,
    what: &str,
    expected: Option<T>,
    found: &T,
) {
    if let Some(expected) = expected.filter(|expected| expected != found) {
        wrong.push(format!("{what}: expected {expected}, found {found}"));
    }
}
