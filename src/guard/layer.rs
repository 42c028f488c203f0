//! The layer that wraps services in a [`Guard`].

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::request::Parts;
use tower_layer::Layer;

#[cfg(feature = "gateway")]
use crate::engine::OnStale;
use crate::engine::Portcullis;
use crate::guard::address::{InvalidSignInAddress, SignInAddress};
use crate::guard::body::NoText;
use crate::guard::page::RefusalPages;
use crate::guard::redirect_loop::LoopGuard;
use crate::guard::response::DefaultResponseForDenial;
use crate::guard::service::Guard;

/// Wraps services so that locked and disabled people don't get in.
///
/// See the [module docs](crate::guard) for an example.
pub struct GuardLayer<R = DefaultResponseForDenial> {
    pub(super) shared: Arc<Shared<R>>,
}

/// What all services of one layer share.
pub(super) struct Shared<R> {
    pub(super) gate: Portcullis,
    pub(super) responder: R,
    pub(super) sign_in: Option<SignInAddress>,
    pub(super) optional: bool,
    /// Whether whoever nobody knows anything of passes while the directory can't be
    /// asked.
    pub(super) best_effort: bool,
}

impl GuardLayer {
    /// Guards with this gate. Without further words every request needs a
    /// session, and whoever has none gets 401 or 403.
    pub fn new(gate: Portcullis) -> Self {
        let responder = DefaultResponseForDenial::new()
            .clear_cookie(gate.clearing_cookie())
            .takes_tokens(gate.takes_bearer_tokens())
            .loop_guard(LoopGuard::new().secure(gate.is_https()))
            .original_uri(original_uri);
        Self {
            shared: Arc::new(Shared {
                gate,
                responder,
                sign_in: None,
                optional: false,
                best_effort: false,
            }),
        }
    }
}

impl<T: Clone> GuardLayer<DefaultResponseForDenial<T>> {
    /// Sends people who must sign in to this page: a path of this service, or
    /// the address of a page elsewhere. The page itself is not guarded.
    ///
    /// # Panics
    ///
    /// If it is neither; use [`GuardLayer::sign_in_address`] for an address that
    /// is not known to be right.
    pub fn sign_in_at(self, address: &str) -> Self {
        match self.sign_in_address(address) {
            Ok(layer) => layer,
            Err(error) => panic!("the sign-in address {address:?} can't be used: {error}"),
        }
    }

    /// As [`GuardLayer::sign_in_at`], for an address from a configuration.
    ///
    /// # Errors
    ///
    /// If it is neither a path of this service nor an http address.
    pub fn sign_in_address(self, address: &str) -> Result<Self, InvalidSignInAddress> {
        let address = SignInAddress::parse(address)?;
        Ok(self.sign_in(address))
    }

    /// The same, for an address with settings of its own.
    pub fn sign_in(self, address: SignInAddress) -> Self {
        self.map(|shared| Shared {
            responder: shared.responder.sign_in_at(address.clone()),
            sign_in: Some(address),
            ..shared
        })
    }

    /// Tells refused people whom to ask: "the help desk, 4711". Plain text.
    pub fn contact(self, contact: &str) -> Self {
        self.map(|shared| Shared { responder: shared.responder.contact(contact), ..shared })
    }

    /// Shows refused people pages in the looks of the service, in place of a plain one:
    /// `Pages::refusal_pages` of the feature `pages`.
    pub fn refusal_pages(self, pages: impl RefusalPages + 'static) -> Self {
        self.map(|shared| Shared { responder: shared.responder.refusal_pages(pages), ..shared })
    }

    /// Makes the bodies of refusals with this function, where a service's body
    /// is not `From<String>`: `tonic::body::Body::new`.
    pub fn text_into<F, B>(self, text: F) -> GuardLayer<DefaultResponseForDenial<F>>
    where
        F: Fn(String) -> B,
    {
        self.answer_with(|responder| responder.text_into(text))
    }

    /// Refuses by status and headers alone.
    pub fn without_text(self) -> GuardLayer<DefaultResponseForDenial<NoText>> {
        self.answer_with(DefaultResponseForDenial::without_text)
    }
}

impl<R> GuardLayer<R> {
    /// Answers refused requests with this: a closure
    /// `|denial: &Denial, request: &Parts| -> Response<_>`, both types written,
    /// or another [`ResponseForDenial`](crate::guard::ResponseForDenial).
    pub fn deny_with<N>(self, responder: N) -> GuardLayer<N>
    where
        R: Clone,
    {
        self.answer_with(|_| responder)
    }

    /// Lets everybody pass, and tells the service who it is only if they may:
    /// for public pages that greet whoever is signed in. A locked person is
    /// nobody there.
    pub fn optional(self) -> Self
    where
        R: Clone,
    {
        self.map(|shared| Shared { optional: true, ..shared })
    }

    /// Guards with this gate instead, and lets pass while the directory can't be asked:
    /// whoever is not known to be refused, as nobody where nobody can say who it is.
    #[cfg(feature = "gateway")]
    pub(crate) fn best_effort(self) -> Self
    where
        R: Clone,
    {
        self.map(|shared| Shared {
            gate: shared.gate.when_stale(OnStale::BestEffort),
            best_effort: true,
            ..shared
        })
    }

    fn answer_with<N>(self, change: impl FnOnce(R) -> N) -> GuardLayer<N>
    where
        R: Clone,
    {
        self.map(|Shared { gate, responder, sign_in, optional, best_effort }| Shared {
            gate,
            responder: change(responder),
            sign_in,
            optional,
            best_effort,
        })
    }

    fn map<N>(self, change: impl FnOnce(Shared<R>) -> Shared<N>) -> GuardLayer<N>
    where
        R: Clone,
    {
        let shared = Arc::try_unwrap(self.shared).unwrap_or_else(|shared| (*shared).clone());
        GuardLayer { shared: Arc::new(change(shared)) }
    }
}

impl<R> Shared<R> {
    /// Whether a request is for the sign-in page, which everybody may see.
    pub(super) fn is_for_sign_in(&self, request: &Parts) -> bool {
        let path = original_uri(request).unwrap_or(&request.uri).path();
        self.sign_in
            .as_ref()
            .is_some_and(|sign_in| sign_in.is_plainly_at(path))
    }
}

/// The address that the client asked for, where axum took a prefix off it.
fn original_uri(request: &Parts) -> Option<&Uri> {
    #[cfg(feature = "axum")]
    if let Some(original) = request.extensions.get::<axum::extract::OriginalUri>() {
        return Some(&original.0);
    }
    let _ = request;
    None
}

impl<S, R> Layer<S> for GuardLayer<R> {
    type Service = Guard<S, R>;

    fn layer(&self, inner: S) -> Guard<S, R> {
        Guard { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<R> Clone for GuardLayer<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R: Clone> Clone for Shared<R> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            responder: self.responder.clone(),
            sign_in: self.sign_in.clone(),
            optional: self.optional,
            best_effort: self.best_effort,
        }
    }
}

impl<R> fmt::Debug for GuardLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardLayer")
            .field("gate", &self.shared.gate)
            .field("sign_in", &self.shared.sign_in)
            .field("optional", &self.shared.optional)
            .finish_non_exhaustive()
    }
}
