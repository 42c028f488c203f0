//! `[source]`: another system that has a say in who may come in, as it is written, and
//! what it means.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::Environment;
use super::file::Written;
use super::kind::{JwtNames, SourceAccounts, SourceKind, SourceScheme, Unknown};
use super::problem::Problem;
use super::read::Places;
use super::resolve::between;
use crate::domain::outbound::{InvalidUrl, OutboundUrl};
use crate::engine::{AccountLink, OtherSource};
use crate::store::remote::{
    InvalidCredential, InvalidRemote, RemoteCredential, RemoteKind, RemoteName, RemoteSettings,
    RemoteSource,
};

/// The largest file of a credential or of certificates that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Another system that has a say, as it is configured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SourceSettings {
    /// What it speaks.
    pub kind: RemoteKind,
    /// Where it is.
    pub url: OutboundUrl,
    /// Where our credential is.
    pub credential: CredentialPlace,
    /// How that is sent.
    pub scheme: CredentialScheme,
    /// What accounts of the directory are called there.
    pub link: AccountLink,
    /// Whether accounts without such a name pass.
    pub unlinked_pass: bool,
    /// Whether accounts that it does not have pass.
    pub missing_pass: bool,
    /// How often it is asked about an account in use.
    pub refresh: Duration,
    /// Whether its feed of changes is followed, where it has one.
    pub follow: bool,
    /// How long one answer may take.
    pub timeout: Duration,
    /// How many questions are asked at once.
    pub at_once: usize,
    /// Networks that are not public, and that it may be in.
    pub networks: Vec<IpNet>,
    /// The file of the certificates that may vouch for it.
    pub ca: Option<PathBuf>,
}

/// Where a credential is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialPlace {
    /// In this file.
    File(PathBuf),
    /// In the variable of this name.
    Variable(String),
}

/// How a credential is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialScheme {
    /// As the password of the user `apikey`, as OpenProject wants it.
    ApiKey,
    /// As a user and a password.
    Basic,
    /// As a bearer token.
    Bearer,
}

/// Why a source can't be asked. Says nothing of its credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The credential can't be sent.
    #[error("the credential of [source] can't be used: {0}")]
    Credential(#[from] InvalidCredential),
    /// There is no such variable.
    #[error("the credential of [source] is in {0}, which is not set")]
    NoVariable(String),
    /// It can't be asked.
    #[error("[source] can't be asked: {0}")]
    Remote(#[from] InvalidRemote),
    /// A file can't be read.
    #[error("{file} of [source] can't be read: {error}")]
    Unreadable {
        /// Which.
        file: String,
        /// Why.
        #[source]
        error: std::io::Error,
    },
}

impl SourceSettings {
    /// The system, with our credential. Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// If the credential or the certificates can't be read, or its address may not be
    /// connected to.
    pub fn open(&self, environment: &Environment) -> Result<OtherSource, SourceError> {
        let credential = self.credential(environment)?;
        let settings = RemoteSettings::new(self.kind, self.url.clone(), credential)
            .named_by(self.named())
            .in_networks(self.networks.clone())
            .timeout(self.timeout)
            .at_once(self.at_once)
            .following(self.follow);
        let settings = match &self.ca {
            Some(file) => settings.trusting(contents(file)?),
            None => settings,
        };
        Ok(OtherSource::new(RemoteSource::new(settings)?, self.link)
            .unlinked_pass(self.unlinked_pass)
            .missing_pass(self.missing_pass))
    }

    fn named(&self) -> RemoteName {
        match self.link {
            AccountLink::Login => RemoteName::Login,
            AccountLink::ExternalId | AccountLink::Number => RemoteName::Id,
        }
    }

    fn credential(&self, environment: &Environment) -> Result<RemoteCredential, SourceError> {
        let text = match &self.credential {
            CredentialPlace::File(file) => String::from_utf8_lossy(&contents(file)?).into_owned(),
            CredentialPlace::Variable(name) => {
                let text = environment.text(name);
                text.ok_or_else(|| SourceError::NoVariable(name.clone()))?
            }
        };
        Ok(match self.scheme {
            CredentialScheme::ApiKey => RemoteCredential::api_key(&text)?,
            CredentialScheme::Basic => RemoteCredential::basic(&text)?,
            CredentialScheme::Bearer => RemoteCredential::bearer(&text)?,
        })
    }
}

fn contents(file: &Path) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(file).and_then(|opened| opened.take(LARGEST).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(SourceError::Unreadable { file: file.display().to_string(), error }),
    }
}

/// What is written, if a kind is; as [`contradictions`] let it through.
pub(super) fn settings(
    written: &Written,
    placed: &dyn Fn(&'static str, &Path) -> PathBuf,
) -> Option<SourceSettings> {
    let source = &written.source;
    let kind = source.kind?;
    let credential = match (&source.credential_file, &source.credential_variable) {
        (Some(file), _) => CredentialPlace::File(placed("source.credential_file", file)),
        (None, variable) => CredentialPlace::Variable(variable.clone()?),
    };
    Some(SourceSettings {
        kind: kind.remote(),
        url: url(written)?.ok()?,
        credential,
        scheme: match source.scheme {
            Some(SourceScheme::Basic) => CredentialScheme::Basic,
            Some(SourceScheme::Bearer) => CredentialScheme::Bearer,
            None if kind == SourceKind::OpenProject => CredentialScheme::ApiKey,
            None => CredentialScheme::Bearer,
        },
        link: match source.accounts {
            SourceAccounts::ExternalId => AccountLink::ExternalId,
            SourceAccounts::Login => AccountLink::Login,
            SourceAccounts::Number => AccountLink::Number,
        },
        unlinked_pass: source.unlinked == Unknown::Pass,
        missing_pass: source.missing == Unknown::Pass,
        refresh: source.refresh.0,
        follow: source.follow,
        timeout: source.timeout.0,
        at_once: usize::try_from(source.at_once.0).unwrap_or(usize::MAX),
        networks: source.networks.clone(),
        ca: source.ca.as_ref().map(|file| placed("source.ca", file)),
    })
}

impl SourceKind {
    const fn remote(self) -> RemoteKind {
        match self {
            Self::Clerk => RemoteKind::Clerk,
            Self::OpenProject => RemoteKind::OpenProject,
            Self::Portcullis => RemoteKind::Portcullis,
            Self::Scim => RemoteKind::Scim,
            Self::Wso2 => RemoteKind::Wso2,
        }
    }
}

fn url(written: &Written) -> Option<Result<OutboundUrl, InvalidUrl>> {
    let text = written.source.url.as_deref()?;
    let read = OutboundUrl::parse(text);
    Some(read.and_then(|url| if text.contains('?') { Err(InvalidUrl::Malformed) } else { Ok(url) }))
}

/// What can't be meant in the section.
pub(super) fn contradictions(written: &Written, places: &Places) -> Vec<Problem> {
    let rules = [incomplete, bad_url, credential, no_logins, jwt_without_source];
    rules
        .iter()
        .find_map(|rule| rule(written, places))
        .into_iter()
        .collect()
}

/// A key without those that it takes.
fn incomplete(written: &Written, places: &Places) -> Option<Problem> {
    let source = &written.source;
    let (key, other, what) = match (&source.kind, &source.url) {
        (Some(_), None) => ("source.kind", "url", "where is it?"),
        (None, Some(_)) => ("source.url", "kind", "which system is it?"),
        _ => return None,
    };
    let problem = Problem::new(places.of(key), format!("`source.{other}` is not set: {what}"));
    Some(problem.mend(format!("set `source.{other}`")))
}

fn bad_url(written: &Written, places: &Places) -> Option<Problem> {
    let error = url(written)?.err()?;
    let what = format!("`source.url` can't be asked: {error}");
    let problem = Problem::new(places.of("source.url"), what);
    Some(problem.mend("name an address that begins with https:// and has no query"))
}

fn credential(written: &Written, places: &Places) -> Option<Problem> {
    let source = &written.source;
    match (&source.credential_file, &source.credential_variable) {
        (None, None) if source.kind.is_some() => {
            let what = "`source.credential_file` is not set: what does it know us by?";
            let problem = Problem::new(places.of("source.kind"), what);
            Some(problem.mend("name a file, or a variable in `source.credential_variable`"))
        }
        (None, Some(name)) if !name.starts_with("PORTCULLIS_") || name.contains("__") => {
            let what = format!("`source.credential_variable` is {name}");
            let problem = Problem::new(places.of("source.credential_variable"), what);
            Some(problem.mend("take a name that begins with PORTCULLIS_ and has no __"))
        }
        _ => None,
    }
}

fn no_logins(written: &Written, places: &Places) -> Option<Problem> {
    let source = &written.source;
    let kind = source.kind.filter(|kind| !kind.remote().knows_logins())?;
    if source.accounts != SourceAccounts::Login {
        return None;
    }
    let what = format!("{} is asked about accounts by their ids there, not by login", kind.word());
    let problem = between(places, "source.accounts", "source.kind", what);
    Some(problem.mend("set `source.accounts` to \"external_id\", and accounts' external ids"))
}

fn jwt_without_source(written: &Written, places: &Places) -> Option<Problem> {
    if written.jwt.account != JwtNames::Source || written.source.kind.is_some() {
        return None;
    }
    let what = "`jwt.account` is \"source\", and there is no [source]";
    let problem = Problem::new(places.of("jwt.account"), what);
    Some(problem.mend("set `source.kind`, or name people as the directory does"))
}
