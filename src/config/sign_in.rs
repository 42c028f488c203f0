//! `[sign_in]`: where people sign in, as it is written, and what it means.

use std::borrow::Cow;

use super::file::Written;
use super::kind::words;
use super::problem::{Place, Problem};
use super::read::Places;
use super::resolve::between;
use super::value::Text;
use crate::gateway::settings::SignIn;
use crate::guard::SignInAddress;

/// How people sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SignInBy {
    Here,
    Elsewhere,
}

words!(SignInBy { "here" => Self::Here, "elsewhere" => Self::Elsewhere });

/// The address of a page, as a path or with its origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct SignInUrl(pub(super) String);

impl Text for SignInUrl {
    fn allowed() -> Cow<'static, str> {
        "a path such as \"/login\", or an address that begins with https:// or http://".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        match SignInAddress::parse(text) {
            Ok(_) if text.starts_with("/.portcullis/") => {
                Err("is Portcullis's own: leave it out".to_owned())
            }
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(format!("can't be used: {error}")),
        }
    }

    fn spell(&self) -> String {
        self.0.clone()
    }
}

impl SignInUrl {
    /// Whether it stands for itself, whatever host people came from.
    fn is_whole(&self) -> bool {
        !self.0.starts_with('/')
    }
}

/// The name of a parameter of an address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ParamName(pub(super) String);

impl Text for ParamName {
    fn allowed() -> Cow<'static, str> {
        "a name of letters, digits, - and _, as in \"return_to\"".into()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match text {
            "" => Err("is empty".to_owned()),
            "notice" => Err("is the parameter that says why somebody is sent".to_owned()),
            _ if text.bytes().all(letter) => Ok(Self(text.to_owned())),
            _ => Err("is no such name".to_owned()),
        }
    }

    fn spell(&self) -> String {
        self.0.clone()
    }
}

/// How people sign in: as it is written, or as what else is written takes it.
fn by(written: &Written) -> SignInBy {
    let implied = || match written.sign_in.url {
        Some(_) => SignInBy::Elsewhere,
        None => SignInBy::Here,
    };
    written.sign_in.by.unwrap_or_else(implied)
}

/// What is written, as [`contradictions`] let it through.
pub(super) fn settings(written: &Written) -> SignIn {
    match by(written) {
        SignInBy::Here => SignIn::Here,
        SignInBy::Elsewhere => address(written).map_or(SignIn::Here, SignIn::Elsewhere),
    }
}

/// The page elsewhere, where one is written.
fn address(written: &Written) -> Option<SignInAddress> {
    let (section, public) = (&written.sign_in, &written.public.url);
    let url = section.url.as_ref()?;
    let page = SignInAddress::parse(&url.0).ok()?.elsewhere(true);
    let page = page.return_param(section.return_param.0.clone());
    match public {
        Some(public) if url.is_whole() => page.return_origin(&public.to_string()).ok(),
        _ => Some(page),
    }
}

/// What can't be meant in the section.
pub(super) fn contradictions(written: &Written, places: &Places) -> Vec<Problem> {
    if by(written) == SignInBy::Here {
        return Vec::new();
    }
    let problem = no_page(written, places).or_else(|| no_way_back(written, places));
    problem.into_iter().collect()
}

fn no_page(written: &Written, places: &Places) -> Option<Problem> {
    if written.sign_in.url.is_some() {
        return None;
    }
    let what = "`sign_in.url` is not set: where do people sign in?";
    let problem = Problem::new(places.of("sign_in.by"), what);
    Some(problem.mend("name the page in `sign_in.url`, or set `sign_in.by` to \"here\""))
}

/// A page on another host returns people to an address, and not to a path of its own.
fn no_way_back(written: &Written, places: &Places) -> Option<Problem> {
    let url = written.sign_in.url.as_ref().filter(|url| url.is_whole())?;
    if written.public.url.is_some() {
        return None;
    }
    let what =
        format!("`sign_in.url` is {}, and `public.url` does not say where people return to", url.0);
    let problem = match places.of("sign_in.url") {
        place @ Place::Default(_) => Problem::new(place, what),
        _ => between(places, "sign_in.url", "public.url", what),
    };
    Some(problem.mend("set `public.url` to the origin that people see"))
}
