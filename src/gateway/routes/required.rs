//! Whether somebody is what a route requires, and what they are told if not.
//!
//! | client | answer |
//! |---|---|
//! | navigation | a page with 403: signing in again would lead here once more |
//! | gRPC | status 7 |
//! | any other | 403 problem; with a bearer token `insufficient_scope` (RFC 6750, section 3.1) |

use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;

use super::{Require, Rule};
use crate::domain::denial::{Denial, DenialReason};
use crate::engine::{CurrentAccount, Portcullis};
use crate::gateway::answer::Refusal;
use crate::gateway::body::Body;
use crate::guard::{ClientKind, DefaultResponseForDenial, ResponseForDenial, grpc_type};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const INSUFFICIENT_SCOPE: HeaderValue =
    HeaderValue::from_static("Bearer error=\"insufficient_scope\"");

/// Says of an answer that somebody was refused who is signed in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forbidden;

impl Require {
    /// Why whoever asks may not pass, if they may not.
    pub(crate) async fn refusal(
        &self,
        gate: &Portcullis,
        rule: &Rule,
        (head, kind): (&Parts, ClientKind),
        me: Option<&CurrentAccount>,
    ) -> Option<Refused> {
        let Some(me) = me else {
            // A browser asks as nobody before it asks in somebody's name.
            let is_question = kind == ClientKind::Preflight;
            return (!is_question)
                .then(|| Refused::Forbidden(Box::new(forbidden(head, kind, false))));
        };
        match self.is_met_by(gate, me).await {
            Ok(true) => None,
            Ok(false) => {
                tracing::info!(route = rule.label, account.id = %me.key(), "request forbidden");
                Some(Refused::Forbidden(Box::new(forbidden(head, kind, me.is_by_token()))))
            }
            Err(reason) => Some(Refused::unknown(reason, gate, me)),
        }
    }

    /// Whether whoever asks is all of this.
    async fn is_met_by(
        &self,
        gate: &Portcullis,
        me: &CurrentAccount,
    ) -> Result<bool, DenialReason> {
        if self.permission.is_none() && self.groups.is_empty() {
            return Ok(true);
        }
        let rights = gate.rights_of(me).await?;
        let permitted = self
            .permission
            .is_none_or(|permission| rights.allow(permission) && me.is_for(permission));
        let in_group = self.groups.is_empty() || self.groups.iter().any(|name| rights.are_in(name));
        Ok(permitted && in_group)
    }
}

/// Why somebody may not pass who is signed in.
pub(crate) enum Refused {
    Forbidden(Box<Response<Body>>),
    /// Nobody can say.
    Unknown(Denial),
}

impl Refused {
    /// Nobody can say this of whoever asks.
    pub(crate) fn unknown(reason: DenialReason, gate: &Portcullis, me: &CurrentAccount) -> Self {
        let denial = Denial::new(reason, gate.clock().wall()).of(me.key().clone());
        Self::Unknown(denial.by_token(me.is_by_token()))
    }

    /// What is sent.
    pub(crate) fn answer(
        self,
        denials: &DefaultResponseForDenial<fn(String) -> Body>,
        head: &Parts,
    ) -> Response<Body> {
        match self {
            Self::Forbidden(response) => *response,
            Self::Unknown(denial) => denials.refuse(&denial, head),
        }
    }
}

/// The answer to somebody who is not what a route requires.
fn forbidden(head: &Parts, kind: ClientKind, by_token: bool) -> Response<Body> {
    let mut response = match kind {
        ClientKind::Grpc => of_grpc(head),
        _ => Refusal::Forbidden.answer(kind),
    };
    if kind != ClientKind::Grpc && by_token {
        response
            .headers_mut()
            .insert(WWW_AUTHENTICATE, INSUFFICIENT_SCOPE);
    }
    response.extensions_mut().insert(Forbidden);
    response
}

fn of_grpc(head: &Parts) -> Response<Body> {
    let sent = head.headers.get(CONTENT_TYPE);
    let content_type = sent.and_then(grpc_type).unwrap_or("application/grpc");
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(GRPC_STATUS, HeaderValue::from_static("7"));
    headers.insert(GRPC_MESSAGE, HeaderValue::from_static("This is not for your account."));
    response
}
