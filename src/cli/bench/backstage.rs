//! What happens behind the stage: scratch accounts are made, locked and removed.

use std::sync::Arc;
use std::time::Duration;

use crate::admin::ScratchRun;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::office::Host;
use crate::cli::output::Output;
use crate::cli::store::{self, Located, Named};
use crate::domain::account::AccountId;
use crate::domain::lock::{End, Reason};
use crate::domain::session::SessionToken;
use crate::store::{BoxFuture, Directory, NewSession};

/// Looks after the scratch accounts of one run.
pub(super) trait Backstage: Send + Sync {
    /// The run that the accounts belong to.
    fn run(&self) -> &ScratchRun;

    /// The command that removes what this run leaves behind.
    fn mend(&self) -> String;

    /// Says whether earlier runs left something behind.
    fn mention_others(&self) -> BoxFuture<'_, Result<(), Failure>>;

    /// Makes the account with this number.
    fn make(&self, number: u32) -> BoxFuture<'_, Result<AccountId, Failure>>;

    /// Opens a session of an account, which ends by itself after a time.
    fn sign_in(
        &self,
        account: AccountId,
        lasts: Duration,
    ) -> BoxFuture<'_, Result<SessionToken, Failure>>;

    /// Locks an account; when this returns, the lock stands.
    fn lock(&self, account: AccountId) -> BoxFuture<'_, Result<(), Failure>>;

    /// Deletes every account of the run, also those that a call that was broken
    /// off made, and says how many.
    fn remove_all(&self) -> BoxFuture<'_, Result<usize, Failure>>;
}

/// Works in the directory itself, on the host of the gateway.
pub(super) struct InDirectory {
    desk: Desk,
    directory: Arc<dyn Directory>,
    run: ScratchRun,
}

impl InDirectory {
    /// Opens the directory for a new run.
    pub(super) async fn open(named: &Named, output: Output) -> Result<Self, Failure> {
        let Located { directory, pins, .. } = named.locate()?;
        let directory = store::open(&directory).await?;
        let desk = Desk::new(named.program(), Arc::clone(&directory), pins, output);
        Ok(Self { desk, directory, run: ScratchRun::from_random(random()?) })
    }

    fn cleanup(&self) -> String {
        format!("bench cleanup --run {}", self.run)
    }
}

impl Backstage for InDirectory {
    fn run(&self) -> &ScratchRun {
        &self.run
    }

    fn mend(&self) -> String {
        self.desk.command(&self.cleanup())
    }

    fn mention_others(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            match self.desk.host()?.admin.scratch_accounts(None).await?.len() {
                0 => {}
                left => self.desk.output.hint(&format!(
                    "{left} scratch accounts of other runs are there; to remove them: {}",
                    self.desk.command("bench cleanup")
                )),
            }
            Ok(())
        })
    }

    fn make(&self, number: u32) -> BoxFuture<'_, Result<AccountId, Failure>> {
        Box::pin(async move {
            let Host { admin, actor } = self.desk.host()?;
            let made = admin.add_scratch(actor, &self.run, number).await?;
            Ok(made.account.id)
        })
    }

    fn sign_in(
        &self,
        account: AccountId,
        lasts: Duration,
    ) -> BoxFuture<'_, Result<SessionToken, Failure>> {
        Box::pin(async move {
            let token = SessionToken::from_random(random()?);
            let new = NewSession {
                key: token.key(),
                account: account.into(),
                expected: None,
                expires_at: self.directory.clock().wall().after(lasts),
                opened_from: None,
                user_agent: Some("portcullis bench".to_owned()),
                device: None,
                console: false,
            };
            match self.directory.open_session(new).await? {
                Ok(_) => Ok(token),
                Err(reason) => Err(Failure::unexpected(format!(
                    "a scratch account can't sign in ({reason}): somebody changed it; try again"
                ))),
            }
        })
    }

    fn lock(&self, account: AccountId) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let Host { admin, actor } = self.desk.host()?;
            let reason = Reason::try_from(self.run.reason()).ok();
            admin
                .lock(actor, &account.into(), End::Never, reason)
                .await?;
            Ok(())
        })
    }

    fn remove_all(&self) -> BoxFuture<'_, Result<usize, Failure>> {
        Box::pin(async move {
            let removed = remove(&self.desk, Some(&self.run)).await;
            removed.map_err(|failure| failure.try_next(self.cleanup()))
        })
    }
}

/// Removes the scratch accounts of one run, or of all.
pub(super) async fn remove(desk: &Desk, run: Option<&ScratchRun>) -> Result<usize, Failure> {
    let (Host { admin, actor }, mut removed) = (desk.host()?, 0);
    for account in admin.scratch_accounts(run).await? {
        let gone = admin.remove_scratch(actor, account.id);
        removed += usize::from(gone.await?);
    }
    match admin.scratch_accounts(run).await?.len() {
        0 => Ok(removed),
        left => Err(Failure::unexpected(format!(
            "{left} scratch accounts came while others were removed: another run makes them"
        ))),
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::unexpected(format!("the system gives no random bytes: {error}"))
    })?;
    Ok(bytes)
}
