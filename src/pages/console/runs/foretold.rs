//! What a change of many would do, as a page says it before it is done.

use std::time::Duration;

use crate::admin::{AdminError, BulkPreview, BulkRequest, Selection};
use crate::domain::operation::Operation;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::overview::spaced;
use crate::pages::console::staff::Staff;
use crate::store::{AccountFilter, AccountSearch, RunCounts};

/// How long everybody is tried before only their number is told.
const TRIED_FOR: Duration = Duration::from_secs(5);

/// People who are named as refused.
const NAMED: usize = 10;

pub(in crate::pages::console) struct Foretold {
    /// How many are meant.
    total: u64,
    /// What would become of each, where trying them did not take too long.
    counts: Option<RunCounts>,
    /// Login, number and why: the first of those who would be refused.
    pub(in crate::pages::console) refused: Vec<(String, i64, String)>,
    /// Whoever asks would be signed out.
    pub(in crate::pages::console) signs_me_out: bool,
}

/// A number, and what it counts.
pub(in crate::pages::console) struct Count {
    pub(in crate::pages::console) number: String,
    pub(in crate::pages::console) what: &'static str,
}

impl Foretold {
    pub(in crate::pages::console) async fn of(
        desk: &Desk,
        staff: &Staff,
        request: &BulkRequest,
    ) -> Result<Self, Trouble> {
        staff.require(Operation::BulkUpdateUsers)?;
        let tried = desk.admin.preview_bulk(&staff.actor, request);
        let tried = tokio::time::timeout(TRIED_FOR, tried).await;
        let signs_me_out = request.change.sign_out && meets_me(desk, staff, request).await?;
        Ok(match tried {
            Ok(preview) => Self { signs_me_out, ..Self::tried(&preview?) },
            Err(_) => Self {
                total: number_of(desk, staff, &request.selection).await?,
                counts: None,
                refused: Vec::new(),
                signs_me_out,
            },
        })
    }

    fn tried(preview: &BulkPreview) -> Self {
        let refused = preview.refused.iter().take(NAMED);
        let refused =
            refused.map(|one| (one.login.to_string(), one.account.get(), one.why.to_string()));
        Self {
            total: preview.counts.decided(),
            counts: Some(preview.counts),
            refused: refused.collect(),
            signs_me_out: false,
        }
    }

    /// Whom a run would change, as far as is known.
    pub(in crate::pages::console) fn number(&self) -> u64 {
        self.counts.map_or(self.total, |counts| counts.changed)
    }

    /// "23 people".
    pub(in crate::pages::console) fn whom(&self) -> String {
        people(if self.is_in_vain() { self.total } else { self.number() })
    }

    /// Nobody would be changed.
    pub(in crate::pages::console) fn is_in_vain(&self) -> bool {
        self.number() == 0
    }

    pub(in crate::pages::console) fn in_vain(&self) -> String {
        match self.total {
            0 => "Nobody is meant: nobody matches, or nobody was named.".to_owned(),
            _ => "Nothing would change: everybody is so already, is not there, or would be \
                  refused."
                .to_owned(),
        }
    }

    /// Whether each of them was tried.
    pub(in crate::pages::console) const fn is_whole(&self) -> bool {
        self.counts.is_some()
    }

    /// How many would come to what.
    pub(in crate::pages::console) fn counts(&self) -> Vec<Count> {
        let Some(counts) = self.counts else { return Vec::new() };
        let all = [
            (counts.changed, "will be changed"),
            (counts.unchanged, "are so already"),
            (counts.refused, "will be refused"),
            (counts.not_found, "are not there"),
        ];
        let told = all
            .into_iter()
            .filter(|(number, what)| *number > 0 || *what == all[0].1);
        told.map(|(number, what)| Count { number: spaced(number), what })
            .collect()
    }

    /// Refused people who are not named.
    pub(in crate::pages::console) fn unnamed(&self) -> Option<String> {
        let refused = self.counts.map_or(0, |counts| counts.refused);
        let more = refused.saturating_sub(self.refused.len() as u64);
        (more > 0).then(|| spaced(more))
    }
}

/// "1 person", "23 people".
pub(in crate::pages::console) fn people(number: u64) -> String {
    if number == 1 { "1 person".to_owned() } else { format!("{} people", spaced(number)) }
}

/// How many are meant, without looking at each.
async fn number_of(desk: &Desk, staff: &Staff, whom: &Selection) -> Result<u64, Trouble> {
    Ok(match whom {
        Selection::Search(filters) => found(desk, staff, filters.clone()).await?,
        Selection::Ids(ids) => ids.len() as u64,
        Selection::Logins(logins) => logins.len() as u64,
    })
}

/// Whether whoever asks is among them.
async fn meets_me(desk: &Desk, staff: &Staff, request: &BulkRequest) -> Result<bool, Trouble> {
    let me = &staff.account;
    Ok(match &request.selection {
        Selection::Ids(ids) => ids.contains(&me.id),
        Selection::Logins(logins) => {
            let mine = |name: &str| {
                let is = |own: &str| own.eq_ignore_ascii_case(name.trim());
                is(me.login.as_str()) || me.email.as_deref().is_some_and(is)
            };
            logins.iter().any(|login| mine(login))
        }
        Selection::Search(filters) => {
            let mut filters = filters.clone();
            filters.push(AccountFilter::Ids(vec![me.id]));
            found(desk, staff, filters).await? > 0
        }
    })
}

async fn found(desk: &Desk, staff: &Staff, filters: Vec<AccountFilter>) -> Result<u64, AdminError> {
    let search = AccountSearch { filters, ..AccountSearch::default() };
    Ok(desk.admin.search(&staff.actor, search).await?.total)
}
