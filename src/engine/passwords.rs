//! Argon2id hashes of passwords, made and checked beside the async threads.
//!
//! Each hash takes 19 MiB and some tens of milliseconds of one core. So that a
//! flood of sign-ins can't take all memory, at most as many as there are cores, and
//! at least two, run at once, and eleven more wait for each of them; the turn moves into
//! the blocking work, so that it is not given back early when the request that asked
//! is gone.

mod queue;
mod stored;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};

pub(super) use self::queue::Asker;
use self::queue::{Queue, Turn};
use self::stored::Stored;
pub use self::stored::{ImportedHash, InvalidHash};
use crate::domain::password::Password;
use crate::engine::figures::{Level, Raised};

/// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Checked where there is no password to check, so that the same work is done.
/// Its output is no hash of anything; the parameters are ours (a test holds it).
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1\
     $cG9ydGN1bGxpcyBub2JvZHk$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Hashes and checks passwords.
///
/// Cheap to clone; clones share one limit and one count.
#[derive(Clone)]
pub struct Passwords(Arc<Shared>);

struct Shared {
    queue: Queue,
    verifications: AtomicU64,
    running: Level,
    waiting: Level,
    put_off: AtomicU64,
}

/// How much there is to hash.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) running: u64,
    pub(super) waiting: u64,
    pub(super) put_off: u64,
}

impl Passwords {
    /// At most as many hashes at once as this machine has cores, and at least two:
    /// strangers never get the last one, so whatever else the machine does goes
    /// on beside a flood of them.
    pub fn new() -> Self {
        Self::with_limit(hands())
    }

    /// At most so many hashes at once.
    pub fn with_limit(at_once: usize) -> Self {
        Self(Arc::new(Shared {
            queue: Queue::new(at_once.max(1)),
            verifications: AtomicU64::new(0),
            running: Level::default(),
            waiting: Level::default(),
            put_off: AtomicU64::new(0),
        }))
    }

    /// Hashes a password that is to be stored.
    ///
    /// # Errors
    ///
    /// If the system has no memory or no random bytes to give. When the future
    /// is dropped, the work runs to its end and the result is thrown away.
    pub async fn hash(&self, password: &Password) -> Result<String, HashingError> {
        let turn = self
            .turn_of_the_house()
            .await
            .map_err(|Busy| HashingError)?;
        let password = password.clone();
        let running = self.0.running.raise();
        run((turn, running), move || hash(&password))
            .await
            .ok_or(HashingError)?
    }

    /// Whether this is the password whose hash is stored.
    ///
    /// Does the same work where there is no hash, or an unreadable one: nobody
    /// can tell from the time whether an account or a password exists. When the
    /// future is dropped, the work runs to its end.
    ///
    /// Waits for its turn as long as that takes.
    pub async fn verify(&self, password: &Password, stored: Option<&str>) -> bool {
        let waiting = self.0.waiting.raise();
        let turn = self.0.queue.hand_for_stranger().await;
        drop(waiting);
        match turn {
            Ok(turn) => self.verify_with(turn, password, stored).await,
            Err(Busy) => false,
        }
    }

    /// The same, giving up when there is no place to wait or no turn comes
    /// within `patience`.
    ///
    /// # Errors
    ///
    /// If too many passwords wait to be checked; nothing was checked then.
    pub async fn verify_within(
        &self,
        patience: Duration,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<bool, Busy> {
        self.verify_for(Asker::Stranger(None), patience, password, stored)
            .await
    }

    /// The same, for somebody in particular.
    pub(super) async fn verify_for(
        &self,
        asker: Asker,
        patience: Duration,
        password: &Password,
        stored: Option<&str>,
    ) -> Result<bool, Busy> {
        let waiting = self.0.waiting.raise();
        let turn = tokio::time::timeout(patience, self.0.queue.turn(asker)).await;
        drop(waiting);
        let Ok(Ok(turn)) = turn else {
            self.0.put_off.fetch_add(1, Ordering::Relaxed);
            return Err(Busy);
        };
        Ok(self.verify_with(turn, password, stored).await)
    }

    /// How many passwords were checked so far, right, wrong and nobody's.
    pub fn verifications(&self) -> u64 {
        self.0.verifications.load(Ordering::Relaxed)
    }

    /// A turn that no stranger can take away.
    pub(super) async fn turn_of_the_house(&self) -> Result<Turn, Busy> {
        let _waiting = self.0.waiting.raise();
        self.0.queue.hand().await
    }

    /// How much there is to hash now, and how much was put off so far.
    #[cfg(feature = "metrics")]
    pub(super) fn load(&self) -> Load {
        let Shared { running, waiting, put_off, .. } = &*self.0;
        let put_off = put_off.load(Ordering::Relaxed);
        Load { running: running.now(), waiting: waiting.now(), put_off }
    }

    async fn verify_with(&self, turn: Turn, password: &Password, stored: Option<&str>) -> bool {
        self.0.verifications.fetch_add(1, Ordering::Relaxed);
        let password = password.clone();
        let stored = stored.map(str::to_owned);
        let running = self.0.running.raise();
        run((turn, running), move || verify(&password, stored.as_deref()))
            .await
            .unwrap_or(false)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("queue", &self.0.queue)
            .field("verifications", &self.verifications())
            .finish()
    }
}

/// A password could not be hashed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the password could not be hashed: give the machine more free memory and try again")]
pub struct HashingError;

/// Too many passwords wait to be checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many passwords are being checked: try again in a moment")]
pub struct Busy;

/// How many hash at once, where nobody says otherwise.
pub(crate) fn hands() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2))
}

/// Runs blocking work; the turn is held until it is done. `None` if the
/// runtime is shutting down.
async fn run<T: Send + 'static>(
    turn: (Turn, Raised),
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.ok()
}

fn hash(password: &Password) -> Result<String, HashingError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| HashingError)?;
    hasher()?
        .hash_password_with_salt(password.expose().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|_| HashingError)
}

fn hasher() -> Result<Argon2<'static>, HashingError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| HashingError)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn verify(password: &Password, stored: Option<&str>) -> bool {
    let usable = stored.and_then(|stored| Stored::read(stored).ok());
    if stored.is_some() && usable.is_none() {
        tracing::error!("stored password hash unusable");
    }
    let real = usable.is_some() && !password.expose().is_empty();
    let Some(hash) = usable.or_else(|| Stored::read(NOBODYS_HASH).ok()) else { return false };
    let fits = hash.fits(password.expose().as_bytes());
    real && fits
}

/// Whether a hash should be made anew, now that the password is known.
pub(super) fn is_outdated(stored: &str) -> bool {
    !stored::is_ours(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text).expect("a password")
    }

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let passwords = Passwords::new();
        let stored = passwords
            .hash(&password("correct horse"))
            .await
            .expect("hashed");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(
            passwords
                .verify(&Password::typed("correct horse"), Some(&stored))
                .await
        );
        assert!(
            !passwords
                .verify(&Password::typed("correct house"), Some(&stored))
                .await
        );
        assert!(!passwords.verify(&Password::typed(""), Some(&stored)).await);
        let again = passwords
            .hash(&password("correct horse"))
            .await
            .expect("hashed");
        assert_ne!(stored, again, "the salt is new each time");
        assert_eq!(passwords.verifications(), 3);
    }

    #[tokio::test]
    async fn nobodys_password_costs_the_same_work() {
        let passwords = Passwords::new();
        let typed = Password::typed("correct horse");
        for stored in [None, Some("not a hash"), Some("$argon2id$v=19$m=19456,t=2,p=1$YWJjZGVmZ2g")]
        {
            assert!(!passwords.verify(&typed, stored).await);
        }
        assert_eq!(passwords.verifications(), 3);
        let nobody = Params::try_from(&argon2::PasswordHash::new(NOBODYS_HASH).expect("a hash"));
        let ours = hasher().expect("parameters").params().clone();
        let nobody = nobody.expect("parameters");
        assert_eq!(
            (nobody.m_cost(), nobody.t_cost(), nobody.p_cost(), nobody.output_len()),
            (ours.m_cost(), ours.t_cost(), ours.p_cost(), Some(Params::DEFAULT_OUTPUT_LEN)),
        );
    }

    #[test]
    fn a_stored_hash_cannot_ask_for_the_machine() {
        let with = |params: &str| {
            let hash = NOBODYS_HASH.replace("m=19456,t=2,p=1", params);
            Stored::read(&hash).is_ok()
        };
        assert!(with("m=65536,t=3,p=4"), "RFC 9106's second choice");
        for greedy in ["m=4194304,t=2,p=1", "m=19456,t=4000000000,p=1", "m=65536,t=1,p=4096"] {
            assert!(!with(greedy), "{greedy}");
        }
    }

    #[tokio::test]
    async fn a_turn_outlives_the_request_that_took_it() {
        let passwords = Passwords::with_limit(1);
        let typed = Password::typed("correct horse");
        let gone = {
            let (passwords, typed) = (passwords.clone(), typed.clone());
            tokio::spawn(async move { passwords.verify(&typed, None).await })
        };
        while passwords.verifications() == 0 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        let _ = gone.await;
        let none_free = passwords.0.queue.free_hands() == 0;
        assert!(none_free, "the work still runs");
        assert!(
            passwords
                .verify_within(Duration::from_secs(60), &typed, None)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn waiting_ends() {
        let passwords = Passwords::with_limit(1);
        let _held = passwords.turn_of_the_house().await;
        let typed = Password::typed("correct horse");
        let answer = passwords
            .verify_within(Duration::from_millis(5), &typed, None)
            .await;
        assert_eq!(answer, Err(Busy));
        assert_eq!(passwords.verifications(), 0);
        assert!(!format!("{passwords:?}").contains("horse"));
    }
}
