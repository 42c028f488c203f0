//! The service that asks the gate before it calls the service inside.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use http::{Method, Request, Response};
use tower_service::Service;

use crate::domain::denial::{Denial, DenialReason};
use crate::engine::{Admission, CurrentAccount, Look};
use crate::guard::client::ClientKind;
use crate::guard::future::GuardFuture;
use crate::guard::layer::Shared;
use crate::guard::response::ResponseForDenial;

/// Asks the gate before it calls the service inside.
///
/// On a pass the inner future is returned as it is: nothing is boxed, nothing
/// is cloned, nothing awaits.
pub struct Guard<S, R> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared<R>>,
}

impl<S, R> Guard<S, R> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without its guard.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for Guard<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    R: ResponseForDenial<ResBody>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = GuardFuture<S, R, ReqBody, ResBody>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let gate = &self.shared.gate;
        if request.method() == Method::OPTIONS || gate.has_session_source() {
            return self.call_slowly(request);
        }
        match gate.admit_from(request.headers(), request.extensions()) {
            Admission::Pass(account) => GuardFuture::inner(self.pass(request, account)),
            Admission::Deny(denial) => self.denied(request, &denial),
            Admission::Look(look) => self.look(request, look),
        }
    }
}

impl<S, R> Guard<S, R> {
    #[inline]
    fn pass<ReqBody>(&mut self, mut request: Request<ReqBody>, account: CurrentAccount) -> S::Future
    where
        S: Service<Request<ReqBody>>,
    {
        request.extensions_mut().insert(account);
        self.inner.call(request)
    }

    /// What needs more than the headers: preflights, and sessions that the
    /// application keeps itself.
    #[cold]
    fn call_slowly<ReqBody, ResBody>(
        &mut self,
        request: Request<ReqBody>,
    ) -> GuardFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
        R: ResponseForDenial<ResBody>,
    {
        let (mut head, body) = request.into_parts();
        if ClientKind::of(&head) == ClientKind::Preflight {
            // A browser sends a preflight without knowing who asks; nobody may
            // make it look like somebody.
            strip_credentials(&mut head);
            // A session of the application's own may be known further out already.
            if !self.shared.gate.has_session_source() {
                return GuardFuture::inner(self.inner.call(Request::from_parts(head, body)));
            }
        }
        let admission = self.shared.gate.admit_head(&head);
        let request = Request::from_parts(head, body);
        match admission {
            Admission::Pass(account) => GuardFuture::inner(self.pass(request, account)),
            Admission::Deny(denial) => self.denied(request, &denial),
            Admission::Look(look) => self.look(request, look),
        }
    }

    #[cold]
    fn denied<ReqBody, ResBody>(
        &mut self,
        request: Request<ReqBody>,
        denial: &Denial,
    ) -> GuardFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>>,
        R: ResponseForDenial<ResBody>,
    {
        match self.shared.judge_denied(request, denial) {
            Ok(public) => GuardFuture::inner(self.inner.call(public)),
            Err(response) => GuardFuture::denied(response),
        }
    }

    #[cold]
    fn look<ReqBody, ResBody>(
        &mut self,
        request: Request<ReqBody>,
        look: Look,
    ) -> GuardFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    {
        // The service that was polled ready is the one to call; the clone is for
        // the next request.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        GuardFuture::looking(ready, request, look, Arc::clone(&self.shared))
    }
}

impl<R> Shared<R> {
    /// Lets a denied request through where everybody may come, as nobody's;
    /// otherwise makes the response.
    pub(super) fn judge_denied<ReqBody, ResBody>(
        &self,
        request: Request<ReqBody>,
        denial: &Denial,
    ) -> Result<Request<ReqBody>, Response<ResBody>>
    where
        R: ResponseForDenial<ResBody>,
    {
        let (mut head, body) = request.into_parts();
        let preflight_of_nobody = denial.reason() == DenialReason::NoSession
            && ClientKind::of(&head) == ClientKind::Preflight;
        let nobody_can_say = matches!(denial.reason(), DenialReason::Unknown { .. });
        let passes = self.optional || (self.best_effort && nobody_can_say);
        if passes || preflight_of_nobody || self.is_for_sign_in(&head) {
            // Of a guard further out, perhaps: this one says nobody.
            head.extensions.remove::<CurrentAccount>();
            return Ok(Request::from_parts(head, body));
        }
        self.gate.figures().denied(denial.reason());
        tracing::info!(
            denial.reason = denial.reason().as_str(),
            account.id = denial.account().map(tracing::field::display),
            "request denied"
        );
        Err(self.responder.refuse(denial, &head))
    }
}

fn strip_credentials(head: &mut Parts) {
    head.headers.remove(COOKIE);
    head.headers.remove(AUTHORIZATION);
    head.extensions.remove::<CurrentAccount>();
}

impl<S: Clone, R> Clone for Guard<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for Guard<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
