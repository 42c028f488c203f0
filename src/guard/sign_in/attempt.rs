//! One sign-in, from its body to its outcome.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Request, Response, response};
use http_body::Body;
use tower_service::Service;

use super::account::{self, LetIn};
use super::body::{ReadBody, SignInBody};
use super::builder::{Settings, SignInFormat};
use super::fields::{Typed, Written};
use super::layer::Shared;
use super::refusal::{BadSignIn, SignInField, SignInRefusal};
use super::response::ResponseForSignIn;
use crate::domain::account::{Account, AccountKey};
use crate::domain::denial::DenialReason;
use crate::domain::login::TypedLogin;
use crate::engine::{Attempt, SignInError, Visitor};

/// Reserves a guess, calls the service inside, and settles by what that answers.
pub(super) async fn sign_in<S, R, ReqBody, ResBody>(
    shared: Arc<Shared<R>>,
    mut inner: S,
    request: Request<ReqBody>,
) -> Result<Response<ResBody>, S::Error>
where
    S: Service<Request<SignInBody<ReqBody>>, Response = Response<ResBody>>,
    R: ResponseForSignIn<ResBody>,
    ReqBody: Body<Data = Bytes>,
{
    let (settings, (head, body)) = (&shared.settings, request.into_parts());
    // What an answer afterwards hangs on, when the service inside has the request.
    let asked = head.clone();
    let (guess, body) = match settings.begin(&head, body).await {
        Ok(begun) => begun,
        Err(refusal) => return Ok(shared.responder.refuse(refusal, &asked)),
    };
    match inner.call(Request::from_parts(head, body)).await {
        Ok(response) => Ok(match settings.settle(guess, response).await {
            Ok(response) => response,
            // The application's answer goes nowhere, and its cookies neither.
            Err(refusal) => shared.responder.refuse(refusal.into(), &asked),
        }),
        Err(error) => {
            guess.fail().await;
            Err(error)
        }
    }
}

/// A guess that was reserved. Dropped, as by a handler that panics or whose client
/// hung up, it is a failure.
struct Guess {
    attempt: Attempt,
    login: String,
    password: Option<String>,
}

impl Guess {
    /// Where the store does not answer, the guess stays counted, and the application
    /// has said no already.
    async fn fail(self) {
        let _ = match self.password {
            Some(password) => self.attempt.fail_with(&password).await,
            None => self.attempt.fail().await,
        };
    }
}

impl Settings {
    /// All that comes before the service inside.
    async fn begin<B>(&self, head: &Parts, body: B) -> Result<(Guess, SignInBody<B>), SignInRefusal>
    where
        B: Body<Data = Bytes>,
    {
        let Some(address) = (self.client_address)(head) else {
            tracing::error!("client address unknown");
            return Err(SignInRefusal::NoAddress);
        };
        let (typed, body) = self.read(head, body).await?;
        let login = self.login(head, typed.login)?;
        let visitor = Visitor::from(address).with_headers(&head.headers);
        let attempt = match &self.counted_as {
            Some(rename) => {
                let folded = TypedLogin::new(&login);
                self.gate.attempt(&rename(folded.as_str()), visitor).await?
            }
            None => self.gate.attempt(&login, visitor).await?,
        };
        Ok((Guess { attempt, login, password: typed.password }, body))
    }

    /// Reads the body, where there is something to be found in it.
    async fn read<B>(&self, head: &Parts, body: B) -> Result<(Typed, SignInBody<B>), BadSignIn>
    where
        B: Body<Data = Bytes>,
    {
        if !self.fields.any() {
            return Ok((Typed { login: None, password: None }, SignInBody::passed(body)));
        }
        let written = self.written(&head.headers)?;
        let body = ReadBody::of(body, self.max_body, self.body_within).await?;
        let typed = self.fields.read(written, &body.bytes)?;
        Ok((typed, SignInBody::read(body)))
    }

    fn written(&self, headers: &HeaderMap) -> Result<Written, BadSignIn> {
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(BadSignIn::ContentEncoding);
        }
        match (essence(headers)?.as_str(), self.format) {
            ("application/json", SignInFormat::Json | SignInFormat::FormOrJson) => {
                Ok(Written::Json)
            }
            (FORM, SignInFormat::Form | SignInFormat::FormOrJson) => Ok(Written::Form),
            _ => Err(BadSignIn::ContentType),
        }
    }

    fn login(&self, head: &Parts, typed: Option<String>) -> Result<String, BadSignIn> {
        let found = typed.or_else(|| self.login_from.as_ref()?(head));
        let login = found.ok_or(BadSignIn::Missing(SignInField::Login))?;
        // Some readers end a text there, and would take many logins for one.
        if login.contains(char::is_control) { Err(BadSignIn::Control) } else { Ok(login) }
    }

    /// Settles by what the service inside answered, and says what goes out.
    async fn settle<B>(
        &self,
        guess: Guess,
        response: Response<B>,
    ) -> Result<Response<B>, SignInError> {
        let (mut head, body) = response.into_parts();
        let is_in = |sign: &super::Sign| sign.is_in(&head);
        if self.factor.as_ref().is_some_and(is_in) {
            guess.attempt.pass_factor().await?;
        } else if self.success.as_ref().is_some_and(is_in) {
            let let_in = self.let_in(guess, &head).await?;
            head.extensions.insert(let_in);
        } else {
            guess.fail().await;
        }
        Ok(Response::from_parts(head, body))
    }

    async fn let_in(&self, guess: Guess, head: &response::Parts) -> Result<LetIn, SignInError> {
        let account = match self.account(&guess, head).await {
            Ok(Some(account)) => account,
            Ok(None) => {
                guess.attempt.withdraw().await?;
                let at = self.gate.clock().wall();
                return Err(SignInError::Refused { reason: DenialReason::Deleted, at });
            }
            Err(Unsettled::NotAsked) => {
                guess.attempt.withdraw().await?;
                return Err(SignInError::Unavailable);
            }
            Err(Unsettled::SomebodyElse) => {
                guess.fail().await;
                return Err(SignInError::Wrong);
            }
        };
        let standing = guess.attempt.succeed_elsewhere(account.clone()).await?;
        Ok(LetIn::new(account, &standing))
    }

    /// Whose sign-in succeeded: as the handler, the application's table or the
    /// directory says.
    async fn account(
        &self,
        guess: &Guess,
        head: &response::Parts,
    ) -> Result<Option<AccountKey>, Unsettled> {
        let named = guess.attempt.account().map(Account::key);
        if let Some(told) = account::told(head) {
            return same(told, named).map(Some);
        }
        let Some(find) = &self.find_account else { return Ok(named) };
        match find(&guess.login).await {
            Ok(Some(found)) => same(found, named).map(Some),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::warn!(%error, "store failed");
                Err(Unsettled::NotAsked)
            }
        }
    }
}

/// Why nobody can say whose sign-in it was.
enum Unsettled {
    /// The application's table does not answer.
    NotAsked,
    /// The guess was counted as one at somebody else.
    SomebodyElse,
}

/// Whoever comes in must be whom the guess was counted for: otherwise one login
/// would clear another's failures.
fn same(account: AccountKey, counted: Option<AccountKey>) -> Result<AccountKey, Unsettled> {
    if counted.is_some_and(|counted| counted != account) {
        tracing::error!("sign-in of another account than its login names");
        return Err(Unsettled::SomebodyElse);
    }
    Ok(account)
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The one content type, in UTF-8.
fn essence(headers: &HeaderMap) -> Result<String, BadSignIn> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(sent), None) = (types.next(), types.next()) else {
        return Err(BadSignIn::ContentType);
    };
    let sent = sent.to_str().map_err(|_| BadSignIn::ContentType)?;
    let sent = sent.to_ascii_lowercase();
    let (essence, parameters) = sent.split_once(';').unwrap_or((&sent, ""));
    let parameter = parameters.trim();
    let utf_8 = ["", "charset=utf-8", "charset=\"utf-8\"", "charset=utf8"];
    if !utf_8.contains(&parameter) {
        return Err(BadSignIn::ContentType);
    }
    Ok(essence.trim().to_owned())
}
