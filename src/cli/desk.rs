//! What every command works with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clap::Args;
use jiff::tz::TimeZone;

use crate::admin::{Actor, Admin, Pins, Target, Warning};
use crate::cli::exit::Failure;
use crate::cli::office::{Host, Office};
use crate::cli::output::Output;
use crate::cli::remote::Client;
use crate::cli::shell::last;
use crate::cli::store::{self, Located, Named};
use crate::cli::when::{self, When};
use crate::config::{Environment, ModuleSettings, open_modules};
use crate::domain::account::AccountId;
use crate::domain::time::Timestamp;
use crate::store::Directory;

/// Where a command is done, and who is told of it.
pub(super) struct Desk {
    pub(super) office: Office,
    pub(super) output: Output,
    /// Where people reach the gateway, if the configuration says so.
    pub(super) public_url: Option<String>,
    program: String,
    zone: TimeZone,
    modules: Vec<ModuleSettings>,
}

/// Whom a command is about.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// A login or e-mail address
    login: Option<String>,

    /// An account's number, instead of a login
    #[arg(long, value_name = "NUMBER", value_parser = account_number)]
    id: Option<AccountId>,
}

impl Named {
    /// The directory that is there, open, with what is pinned in it; or the server that
    /// is named.
    pub(super) async fn desk(&self, output: Output) -> Result<Desk, Failure> {
        if let Some(server) = &self.server {
            return Ok(Desk::at(self.program(), Office::There(Client::new(server)?), output));
        }
        let Located { directory, pins, public_url, modules, .. } = self.locate()?;
        let directory = store::open(&directory).await?;
        let desk = Desk::new(self.program(), directory, pins, output);
        Ok(Desk { public_url, modules, ..desk })
    }
}

impl Desk {
    /// Over this directory; `program` is how this program is called on it.
    pub(super) fn new(
        program: String,
        directory: Arc<dyn Directory>,
        pins: Pins,
        output: Output,
    ) -> Self {
        let admin = Admin::new(directory).with_pins(pins);
        let host = Host { admin, actor: Actor::Cli { user: user_name() } };
        Self::at(program, Office::Here(host), output)
    }

    fn at(program: String, office: Office, output: Output) -> Self {
        let (public_url, zone) = (None, TimeZone::system());
        Self { office, output, public_url, program, zone, modules: Vec::new() }
    }

    /// The directory of this machine, for what is done in no other place.
    pub(super) fn host(&self) -> Result<&Host, Failure> {
        match &self.office {
            Office::Here(host) => Ok(host),
            Office::There(_) => {
                Err(Failure::usage("this is done where the directory is: leave out --server"))
            }
        }
    }

    /// The same office, with the modules that are configured; a server has its own.
    pub(super) fn office_of_modules(&self) -> Result<Office, Failure> {
        let host = match &self.office {
            Office::Here(host) => host.clone(),
            there @ Office::There(_) => return Ok(there.clone()),
        };
        let modules = open_modules(&self.modules, &Environment::of_process());
        let modules = modules.map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Office::Here(Host { admin: host.admin.with_modules(modules), ..host }))
    }

    /// A command of this program on the same directory, to copy.
    pub(super) fn command(&self, words: &str) -> String {
        format!("{} {words}", self.program)
    }

    /// An instant as people read it: the local time, and how far away it is.
    pub(super) fn time(&self, at: Timestamp) -> String {
        when::spell(at, self.office.now(), &self.zone)
    }

    /// An instant as a table shows it: the local time, to the minute.
    pub(super) fn stamp(&self, at: Timestamp) -> String {
        when::stamp(at, &self.zone)
    }

    /// The instant that somebody named.
    pub(super) fn instant(&self, when: &When) -> Result<Timestamp, Failure> {
        when.instant(self.office.now(), &self.zone)
    }

    /// The instant that somebody named, where a length says how long ago it was.
    pub(super) fn past(&self, when: &When) -> Result<Timestamp, Failure> {
        when.past(self.office.now(), &self.zone)
    }

    /// Whom the audit log means by a name: a person is shown by login.
    pub(super) async fn person(&self, name: &str) -> Result<String, Failure> {
        match Actor::account_in(name) {
            Some(id) => Ok(format!("{} ({name})", self.login(id).await?)),
            None => Ok(name.to_owned()),
        }
    }

    /// The logins of these accounts.
    pub(super) async fn logins(
        &self,
        ids: impl IntoIterator<Item = AccountId>,
    ) -> Result<BTreeMap<AccountId, String>, Failure> {
        let mut logins = BTreeMap::new();
        for id in ids.into_iter().collect::<BTreeSet<_>>() {
            logins.insert(id, self.login(id).await?);
        }
        Ok(logins)
    }

    async fn login(&self, id: AccountId) -> Result<String, Failure> {
        let login = self.office.login(id).await?;
        Ok(login.unwrap_or_else(|| format!("number {id}")))
    }

    /// Tells people what they may not have meant.
    pub(super) fn warn(&self, warning: Option<Warning>) {
        if let Some(warning) = warning {
            self.output.remark(&format!("warning: {warning}"));
        }
    }
}

impl Who {
    pub(super) fn target(&self) -> Target {
        target(self.login.as_deref(), self.id)
    }

    /// Why this was not done to them, with their name in the command to try.
    pub(super) fn failure(&self, failure: Failure) -> Failure {
        let word = match (self.id, &self.login) {
            (Some(id), _) => format!("--id {id}"),
            (None, login) => last(login.as_deref().unwrap_or_default()),
        };
        failure.about(&word)
    }
}

/// By number, else by login; clap sees to it that there is one.
pub(super) fn target(login: Option<&str>, id: Option<AccountId>) -> Target {
    id.map_or_else(|| login.unwrap_or_default().into(), Target::from)
}

/// Reads an account's number.
pub(super) fn account_number(text: &str) -> Result<AccountId, String> {
    text.parse()
        .ok()
        .and_then(|number: i64| number.try_into().ok())
        .ok_or_else(|| "an account number is 1 or more".to_owned())
}

/// Who is at the command line, as the audit log shall name them.
///
/// The environment is believed only where the system itself does not say: who
/// became root through sudo is named by their own name.
fn user_name() -> String {
    let variable = |name: &str| std::env::var(name).ok();
    let system = system_user();
    let name = match system.as_deref() {
        Some("root") => variable("SUDO_USER").or(system),
        Some(_) => system,
        None => variable("USER").or_else(|| variable("USERNAME")),
    };
    let name = name.unwrap_or_default();
    let plain: String = name
        .chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect();
    if plain.is_empty() { "unknown".to_owned() } else { plain }
}

/// The name of the user that this process runs as.
#[cfg(unix)]
fn system_user() -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut lines = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(2) == Some(&uid.as_str()));
    // People of a network's directory are not in the file.
    Some(line.map_or_else(|| format!("uid-{uid}"), |fields| fields[0].to_owned()))
}

#[cfg(not(unix))]
fn system_user() -> Option<String> {
    None
}
