//! Links that let somebody choose a password, once.

use std::time::Duration;

#[cfg(feature = "passwords")]
use crate::admin::password::rule;
use crate::admin::{Actor, Admin, AdminError, Rights, Target};
#[cfg(feature = "passwords")]
use crate::admin::{Outcome, not_deleted, split};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::invitation::{Invitation, InvitationSecret, Purpose};
#[cfg(feature = "passwords")]
use crate::domain::password::Password;
use crate::domain::time::Timestamp;
#[cfg(feature = "passwords")]
use crate::store::Facts;
use crate::store::NewInvitation;

/// How long a link is good where nobody says.
pub const DEFAULT_INVITATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a link is good at most.
pub const MAX_INVITATION: Duration = Duration::from_secs(30 * 24 * 3600);

/// A link, with its secret for this once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Invited {
    /// What the person gets. It can't be shown again.
    pub secret: InvitationSecret,
    /// What is stored.
    pub invitation: Invitation,
    /// Whom it is for.
    pub account: Account,
}

impl Invited {
    /// The end of the link: what comes after the address of the pages. The secret is
    /// behind a `#`, which browsers send to nobody.
    pub fn path(&self) -> String {
        format!("/invite#{}", self.secret.expose())
    }
}

impl Admin {
    /// Makes a link that lets somebody choose a password, once: an invited person, who
    /// is active then, or an active one who forgot theirs. It takes the place of the
    /// link that they had, and ends with a new password, a lock, or `expires`.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change the account, or it may do more than they may; if it
    /// is locked or disabled, or the time is not between a minute and [`MAX_INVITATION`].
    pub async fn invite(
        &self,
        actor: &Actor,
        target: &Target,
        expires: Option<Duration>,
    ) -> Result<Invited, AdminError> {
        let lasts = lasting(expires)?;
        self.require_reaching(actor, target).await?;
        let id = self.number_of(target).await?;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| AdminError::Random)?;
        let secret = InvitationSecret::from_random(bytes);
        let key = secret.key();
        let mut seen = None;
        let decide = |account: &Account, now: Timestamp| {
            let ruled = purpose(actor, target, account, now);
            let (made, ruled) = match ruled {
                Err(refused) => (None, Err(refused)),
                Ok(purpose) => {
                    let new = NewInvitation { key, purpose, expires_at: now.after(lasts) };
                    let note = actor.note(Action::InvitationCreated, None);
                    (Some((new, note)), Ok(account.clone()))
                }
            };
            seen = Some(ruled);
            made
        };
        let made = self
            .directory
            .invitations()
            .invite(id, Box::new(decide))
            .await?;
        let account = seen.unwrap_or_else(|| Err(AdminError::unknown(target)))?;
        let invitation = made.ok_or_else(|| AdminError::unknown(target))?;
        self.count(Action::InvitationCreated);
        Ok(Invited { secret, invitation, account })
    }

    /// Whose password a link sets, if it is good now: not used, over, replaced, or of
    /// somebody who was locked or deleted since.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn invitation(
        &self,
        secret: &InvitationSecret,
    ) -> Result<Option<(Invitation, Account)>, AdminError> {
        Ok(self
            .directory
            .invitations()
            .invitation(secret.key())
            .await?)
    }

    /// Sets the password of whoever holds a link, and lets them in if they were
    /// invited. `None` if the link is good no more. `from` is where they come from, for
    /// the audit log.
    ///
    /// # Errors
    ///
    /// If all licences are in use, which leaves the link as it is, or the store can't
    /// answer.
    #[cfg(feature = "passwords")]
    pub async fn accept_invitation(
        &self,
        secret: &InvitationSecret,
        password: &Password,
        from: Option<String>,
    ) -> Result<Option<Outcome>, AdminError> {
        // Before the work, which is dear; the transaction asks again.
        let Some((_, account)) = self.invitation(secret).await? else { return Ok(None) };
        let hash = self.passwords.hash(password).await;
        let hash = hash.map_err(|_| AdminError::Hashing)?;
        let limit = self.licence_limit().await?;
        let target = Target::Id(account.id);
        let (login, rights) = (account.login.clone(), Rights::of(&account));
        let actor = Actor::Account { id: account.id, login, from, rights };
        let (mut refused, mut action) = (None, None);
        let decide = |facts: Facts<'_>| {
            let ruling = not_deleted(&facts, &target).map(|()| rule(&facts, &actor, hash));
            let ruling = ruling.and_then(|ruling| ruling.within(&facts, limit));
            let (edit, outcome) = split(ruling);
            refused = outcome.err();
            action = edit.as_ref().map(|edit| edit.note.action);
            edit
        };
        let invitations = self.directory.invitations();
        let changed = invitations.redeem(secret.key(), Box::new(decide)).await?;
        match (refused, changed) {
            (Some(refused), _) => Err(refused),
            (None, None) => Ok(None),
            (None, Some(changed)) => {
                self.tell_gate(&changed.account);
                action.into_iter().for_each(|action| self.count(action));
                let account = changed.account;
                Ok(Some(Outcome { account, changed: true, sessions_ended: None, warning: None }))
            }
        }
    }
}

fn lasting(expires: Option<Duration>) -> Result<Duration, AdminError> {
    let lasts = expires.unwrap_or(DEFAULT_INVITATION);
    let fits = (Duration::from_secs(60)..=MAX_INVITATION).contains(&lasts);
    if fits { Ok(lasts) } else { Err(AdminError::InvalidInvitation) }
}

fn purpose(
    actor: &Actor,
    target: &Target,
    account: &Account,
    now: Timestamp,
) -> Result<Purpose, AdminError> {
    actor.require_managing(account)?;
    // Who has an administrator's way in can have it all.
    if account.admin {
        actor.require_administrator()?;
    }
    actor.require_reaching(&Rights::of(account))?;
    let status = account.standing().status(now);
    match Purpose::of(account, now) {
        Some(purpose) => Ok(purpose),
        None if account.lifecycle == crate::domain::standing::Lifecycle::Deleted => {
            Err(AdminError::unknown(target))
        }
        None => Err(AdminError::NotInvitable { login: account.login.to_string(), status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{NOW, account, administrator, at, locked, manager, person};
    use crate::domain::lock::End;
    use crate::domain::standing::Lifecycle;

    #[test]
    fn a_link_is_for_whoever_can_come_in_with_a_password() {
        let mut ada = account(7);
        let of = |account: &Account| {
            purpose(
                &administrator(1),
                &7_i64.try_into().map(Target::Id).expect("a number"),
                account,
                NOW,
            )
        };
        assert!(matches!(of(&ada), Ok(Purpose::Reset)));
        let refused = of(&locked(ada.clone(), at(60)));
        assert!(matches!(refused, Err(AdminError::NotInvitable { .. })), "{refused:?}");
        ada.lifecycle = Lifecycle::Invited;
        assert!(matches!(of(&ada), Ok(Purpose::Invitation)));
        ada.lifecycle = Lifecycle::Deleted;
        assert!(matches!(of(&ada), Err(AdminError::NotFound { .. })));
        assert!(locked(account(8), End::Never).locks.admin_lock.is_some());
    }

    #[test]
    fn only_who_manages_people_makes_links() {
        let mut ada = account(7);
        let target = Target::Id(ada.id);
        assert!(purpose(&manager(8), &target, &ada, NOW).is_ok());
        let refused = purpose(&person(8), &target, &ada, NOW);
        assert!(matches!(refused, Err(AdminError::Forbidden { .. })));
        ada.admin = true;
        let refused = purpose(&manager(8), &target, &ada, NOW);
        assert!(matches!(refused, Err(AdminError::AdministratorsOnly)), "not an administrator's");
    }

    #[test]
    fn a_link_lasts_a_minute_to_a_month() {
        let secs = |secs| lasting(Some(Duration::from_secs(secs))).is_ok();
        assert_eq!(lasting(None).ok(), Some(DEFAULT_INVITATION));
        assert!(!secs(59) && secs(60) && secs(30 * 86_400) && !secs(30 * 86_400 + 1));
    }
}
