//! The play itself: scratch accounts come in, are asked for, and some are locked.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::task::JoinSet;

use crate::cli::bench::backstage::{Backstage, random};
use crate::cli::bench::client::Line;
use crate::cli::bench::lock::{Bite, lock_at};
use crate::cli::bench::pace::Pace;
use crate::cli::bench::plan::{Plan, Target};
use crate::cli::bench::report::{Report, Seen};
use crate::cli::bench::stage::{Scratch, Stage};
use crate::cli::bench::stop::Stop;
use crate::cli::bench::tally::Tally;
use crate::cli::bench::verdict::{Kind, Verdict, judge};
use crate::cli::exit::{Exit, Failure};
use crate::domain::account::AccountId;
use crate::domain::session::SessionToken;
use crate::domain::time::{Clock, Monotonic};
use crate::engine::COOKIE_NAMES;

/// How much longer than the load a session lives. Should this program be killed,
/// nothing that it opened stays open for longer.
const SESSION_MARGIN: Duration = Duration::from_secs(15 * 60);

/// After a connection that was not made, so that a dead service is not asked all the time.
const PAUSE: Duration = Duration::from_millis(10);

/// Plays the whole test and says how it went.
pub(super) async fn play(
    plan: Plan,
    backstage: Arc<dyn Backstage>,
    stop: Stop,
) -> Result<Report, Failure> {
    let cast = assemble(&plan, &*backstage, &stop).await?;
    let stage = Arc::new(set(plan, &*backstage, stop, cast));
    let drivers = drive(&stage);
    let locks = lay_locks(&stage, &backstage)?;
    let tally = added_up(drivers, &stage).await?;
    let elapsed = stage.now().since(stage.pace.begin());
    let seen = Seen { tally, elapsed, bites: bites(locks).await? };
    Ok(Report::new(&stage, backstage.run(), &seen))
}

/// Makes the accounts, signs them in, and sees that each is admitted and strangers
/// are not: what is measured is a guard, and one over this directory.
async fn assemble(
    plan: &Plan,
    backstage: &dyn Backstage,
    stop: &Stop,
) -> Result<Vec<Scratch>, Failure> {
    let mut line = Line::to(plan.target.clone());
    strangers_are_refused(&mut line, backstage, &plan.target).await?;
    let mut cast = Vec::new();
    let mut cookie_name = None;
    for number in 1..=plan.accounts {
        if stop.is_asked() {
            return Err(Failure::unexpected("stopped before the load began"));
        }
        let id = backstage.make(number).await?;
        let token = backstage
            .sign_in(id, plan.duration + SESSION_MARGIN)
            .await?;
        let candidate = Candidate { id, login: backstage.run().login(number), token };
        let name = match cookie_name {
            Some(name) => name,
            None => {
                candidate
                    .find_cookie_name(&mut line, backstage, &plan.target)
                    .await?
            }
        };
        cookie_name = Some(name);
        cast.push(
            candidate
                .admitted(&mut line, backstage, &plan.target, name)
                .await?,
        );
    }
    Ok(cast)
}

async fn strangers_are_refused(
    line: &mut Line,
    backstage: &dyn Backstage,
    target: &Target,
) -> Result<(), Failure> {
    match judge(line.ask(None).await, &backstage.run().prefix(), "") {
        Verdict::Refused => Ok(()),
        Verdict::Passed { .. } => Err(Failure::new(
            Exit::Refused,
            format!(
                "{} lets strangers in, so there is no guard to measure: name a guarded --path",
                target.url()
            ),
        )),
        Verdict::Wrong(kind) => Err(unfit(target, kind)),
    }
}

/// A scratch account that was signed in and not seen yet.
struct Candidate {
    id: AccountId,
    login: String,
    token: SessionToken,
}

impl Candidate {
    /// Which of the two names of the session cookie this service takes: that hangs on
    /// whether people reach it over https.
    async fn find_cookie_name(
        &self,
        line: &mut Line,
        backstage: &dyn Backstage,
        target: &Target,
    ) -> Result<&'static str, Failure> {
        for name in COOKIE_NAMES {
            let cookie = cookie(name, &self.token);
            let answer = line.ask(Some(&cookie)).await;
            match judge(answer, &backstage.run().prefix(), &self.login) {
                Verdict::Passed { .. } => return Ok(name),
                Verdict::Refused => {}
                Verdict::Wrong(kind) => return Err(unfit(target, kind)),
            }
        }
        Err(Failure::new(
            Exit::Refused,
            format!(
                "{} does not know the accounts of this directory: \
                 name the file that it runs on with --directory",
                target.origin
            ),
        ))
    }

    /// Asks once, so that what is measured is not the first time.
    async fn admitted(
        self,
        line: &mut Line,
        backstage: &dyn Backstage,
        target: &Target,
        cookie_name: &str,
    ) -> Result<Scratch, Failure> {
        let cookie = cookie(cookie_name, &self.token);
        let answer = line.ask(Some(&cookie)).await;
        match judge(answer, &backstage.run().prefix(), &self.login) {
            Verdict::Passed { .. } => Ok(Scratch::new(self.id, self.login, cookie)),
            Verdict::Refused => Err(Failure::unexpected(format!(
                "{} refuses a scratch account that was just signed in: try again",
                target.origin
            ))),
            Verdict::Wrong(kind) => Err(unfit(target, kind)),
        }
    }
}

fn unfit(target: &Target, kind: Kind) -> Failure {
    let words = match kind {
        Kind::Client => "name a --path that answers a plain GET",
        Kind::Connection | Kind::Timeout => "see whether the service runs there",
        Kind::Server | Kind::Unknown | Kind::Stranger => "mend that first",
    };
    Failure::new(Exit::Failed, format!("{}: {}; {words}", target.url(), kind.words()))
}

fn cookie(name: &str, token: &SessionToken) -> HeaderValue {
    let text = format!("{name}={}", token.expose());
    let mut value = HeaderValue::try_from(text).expect("a token is visible letters");
    value.set_sensitive(true);
    value
}

/// Everything is ready: the load begins now.
fn set(plan: Plan, backstage: &dyn Backstage, stop: Stop, cast: Vec<Scratch>) -> Stage {
    let clock = Clock::system();
    let begin = clock.now().monotonic;
    let pace = Pace::new(begin, plan.duration, plan.requests, plan.rate);
    Stage { plan, prefix: backstage.run().prefix(), cast, clock, pace, stop }
}

fn drive(stage: &Arc<Stage>) -> JoinSet<Tally> {
    let mut drivers = JoinSet::new();
    for number in 0..stage.plan.connections {
        let stage = Arc::clone(stage);
        drivers.spawn(async move { one_connection(&stage, number).await });
    }
    let keeper = Arc::clone(stage);
    drivers.spawn_blocking(move || {
        keeper.pace.keep(&keeper.clock, || keeper.stop.is_asked());
        keeper.tally()
    });
    drivers
}

impl Stage {
    fn tally(&self) -> Tally {
        Tally::new(u64::try_from(self.plan.duration.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Asks for one account after the other, beginning elsewhere on each connection.
async fn one_connection(stage: &Stage, number: u32) -> Tally {
    let mut tally = stage.tally();
    let mut line = Line::to(stage.plan.target.clone());
    let share = stage.cast.len() * number as usize / stage.plan.connections as usize;
    for scratch in stage.cast.iter().cycle().skip(share) {
        if stage.stop.is_asked() {
            break;
        }
        let Some(due) = stage.pace.next(&stage.clock).await else { break };
        let began = stage.now();
        let answer = line.ask(Some(&scratch.cookie)).await;
        let ended = stage.now();
        let (verdict, breach) = scratch.judge(answer, &stage.prefix, (began, ended));
        let latency = ended.as_micros().saturating_sub(due.as_micros());
        tally.count(verdict, stage.micros_into(ended), latency);
        if let Some(breach) = breach {
            tally.count_breach(breach);
        }
        if verdict == Verdict::Wrong(Kind::Connection) {
            tokio::time::sleep(PAUSE).await;
        }
    }
    tally
}

async fn added_up(mut drivers: JoinSet<Tally>, stage: &Stage) -> Result<Tally, Failure> {
    let mut sum = stage.tally();
    while let Some(tally) = drivers.join_next().await {
        sum.add(&tally.map_err(broke_off)?);
    }
    Ok(sum)
}

type Locks = JoinSet<Result<Option<Bite>, Failure>>;

/// Locks accounts at random instants, away from both ends of the run.
fn lay_locks(stage: &Arc<Stage>, backstage: &Arc<dyn Backstage>) -> Result<Locks, Failure> {
    let mut locks = JoinSet::new();
    let mut dice = Dice(u64::from_le_bytes(random()?));
    let mut people: Vec<usize> = (0..stage.cast.len()).collect();
    let lasts = u64::try_from(stage.plan.duration.as_micros()).unwrap_or(u64::MAX);
    for _ in 0..stage.plan.locks {
        let person = people.swap_remove(dice.below(people.len() as u64) as usize);
        let into = lasts / 10 + dice.below(lasts * 8 / 10);
        let at = Monotonic::from_micros(stage.pace.begin().as_micros() + into);
        let (stage, backstage) = (Arc::clone(stage), Arc::clone(backstage));
        locks.spawn(async move { lock_at(&stage, &*backstage, &stage.cast[person], at).await });
    }
    Ok(locks)
}

async fn bites(mut locks: Locks) -> Result<Vec<Bite>, Failure> {
    let mut bites = Vec::new();
    while let Some(bite) = locks.join_next().await {
        bites.extend(bite.map_err(broke_off)??);
    }
    bites.sort_by_key(|bite| bite.at);
    Ok(bites)
}

fn broke_off(_: tokio::task::JoinError) -> Failure {
    Failure::unexpected("a part of the load test broke off: please report this")
}

/// Splitmix64: spreads instants and people, and hides nothing.
struct Dice(u64);

impl Dice {
    /// A number below this one, which is not 0.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_fall_everywhere() {
        let mut dice = Dice(7);
        let mut fallen = [0; 6];
        for _ in 0..6_000 {
            fallen[dice.below(6) as usize] += 1;
        }
        assert!(fallen.iter().all(|count| (800..1_200).contains(count)), "{fallen:?}");
    }
}
