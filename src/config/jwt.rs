//! `[jwt]`: whose tokens are taken, as it is written, and what it means.

use super::file::Written;
use super::kind::JwtNames;
use super::problem::Problem;
use super::read::Places;
use crate::domain::outbound::InvalidUrl;
use crate::engine::jwt::{JwtAccount, JwtIssuer, JwtSessions, PublishedJwtKeys};

/// Somebody else's tokens, as they are configured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct JwtSettings {
    /// Who signs.
    pub issuer: String,
    /// What the tokens are for.
    pub audience: String,
    /// Where the issuer's keys are.
    pub keys: PublishedJwtKeys,
    /// Whether they are taken from the `Authorization` header.
    pub header: bool,
    /// The cookie that they are taken from.
    pub cookie: Option<String>,
    /// The claim that names the account.
    pub claim: String,
    /// What it is.
    pub account: JwtAccount,
}

impl JwtSettings {
    /// For the gate.
    pub(super) fn sessions(&self) -> JwtSessions {
        let issuer = JwtIssuer::new(&self.issuer, &self.audience, self.keys.clone())
            .by_claim(&self.claim)
            .names(self.account);
        // Whoever wrote the key was told what it takes.
        let issuer = match self.account {
            JwtAccount::Login | JwtAccount::Email => issuer.authoritative(),
            _ => issuer,
        };
        let sessions = JwtSessions::from_issuer(issuer).in_header(self.header);
        match &self.cookie {
            Some(cookie) => sessions.in_cookie(cookie),
            None => sessions,
        }
    }
}

/// What is written, if an issuer is; as [`contradictions`] let it through.
pub(super) fn settings(written: &Written) -> Option<JwtSettings> {
    let jwt = &written.jwt;
    Some(JwtSettings {
        issuer: jwt.issuer.clone()?,
        audience: jwt.audience.clone()?,
        keys: keys(written)?.ok()?.in_networks(jwt.networks.clone()),
        header: jwt.header,
        cookie: jwt.cookie.clone(),
        claim: jwt.claim.clone(),
        account: match jwt.account {
            JwtNames::Number => JwtAccount::Number,
            JwtNames::Source => JwtAccount::Text,
            JwtNames::Login => JwtAccount::Login,
            JwtNames::Email => JwtAccount::Email,
        },
    })
}

fn keys(written: &Written) -> Option<Result<PublishedJwtKeys, InvalidUrl>> {
    match (&written.jwt.jwks_url, &written.jwt.issuer) {
        (Some(url), _) => Some(PublishedJwtKeys::at(url)),
        (None, Some(issuer)) => Some(PublishedJwtKeys::of_issuer(issuer)),
        (None, None) => None,
    }
}

/// What can't be meant in the section.
pub(super) fn contradictions(written: &Written, places: &Places) -> Vec<Problem> {
    let missing = match (&written.jwt.issuer, &written.jwt.audience) {
        (Some(_), None) => Some(("jwt.issuer", "audience", "what its tokens are for")),
        (None, Some(_)) => Some(("jwt.audience", "issuer", "who signs the tokens")),
        (None, None) if written.jwt.jwks_url.is_some() => {
            Some(("jwt.jwks_url", "issuer", "whose keys those are"))
        }
        _ => None,
    };
    if let Some((key, other, what)) = missing {
        let problem = Problem::new(places.of(key), format!("`jwt.{other}` is not set: {what}?"));
        return vec![problem.mend(format!("set `jwt.{other}`"))];
    }
    if let Some(Err(error)) = keys(written) {
        let from_url = written.jwt.jwks_url.is_some();
        let key = if from_url { "jwt.jwks_url" } else { "jwt.issuer" };
        let problem = Problem::new(places.of(key), format!("`{key}` can't be asked: {error}"));
        let mend = match from_url {
            true => "name an address that begins with https://",
            false => "say where its keys are in `jwt.jwks_url`",
        };
        return vec![problem.mend(mend)];
    }
    let Some(settings) = settings(written) else { return Vec::new() };
    let checked = settings.sessions().check(true, false).err();
    let problem = |error| Problem::new(places.of("jwt.issuer"), format!("[jwt]: {error}"));
    checked.map(problem).into_iter().collect()
}
