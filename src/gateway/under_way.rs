//! What is known of the request that a task works on, for whoever has something to say of
//! it: lines of the log, and the access log.
//!
//! A task-local in the place of a span: a span is made and dropped for each request,
//! whether or not anybody says anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use crate::domain::account::AccountKey;
use crate::domain::client::ClientAddr;
use crate::domain::session::SessionId;
use crate::engine::CurrentAccount;

tokio::task_local! {
    static REQUEST: UnderWay;
}

/// A request under way. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct UnderWay {
    id: HeaderValue,
    notes: Option<Arc<Notes>>,
}

/// What is found out about a request while it is answered.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Noted>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Noted {
    pub(crate) client: Option<ClientAddr>,
    pub(crate) account: Option<AccountKey>,
    pub(crate) session: Option<SessionId>,
    /// From the request's going out to the head of its answer.
    pub(crate) upstream: Option<Duration>,
}

impl Notes {
    pub(crate) fn so_far(&self) -> Noted {
        self.noted().clone()
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    pub(crate) const fn new(id: HeaderValue, notes: Option<Arc<Notes>>) -> Self {
        Self { id, notes }
    }

    /// Works on it.
    pub(crate) fn work<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        REQUEST.scope(self, work)
    }

    /// Does something for it at once.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        REQUEST.sync_scope(self.clone(), work)
    }

    /// The request that this task works on.
    pub(crate) fn current() -> Option<Self> {
        REQUEST.try_with(Self::clone).ok()
    }
}

/// Works in another task on what this one works on.
pub(crate) fn carried<F>(work: F) -> impl Future<Output = ()> + Send
where
    F: Future<Output = ()> + Send,
{
    let request = UnderWay::current();
    async move {
        match request {
            Some(request) => request.work(work).await,
            None => work.await,
        }
    }
}

/// The id of the request that this task works on.
pub(crate) fn current_id() -> Option<HeaderValue> {
    REQUEST.try_with(|request| request.id.clone()).ok()
}

fn note(write: impl FnOnce(&mut Noted)) {
    let _ = REQUEST.try_with(|request| {
        if let Some(notes) = &request.notes {
            write(&mut notes.noted());
        }
    });
}

/// It comes from there.
pub(crate) fn comes_from(client: ClientAddr) {
    note(|noted| noted.client = Some(client));
}

/// It is this account's.
pub(crate) fn is_of(me: Option<&CurrentAccount>) {
    if let Some(me) = me {
        note(|noted| {
            noted.account = Some(me.key().clone());
            noted.session = me.session_id();
        });
    }
}

/// Notes how long the application takes.
pub(crate) async fn timed<T>(answer: impl Future<Output = T>) -> T {
    let is_noted = REQUEST
        .try_with(|request| request.notes.is_some())
        .unwrap_or(false);
    if !is_noted {
        return answer.await;
    }
    let began = Instant::now();
    let answer = answer.await;
    note(|noted| noted.upstream = Some(began.elapsed()));
    answer
}
