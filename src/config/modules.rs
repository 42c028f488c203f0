//! `[[modules]]`: records of the application that go to somebody else when their owner
//! is deleted. As it is written, what it means, and how it is opened.

mod open;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};
use super::value::{Length, Raw, Value, Wrong};
use crate::admin::modules::{Field, OwnerKey, TableSettings};
use crate::domain::database::PostgresAddress;
use crate::domain::outbound::OutboundUrl;
use crate::domain::transfer::ModuleName;

pub use self::open::{ModulesError, open_modules};

/// What the section is called.
pub(super) const SECTION: &str = "modules";

/// How the reference file shows the section: as an example, for it has no defaults.
pub(super) const REFERENCE: &str = r#"
# Records that people own in the application, and that go to somebody else when their
# owner is deleted: one [[modules]] for each kind of them. See the manual's page on
# deletion. There are none by default. Lines of these examples begin with `# `.

# A table of the application's own SQLite database. `id` is "id" and `label` is the
# name where they are left out; `owner_is` says how the owner's column holds people:
# "account" (their number), "login" or "email". Records can be chosen by `fields`,
# columns with what people call them. A relative path begins at this file's folder.
# [[modules]]
# name = "contacts"
# label = "Contacts"
# database = "/var/lib/crm/crm.db"
# table = "contacts"
# id = "id"
# owner = "owner_id"
# owner_is = "account"
# fields = { status = "Status", kind = "Kind" }

# A table of its Postgres database, postgres://USER@HOST:PORT/DATABASE. The password is in
# the file, or in the variable that `secret_variable` names; without either, PGPASSWORD and
# ~/.pgpass are looked at. Behind a question mark there can be `sslmode` (a server that is
# not on this machine has to prove who it is: "verify-full"), `sslrootcert`, a file with
# certificates to trust, and `host`, the folder of a socket. The table may be written
# "schema.table".
# [[modules]]
# name = "tickets"
# label = "Tickets"
# database = "postgres://portcullis@db.example/helpdesk"
# secret_file = "/run/secrets/helpdesk"
# table = "support.tickets"
# owner = "assignee"
# owner_is = "login"
# fields = { status = "Status" }

# An endpoint of the application. The secret is sent as a bearer token; instead of
# `secret_file`, `secret_variable` names a variable that begins with PORTCULLIS_.
# `networks` lists those that are not public and that it may be in; `timeout` is for
# one answer.
# [[modules]]
# name = "invoices"
# label = "Invoices"
# url = "https://billing.example/portcullis"
# secret_file = "/run/secrets/billing"
# networks = ["10.0.0.0/8"]
# timeout = "30s"
# fields = { state = "State" }
"#;

const FOR_ALL: [&str; 3] = ["name", "label", "fields"];
const FOR_TABLES: [&str; 5] = ["database", "table", "id", "owner", "owner_is"];
const FOR_POSTGRES: [&str; 7] =
    ["database", "table", "id", "owner", "owner_is", "secret_file", "secret_variable"];
const FOR_ENDPOINTS: [&str; 5] = ["url", "secret_file", "secret_variable", "networks", "timeout"];

/// A module, as it is configured.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ModuleSettings {
    /// What it is called.
    pub name: ModuleName,
    /// What people call it.
    pub label: String,
    /// Where its records are.
    pub source: ModuleSource,
}

/// Where the records of a module are.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ModuleSource {
    /// Behind an endpoint of the application.
    Endpoint {
        /// Where it is.
        url: OutboundUrl,
        /// Where the secret is that it knows us by.
        secret: SecretSource,
        /// Networks that are not public, and that it may be in.
        networks: Vec<IpNet>,
        /// How long one answer may take.
        timeout: Duration,
        /// The fields that conditions can name.
        fields: Vec<Field>,
    },
    /// In a table of the application's database.
    Table {
        /// The database.
        database: DatabaseSource,
        /// Which records of it.
        table: TableSettings,
    },
}

/// Where a database of the application is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DatabaseSource {
    /// In a file of SQLite.
    File(PathBuf),
    /// On a server of Postgres.
    Postgres {
        /// Where that is.
        address: PostgresAddress,
        /// Where the password is, if it wants one.
        secret: Option<SecretSource>,
    },
}

/// Where a secret is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SecretSource {
    /// In this file.
    File(PathBuf),
    /// In the variable of this name.
    Variable(String),
}

/// Reads every module that is written, and notes what is wrong.
pub(super) fn read(value: &DeValue<'_>, span: Range<usize>) -> (Vec<ModuleSettings>, Vec<Problem>) {
    let DeValue::Array(entries) = value else {
        let problem = Problem::new(Place::File(span), "`modules` is no list of sections");
        return (Vec::new(), vec![problem.mend("write [[modules]], and its keys below it")]);
    };
    let (mut modules, mut problems) = (Vec::<ModuleSettings>::new(), Vec::new());
    for entry in entries {
        let DeValue::Table(table) = entry.get_ref() else {
            problems.push(Problem::new(Place::File(entry.span()), "a module is a section"));
            continue;
        };
        let mut reader = Entry { table, span: entry.span(), problems: Vec::new() };
        let module = reader.module();
        problems.append(&mut reader.problems);
        let Some(module) = module else { continue };
        if modules.iter().any(|other| other.name == module.name) {
            let what = format!("there are two modules {}", module.name);
            problems.push(Problem::new(Place::File(entry.span()), what).mend("rename one"));
        }
        modules.push(module);
    }
    (modules, problems)
}

/// One module as it is written.
struct Entry<'a> {
    table: &'a DeTable<'a>,
    span: Range<usize>,
    problems: Vec<Problem>,
}

impl Entry<'_> {
    fn module(&mut self) -> Option<ModuleSettings> {
        let is_endpoint = self.table.contains_key("url");
        self.refuse_others(match (is_endpoint, self.names_a_server()) {
            (true, _) => &FOR_ENDPOINTS,
            (false, true) => &FOR_POSTGRES,
            (false, false) => &FOR_TABLES,
        });
        let name: Option<String> = self.required("name");
        let name = name.and_then(|name| {
            let read = name.parse::<ModuleName>();
            read.map_err(|error| self.wrong("name", &error.to_string()))
                .ok()
        });
        let label: Option<String> = self.take("label");
        let source = if is_endpoint { self.endpoint() } else { self.table() };
        let (name, source) = (name?, source?);
        let label = label.unwrap_or_else(|| name.to_string());
        Some(ModuleSettings { name, label, source })
    }

    fn table(&mut self) -> Option<ModuleSource> {
        let database = self.database();
        let table = self.required("table");
        let owner = self.required("owner");
        let holds: Option<OwnerKey> = self.required("owner_is");
        let id = self.take("id").unwrap_or_else(|| "id".to_owned());
        let fields = self.fields();
        let (database, table, owner, holds) = (database?, table?, owner?, holds?);
        let table = TableSettings { table, id, owner, holds, fields };
        Some(ModuleSource::Table { database, table })
    }

    /// Whether the database is written as an address.
    fn names_a_server(&self) -> bool {
        let database = self.table.get("database");
        database.is_some_and(
            |value| matches!(value.get_ref(), DeValue::String(text) if text.contains("://")),
        )
    }

    fn database(&mut self) -> Option<DatabaseSource> {
        if !self.names_a_server() {
            return self.required("database").map(DatabaseSource::File);
        }
        let address: String = self.required("database")?;
        let address = PostgresAddress::parse(&address);
        let address = address.map_err(|error| self.wrong("database", &error.to_string()));
        let secret = match ["secret_file", "secret_variable"].map(|key| self.table.get(key)) {
            [None, None] => None,
            _ => Some(self.secret()?),
        };
        Some(DatabaseSource::Postgres { address: address.ok()?, secret })
    }

    fn endpoint(&mut self) -> Option<ModuleSource> {
        let url: Option<String> = self.required("url");
        let url = url.and_then(|url| {
            let read = OutboundUrl::parse(&url);
            read.map_err(|error| self.wrong("url", &error.to_string()))
                .ok()
        });
        let secret = self.secret();
        let networks = self.take("networks").unwrap_or_default();
        let timeout: Option<Length<1, 600>> = self.take("timeout");
        let timeout = timeout.map_or(Duration::from_secs(30), |length| length.0);
        let fields = self.fields();
        let (url, secret) = (url?, secret?);
        Some(ModuleSource::Endpoint { url, secret, networks, timeout, fields })
    }

    fn secret(&mut self) -> Option<SecretSource> {
        let file: Option<PathBuf> = self.take("secret_file");
        let variable: Option<String> = self.take("secret_variable");
        match (file, variable) {
            (Some(file), None) => Some(SecretSource::File(file)),
            (None, Some(name)) if name.starts_with("PORTCULLIS_") && !name.contains("__") => {
                Some(SecretSource::Variable(name))
            }
            (None, Some(_)) => {
                self.wrong("secret_variable", "it begins with PORTCULLIS_ and has no __");
                None
            }
            _ => {
                let what = "its secret is in either `secret_file` or `secret_variable`";
                self.problems
                    .push(Problem::new(Place::File(self.span.clone()), what));
                None
            }
        }
    }

    fn fields(&mut self) -> Vec<Field> {
        let Some((key, value)) = self.table.get_key_value("fields") else { return Vec::new() };
        let DeValue::Table(written) = value.get_ref() else {
            self.wrong("fields", "it is written { status = \"Status\" }");
            return Vec::new();
        };
        let mut fields = Vec::new();
        for (name, label) in written {
            let DeValue::String(label) = label.get_ref() else {
                let what = format!("`fields.{}` is no text", name.get_ref().escape_debug());
                self.problems
                    .push(Problem::new(Place::File(key.span()), what));
                continue;
            };
            fields.push(Field { name: name.get_ref().to_string(), label: label.to_string() });
        }
        fields
    }

    /// The value of a key; `None` where it is not written or wrong.
    fn take<T: Value>(&mut self, key: &str) -> Option<T> {
        let value = self.table.get(key)?;
        let raw = Raw::of(value.get_ref());
        let why = match T::read(&raw) {
            Ok(value) => return Some(value),
            Err(Wrong::Kind(kind)) => format!("is {kind}"),
            Err(Wrong::Because(why)) => why,
        };
        let problem = Problem::new(Place::File(value.span()), format!("`modules.{key}` {why}"));
        self.problems.push(problem.allowed(T::allowed()));
        None
    }

    fn required<T: Value>(&mut self, key: &str) -> Option<T> {
        if !self.table.contains_key(key) {
            let what = format!("a module has no `{key}`");
            self.problems
                .push(Problem::new(Place::File(self.span.clone()), what));
        }
        self.take(key)
    }

    fn wrong(&mut self, key: &str, why: &str) {
        let span = self
            .table
            .get(key)
            .map_or(self.span.clone(), toml::Spanned::span);
        let what = format!("`modules.{key}` can't be used: {why}");
        self.problems.push(Problem::new(Place::File(span), what));
    }

    fn refuse_others(&mut self, of_kind: &[&str]) {
        let known: BTreeSet<&str> = FOR_ALL.iter().chain(of_kind).copied().collect();
        for (key, _) in self.table {
            let name = key.get_ref();
            if !known.contains(name.as_ref()) {
                let all: Vec<_> = known.iter().copied().collect();
                let what = format!("such a module has no key `{}`", name.escape_debug());
                let problem = Problem::new(Place::File(key.span()), what);
                self.problems
                    .push(problem.mend(format!("its keys are {}", all.join(", "))));
            }
        }
    }
}

impl ModuleSettings {
    /// The same with relative paths beginning at this folder.
    #[must_use]
    pub(super) fn in_folder(mut self, folder: &Path) -> Self {
        let file = match &mut self.source {
            ModuleSource::Table { database: DatabaseSource::File(file), .. } => Some(file),
            ModuleSource::Table { database: DatabaseSource::Postgres { secret, .. }, .. } => {
                secret.as_mut().and_then(SecretSource::file)
            }
            ModuleSource::Endpoint { secret, .. } => secret.file(),
        };
        if let Some(file) = file {
            *file = folder.join(&*file);
        }
        self
    }
}

impl SecretSource {
    fn file(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File(file) => Some(file),
            Self::Variable(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
