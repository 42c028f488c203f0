//! Which column of a log tells what.

use std::str::FromStr;

use super::super::attempt::{Attempt, Marker, Outcome};
use super::sign::Sign;
use super::time::read_time;
use super::{Bad, Read};
use crate::domain::client::ClientAddr;
use crate::domain::login::TypedLogin;

/// What a column tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Time,
    Login,
    Outcome,
    Address,
    Device,
    Secret,
}

impl Role {
    pub(super) const ALL: [Self; 6] =
        [Self::Time, Self::Login, Self::Outcome, Self::Address, Self::Device, Self::Secret];

    /// Its name, as it is said on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Login => "login",
            Self::Outcome => "outcome",
            Self::Address => "address",
            Self::Device => "device",
            Self::Secret => "secret",
        }
    }

    /// What logs call it, in lower case.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Time => {
                &["time", "timestamp", "ts", "at", "date", "datetime", "@timestamp", "when"]
            }
            Self::Login => {
                &["login", "user", "username", "user_name", "account", "email", "user_id"]
            }
            Self::Outcome => &["outcome", "result", "success", "status", "ok"],
            Self::Address => &[
                "address",
                "ip",
                "ip_address",
                "client_ip",
                "remote_addr",
                "remote_ip",
                "source",
                "client",
            ],
            Self::Device => &["device", "device_id", "device_cookie"],
            Self::Secret => &["secret", "password_hash", "secret_hash", "marker"],
        }
    }
}

/// The columns that somebody named: `time=ts,login=user`.
#[derive(Clone, Debug, Default)]
pub(in crate::cli::replay) struct Columns(Vec<(Role, String)>);

impl FromStr for Columns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |pair: &str| {
            let (name, column) = pair.split_once('=').unwrap_or((pair, ""));
            let role = Role::ALL
                .into_iter()
                .find(|role| role.name() == name.trim());
            match role {
                Some(role) if !column.trim().is_empty() => Ok((role, column.trim().to_owned())),
                _ => Err(format!(
                    "{pair:?} names no column: write time, login, outcome, address, device or \
                     secret, and the column, as in time=ts,login=user"
                )),
            }
        };
        text.split(',')
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Columns {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What columns may be called that tell this.
    pub(super) fn names(&self, role: Role) -> Vec<&str> {
        let named = self.0.iter().find(|(known, _)| *known == role);
        match named {
            Some((_, column)) => vec![column.as_str()],
            None => role.names().to_vec(),
        }
    }
}

/// The fields of one line.
pub(super) struct Fields<'a> {
    pub(super) time: &'a str,
    pub(super) login: Option<&'a str>,
    pub(super) outcome: Option<&'a str>,
    /// Whether somebody's sign of success is there; none where nobody said one.
    pub(super) success: Option<bool>,
    pub(super) address: Option<&'a str>,
    pub(super) device: Option<&'a str>,
    pub(super) secret: Option<&'a str>,
}

impl Fields<'_> {
    pub(super) fn attempt(&self) -> Result<Read, Bad> {
        let at = read_time(self.time).ok_or_else(|| {
            Bad::new("the time is neither RFC 3339 nor a Unix time").showing(self.time)
        })?;
        let login = said(self.login)
            .map(|login| TypedLogin::new(login).as_str().to_owned())
            .filter(|login| !login.is_empty());
        let address = said(self.address).map(read_address).transpose()?;
        if login.is_none() && address.is_none() {
            return Err(Bad::new("it tells neither a login nor an address"));
        }
        Ok(Read::Attempt(Attempt {
            at,
            login,
            address,
            outcome: self.outcome()?,
            device: said(self.device).map(str::to_owned),
            secret: said(self.secret).map(|text| Marker(text.to_owned())),
        }))
    }

    fn outcome(&self) -> Result<Outcome, Bad> {
        if let Some(success) = self.success {
            return Ok(if success { Outcome::Success } else { Outcome::Failure });
        }
        let word = said(self.outcome).ok_or_else(|| Bad::new("it tells no outcome"))?;
        Outcome::named(word).ok_or_else(|| {
            Bad::new(
                "the outcome is none of success, failure and refused; say which value is a success, \
                 as in --success outcome=OK",
            )
            .showing(word)
        })
    }
}

/// What is empty, or a dash, says nothing.
fn said(field: Option<&str>) -> Option<&str> {
    field
        .map(str::trim)
        .filter(|text| !text.is_empty() && *text != "-")
}

/// An address, with or without a port.
pub(super) fn read_address(text: &str) -> Result<ClientAddr, Bad> {
    ClientAddr::from_text(text)
        .ok_or_else(|| Bad::new("the address is no IP address").showing(text))
}

/// Whether a sign of success is there, among these fields.
pub(super) fn shows_success<'a>(
    sign: Option<&Sign>,
    field: impl FnOnce(&str) -> Option<&'a str>,
) -> Option<bool> {
    sign.map(|sign| field(sign.field()).is_some_and(|value| sign.is_shown(value)))
}
