//! Locks or disables people who did not sign in for long, once a day.
//!
//! Somebody counts as here since the last of: their last sign-in, the making of the
//! account, and the last time that their sessions were ended: by a lock or its end, by
//! a disablement or its end, or by a new password. So who was just unlocked is not
//! locked again the same night. Whose API token was used is here, too.
//!
//! The rule does nothing until somebody has seen whom it would hit, as it is now: when
//! days or action change, it waits to be seen again.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::admin::bulk::Selection;
use crate::admin::bulk::{BulkChange, BulkPreview, BulkRequest, BulkRun, DisableWish, LockWish};
use crate::admin::settings::{INACTIVITY_ACTION, INACTIVITY_AFTER};
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::AccountId;
use crate::domain::event::Action;
use crate::domain::lock::Reason;
use crate::domain::standing::Status;
use crate::domain::time::Timestamp;
use crate::store::{AccountFilter, AccountSearch, RunOrigin, TimeField};

/// What was confirmed, in the directory's settings.
const CONFIRMED: &str = "inactivity.confirmed";

/// What happens to people who did not sign in for long.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InactivityRule {
    /// After how many days.
    pub days: u32,
    /// Whether they are disabled; they are locked otherwise.
    pub disable: bool,
}

/// Whom the rule would hit.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct InactivityPreview {
    /// The rule as it is now.
    pub rule: InactivityRule,
    /// What it would do.
    pub preview: BulkPreview,
}

impl Admin {
    /// The rule as it is set; `None` while it is off.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn inactivity_rule(&self) -> Result<Option<InactivityRule>, AdminError> {
        let after = self.value_of(&INACTIVITY_AFTER).await?.value;
        let disable = self.value_of(&INACTIVITY_ACTION).await?.value == "disable";
        Ok(days_of(&after).map(|days| InactivityRule { days, disable }))
    }

    /// Says whom the rule would hit now, and notes that it was seen: from the next night
    /// on it is kept. `None` while it is off.
    ///
    /// # Errors
    ///
    /// If whoever asks is no administrator, or account disabling is off and the rule is to
    /// disable.
    pub async fn preview_inactivity(
        &self,
        actor: &Actor,
    ) -> Result<Option<InactivityPreview>, AdminError> {
        let seen = self.look_at_inactivity(actor).await?;
        if seen.is_some() {
            self.confirm_inactivity(actor).await?;
        }
        Ok(seen)
    }

    /// The same, and notes nothing.
    ///
    /// # Errors
    ///
    /// As [`Admin::preview_inactivity`].
    pub async fn look_at_inactivity(
        &self,
        actor: &Actor,
    ) -> Result<Option<InactivityPreview>, AdminError> {
        actor.require_administrator()?;
        let Some(rule) = self.inactivity_rule().await? else { return Ok(None) };
        let request = self.inactive_people(rule).await?;
        let preview = self.preview_bulk(&Actor::System, &request).await?;
        Ok(Some(InactivityPreview { rule, preview }))
    }

    /// Lets the rule, as it is now, be kept from the next night on, unseen.
    ///
    /// # Errors
    ///
    /// If whoever asks is no administrator.
    pub async fn confirm_inactivity(&self, actor: &Actor) -> Result<(), AdminError> {
        actor.require_administrator()?;
        let Some(rule) = self.inactivity_rule().await? else { return Ok(()) };
        if self.is_confirmed(rule).await? {
            return Ok(());
        }
        let mut note = actor.note(Action::SettingChanged, None);
        note.reason = Some(format!("{rule} from now on"));
        self.directory
            .set_setting(CONFIRMED, rule.to_string(), note)
            .await?;
        Ok(())
    }

    /// Whether the rule was seen or confirmed as it is now.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn is_confirmed(&self, rule: InactivityRule) -> Result<bool, AdminError> {
        let confirmed = self.directory.setting(CONFIRMED).await?;
        Ok(confirmed.as_deref() == Some(rule.to_string().as_str()))
    }

    /// Begins a run for those whom the rule hits, if it is on, was confirmed, hits
    /// somebody and began none within a day. Whoever goes on with runs does the rest.
    ///
    /// # Errors
    ///
    /// As [`Admin::begin_bulk`].
    pub async fn keep_inactivity_rule(&self) -> Result<Option<BulkRun>, AdminError> {
        let Some(rule) = self.inactivity_rule().await? else { return Ok(None) };
        if !self.is_confirmed(rule).await? {
            return Ok(None);
        }
        let request = self.inactive_people(rule).await?;
        let Selection::Search(filters) = &request.selection else { return Ok(None) };
        let search = AccountSearch { filters: filters.clone(), ..AccountSearch::default() };
        if self.directory.search(search).await?.total == 0 {
            return Ok(None);
        }
        match self
            .begin_run(&Actor::System, request, RunOrigin::Inactivity)
            .await
        {
            // Another gateway was quicker, or it is too soon.
            Err(AdminError::RunState { .. }) => Ok(None),
            begun => begun.map(Some),
        }
    }

    async fn inactive_people(&self, rule: InactivityRule) -> Result<BulkRequest, AdminError> {
        let length = Duration::from_secs(u64::from(rule.days) * 24 * 3600);
        let since = self.now().before(length);
        let at_work = self.used_tokens(since).await?;
        let selection = Selection::Search(inactive_since(since, at_work));
        let words = format!("no sign-in for {} days", rule.days);
        let reason = Reason::try_from(words).ok();
        let change = match (rule.disable, reason) {
            (true, Some(reason)) => {
                let disabled = DisableWish::Yes { reason };
                BulkChange { disabled, ..BulkChange::default() }
            }
            (_, reason) => {
                let locked = LockWish::Yes { until: None, reason };
                BulkChange { locked, ..BulkChange::default() }
            }
        };
        Ok(BulkRequest { selection, change })
    }

    /// Whose API tokens were used since.
    async fn used_tokens(&self, since: Timestamp) -> Result<Vec<AccountId>, AdminError> {
        let tokens = self.directory.tokens(None).await?;
        let used = tokens
            .into_iter()
            .filter(|token| token.last_used_at.is_some_and(|at| at >= since));
        Ok(used.filter_map(|token| token.owner.account()).collect())
    }
}

impl fmt::Display for InactivityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = if self.disable { "disable" } else { "lock" };
        write!(f, "{action} people who did not sign in for {} days", self.days)
    }
}

fn days_of(value: &str) -> Option<u32> {
    value.split_whitespace().next()?.parse().ok()
}

fn inactive_since(since: Timestamp, at_work: Vec<AccountId>) -> Vec<AccountFilter> {
    let from = |field, from| AccountFilter::Time { field, from: Some(from), before: None };
    let not = |filter| AccountFilter::Not(Box::new(filter));
    let any_of = vec![Status::Active];
    let mut filters = vec![
        AccountFilter::Status { any_of, negated: false },
        not(from(TimeField::LastSignInAt, since)),
        not(from(TimeField::SessionsEndedAt, since)),
        not(from(TimeField::CreatedAt, since)),
    ];
    if !at_work.is_empty() {
        filters.push(not(AccountFilter::Ids(at_work)));
    }
    filters
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admin::tests::{NOW, cli, person};
    use crate::admin::{NewPerson, Target, UnlockKind};
    use crate::domain::login::Login;
    use crate::domain::time::Clock;
    use crate::store::Directory;
    use crate::store::memory::SingleProcessDirectory;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    async fn night(admin: &Admin) -> Option<BulkRun> {
        let begun = admin.keep_inactivity_rule().await.expect("looked")?;
        Some(admin.finish_run(begun.id, |_| {}).await.expect("finished"))
    }

    async fn status(admin: &Admin, login: &str) -> Status {
        let account = admin.account(&Target::from(login)).await.expect("there");
        account.standing().status(admin.now())
    }

    #[tokio::test]
    async fn people_who_stay_away_are_locked_once_the_rule_was_seen() {
        let clock = Clock::manual(NOW);
        let directory: Arc<dyn Directory> = Arc::new(SingleProcessDirectory::new(clock.clone()));
        let admin = Admin::new(directory);
        for login in ["boss", "ada", "new"] {
            let person = NewPerson::new(Login::new(login).expect("a login"));
            let person = if login == "new" { person } else { person.active() };
            admin
                .add(&cli(), person.with_admin(login == "boss"))
                .await
                .expect("added");
        }
        assert!(
            admin
                .preview_inactivity(&cli())
                .await
                .expect("off")
                .is_none()
        );
        admin
            .set_setting(&cli(), &INACTIVITY_AFTER, "90d")
            .await
            .expect("set");
        clock.advance(90 * DAY);
        assert!(night(&admin).await.is_none(), "nobody has seen it");
        clock.advance(Duration::from_secs(1));
        assert!(admin.preview_inactivity(&person(7)).await.is_err());
        assert!(admin.look_at_inactivity(&person(7)).await.is_err());
        let looked = admin.look_at_inactivity(&cli()).await.expect("a look");
        assert_eq!(looked.expect("on").preview.counts.changed, 1);
        assert!(night(&admin).await.is_none(), "a look confirms nothing");
        let seen = admin
            .preview_inactivity(&cli())
            .await
            .expect("a preview")
            .expect("on");
        let counts = seen.preview.counts;
        assert_eq!((counts.changed, counts.refused), (1, 1), "ada, and not the last administrator");
        let run = night(&admin).await.expect("a run");
        assert_eq!((run.counts, run.by.as_str()), (counts, "system"));
        assert_eq!(status(&admin, "ada").await, Status::Locked);
        assert_eq!(status(&admin, "boss").await, Status::Active);
        assert_eq!(status(&admin, "new").await, Status::Invited, "they have not come yet");
        admin
            .unlock(&cli(), &"ada".into(), UnlockKind::All)
            .await
            .expect("unlocked");
        assert!(night(&admin).await.is_none(), "once a day");
        clock.advance(DAY);
        let run = night(&admin)
            .await
            .expect("the administrator is looked at again");
        assert_eq!(run.counts.changed, 0, "who was just unlocked stays so");
        clock.advance(90 * DAY);
        admin
            .set_setting(&cli(), &INACTIVITY_AFTER, "60 days")
            .await
            .expect("set");
        assert!(night(&admin).await.is_none(), "the rule is another now");
        admin.confirm_inactivity(&cli()).await.expect("confirmed");
        assert_eq!(night(&admin).await.expect("a run").counts.changed, 1);
    }
}
