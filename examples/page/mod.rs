//! The pages of the examples: home, and the sign-in form with what is to be said
//! above it.

use axum::Form;
use axum::extract::Query;
use axum::response::{Html, IntoResponse, Redirect, Response};
use portcullis::guard::Notice;
use portcullis::{ReturnTo, SignInError};
use serde::Deserialize;

const STYLE: &str = "\
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif;
  --strong: light-dark(#4338ca, #a5b4fc) }
body { max-width: 24rem; margin: 4rem auto; padding: 0 1.5rem }
h1 { font-size: 1.75rem; line-height: 1.2 }
label { display: block; font-weight: 600 }
input, button { box-sizing: border-box; width: 100%; padding: .5rem .75rem; font: inherit;
  border: 1px solid light-dark(#6b7280, #9ca3af); border-radius: .375rem }
button { border-color: var(--strong); background: var(--strong); color: Canvas; font-weight: 600 }
:focus-visible { outline: 3px solid var(--strong); outline-offset: 2px }
[role=alert] { padding: .75rem 1rem; border-left: 4px solid light-dark(#b45309, #fbbf24);
  background: light-dark(#fef3c7, #3a2c0a) }";

/// What the guard adds to the address of the sign-in page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    return_to: String,
    notice: String,
}

/// What the sign-in form sends.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    pub(crate) login: String,
    pub(crate) password: String,
    #[serde(default)]
    return_to: String,
}

impl Credentials {
    /// Where they were going: a page of this service, whatever was sent.
    pub(crate) fn back(&self) -> Redirect {
        let to = ReturnTo::parse(&self.return_to);
        Redirect::to(to.as_ref().map_or("/", ReturnTo::as_str))
    }
}

pub(crate) fn home(login: &str) -> Html<String> {
    let login = escape(login);
    page(
        "Home",
        &format!(
            "<h1>Hello {login}</h1>\n\
             <form method=post action=/sign-out><button>Sign out</button></form>"
        ),
    )
}

pub(crate) async fn form(Query(asked): Query<Asked>) -> Html<String> {
    // Anybody can write a link with a notice: what is not one of ours is not shown.
    let words = asked.notice.parse().map_or("", words);
    sign_in_page(words, "", &asked.return_to)
}

/// The form again, with the reason why not.
pub(crate) fn refusal(refused: SignInError, Form(typed): &Form<Credentials>) -> Response {
    let words = match refused {
        SignInError::Wrong => "Wrong login or password.".to_owned(),
        SignInError::LockedOut { .. } => match refused.retry_after_secs() {
            Some(secs) => format!("Too many failed sign-ins. {}", wait(secs)),
            None => "Too many failed sign-ins. Ask your administrator.".to_owned(),
        },
        SignInError::Refused { reason, .. } => Notice::of(reason).map_or("", words).to_owned(),
        _ => "Sign-in is not possible right now. Try again in a moment.".to_owned(),
    };
    let page = sign_in_page(&words, &typed.login, &typed.return_to);
    let wait = refused.retry_after_secs();
    let wait = wait.map(|secs| [("retry-after", secs.to_string())]);
    (refused.status(), wait, page).into_response()
}

fn words(notice: Notice) -> &'static str {
    match notice {
        Notice::Locked => "This account is locked. Ask your administrator.",
        Notice::LockedOut => "Too many failed sign-ins. Try again later.",
        Notice::Disabled => "This account is disabled. Ask your administrator.",
        Notice::Deleted => "This account no longer exists. Ask your administrator.",
        Notice::NotYetActive => "This account is not active yet. Ask your administrator.",
        _ => "You were signed out. Sign in again to go on where you were.",
    }
}

fn wait(secs: u64) -> String {
    match secs.div_ceil(60) {
        1 => "Try again in a minute.".to_owned(),
        minutes => format!("Try again in {minutes} minutes."),
    }
}

fn sign_in_page(words: &str, login: &str, return_to: &str) -> Html<String> {
    let notice = match words {
        "" => String::new(),
        words => format!("<p role=alert>{words}</p>\n"),
    };
    let (login, return_to) = (escape(login), escape(return_to));
    page(
        "Sign in",
        &format!(
            "<h1>Sign in</h1>\n{notice}<form method=post action=/sign-in>\n\
             <input type=hidden name=return_to value='{return_to}'>\n\
             <p><label for=login>Login</label>\n\
             <input id=login name=login value='{login}' autocomplete=username \
             autocapitalize=none spellcheck=false required>\n\
             <p><label for=password>Password</label>\n\
             <input id=password name=password type=password autocomplete=current-password \
             required>\n\
             <p><button>Sign in</button>\n</form>"
        ),
    )
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n\
         <meta name=viewport content='width=device-width'>\n\
         <title>{title}</title>\n<style>\n{STYLE}\n</style>\n<main>\n{body}\n</main>\n"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
