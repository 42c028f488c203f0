//! Steps of an attempt: one call where all counters are in one slot, else one a slot.

use std::time::Duration;

use redis::Value;
use smallvec::SmallVec;

use super::names::Slot;
use super::script::{self, Answered, Call, Reserved, outcome_words};
use super::trouble::Trouble;
use super::{AfterLoss, RedisAttempts};
use crate::domain::attempts::{Budget, Outcome, Reservation, Settled, Ticket};
use crate::domain::lock::{End, Lockout};
use crate::store::Counter;
use crate::store::nonces::Nonces;

/// What is taken for a window where failures never age, and lockouts never end.
const NO_WINDOW: Duration = Duration::from_secs(15 * 60);

/// How often room is made for one step.
const MOST_SWEEPS: usize = 32;

/// How long nobody gets a guess after a loss: until what may have been lost would count no
/// more, and refuse nobody any more.
pub(super) fn closed_for(after_loss: AfterLoss, counters: &[Counter]) -> Duration {
    if after_loss == AfterLoss::GoOn {
        return Duration::ZERO;
    }
    let each = counters.iter().map(|counter| {
        let (window, lock) = (counter.rules.window().length(), counter.rules.length_after(0));
        window.max(lock).unwrap_or(NO_WINDOW)
    });
    each.max().unwrap_or_default()
}

/// Counters of one slot: what it is called, and which they are.
struct Group {
    guard: Vec<u8>,
    members: SmallVec<[Member; 4]>,
}

struct Member {
    at: usize,
    name: Vec<u8>,
}

impl Group {
    fn names(&self) -> SmallVec<[&[u8]; 4]> {
        self.members
            .iter()
            .map(|member| member.name.as_slice())
            .collect()
    }

    fn has(&self, at: usize) -> bool {
        self.members.iter().any(|member| member.at == at)
    }
}

type Groups = SmallVec<[Group; 4]>;

impl RedisAttempts {
    /// Where the first counter is comes first.
    fn groups(&self, counters: &[Counter]) -> Groups {
        let mut groups = Groups::new();
        let slots: SmallVec<[Slot; 4]> = Slot::of_each(counters).collect();
        for (at, (counter, slot)) in counters.iter().zip(slots).enumerate() {
            let guard = self.names.guard(slot);
            let name = self.names.counter(slot, &counter.key);
            let member = Member { at, name };
            match groups.iter_mut().find(|group| group.guard == guard) {
                Some(group) => group.members.push(member),
                None => groups.push(Group { guard, members: SmallVec::from_iter([member]) }),
            }
        }
        groups
    }

    pub(super) async fn reserve_all(&self, counters: &[Counter]) -> Result<Reservation, Trouble> {
        let nonce = Nonces::unmarked(self.nonces.next());
        let groups = self.groups(counters);
        let mut tickets = vec![Ticket::of(0, nonce); counters.len()];
        for (done, group) in groups.iter().enumerate() {
            match self.reserve_group(counters, group, Some(nonce)).await {
                Ok(Reservation::Granted(granted)) => {
                    for (member, ticket) in group.members.iter().zip(granted) {
                        tickets[member.at] = ticket;
                    }
                }
                refused => {
                    self.give_back(counters, &groups[..done], &tickets).await;
                    return self.longest(counters, &groups[done + 1..], refused?).await;
                }
            }
        }
        Ok(Reservation::Granted(tickets))
    }

    /// Without a number, only says who refuses.
    async fn reserve_group(
        &self,
        counters: &[Counter],
        group: &Group,
        nonce: Option<u64>,
    ) -> Result<Reservation, Trouble> {
        let mut call = Call::new(&script::RESERVE, self.terms(counters), group.guard.clone());
        call.arg(nonce.map_or_else(Vec::new, |nonce| nonce.to_be_bytes().to_vec()));
        for Member { at, name } in &group.members {
            call.counter(name.clone(), &counters[*at], None);
        }
        let answer = self.write(&call, group).await?;
        let Answered { said, lost } = script::reserved(&answer, nonce.unwrap_or_default())?;
        if lost {
            self.figures.lost();
            let after_loss = self.after_loss;
            tracing::error!(?after_loss, "Redis may have lost what was counted");
        }
        match said {
            Reserved::Closed(left) => Err(Trouble::Closed(left)),
            Reserved::Said(Reservation::LockedOut { counter, lockout }) => {
                let counter = group.members.get(counter).map_or(0, |member| member.at);
                Ok(Reservation::LockedOut { counter, lockout })
            }
            Reserved::Said(said) => Ok(said),
        }
    }

    /// Calls a script that may need room. Others may take what was made: then more is.
    async fn write(&self, call: &Call, group: &Group) -> Result<Value, Trouble> {
        for _ in 0..MOST_SWEEPS {
            match self.link.call(call).await {
                Err(Trouble::Full) if self.make_room(&group.names()).await? => {}
                answer => return answer,
            }
        }
        Err(Trouble::Full)
    }

    /// What was taken in vain. Where this fails it counts as failed, as what crashes does.
    async fn give_back(&self, counters: &[Counter], groups: &[Group], tickets: &[Ticket]) {
        for group in groups {
            let _ = self
                .settle_group(counters, group, tickets, Outcome::Released)
                .await;
        }
    }

    /// The refusal that lasts longest, of this one and of those that were not asked yet.
    async fn longest(
        &self,
        counters: &[Counter],
        others: &[Group],
        refused: Reservation,
    ) -> Result<Reservation, Trouble> {
        let mut longest = refused;
        for group in others {
            // Time goes on for all of them, as it does where they are in one slot.
            let Reservation::LockedOut { counter, lockout } =
                self.reserve_group(counters, group, None).await?
            else {
                continue;
            };
            let further = match &longest {
                Reservation::LockedOut { lockout: so_far, .. } => end(so_far) < end(&lockout),
                _ => true,
            };
            if further {
                longest = Reservation::LockedOut { counter, lockout };
            }
        }
        Ok(longest)
    }

    pub(super) async fn settle_all(
        &self,
        counters: &[Counter],
        tickets: &[Ticket],
        outcome: Outcome,
    ) -> Result<Vec<Settled>, Trouble> {
        let mut all = vec![Settled::Stale; counters.len()];
        let mut outcome = outcome;
        for group in &self.groups(counters) {
            let (released, settled) = self.settle_group(counters, group, tickets, outcome).await?;
            // What the first counter knows to be a repeat is none for the others either.
            if released && matches!(outcome, Outcome::Failed(_)) {
                outcome = Outcome::Released;
            }
            for (member, settled) in group.members.iter().zip(settled) {
                all[member.at] = settled;
            }
        }
        Ok(all)
    }

    async fn settle_group(
        &self,
        counters: &[Counter],
        group: &Group,
        tickets: &[Ticket],
        outcome: Outcome,
    ) -> Result<(bool, Vec<Settled>), Trouble> {
        let mut call = Call::new(&script::SETTLE, self.terms(counters), group.guard.clone());
        let (how, print) = outcome_words(outcome);
        call.arg(how);
        call.arg(if group.has(0) { "1" } else { "0" });
        call.arg(print);
        for Member { at, name } in &group.members {
            call.counter(name.clone(), &counters[*at], tickets.get(*at).copied());
        }
        Ok(script::settled(&self.write(&call, group).await?)?)
    }

    pub(super) async fn look_at_all(&self, counters: &[Counter]) -> Result<Budget, Trouble> {
        let (mut remaining, mut refused) = (u32::MAX, None::<Lockout>);
        for group in &self.groups(counters) {
            match self.look_at(counters, group).await? {
                Budget::Open { remaining: here } => remaining = remaining.min(here),
                Budget::LockedOut(lockout) => {
                    let further = refused
                        .as_ref()
                        .is_none_or(|so_far| end(so_far) < end(&lockout));
                    if further {
                        refused = Some(lockout);
                    }
                }
            }
        }
        Ok(refused.map_or(Budget::Open { remaining }, Budget::LockedOut))
    }

    async fn look_at(&self, counters: &[Counter], group: &Group) -> Result<Budget, Trouble> {
        let mut call = Call::new(&script::LOOK, self.terms(counters), group.guard.clone());
        for Member { at, name } in &group.members {
            call.counter(name.clone(), &counters[*at], None);
        }
        Ok(script::looked(&self.link.call(&call).await?)?)
    }
}

/// When a lockout ends, beside others of the same servers.
fn end(lockout: &Lockout) -> End {
    match lockout.length {
        Some(length) => End::At(lockout.laid_at.after(length)),
        None => End::Never,
    }
}
