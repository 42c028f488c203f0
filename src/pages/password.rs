//! Where people change their own password.
//!
//! The current password is checked through an attempt, so whoever sits at
//! somebody else's open session has as many guesses as at the sign-in page.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::admin::{AdminError, Target};
use crate::domain::account::Account;
use crate::domain::password::{InvalidPassword, MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, Password};
use crate::domain::standing::Generation;
use crate::engine::{CurrentAccount, SignInError, SignedIn, Visitor};
use crate::pages::account::{Person, detail, done, posted};
use crate::pages::answer::{self, Problem, page as write};
use crate::pages::form::Fields;
use crate::pages::site::{Frame, Site};
use crate::pages::words::{Deed, Message};

#[derive(Template)]
#[template(path = "password.html")]
struct Form {
    frame: Frame,
    person: Person,
    message: Option<Message>,
    current_error: Option<&'static str>,
    new_error: Option<String>,
    again_error: Option<&'static str>,
    hint: String,
}

/// What somebody typed. Holds passwords, so it is never printed.
struct Typed {
    current: String,
    new: String,
    again: String,
}

/// What is wrong with what was typed, field by field.
#[derive(Default)]
struct Errors {
    current: Option<&'static str>,
    new: Option<String>,
    again: Option<&'static str>,
}

/// Why a password was not changed.
enum Refused {
    /// Something is to be put right in the form.
    Typed(Errors),
    /// The current password could not be checked, or is another one.
    Current(SignInError),
    Problem(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// The form.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    me: CurrentAccount,
    request: Request,
) -> Response {
    let (request, _) = request.into_parts();
    match detail(&site, &me).await {
        Ok(shown) => write(StatusCode::OK, &Form::of(&site, &shown.account)),
        Err(problem) => problem.answer(&site, &request),
    }
}

/// Changes the password, and hands out a fresh session: all others have ended.
pub(super) async fn change(
    State(site): State<Arc<Site>>,
    me: CurrentAccount,
    request: Request,
) -> Response {
    let (request, body) = request.into_parts();
    let account = match detail(&site, &me).await {
        Ok(shown) => shown.account,
        Err(problem) => return problem.answer(&site, &request),
    };
    match set(&site, &me, &account, &request, body).await {
        Ok(Some(signed_in)) => (signed_in, done(&site, Deed::PasswordChanged)).into_response(),
        Ok(None) => {
            let deed = Deed::PasswordChangedElsewhere.as_str();
            answer::see_other(&format!("{}?notice={deed}", site.path("sign-in")))
        }
        Err(refused) => refuse(&site, &account, &request, refused),
    }
}

async fn set(
    site: &Site,
    me: &CurrentAccount,
    account: &Account,
    request: &Parts,
    body: Body,
) -> Result<Option<SignedIn>, Refused> {
    let fields = posted(site, me, request, body).await?;
    let typed = Typed::read(fields)?;
    let new = typed.check().map_err(Refused::Typed)?;
    let from = site.client(request).ok_or_else(Problem::no_address)?;
    let visitor = Visitor::from(from).with_headers(&request.headers);
    let proved_in = check_current(site, account, visitor.clone(), &typed.current).await?;
    let actor = site.actor(account, request);
    let changed = site
        .admin
        .set_own_password(&actor, &Target::Id(account.id), proved_in, &new)
        .await;
    let changed = changed.map_err(|error| match error {
        AdminError::Password(invalid) => Refused::Typed(Errors::of_new(invalid)),
        _ => Refused::Problem(Problem::unavailable()),
    })?;
    if !changed {
        return Err(Problem::signed_out().into());
    }
    Ok(sign_in_anew(site, account, visitor, &typed.new).await)
}

/// One guess, counted like those at the sign-in page. Gives the generation that
/// the password was right in.
async fn check_current(
    site: &Site,
    account: &Account,
    from: Visitor,
    current: &str,
) -> Result<Generation, Refused> {
    let checked = async {
        let attempt = site.gate.attempt(account.login.as_str(), from).await?;
        attempt.check_password_elsewhere(current).await
    };
    let (_, standing) = checked.await.map_err(Refused::Current)?;
    Ok(standing.generation)
}

/// A sign-in with the new password. That it does not work, because strangers
/// locked the login out meanwhile, changes nothing of what was done.
pub(super) async fn sign_in_anew(
    site: &Site,
    account: &Account,
    from: Visitor,
    password: &str,
) -> Option<SignedIn> {
    let attempt = site.gate.attempt(account.login.as_str(), from).await.ok()?;
    attempt.check_password(password).await.ok()
}

fn refuse(site: &Site, account: &Account, request: &Parts, refused: Refused) -> Response {
    let form = Form::of(site, account);
    match refused {
        Refused::Problem(problem) => problem.answer(site, request),
        Refused::Typed(Errors { current, new, again }) => write(
            StatusCode::UNPROCESSABLE_ENTITY,
            &Form { current_error: current, new_error: new, again_error: again, ..form },
        ),
        Refused::Current(SignInError::Wrong) => {
            let current_error = Some("This is not your current password.");
            write(StatusCode::UNPROCESSABLE_ENTITY, &Form { current_error, ..form })
        }
        Refused::Current(refused) => {
            let message = Some(Message::of_refusal(refused));
            let mut response = write(refused.status(), &Form { message, ..form });
            if let Some(secs) = refused.retry_after_secs() {
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from(secs));
            }
            response
        }
    }
}

impl Form {
    fn of(site: &Site, account: &Account) -> Self {
        Self {
            frame: site.frame(),
            person: Person::of(account),
            message: None,
            current_error: None,
            new_error: None,
            again_error: None,
            hint: format!(
                "At least {MIN_PASSWORD_CHARS} characters. Four words that don't belong together \
                 make a good one."
            ),
        }
    }

    fn has_error(&self) -> bool {
        self.message.is_some()
            || self.current_error.is_some()
            || self.new_error.is_some()
            || self.again_error.is_some()
    }
}

impl Typed {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let current = fields.once("current")?;
        let new = fields.once("new")?;
        Ok(Self { current, new, again: fields.once("again")? })
    }

    /// What can be said without a guess.
    fn check(&self) -> Result<Password, Errors> {
        let mut errors = Errors::default();
        if self.current.is_empty() {
            errors.current = Some("Enter your current password.");
        }
        let new = match Password::new(&self.new) {
            Ok(new) if !self.current.is_empty() && self.new == self.current => {
                errors.new = Some("Choose another one than your current password.".to_owned());
                Some(new)
            }
            Ok(new) => Some(new),
            Err(invalid) => {
                errors.new = Errors::of_new(invalid).new;
                None
            }
        };
        if new.is_some() && self.new != self.again {
            errors.again = Some("This is not the same as the new password.");
        }
        match new {
            Some(new) if errors.none() => Ok(new),
            _ => Err(errors),
        }
    }
}

/// Why a password can't be chosen, beside its field.
pub(super) fn new_error(invalid: InvalidPassword) -> String {
    match invalid {
        InvalidPassword::TooShort { chars: 0 } => "Enter a new password.".to_owned(),
        InvalidPassword::TooShort { .. } => {
            format!("Use at least {MIN_PASSWORD_CHARS} characters.")
        }
        InvalidPassword::TooLong => format!("Use at most {MAX_PASSWORD_BYTES} bytes."),
        InvalidPassword::Control => "Leave out tabs and line breaks.".to_owned(),
    }
}

impl Errors {
    fn of_new(invalid: InvalidPassword) -> Self {
        Self { new: Some(new_error(invalid)), ..Self::default() }
    }

    const fn none(&self) -> bool {
        self.current.is_none() && self.new.is_none() && self.again.is_none()
    }
}
