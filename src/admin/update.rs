//! Changes what is kept of people.

use crate::admin::lock::lay;
use crate::admin::unlock::{UnlockKind, lift};
use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling, Target, Warning, may_shut_out};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::lock::End;
use crate::domain::login::fold_email;
use crate::domain::operation::Operation;
use crate::domain::password::Password;
use crate::domain::permission::Permissions;
use crate::domain::standing::{Lifecycle, Transition};
use crate::store::{Edit, Facts};

/// The longest part of a name, in characters.
const MAX_PART_CHARS: usize = 256;

/// The longest language tag and identity URL, in bytes.
const MAX_LANGUAGE_BYTES: usize = 35;
const MAX_IDENTITY_BYTES: usize = 256;

/// What is to be changed of a person; what is not named stays.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) language: Option<String>,
    pub(super) identity_url: Option<Option<String>>,
    pub(super) admin: Option<bool>,
    pub(super) permissions: Option<Permissions>,
    pub(super) locked: Option<bool>,
    pub(super) password: Option<Password>,
}

impl PersonChange {
    /// Changes the first part of the name.
    ///
    /// # Errors
    ///
    /// If it is too long, or no page could show it.
    pub fn first_name(&mut self, name: &str) -> Result<(), AdminError> {
        self.first_name = Some(shown_name(name, MAX_PART_CHARS)?);
        Ok(())
    }

    /// Changes the last part of the name.
    ///
    /// # Errors
    ///
    /// As [`PersonChange::first_name`].
    pub fn last_name(&mut self, name: &str) -> Result<(), AdminError> {
        self.last_name = Some(shown_name(name, MAX_PART_CHARS)?);
        Ok(())
    }

    /// Changes the primary e-mail address.
    ///
    /// # Errors
    ///
    /// If it has not the form of an address.
    pub fn email(&mut self, email: &str) -> Result<(), AdminError> {
        self.email = Some(address(email)?);
        Ok(())
    }

    /// Changes the language.
    ///
    /// # Errors
    ///
    /// If it is not written as `en` or `pt-BR`.
    pub fn language(&mut self, tag: &str) -> Result<(), AdminError> {
        let word = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let begins = tag.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || tag.len() > MAX_LANGUAGE_BYTES || !tag.split('-').all(word) {
            return Err(AdminError::InvalidLanguage { tag: tag.to_owned() });
        }
        self.language = Some(tag.to_owned());
        Ok(())
    }

    /// Changes who the person is at an identity provider.
    ///
    /// # Errors
    ///
    /// If it is too long, or has characters that can't be seen.
    pub fn identity_url(&mut self, url: Option<&str>) -> Result<(), AdminError> {
        let visible = |url: &str| !url.is_empty() && url.bytes().all(|b| b.is_ascii_graphic());
        if url.is_some_and(|url| url.len() > MAX_IDENTITY_BYTES || !visible(url)) {
            return Err(AdminError::InvalidIdentity { max: MAX_IDENTITY_BYTES });
        }
        self.identity_url = Some(url.map(str::to_owned));
        Ok(())
    }

    /// Makes them an administrator, or one no more.
    pub fn admin(&mut self, admin: bool) {
        self.admin = Some(admin);
    }

    /// Changes what they may do to other accounts.
    pub fn permissions(&mut self, permissions: Permissions) {
        self.permissions = Some(permissions);
    }

    /// Lays an admin lock without an end, or lifts all locks.
    pub fn locked(&mut self, locked: bool) {
        self.locked = Some(locked);
    }

    /// Sets a password.
    #[cfg(feature = "passwords")]
    pub fn password(&mut self, password: Password) {
        self.password = Some(password);
    }

    /// The names and the rest, without locks and passwords, as they are then.
    pub(super) fn apply(&self, account: &mut Account) {
        let (first, last) = account.names();
        let first = self.first_name.clone().unwrap_or_else(|| first.to_owned());
        let last = self.last_name.clone().unwrap_or_else(|| last.to_owned());
        if self.first_name.is_some() || self.last_name.is_some() {
            account.name = format!("{first} {last}").trim().to_owned();
            (account.details.first_name, account.details.last_name) = (first, last);
        }
        set(&mut account.email, self.email.clone().map(Some));
        set(&mut account.details.language, self.language.clone().map(Some));
        set(&mut account.details.identity_url, self.identity_url.clone());
        set(&mut account.details.permissions, self.permissions.clone());
        set(&mut account.admin, self.admin);
    }

    /// Whether this says what somebody may do.
    fn grants(&self) -> bool {
        self.admin.is_some() || self.permissions.is_some()
    }

    /// Whether this gives somebody a way in.
    fn opens(&self) -> bool {
        self.identity_url.is_some() || self.password.is_some()
    }
}

impl Admin {
    /// Changes what is kept of a person, all of it or nothing. People may change
    /// their own names, address and language; a new password signs out everywhere.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change this, an address is taken, or nobody could
    /// administer afterwards.
    pub async fn update(
        &self,
        actor: &Actor,
        target: &Target,
        change: PersonChange,
    ) -> Result<Outcome, AdminError> {
        let hash = self.hash_of(change.password.as_ref()).await?;
        self.change(target, |facts| rule(facts, actor, &change, hash))
            .await
    }
}

fn rule(
    facts: &Facts<'_>,
    actor: &Actor,
    change: &PersonChange,
    hash: Option<String>,
) -> Result<Ruling, AdminError> {
    allow(facts, actor, change)?;
    let mut account = facts.account.clone();
    change.apply(&mut account);
    let mut warning = demotion(facts, actor, &account)?;
    let mut action = (account != *facts.account).then_some(Action::AccountUpdated);
    if hash.is_some() {
        action = Some(set_password(&mut account, action));
    }
    if let Some(locked) = change.locked {
        let (laid, of_lock) = set_locked(facts, actor, &mut account, locked)?;
        (action, warning) = (laid.or(action), of_lock.or(warning));
    }
    let Some(action) = action else { return Ok(Ruling::Keep) };
    let note = actor.note(action, None);
    Ok(Ruling::Write(Box::new(Edit { account, password_hash: hash, note }), warning))
}

/// Locks or unlocks what the account is to be, and says what that is called where it
/// changes anything.
fn set_locked(
    facts: &Facts<'_>,
    actor: &Actor,
    account: &mut Account,
    locked: bool,
) -> Result<(Option<Action>, Option<Warning>), AdminError> {
    if !locked {
        Transition::Unlock.check(facts.account.lifecycle)?;
        let lifted = lift(facts, account, UnlockKind::All);
        return Ok((lifted.then_some(Action::AccountUnlocked), None));
    }
    Transition::Lock.check(facts.account.lifecycle)?;
    if !lay(facts, actor, account, End::Never, None) {
        return Ok((None, None));
    }
    let warning = may_shut_out(facts, actor, Transition::Lock)?;
    Ok((Some(Action::AccountLocked), warning))
}

/// People may change themselves, but not what they may do or whether they may come in.
fn allow(facts: &Facts<'_>, actor: &Actor, change: &PersonChange) -> Result<(), AdminError> {
    // Who gives an administrator a way in can have it all: a token that is for less
    // than that does not.
    if change.grants() || (change.opens() && facts.account.admin) {
        actor.require_administrator()?;
    } else if change.opens() {
        actor.require_administrator_to(Operation::UpdateUser)?;
    }
    match change.locked {
        Some(_) => actor.require_managing(facts.account),
        None => actor.require_changing(facts.account),
    }
}

fn demotion(
    facts: &Facts<'_>,
    actor: &Actor,
    after: &Account,
) -> Result<Option<Warning>, AdminError> {
    if facts.account.admin && !after.admin {
        may_shut_out(facts, actor, Transition::Demote)
    } else {
        Ok(None)
    }
}

/// As [`Admin::set_password`] does it.
fn set_password(account: &mut Account, action: Option<Action>) -> Action {
    account.generation = account.generation.next();
    if matches!(account.lifecycle, Lifecycle::Invited | Lifecycle::Registered) {
        account.lifecycle = Lifecycle::Active;
        return Action::AccountActivated;
    }
    action.unwrap_or(Action::PasswordSet)
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Reads a name that people are shown.
pub(super) fn shown_name(name: &str, max: usize) -> Result<String, AdminError> {
    let name = name.trim();
    if name.chars().count() > max || name.chars().any(char::is_control) {
        return Err(AdminError::InvalidName { max });
    }
    Ok(name.to_owned())
}

/// Reads an e-mail address.
pub(super) fn address(email: &str) -> Result<String, AdminError> {
    let email = email.trim().to_owned();
    match fold_email(&email) {
        Some(_) => Ok(email),
        None => Err(AdminError::InvalidEmail { email }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{NOW, account, administrator, cli, facts, manager, person, written};
    use crate::domain::permission::Permission;
    use crate::domain::standing::Status;

    fn change(make: impl FnOnce(&mut PersonChange)) -> PersonChange {
        let mut change = PersonChange::default();
        make(&mut change);
        change
    }

    fn named(first: &str) -> PersonChange {
        change(|change| change.first_name(first).expect("a name"))
    }

    #[test]
    fn the_name_follows_its_parts() {
        let mut ada = account(7);
        ada.name = "Ada King Lovelace".to_owned();
        let (edit, _) = written(rule(&facts(&ada), &cli(), &named("Augusta"), None));
        assert_eq!(edit.account.name, "Augusta Lovelace");
        assert_eq!(edit.account.names(), ("Augusta", "Lovelace"));
        assert_eq!(edit.note.action, Action::AccountUpdated);
        assert_eq!(edit.account.generation, ada.generation, "nobody is signed out");
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        let mut ada = account(7);
        for asked in [PersonChange::default(), change(|change| change.locked(false))] {
            assert!(matches!(rule(&facts(&ada), &cli(), &asked, None), Ok(Ruling::Keep)));
        }
        named("Ada").apply(&mut ada);
        assert!(matches!(rule(&facts(&ada), &cli(), &named("Ada"), None), Ok(Ruling::Keep)));
    }

    #[test]
    fn people_change_their_names_and_nothing_that_matters() {
        let ada = account(7);
        let own = |asked: &PersonChange| rule(&facts(&ada), &person(7), asked, None);
        assert!(own(&named("Augusta")).is_ok());
        let strangers = rule(&facts(&ada), &person(8), &named("Eve"), None);
        assert!(matches!(strangers, Err(AdminError::Forbidden { .. })));
        let manage = [Permission::ManageUsers]
            .into_iter()
            .collect::<Permissions>();
        for refused in [
            change(|change| change.admin(true)),
            change(|change| change.permissions(manage)),
            change(|change| change.locked(false)),
            change(|change| change.identity_url(None).expect("none")),
        ] {
            assert!(own(&refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn who_manages_people_manages_no_administrators() {
        let mut boss = account(7);
        assert!(rule(&facts(&boss), &manager(8), &named("Ada"), None).is_ok());
        let promoted = rule(&facts(&boss), &manager(8), &change(|c| c.admin(true)), None);
        assert!(matches!(promoted, Err(AdminError::AdministratorsOnly)));
        boss.admin = true;
        let refused = rule(&facts(&boss), &manager(8), &named("Ada"), None);
        assert!(matches!(refused, Err(AdminError::AdministratorsOnly)));
    }

    #[test]
    fn the_last_administrator_stays_one() {
        let mut boss = account(7);
        boss.admin = true;
        let mut last = facts(&boss);
        last.other_active_admins = 0;
        for asked in [change(|c| c.admin(false)), change(|c| c.locked(true))] {
            let refused = rule(&last, &administrator(1), &asked, None);
            assert!(matches!(refused, Err(AdminError::LastAdministrator { .. })), "{asked:?}");
            let own = rule(&facts(&boss), &administrator(7), &asked, None);
            assert!(matches!(own, Err(AdminError::Yourself { .. })), "{asked:?}");
            let (_, warning) = written(rule(&last, &cli(), &asked, None));
            assert_eq!(warning, Some(Warning::LastAdministrator));
        }
    }

    #[test]
    fn a_lock_is_one_wherever_it_is_asked_for() {
        let ada = account(7);
        let mut asked = named("Augusta");
        asked.locked(true);
        let (edit, _) = written(rule(&facts(&ada), &administrator(1), &asked, None));
        assert_eq!(edit.account.standing().status(NOW), Status::Locked);
        assert_eq!(edit.account.generation, ada.generation.next());
        assert_eq!(edit.account.names().0, "Augusta");
        assert_eq!(edit.note.action, Action::AccountLocked);
        let invited = Account { lifecycle: Lifecycle::Invited, ..ada };
        let refused = rule(&facts(&invited), &administrator(1), &asked, None);
        assert!(matches!(refused, Err(AdminError::InvalidTransition(_))));
    }

    #[test]
    fn a_password_ends_sessions_and_lets_the_invited_in() {
        let nothing = PersonChange::default();
        let hash = || Some("hash".to_owned());
        let (edit, _) = written(rule(&facts(&account(7)), &cli(), &nothing, hash()));
        assert_eq!(edit.note.action, Action::PasswordSet);
        assert_eq!(edit.account.generation, account(7).generation.next());
        let invited = Account { lifecycle: Lifecycle::Invited, ..account(7) };
        let (edit, _) = written(rule(&facts(&invited), &cli(), &named("Ada"), hash()));
        assert_eq!(edit.account.lifecycle, Lifecycle::Active);
        assert_eq!(edit.note.action, Action::AccountActivated);
    }

    #[test]
    fn what_no_page_could_show_is_refused() {
        let mut change = PersonChange::default();
        assert!(change.first_name("Ada\u{1b}[2J").is_err());
        assert!(change.last_name(&"x".repeat(257)).is_err());
        assert!(change.email("ada").is_err());
        for tag in ["", "english please", "en_GB", "-", "en-", "1", "ä", &"a".repeat(36)] {
            assert!(change.language(tag).is_err(), "{tag:?}");
        }
        for tag in ["en", "EN", "pt-BR", "zh-Hant-TW"] {
            assert!(change.language(tag).is_ok(), "{tag:?}");
        }
        for url in ["", "a b", "a\u{200b}", &"x".repeat(257)] {
            assert!(change.identity_url(Some(url)).is_err(), "{url:?}");
        }
        assert!(change.identity_url(Some("saml:12345")).is_ok());
    }
}
