//! Looks whether every record is there as it was written, a part of a long log at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;

use super::{AuditPage, show};
use crate::domain::operation::Operation;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::Desk;
use crate::pages::console::notice::Notice;
use crate::pages::console::overview::spaced;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::Fields;
use crate::store::{AuditWalk, BrokenChain};

/// At most so many records are checked for one request, and for at most so long: a
/// browser waits for the answer.
const MOST: u64 = 20_000;
const AT_MOST: Duration = Duration::from_secs(2);

/// How many checks that are under way are remembered.
const REMEMBERED: usize = 16;

/// Checks that are under way here, by where they came to. What a browser says of one is
/// never believed: it names one of these, or the check begins again.
#[derive(Default)]
pub(in crate::pages::console) struct Checks(Mutex<VecDeque<AuditWalk>>);

/// How far a check came that is not at the end yet.
pub(super) struct Progress {
    pub(super) position: u64,
    end: u64,
}

impl Checks {
    fn at(&self, position: u64) -> Option<AuditWalk> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks
            .iter()
            .find(|walk| walk.position() == position)
            .cloned()
    }

    fn remember(&self, walk: AuditWalk) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|other| other.position() != walk.position());
        walks.push_front(walk);
        walks.truncate(REMEMBERED);
    }
}

impl Progress {
    pub(super) fn words(&self) -> String {
        let (position, end) = (spaced(self.position), spaced(self.end));
        format!(
            "Checked up to record {position} of {end}: all are as they were written so far. The \
             check is not at the end yet."
        )
    }

    pub(super) fn permille(&self) -> u64 {
        self.position.saturating_mul(1000) / self.end.max(1)
    }
}

pub(super) async fn check(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let checked = async {
        staff.require(Operation::ReadAudit)?;
        let (notice, progress) = match walked(&desk, &staff, &mut fields).await? {
            Ok(walk) if walk.is_done() => (Some(whole(&walk)), None),
            Ok(walk) => (None, Some(under_way(&desk, walk))),
            Err(broken) => (Some(altered(&broken)), None),
        };
        let page = show(&desk, &staff, &head, notice).await?;
        Ok::<_, Trouble>(AuditPage { progress, ..page })
    };
    match checked.await {
        Ok(page) => page.answer(),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// Goes on from where the form says that a check came to.
async fn walked(
    desk: &Desk,
    staff: &Staff,
    fields: &mut Fields,
) -> Result<Result<AuditWalk, BrokenChain>, Trouble> {
    let after = fields.perhaps("after")?.and_then(|text| text.parse().ok());
    let walk = after.and_then(|position| desk.checks.at(position));
    let walk = walk.unwrap_or_else(AuditWalk::from_the_start);
    let (before, began) = (walk.checked(), desk.begin());
    let more = |walk: &AuditWalk| walk.checked() - before < MOST && desk.since(began) < AT_MOST;
    Ok(desk
        .admin
        .check_audit_while(&staff.actor, walk, more)
        .await?)
}

fn under_way(desk: &Desk, walk: AuditWalk) -> Progress {
    let progress = Progress { position: walk.position(), end: walk.end() };
    desk.checks.remember(walk);
    progress
}

fn whole(walk: &AuditWalk) -> Notice {
    Notice::done(format!(
        "The audit log is whole: all {} records are as they were written, in order, and none is \
         missing.",
        spaced(walk.checked())
    ))
}

fn altered(broken: &BrokenChain) -> Notice {
    Notice::wrong(sentence(&format!("{broken}: keep the directory's file as evidence")))
}
