//! Properties of the whole gate, against models of a few lines.

mod directory;
#[cfg(feature = "passwords")]
mod flood;
mod source;

use http::HeaderMap;
use http::header::COOKIE;

use super::*;
use crate::domain::denial::{Denial, LockKind};
use crate::domain::lock::End;

/// What a request should meet, short of the times that it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Meets {
    Pass,
    Deleted,
    Disabled,
    Locked(LockKind, End),
    SessionEnded,
}

impl Meets {
    fn of(answer: &Result<CurrentAccount, Denial>) -> Self {
        let Err(denial) = answer else { return Self::Pass };
        match denial.reason() {
            DenialReason::Deleted => Self::Deleted,
            DenialReason::Disabled => Self::Disabled,
            DenialReason::Locked { by, end } => Self::Locked(by, end),
            DenialReason::SessionEnded => Self::SessionEnded,
            other => panic!("no model says {other:?}"),
        }
    }
}

async fn answer(admission: Admission) -> Result<CurrentAccount, Denial> {
    match admission {
        Admission::Pass(account) => Ok(account),
        Admission::Deny(denial) => Err(denial),
        Admission::Look(look) => look.await,
    }
}

async fn visit(gate: &Portcullis, token: &str) -> Result<CurrentAccount, Denial> {
    let pair = format!("{}={token}", gate.cookie_name());
    let headers = HeaderMap::from_iter([(COOKIE, pair.parse().expect("a header"))]);
    answer(gate.admit(&headers)).await
}

/// Runs one case on a runtime of its own, in one thread.
fn on_one_thread<T>(case: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(case)
}

/// Lets the gate's tasks run until it is so.
async fn settled(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..10_000 {
        if is_so().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never: {what}");
}
