//! `[[webhooks]]`: services that are told what happens. As they are written, and what
//! they mean.

use std::ops::Range;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use toml::de::{DeTable, DeValue};

use super::environment::Environment;
use super::problem::{Place, Problem};
use super::value::{Raw, Value, Wrong};
use crate::api::webhooks::{EVENTS, Endpoint, InvalidSecret, WebhookSecret};
use crate::domain::outbound::OutboundUrl;

/// What the section is called.
pub(super) const SECTION: &str = "webhooks";

/// How the reference file shows the section: as an example, for it has no defaults.
pub(super) const REFERENCE: &str = r#"
# Services that are told what happens to accounts and sessions, in the form of Clerk's
# webhooks: one [[webhooks]] for each. See the manual's page on Clerk. There are none by
# default. The lines of this example begin with `# `.

# `url` is https, unless it is on this machine. The secret, whsec_ and base64, is in a
# file, or in a variable that begins with PORTCULLIS_: `secret_variable`. `events` are
# user.created, user.updated, user.deleted, session.created, session.ended and
# session.revoked; left out: all. `networks` lists those that are not public and that
# the service may be in.
# [[webhooks]]
# url = "https://crm.example/webhooks"
# secret_file = "/run/secrets/webhook"
# events = ["user.updated", "user.deleted"]
# networks = ["10.0.0.0/8"]
"#;

const KEYS: [&str; 5] = ["url", "secret_file", "secret_variable", "events", "networks"];

/// A service that is told what happens, as it is configured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct WebhookSettings {
    /// Where it is.
    pub url: OutboundUrl,
    /// Where the secret is that messages are signed with.
    pub secret: WebhookSecretPlace,
    /// Which events it is told of; all where none is named.
    pub events: Vec<String>,
    /// Networks that are not public, and that it may be in.
    pub networks: Vec<IpNet>,
}

/// Where a webhook's secret is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WebhookSecretPlace {
    /// In this file.
    File(PathBuf),
    /// In the variable of this name.
    Variable(String),
}

/// Why a webhook can't be used. Says nothing of its secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookSecretError {
    /// The secret is no secret of a webhook.
    #[error("the secret of the webhook {url} can't be used: {source}")]
    Invalid {
        /// Where the webhook is.
        url: String,
        /// What is wrong with it.
        source: InvalidSecret,
    },
    /// There is no such variable.
    #[error("the webhook {url} has its secret in {variable}, which is not set")]
    NoVariable {
        /// Where the webhook is.
        url: String,
        /// The variable.
        variable: String,
    },
    /// The file can't be read.
    #[error("the secret of the webhook {url} can't be read from {file}: {source}")]
    Unreadable {
        /// Where the webhook is.
        url: String,
        /// The file.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl WebhookSettings {
    /// The same with relative paths beginning at this folder.
    #[must_use]
    pub(super) fn in_folder(mut self, folder: &Path) -> Self {
        if let WebhookSecretPlace::File(file) = &mut self.secret {
            *file = folder.join(&*file);
        }
        self
    }

    /// The endpoint, with its secret.
    ///
    /// # Errors
    ///
    /// If the secret is not there, or is none.
    pub fn open(&self, environment: &Environment) -> Result<Endpoint, WebhookSecretError> {
        let url = || self.url.to_string();
        let text = match &self.secret {
            WebhookSecretPlace::File(file) => std::fs::read_to_string(file).map_err(|source| {
                let file = file.display().to_string();
                WebhookSecretError::Unreadable { url: url(), file, source }
            })?,
            WebhookSecretPlace::Variable(name) => {
                let found = environment.raw(name).flatten().map(str::to_owned);
                found.ok_or_else(|| {
                    let variable = name.clone();
                    WebhookSecretError::NoVariable { url: url(), variable }
                })?
            }
        };
        let secret = WebhookSecret::parse(&text)
            .map_err(|source| WebhookSecretError::Invalid { url: url(), source })?;
        let (events, networks) = (self.events.clone(), self.networks.clone());
        Ok(Endpoint { url: self.url.clone(), secret, events, networks })
    }
}

/// Reads every webhook that is written, and notes what is wrong.
pub(super) fn read(
    value: &DeValue<'_>,
    span: Range<usize>,
) -> (Vec<WebhookSettings>, Vec<Problem>) {
    let DeValue::Array(entries) = value else {
        let problem = Problem::new(Place::File(span), "`webhooks` is no list of sections");
        return (Vec::new(), vec![problem.mend("write [[webhooks]], and its keys below it")]);
    };
    let (mut webhooks, mut problems) = (Vec::<WebhookSettings>::new(), Vec::new());
    for entry in entries {
        let DeValue::Table(table) = entry.get_ref() else {
            problems.push(Problem::new(Place::File(entry.span()), "a webhook is a section"));
            continue;
        };
        let mut reader = Entry { table, span: entry.span(), problems: Vec::new() };
        let webhook = reader.webhook();
        problems.append(&mut reader.problems);
        let Some(webhook) = webhook else { continue };
        if webhooks.iter().any(|other| other.url == webhook.url) {
            let what = format!("there are two webhooks {}", webhook.url);
            problems.push(Problem::new(Place::File(entry.span()), what).mend("remove one"));
        }
        webhooks.push(webhook);
    }
    (webhooks, problems)
}

/// One webhook as it is written.
struct Entry<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    problems: Vec<Problem>,
}

impl Entry<'_> {
    fn webhook(&mut self) -> Option<WebhookSettings> {
        self.refuse_others();
        let url = self.url();
        let secret = self.secret();
        let events: Vec<String> = self.take("events").unwrap_or_default();
        if let Some(other) = events
            .iter()
            .find(|event| !EVENTS.contains(&event.as_str()))
        {
            let what = format!("there are no events {}", other.escape_debug());
            self.wrong("events", &what);
        }
        let networks = self.take("networks").unwrap_or_default();
        Some(WebhookSettings { url: url?, secret: secret?, events, networks })
    }

    fn url(&mut self) -> Option<OutboundUrl> {
        if !self.table.contains_key("url") {
            self.problem("a webhook has no `url`");
        }
        let text: String = self.take("url")?;
        let read = OutboundUrl::parse(&text);
        read.map_err(|error| self.wrong("url", &error.to_string()))
            .ok()
    }

    fn secret(&mut self) -> Option<WebhookSecretPlace> {
        let file: Option<PathBuf> = self.take("secret_file");
        let variable: Option<String> = self.take("secret_variable");
        match (file, variable) {
            (Some(file), None) => Some(WebhookSecretPlace::File(file)),
            (None, Some(name)) if name.starts_with("PORTCULLIS_") && !name.contains("__") => {
                Some(WebhookSecretPlace::Variable(name))
            }
            (None, Some(_)) => {
                self.wrong("secret_variable", "it begins with PORTCULLIS_ and has no __");
                None
            }
            _ => {
                self.problem("a webhook has either `secret_file` or `secret_variable`");
                None
            }
        }
    }

    /// The value of a key; `None` where it is not written or wrong.
    fn take<T: Value>(&mut self, key: &str) -> Option<T> {
        let value = self.table.get(key)?;
        let why = match T::read(&Raw::of(value.get_ref())) {
            Ok(value) => return Some(value),
            Err(Wrong::Kind(kind)) => format!("is {kind}"),
            Err(Wrong::Because(why)) => why,
        };
        let problem = Problem::new(Place::File(value.span()), format!("`webhooks.{key}` {why}"));
        self.problems.push(problem.allowed(T::allowed()));
        None
    }

    fn problem(&mut self, what: &str) {
        self.problems
            .push(Problem::new(Place::File(self.span.clone()), what));
    }

    fn wrong(&mut self, key: &str, why: &str) {
        let span = self
            .table
            .get(key)
            .map_or(self.span.clone(), toml::Spanned::span);
        let what = format!("`webhooks.{key}` can't be used: {why}");
        self.problems.push(Problem::new(Place::File(span), what));
    }

    fn refuse_others(&mut self) {
        for (key, _) in self.table {
            let name = key.get_ref();
            if !KEYS.contains(&name.as_ref()) {
                let what = format!("a webhook has no key `{}`", name.escape_debug());
                let problem = Problem::new(Place::File(key.span()), what);
                self.problems
                    .push(problem.mend(format!("its keys are {}", KEYS.join(", "))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn read_text(text: &str) -> (Vec<WebhookSettings>, Vec<String>) {
        let table = DeTable::parse(text).expect("TOML");
        let value = table.get_ref().get("webhooks").expect("the section");
        let (webhooks, problems) = read(value.get_ref(), value.span());
        (
            webhooks,
            problems
                .iter()
                .map(|problem| problem.what().to_owned())
                .collect(),
        )
    }

    #[test]
    fn a_webhook_is_read_with_everything() {
        let (webhooks, problems) = read_text(
            "[[webhooks]]\nurl = \"https://crm.example/w\"\nsecret_file = \"s\"\n\
             events = [\"user.updated\"]\nnetworks = [\"10.0.0.0/8\"]\n\
             [[webhooks]]\nurl = \"http://127.0.0.1:9/\"\nsecret_variable = \"PORTCULLIS_W\"",
        );
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(webhooks[0].events, ["user.updated"]);
        let there = webhooks[0].clone().in_folder(Path::new("/etc"));
        assert_eq!(there.secret, WebhookSecretPlace::File("/etc/s".into()));
        assert_eq!(webhooks[1].secret, WebhookSecretPlace::Variable("PORTCULLIS_W".to_owned()));
    }

    #[test]
    fn what_is_wrong_is_said_of_its_key() {
        for (text, said) in [
            ("webhooks = 1", "no list"),
            ("webhooks = [1]", "is a section"),
            ("[[webhooks]]\nsecret_file = \"s\"", "no `url`"),
            ("[[webhooks]]\nurl = \"https://a.example/\"", "either"),
            ("[[webhooks]]\nurl = \"http://a.example/\"\nsecret_file = \"s\"", "only https"),
            (
                "[[webhooks]]\nurl = \"https://a.example/\"\nsecret_variable = \"HOME\"",
                "begins with PORTCULLIS_",
            ),
            (
                "[[webhooks]]\nurl = \"https://a.example/\"\nsecret_file = \"s\"\nsecret = \"x\"",
                "no key `secret`",
            ),
            (
                "[[webhooks]]\nurl = \"https://a.example/\"\nsecret_file = \"s\"\nevents = [\"x\"]",
                "no events x",
            ),
        ] {
            let (_, problems) = read_text(text);
            assert!(problems.iter().any(|problem| problem.contains(said)), "{text}: {problems:?}");
        }
    }
}
