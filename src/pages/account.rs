//! Where people look after their own account: who they are, and where they are
//! signed in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{HeaderName, SET_COOKIE};
use http::request::Parts;

use crate::admin::{AdminError, Detail, Target};
use crate::domain::account::Account;
use crate::domain::session::{Session, SessionId};
use crate::domain::time::Timestamp;
use crate::engine::CurrentAccount;
use crate::pages::answer::{self, Problem, page as write};
use crate::pages::called;
use crate::pages::device;
use crate::pages::form::{self, Fields};
use crate::pages::origin;
use crate::pages::program;
use crate::pages::site::{Frame, Site};
use crate::pages::when::Moment;
use crate::pages::words::{Deed, Message};

/// A session that is opened while the others are ended is looked for again, so
/// often at most.
const MAX_ROUNDS: usize = 3;

/// A person, as the pages show them.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) initials: String,
    pub(super) name: String,
    pub(super) login: String,
    pub(super) email: Option<String>,
}

/// A session, as the pages show it.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    program: String,
    from: String,
    signed_in: Moment,
    last_used: Moment,
    is_this: bool,
    /// Whether it is in the console.
    console: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    message: Option<Message>,
    person: Person,
    sessions: Vec<Row>,
    others: usize,
    devices: Vec<device::Row>,
}

/// The account of whoever asks, and what is live of it.
pub(super) async fn page(
    State(site): State<Arc<Site>>,
    me: CurrentAccount,
    request: Request,
) -> Response {
    let (request, _) = request.into_parts();
    match show(&site, &me, &request).await {
        Ok(page) => write(StatusCode::OK, &page),
        Err(problem) => problem.answer(&site, &request),
    }
}

async fn show(site: &Site, me: &CurrentAccount, request: &Parts) -> Result<AccountPage, Problem> {
    let Detail { account, sessions, now, .. } = detail(site, me).await?;
    let live = live(site, me, sessions, now);
    let others = live.iter().filter(|session| !is_own(session, me)).count();
    let rows = live.iter().map(|session| Row::of(session, me, now));
    let mut sessions: Vec<_> = rows.collect();
    sessions.sort_by_key(|row| !row.is_this);
    let message = deed(request).map(Deed::message);
    let devices = device::known(site, me, &account, now).await?;
    let (frame, person) = (site.frame(), Person::of(&account));
    Ok(AccountPage { frame, message, person, sessions, others, devices })
}

/// What was done just now. Only our own redirects say so: a link of somebody
/// else's could claim anything.
pub(super) fn deed(request: &Parts) -> Option<Deed> {
    let site = request
        .headers
        .get(HeaderName::from_static("sec-fetch-site"));
    let own = site.is_none_or(|site| site == "same-origin" || site == "none");
    let text = form::parameter(request, "notice").filter(|_| own)?;
    Deed::parse(&text)
}

/// The account of whoever asks.
///
/// # Errors
///
/// If it is a token that asks, or the directory does not answer.
pub(super) async fn detail(site: &Site, me: &CurrentAccount) -> Result<Detail, Problem> {
    let id = me.id().filter(|_| !me.is_by_token());
    let id = id.ok_or_else(Problem::by_token)?;
    let shown = site.admin.show(&Target::Id(id)).await;
    shown.map_err(|_| Problem::unavailable())
}

/// Those that were not left unused for too long. The one that asks is in use.
fn live(site: &Site, me: &CurrentAccount, sessions: Vec<Session>, now: Timestamp) -> Vec<Session> {
    let idle = site.gate.session_idle();
    let mut live = sessions;
    live.retain(|session| is_own(session, me) || session.last_seen_at.after(idle) > now);
    live
}

fn is_own(session: &Session, me: &CurrentAccount) -> bool {
    me.session_id() == Some(session.key.id())
}

impl Person {
    pub(super) fn of(account: &Account) -> Self {
        let login = account.login.to_string();
        let name = called::shown(&account.name).unwrap_or_else(|| login.clone());
        Self { initials: initials(&name), name, email: account.email.clone(), login }
    }
}

/// The first letters of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name
        .split_whitespace()
        .filter_map(|word| word.chars().find(|c| c.is_alphabetic()));
    let first = words
        .next()
        .or_else(|| name.chars().find(|c| c.is_alphanumeric()));
    let letters = first.into_iter().chain(words.next_back());
    letters.flat_map(char::to_uppercase).collect()
}

impl Row {
    fn of(session: &Session, me: &CurrentAccount, now: Timestamp) -> Self {
        let is_this = is_own(session, me);
        // What is stored of its use may be two minutes old.
        let last_seen = if is_this { now } else { session.last_seen_at };
        Self {
            id: session.key.id().to_string(),
            program: program::in_words(session.user_agent.as_deref()),
            from: session
                .opened_from
                .clone()
                .unwrap_or_else(|| "unknown".to_owned()),
            signed_in: Moment::past(session.created_at, now),
            last_used: Moment::past(last_seen, now),
            is_this,
            console: session.console,
        }
    }
}

/// Ends one session of whoever asks.
pub(super) async fn end_session(
    State(site): State<Arc<Site>>,
    me: CurrentAccount,
    request: Request,
) -> Response {
    let (request, body) = request.into_parts();
    let ended = async {
        let mut fields = posted(&site, &me, &request, body).await?;
        let named = fields.once("session")?;
        end_named(&site, &me, &request, &named).await
    };
    match ended.await {
        Ok(response) => response,
        Err(problem) => problem.answer(&site, &request),
    }
}

/// A form that a page of ours sent, for somebody who is still signed in when it
/// is here as a whole: that may be long after its head was admitted.
///
/// # Errors
///
/// If another page sent it, it can't be read, or its session may not pass now.
pub(super) async fn posted(
    site: &Site,
    me: &CurrentAccount,
    request: &Parts,
    body: axum::body::Body,
) -> Result<Fields, Problem> {
    if !origin::is_own(request, site.gate.is_https()) {
        return Err(Problem::other_origin());
    }
    let fields = form::read(request, body, answer::wants_json(request)).await?;
    let now = site.visitor(request).await;
    let now = now.map_err(|denial| Problem::of_denial(&denial))?;
    if now.session_id() != me.session_id() {
        return Err(Problem::signed_out());
    }
    Ok(fields)
}

async fn end_named(
    site: &Site,
    me: &CurrentAccount,
    request: &Parts,
    named: &str,
) -> Result<Response, Problem> {
    let Detail { account, sessions, .. } = detail(site, me).await?;
    let id = named.parse::<SessionId>().ok();
    // Nobody ends a session of somebody else's by its name.
    let own = sessions.iter().find(|session| Some(session.key.id()) == id);
    let Some(session) = own else { return Ok(done(site, Deed::SessionGone)) };
    let deed = end(site, &account, request, session.key.id()).await?;
    if is_own(session, me) {
        let gone = [(SET_COOKIE, site.gate.clearing_cookie())];
        let address = format!("{}?notice={}", site.path("sign-in"), Deed::SignedOut.as_str());
        return Ok((gone, answer::see_other(&address)).into_response());
    }
    Ok(done(site, deed))
}

async fn end(
    site: &Site,
    account: &Account,
    request: &Parts,
    id: SessionId,
) -> Result<Deed, Problem> {
    match site
        .admin
        .end_session(&site.actor(account, request), id)
        .await
    {
        Ok(_) => Ok(Deed::SessionEnded),
        Err(AdminError::NoSuchSession { .. }) => Ok(Deed::SessionGone),
        Err(_) => Err(Problem::unavailable()),
    }
}

/// Back to the account's page, with word of what was done.
pub(super) fn done(site: &Site, deed: Deed) -> Response {
    answer::see_other(&format!("{}?notice={}", site.path("account"), deed.as_str()))
}

/// Ends every session of whoever asks but the one that asks.
pub(super) async fn end_others(
    State(site): State<Arc<Site>>,
    me: CurrentAccount,
    request: Request,
) -> Response {
    let (request, body) = request.into_parts();
    let ended = async {
        posted(&site, &me, &request, body).await?;
        end_all_others(&site, &me, &request).await
    };
    match ended.await {
        Ok(()) => done(&site, Deed::OthersEnded),
        Err(problem) => problem.answer(&site, &request),
    }
}

/// One by one, and not with the generation: this session lives on.
async fn end_all_others(site: &Site, me: &CurrentAccount, request: &Parts) -> Result<(), Problem> {
    for _ in 0..MAX_ROUNDS {
        let Detail { account, sessions, .. } = detail(site, me).await?;
        let ids = sessions.iter().map(|session| session.key.id());
        let others: Vec<_> = ids.filter(|id| me.session_id() != Some(*id)).collect();
        if others.is_empty() {
            break;
        }
        for id in others {
            end(site, &account, request, id).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        for (name, letters) in
            [("Ada Lovelace", "AL"), ("alice", "A"), ("Jean-Luc  van Damme", "JD"), ("ß", "SS")]
        {
            assert_eq!(initials(name), letters);
        }
    }
}
