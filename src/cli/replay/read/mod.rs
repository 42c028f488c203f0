//! Reads attempts from the lines of a log.

mod access;
mod columns;
mod csv;
mod jsonl;
mod sign;
mod time;

#[cfg(test)]
mod tests;

use clap::ValueEnum;

pub(super) use self::columns::Columns;
pub(super) use self::sign::Sign;
use super::attempt::Attempt;
use crate::cli::exit::Failure;

/// How a log is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values, with a header
    Csv,
    /// A JSON object a line
    Jsonl,
    /// An access log of nginx or Apache, in the combined form
    Nginx,
    /// An access log of Caddy, in JSON
    Caddy,
}

impl Format {
    /// Its name, as it is said on the command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
        }
    }

    /// Whether it tells requests, and not logins.
    pub(super) const fn is_access_log(self) -> bool {
        matches!(self, Self::Nginx | Self::Caddy)
    }

    /// What a log seems to be whose first line this is.
    pub(super) fn guess(line: &str) -> Self {
        if line.trim_start().starts_with('{') {
            let object: Option<serde_json::Value> = serde_json::from_str(line).ok();
            let request = object.as_ref().and_then(|object| object.get("request"));
            return if request.is_some_and(serde_json::Value::is_object) {
                Self::Caddy
            } else {
                Self::Jsonl
            };
        }
        if access::looks_combined(line) { Self::Nginx } else { Self::Csv }
    }
}

/// What a line is.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Read {
    Attempt(Attempt),
    /// Nothing that is looked for: a header, an empty line, another request.
    Other,
}

/// Why a line can't be read.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Bad {
    pub(super) why: String,
    /// What of the line is meant. It may be personal.
    shown: Option<String>,
}

/// How much of a line is shown.
const SHOWN: usize = 40;

impl Bad {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), shown: None }
    }

    /// The same, showing this part of the line.
    pub(super) fn showing(self, part: &str) -> Self {
        let mut shown: String = part.chars().take(SHOWN).collect();
        if shown.len() < part.len() {
            shown.push('…');
        }
        Self { shown: Some(shown), ..self }
    }

    /// In words; `openly` with what of the line is meant.
    pub(super) fn words(&self, openly: bool) -> String {
        match self.shown.as_ref().filter(|_| openly) {
            Some(shown) => format!("{}: {shown:?}", self.why),
            None => self.why.clone(),
        }
    }
}

/// Reads the lines of one log.
pub(super) enum Reader {
    Csv(Box<csv::Csv>),
    Jsonl(jsonl::Jsonl),
    Nginx(access::Wanted),
    Caddy(access::Wanted),
}

/// Which requests of an access log are sign-ins.
#[derive(Clone, Debug)]
pub(super) struct SignIns {
    pub(super) path: Option<String>,
    pub(super) method: String,
}

impl Reader {
    pub(super) fn new(
        format: Format,
        columns: &Columns,
        sign: Option<&Sign>,
        requests: &SignIns,
    ) -> Result<Self, Failure> {
        let wanted = || access::Wanted::new(requests, sign);
        if format.is_access_log() && !columns.is_empty() {
            return Err(Failure::usage(
                "an access log has no columns: leave --columns out, or say --format csv or jsonl",
            ));
        }
        if !format.is_access_log() && requests.path.is_some() {
            return Err(Failure::usage(
                "--path is for access logs: leave it out, or say --format nginx or caddy",
            ));
        }
        Ok(match format {
            Format::Csv => Self::Csv(Box::new(csv::Csv::new(columns, sign))),
            Format::Jsonl => Self::Jsonl(jsonl::Jsonl::new(columns, sign)),
            Format::Nginx => Self::Nginx(wanted()?),
            Format::Caddy => Self::Caddy(wanted()?),
        })
    }

    /// What a line says. The first one with anything on it may be a header.
    pub(super) fn read(&mut self, line: &str) -> Result<Read, Bad> {
        if line.trim().is_empty() {
            return Ok(Read::Other);
        }
        match self {
            Self::Csv(csv) => csv.read(line),
            Self::Jsonl(jsonl) => jsonl.read(line),
            Self::Nginx(wanted) => access::read_combined(wanted, line),
            Self::Caddy(wanted) => access::read_caddy(wanted, line),
        }
    }

    /// Which columns were found, in words.
    pub(super) fn found(&self) -> Option<String> {
        match self {
            Self::Csv(csv) => csv.found(),
            _ => None,
        }
    }

    /// Why nothing can be read any more, if so: the header names too little.
    pub(super) fn hopeless(&self) -> Option<&str> {
        match self {
            Self::Csv(csv) => csv.hopeless(),
            _ => None,
        }
    }
}
