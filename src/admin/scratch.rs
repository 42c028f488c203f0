//! Makes and removes the accounts of load tests.
//!
//! A scratch account has no password, so nobody can sign in as it; sessions are
//! opened for it by whoever tests. Like every deleted account it leaves its record
//! behind, and its login is never given out again: what was done to a directory
//! stays readable in its audit log, which names the run as the reason.

use std::fmt;
use std::str::FromStr;

use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling};
use crate::domain::account::{Account, AccountId, Details};
use crate::domain::event::Action;
use crate::domain::lock::Reason;
use crate::domain::login::Login;
use crate::domain::standing::Lifecycle;
use crate::store::{AccountQuery, Facts, NewAccount};

/// How many accounts are listed in one go.
const PAGE: u32 = 500;

/// One run of a load test: what its accounts are recognised by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScratchRun(String);

/// A text that is no name of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a run is named by eight digits and letters from a to f, as it was printed")]
pub struct InvalidRun;

impl ScratchRun {
    /// What the login of every scratch account begins with.
    pub const PREFIX: &str = "bench-";

    /// The run with this name, of random bytes: no two runs share a login.
    pub fn from_random(bytes: [u8; 4]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the logins of this run begin with: `bench-3f9a21c4-`.
    pub fn prefix(&self) -> String {
        format!("{}{}-", Self::PREFIX, self.0)
    }

    /// The login of the account with this number: `bench-3f9a21c4-0001`.
    pub fn login(&self, number: u32) -> String {
        format!("{}{number:04}", self.prefix())
    }

    /// Why accounts of this run are made, locked and removed, for the audit log.
    pub fn reason(&self) -> String {
        format!("load test {}", self.0)
    }

    /// The run that an account belongs to. People are never taken for scratch
    /// accounts, whatever their login is: a scratch account has the name that was
    /// given to it, no rights, and no password and no address or, made from afar,
    /// the address that nobody can have.
    pub fn of(account: &Account) -> Option<Self> {
        let login = account.login.as_str();
        let ours = match &account.email {
            None => !account.has_password,
            Some(email) => *email == Self::email(login),
        };
        let ours = ours && !account.admin;
        Self::of_names(login, &account.name).filter(|_| ours)
    }

    /// The run that an account with this login and name may belong to.
    pub fn of_names(login: &str, name: &str) -> Option<Self> {
        let (run, number) = login.strip_prefix(Self::PREFIX)?.split_once('-')?;
        let run: Self = run.parse().ok()?;
        let given = number.parse().map(|number| run.login(number)).ok()?;
        (given == login && name == run.name()).then_some(run)
    }

    /// The address of an account that is made where one is needed: nobody's ever, by
    /// RFC 2606.
    pub fn email(login: &str) -> String {
        format!("{login}@load-test.invalid")
    }

    /// The two parts of the name that accounts are given.
    pub fn names(&self) -> (&'static str, String) {
        ("Load", format!("test {}", self.0))
    }

    fn name(&self) -> String {
        let (first, last) = self.names();
        format!("{first} {last}")
    }
}

impl FromStr for ScratchRun {
    type Err = InvalidRun;

    fn from_str(text: &str) -> Result<Self, InvalidRun> {
        let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let fits = text.len() == 8 && text.bytes().all(digit);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidRun) }
    }
}

impl fmt::Display for ScratchRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Admin {
    /// Makes a scratch account: active, and nobody can sign in as it.
    ///
    /// # Errors
    ///
    /// If its login is taken, which only a run of the same name can bring about.
    pub async fn add_scratch(
        &self,
        actor: &Actor,
        run: &ScratchRun,
        number: u32,
    ) -> Result<Outcome, AdminError> {
        let new = NewAccount {
            login: Login::new(&run.login(number)).expect("short, and of visible letters"),
            name: run.name(),
            email: None,
            admin: false,
            details: Details::default(),
            lifecycle: Lifecycle::Active,
            locks: Default::default(),
            password_hash: None,
        };
        let note = actor.note(Action::AccountCreated, reason(run).as_ref());
        let licences = self.licence_limit().await?;
        let account = self.directory.create_within(licences, new, note).await?;
        self.tell_gate(&account);
        Ok(Outcome { account, changed: true, sessions_ended: Some(0), warning: None })
    }

    /// The scratch accounts that are there, of one run or of all, by number.
    ///
    /// # Errors
    ///
    /// If the directory does not answer.
    pub async fn scratch_accounts(
        &self,
        run: Option<&ScratchRun>,
    ) -> Result<Vec<Account>, AdminError> {
        let search = run.map_or_else(|| ScratchRun::PREFIX.to_owned(), ScratchRun::prefix);
        let mut found: Vec<Account> = Vec::new();
        let mut after = None;
        loop {
            let search = Some(search.clone());
            let query = AccountQuery { status: None, search, after, limit: PAGE };
            let page = self.directory.accounts(query).await?;
            after = page.last().map(|account| account.id);
            let wanted = |account: &Account| match (ScratchRun::of(account), run) {
                (Some(found), Some(run)) => found == *run,
                (found, _) => found.is_some(),
            };
            found.extend(page.into_iter().filter(wanted));
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes a scratch account for good and ends its sessions. Says whether there
    /// was one: an account that became a person's meanwhile is left alone.
    ///
    /// # Errors
    ///
    /// If there is no such account any more, or the directory does not answer.
    pub async fn remove_scratch(&self, actor: &Actor, id: AccountId) -> Result<bool, AdminError> {
        let target = id.into();
        let removed = self.change(&target, |facts| Ok(rule(facts, actor))).await?;
        Ok(removed.changed)
    }
}

fn rule(facts: &Facts<'_>, actor: &Actor) -> Ruling {
    let Some(run) = ScratchRun::of(facts.account) else { return Ruling::Keep };
    let mut account = facts.account.clone();
    account.lifecycle = Lifecycle::Deleted;
    account.generation = account.generation.next();
    Ruling::write(account, actor.note(Action::AccountDeleted, reason(&run).as_ref()))
}

fn reason(run: &ScratchRun) -> Option<Reason> {
    Reason::try_from(run.reason()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::admin::tests::{account, cli, facts, written};

    fn run() -> ScratchRun {
        ScratchRun::from_random([0x3f, 0x9a, 0x21, 0xc4])
    }

    fn scratch(number: u32) -> Account {
        let mut account = account(7);
        account.login = Login::new(&run().login(number)).expect("a login");
        account.name = run().name();
        account.email = None;
        account.has_password = false;
        account
    }

    #[test]
    fn a_scratch_account_is_known_by_all_that_it_is() {
        assert_eq!(run().login(1), "bench-3f9a21c4-0001");
        for number in [0, 1, 9_999, 10_000] {
            assert_eq!(ScratchRun::of(&scratch(number)), Some(run()));
        }
        let mut from_afar = scratch(1);
        from_afar.email = Some(ScratchRun::email(from_afar.login.as_str()));
        from_afar.has_password = true;
        assert_eq!(ScratchRun::of(&from_afar), Some(run()));
        let person = |change: fn(&mut Account)| {
            let mut account = scratch(1);
            change(&mut account);
            account
        };
        for person in [
            person(|account| account.has_password = true),
            person(|account| account.admin = true),
            person(|account| account.email = Some("a@example.org".to_owned())),
            person(|account| account.name = "Ben Ch".to_owned()),
            person(|account| account.login = Login::new("bench-3f9a21c4-1").expect("a login")),
            person(|account| account.login = Login::new("bench-press-0001").expect("a login")),
        ] {
            assert_eq!(ScratchRun::of(&person), None, "{person:?}");
            assert!(matches!(rule(&facts(&person), &cli()), Ruling::Keep));
        }
    }

    #[test]
    fn removing_leaves_a_tombstone_and_no_session() {
        let before = scratch(1);
        let (edit, _) = written(Ok(rule(&facts(&before), &cli())));
        assert_eq!(edit.account.lifecycle, Lifecycle::Deleted);
        assert_eq!(edit.account.generation, before.generation.next());
        assert_eq!(edit.note.action, Action::AccountDeleted);
        assert_eq!(edit.note.reason.as_deref(), Some("load test 3f9a21c4"));
    }

    proptest! {
        /// What is read is what was printed, and nothing else is read.
        #[test]
        fn a_run_has_one_name(bytes: [u8; 4], text in ".{0,12}") {
            let run = ScratchRun::from_random(bytes);
            let read: Result<ScratchRun, InvalidRun> = run.as_str().parse();
            prop_assert_eq!(read, Ok(run));
            if let Ok(read) = text.parse::<ScratchRun>() {
                prop_assert_eq!(read.as_str(), text);
            }
        }
    }
}
