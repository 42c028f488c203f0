//! One row of a file of people, read as a person.

use crate::admin::{ImportedPerson, PersonChange, Switch};
use crate::domain::csv::as_it_was;
use crate::domain::lock::{End, Reason};
use crate::domain::login::Login;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::time::Timestamp;
use crate::engine::passwords::ImportedHash;

/// What a column is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Column {
    Login,
    Name,
    FirstName,
    LastName,
    Email,
    Admin,
    Permissions,
    ExternalId,
    Status,
    Locked,
    Disabled,
    PasswordHash,
    /// Known, and nothing that is taken over.
    Passed,
}

const COLUMNS: [(&str, Column); 15] = [
    ("login", Column::Login),
    ("name", Column::Name),
    ("first_name", Column::FirstName),
    ("last_name", Column::LastName),
    ("email", Column::Email),
    ("admin", Column::Admin),
    ("permissions", Column::Permissions),
    ("external_id", Column::ExternalId),
    ("status", Column::Status),
    ("locked", Column::Locked),
    ("disabled", Column::Disabled),
    ("password_hash", Column::PasswordHash),
    ("id", Column::Passed),
    ("created_at", Column::Passed),
    ("last_sign_in_at", Column::Passed),
];

/// What the first line says.
#[derive(Debug)]
pub(crate) struct Columns(Vec<Column>);

impl Columns {
    /// # Errors
    ///
    /// If a column is not known, is there twice, or there is no `login`.
    pub(crate) fn of(head: &[String]) -> Result<Self, String> {
        let mut columns = Vec::new();
        for name in head {
            let name = name.trim();
            let known = COLUMNS
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            let Some((_, column)) = known else {
                let all: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
                return Err(format!("there is no column {name:?}: it can be {}", all.join(", ")));
            };
            if *column != Column::Passed && columns.contains(column) {
                return Err(format!("the column {name} is there twice: leave one out"));
            }
            columns.push(*column);
        }
        if !columns.contains(&Column::Login) {
            return Err("the first line names no column login: add it".to_owned());
        }
        Ok(Self(columns))
    }

    pub(crate) fn login<'a>(&self, fields: &'a [String]) -> &'a str {
        let at = self.0.iter().position(|column| *column == Column::Login);
        at.and_then(|at| fields.get(at))
            .map(|login| as_it_was(login.trim()))
            .unwrap_or_default()
    }

    /// # Errors
    ///
    /// If a value is not of its form, or there are more or fewer than columns.
    pub(crate) fn person(
        &self,
        fields: &[String],
        now: Timestamp,
    ) -> Result<ImportedPerson, String> {
        if fields.len() != self.0.len() {
            let (values, columns) = (fields.len(), self.0.len());
            return Err(format!("it has {values} values, and the first line {columns}"));
        }
        let login = Login::new(self.login(fields)).map_err(|invalid| invalid.to_string())?;
        let mut row = Row::default();
        for (column, value) in self.0.iter().zip(fields) {
            let value = as_it_was(value.trim()).trim();
            // An empty cell says nothing.
            if !value.is_empty() {
                row.take(*column, value, now)?;
            }
        }
        Ok(row.person(login))
    }
}

/// What a row says so far.
#[derive(Default)]
struct Row {
    change: PersonChange,
    hash: Option<ImportedHash>,
    active: bool,
    /// The status says so; what the column `locked` says is more exact.
    locked: bool,
    says_locked: bool,
}

impl Row {
    fn take(&mut self, column: Column, value: &str, now: Timestamp) -> Result<(), String> {
        let change = &mut self.change;
        let said =
            |done: Result<(), crate::admin::AdminError>| done.map_err(|error| error.to_string());
        match column {
            Column::Login | Column::Passed => Ok(()),
            Column::Name => said(change.name(value)),
            Column::FirstName => said(change.first_name(value)),
            Column::LastName => said(change.last_name(value)),
            Column::Email => said(change.email(value)),
            Column::ExternalId => said(change.external_id(Some(value))),
            Column::Admin => {
                // Who is none needs no rights to be left so.
                if yes_no(value)? {
                    change.admin(true);
                }
                Ok(())
            }
            Column::Permissions => {
                change.permissions(permissions(value)?);
                Ok(())
            }
            Column::Status => self.status(value),
            Column::Locked => self.locked(value, now),
            Column::Disabled => {
                if yes_no(value)? {
                    self.disable();
                }
                Ok(())
            }
            Column::PasswordHash => {
                let hash = ImportedHash::read(value).map_err(|invalid| invalid.to_string())?;
                self.hash = Some(hash);
                Ok(())
            }
        }
    }

    fn status(&mut self, value: &str) -> Result<(), String> {
        match value {
            "active" => self.active = true,
            "invited" | "registered" => {}
            "locked" => {
                self.active = true;
                self.locked = true;
            }
            "disabled" => {
                self.active = true;
                self.disable();
            }
            _ => {
                let words = "active, disabled, invited, locked or registered";
                return Err(format!("{value:?} is no status: write {words}"));
            }
        }
        Ok(())
    }

    fn locked(&mut self, value: &str, now: Timestamp) -> Result<(), String> {
        self.says_locked = true;
        if let Ok(end) = value.parse::<jiff::Timestamp>() {
            let end = Timestamp::from_micros(end.as_microsecond());
            // A lock that is over locks nobody.
            if end > now {
                self.change.lock(End::At(end), None);
            }
        } else if yes_no(value)? {
            self.change.lock(End::Never, None);
        }
        Ok(())
    }

    fn disable(&mut self) {
        if let Ok(reason) = Reason::try_from("imported as disabled") {
            self.change.disable(reason, Switch::Ignored);
        }
    }

    fn person(mut self, login: Login) -> ImportedPerson {
        // A lockout shows as locked, too, and is not taken over.
        if self.locked && !self.says_locked {
            self.change.lock(End::Never, None);
        }
        let person = ImportedPerson::new(login, self.change);
        let person = if self.active { person.active() } else { person };
        match self.hash {
            Some(hash) => person.with_hash(hash),
            None => person,
        }
    }
}

fn yes_no(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => Err(format!("{value:?} is neither yes nor no")),
    }
}

fn permissions(value: &str) -> Result<Permissions, String> {
    let words = value.split([' ', ',', ';']).filter(|word| !word.is_empty());
    let read = |word: &str| {
        word.parse::<Permission>()
            .map_err(|invalid| format!("{word:?}: {invalid}"))
    };
    words.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(head: &str) -> Result<Columns, String> {
        Columns::of(&head.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    fn row(head: &str, row: &str) -> Result<ImportedPerson, String> {
        let fields: Vec<_> = row.split(',').map(str::to_owned).collect();
        columns(head)?.person(&fields, Timestamp::EPOCH)
    }

    #[test]
    fn the_first_line_says_what_is_what() {
        assert!(columns("Login, Email,admin,created_at,id").is_ok());
        for (head, word) in [("email", "login"), ("login,pet", "pet"), ("login,login", "twice")] {
            let refused = columns(head).expect_err("refused");
            assert!(refused.contains(word), "{refused}");
        }
    }

    #[test]
    fn a_row_is_a_person_or_says_why_not() {
        let head = "login,email,admin,permissions,status,locked,disabled,password_hash";
        assert!(row(head, "ada,ada@example.org,yes,users.view users.manage,active,,,").is_ok());
        assert!(row(head, "'=ada,,,,,2030-01-31T12:00:00Z,,").is_ok(), "a login may begin so");
        for (bad, word) in [
            ("ada,ada", "values"),
            (",,,,,,,", "login"),
            ("ada,nowhere,,,,,,", "e-mail"),
            ("ada,,perhaps,,,,,", "yes"),
            ("ada,,,users.eat,,,,", "users.eat"),
            ("ada,,,,asleep,,,", "asleep"),
            ("ada,,,,,soon,,", "soon"),
            ("ada,,,,,,,{SSHA}x", "argon2"),
        ] {
            let refused = row(head, bad).expect_err(bad);
            assert!(refused.contains(word), "{bad}: {refused}");
            assert!(!refused.contains("SSHA"), "a hash is never repeated");
        }
    }
}
