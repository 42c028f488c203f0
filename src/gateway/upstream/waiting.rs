//! Waiting for the upstream, for as long as it may take and whoever asked may have
//! the answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use super::UpstreamError;
use crate::domain::denial::Denial;
use crate::engine::{CurrentAccount, Portcullis};
use crate::gateway::alarm::Alarm;

/// How long a request may wait for its answer before anybody looks whether
/// whoever asked may still have it. Nearly all are answered sooner, and cost
/// nothing.
const UNWATCHED: Duration = Duration::from_millis(200);

/// Why a request has no answer of the upstream's.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Whoever asked is refused meanwhile.
    Ended(Denial),
    Upstream(UpstreamError),
}

/// Somebody who waits, if it is anybody in particular.
pub(crate) struct Waiting<'a> {
    whose: Option<(&'a Portcullis, &'a CurrentAccount)>,
    /// How long the upstream may take to begin its answer, where that is said of this
    /// request.
    patience: Option<Duration>,
    began: Instant,
    // Boxed: the many that are answered before have no room for it.
    ended: Option<Pin<Box<dyn Future<Output = Denial> + Send + 'a>>>,
}

impl<'a> Waiting<'a> {
    /// Somebody who begins to wait now.
    pub(crate) fn of(whose: Option<(&'a Portcullis, &'a CurrentAccount)>) -> Self {
        Self { whose, patience: None, began: Instant::now(), ended: None }
    }

    /// The same, for no longer than this; `None`: for as long as for any other.
    pub(crate) fn patient_for(self, patience: Option<Duration>) -> Self {
        Self { patience, ..self }
    }

    pub(super) const fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Waits no longer than until this moment, and gives nothing then.
    pub(super) async fn wait_until<T>(
        &mut self,
        until: Instant,
        alarm: &mut Alarm,
        what: impl Future<Output = T>,
    ) -> Result<Option<T>, Unanswered> {
        let mut what = pin!(what);
        poll_fn(|context| match self.poll(what.as_mut(), context) {
            Poll::Ready(waited) => Poll::Ready(waited.map(Some)),
            Poll::Pending => match ready!(self.poll_over(Some(until), alarm, context)) {
                Some(denial) => Poll::Ready(Err(Unanswered::Ended(denial))),
                None => Poll::Ready(Ok(None)),
            },
        })
        .await
    }

    /// Waits as long as it takes.
    pub(super) async fn wait<T>(
        &mut self,
        alarm: &mut Alarm,
        what: impl Future<Output = T>,
    ) -> Result<T, Unanswered> {
        let mut what = pin!(what);
        poll_fn(|context| match self.poll(what.as_mut(), context) {
            Poll::Ready(waited) => Poll::Ready(waited),
            Poll::Pending => match ready!(self.poll_over(None, alarm, context)) {
                Some(denial) => Poll::Ready(Err(Unanswered::Ended(denial))),
                None => Poll::Pending,
            },
        })
        .await
    }

    fn poll<T>(
        &mut self,
        what: Pin<&mut impl Future<Output = T>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<T, Unanswered>> {
        // An answer that comes in the same moment as the lock comes too late.
        if let Poll::Ready(denial) = self.poll_ended(context) {
            return Poll::Ready(Err(Unanswered::Ended(denial)));
        }
        what.poll(context).map(Ok)
    }

    fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Denial> {
        self.ended
            .as_mut()
            .map_or(Poll::Pending, |ended| ended.as_mut().poll(context))
    }

    /// Ready when nothing is to be waited for any longer, with the denial if there
    /// is one.
    fn poll_over(
        &mut self,
        until: Option<Instant>,
        alarm: &mut Alarm,
        context: &mut Context<'_>,
    ) -> Poll<Option<Denial>> {
        if let Some((gate, me)) = self.whose
            && self.ended.is_none()
        {
            let watched = self.began + UNWATCHED;
            let next = until.map_or(watched, |until| until.min(watched));
            ready!(alarm.poll_at(next, context));
            self.ended = Some(Box::pin(gate.ended(me)));
            if let Poll::Ready(denial) = self.poll_ended(context) {
                return Poll::Ready(Some(denial));
            }
        }
        let Some(until) = until else { return Poll::Pending };
        alarm.poll_at(until, context).map(|()| None)
    }
}

impl From<UpstreamError> for Unanswered {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(error)
    }
}
