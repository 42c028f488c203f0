//! Where a database is, as its address is written: without a secret.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

/// The port of Postgres where none is written.
const PORT: u16 = 5432;

/// Where a Postgres database is, and as whom we come.
///
/// ```
/// use portcullis::domain::database::{PostgresAddress, TlsMode};
///
/// let address = PostgresAddress::parse("postgres://portcullis@db.example/crm").unwrap();
/// assert_eq!(address.to_string(), "postgres://portcullis@db.example:5432/crm");
/// assert_eq!(address.tls(), TlsMode::VerifyFull);
/// assert!(PostgresAddress::parse("postgres://portcullis:secret@db.example/crm").is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PostgresAddress {
    host: String,
    port: u16,
    user: String,
    database: String,
    tls: TlsMode,
    certificates: Option<PathBuf>,
}

/// How a connection is kept from others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the words of Postgres")]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// By TLS if the server has it; nobody looks who the server is.
    Prefer,
    /// By TLS; nobody looks who the server is.
    Require,
    /// By TLS, with a server whose certificate somebody trusted has signed.
    VerifyCa,
    /// The same, and the certificate is for this host.
    VerifyFull,
}

/// Why text is no [`PostgresAddress`]. Never shows what may be a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// `sslrootcert` without a mode that looks at certificates, or no absolute path.
    #[error(
        "`sslrootcert` is an absolute path, and goes with sslmode=verify-ca or sslmode=verify-full"
    )]
    Certificates,
    /// A password stands in it.
    #[error("it holds a password: a secret belongs into `secret_file` or `secret_variable`")]
    HoldsPassword,
    /// A part of it is missing or can't be read.
    #[error("it is written postgres://USER@HOST:PORT/DATABASE")]
    Malformed,
    /// A word that is no mode.
    #[error("`sslmode` is disable, prefer, require, verify-ca or verify-full")]
    Mode,
    /// It asks for something that is not done.
    #[error("after the question mark there can be `sslmode`, `sslrootcert` and `host`")]
    Parameter,
}

/// A password of a database. Never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct DatabasePassword(String);

/// Why a text is no password.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the password is empty or has control characters")]
#[non_exhaustive]
pub struct InvalidPassword;

impl PostgresAddress {
    /// Reads `postgres://USER@HOST:PORT/DATABASE?sslmode=MODE&sslrootcert=FILE`.
    ///
    /// Without a port it is 5432. The host may be a folder with a socket of Unix, written
    /// `%2Frun%2Fpostgresql` or as `?host=/run/postgresql`. Without a mode, a server on
    /// this machine is spoken to as it likes, and any other has to prove who it is.
    ///
    /// # Errors
    ///
    /// If a part is missing or unknown, or there is a password in it.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let (head, query) = text.split_once('?').unwrap_or((text, ""));
        let rest = head
            .strip_prefix("postgres://")
            .or_else(|| head.strip_prefix("postgresql://"));
        let rest = rest.ok_or(InvalidAddress::Malformed)?;
        let (user, rest) = rest.rsplit_once('@').ok_or(InvalidAddress::Malformed)?;
        if user.contains(':') {
            return Err(InvalidAddress::HoldsPassword);
        }
        let (authority, database) = rest.split_once('/').ok_or(InvalidAddress::Malformed)?;
        let (host, port) = host_and_port(authority)?;
        let mut extras = Extras::read(query)?;
        let host = extras.host.take().unwrap_or(host);
        let (user, database) = (decoded(user)?, decoded(database)?);
        let parts = [&host, &user, &database];
        let many = host.contains(',');
        if many || parts.iter().any(|part| part.is_empty()) || text.contains('#') {
            return Err(InvalidAddress::Malformed);
        }
        let (tls, certificates) = extras.protection(&host)?;
        Ok(Self { host, port, user, database, tls, certificates })
    }

    /// The host, its address, or the folder of its socket.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whom the server knows us as.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// How the connection is kept from others.
    pub const fn tls(&self) -> TlsMode {
        self.tls
    }

    /// A file with certificates that are trusted beside the public ones.
    pub fn certificates(&self) -> Option<&Path> {
        self.certificates.as_deref()
    }

    /// The address with everything in it, as a driver takes it. Each part is named, so that
    /// no variable of the environment stands in for it; where there is no password,
    /// `PGPASSWORD` and the file of passwords do, as for Postgres's own programs.
    #[cfg(feature = "postgres")]
    pub(crate) fn with_password(&self, password: Option<&DatabasePassword>) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let password = password.map(|password| format!(":{}", encoded(&password.0)));
        let mut url = format!(
            "postgres://{}{}@localhost/{}?host={}&port={}&sslmode={}&application_name=portcullis",
            encoded(&self.user),
            password.unwrap_or_default(),
            encoded(&self.database),
            encoded(&self.host),
            self.port,
            self.tls.as_str(),
        );
        if let Some(file) = self.certificates() {
            url.push_str(&format!("&sslrootcert={}", encoded(&file.to_string_lossy())));
        }
        url
    }
}

// === impl DatabasePassword ===

impl DatabasePassword {
    /// This password; the end of a line after it is no part of it.
    ///
    /// # Errors
    ///
    /// If it is empty or has control characters.
    pub fn new(password: &str) -> Result<Self, InvalidPassword> {
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() || password.chars().any(char::is_control) {
            return Err(InvalidPassword);
        }
        Ok(Self(password.to_owned()))
    }
}

impl fmt::Debug for DatabasePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabasePassword(..)")
    }
}

impl fmt::Display for PostgresAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, user, database, .. } = self;
        match host.contains(':') {
            true => write!(f, "postgres://{user}@[{host}]:{port}/{database}"),
            false => write!(f, "postgres://{user}@{host}:{port}/{database}"),
        }
    }
}

impl TlsMode {
    /// As addresses write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    fn read(word: &str) -> Option<Self> {
        let all = [Self::Disable, Self::Prefer, Self::Require, Self::VerifyCa, Self::VerifyFull];
        all.into_iter().find(|mode| mode.as_str() == word)
    }

    fn of(host: &str) -> Self {
        let here = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match (is_folder(host), here) {
            (true, _) => Self::Disable,
            (_, true) => Self::Prefer,
            _ => Self::VerifyFull,
        }
    }
}

/// What stands after the question mark.
#[derive(Default)]
struct Extras {
    host: Option<String>,
    mode: Option<TlsMode>,
    certificates: Option<PathBuf>,
}

impl Extras {
    fn read(query: &str) -> Result<Self, InvalidAddress> {
        let mut extras = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(InvalidAddress::Parameter)?;
            let value = decoded(value)?;
            match key {
                "host" if is_folder(&value) => extras.host = Some(value),
                "password" => return Err(InvalidAddress::HoldsPassword),
                "sslmode" => {
                    extras.mode = Some(TlsMode::read(&value).ok_or(InvalidAddress::Mode)?);
                }
                "sslrootcert" if is_folder(&value) => extras.certificates = Some(value.into()),
                "sslrootcert" => return Err(InvalidAddress::Certificates),
                _ => return Err(InvalidAddress::Parameter),
            }
        }
        Ok(extras)
    }

    fn protection(self, host: &str) -> Result<(TlsMode, Option<PathBuf>), InvalidAddress> {
        let mode = self.mode.unwrap_or_else(|| TlsMode::of(host));
        let looks = matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
        if self.certificates.is_some() && !looks {
            return Err(InvalidAddress::Certificates);
        }
        Ok((mode, self.certificates))
    }
}

fn is_folder(host: &str) -> bool {
    host.starts_with('/')
}

/// The two parts of what stands between `@` and `/`. The host may be missing here.
fn host_and_port(authority: &str) -> Result<(String, u16), InvalidAddress> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(InvalidAddress::Malformed)?;
            let is_ip = host.parse::<std::net::Ipv6Addr>().is_ok();
            let port = port.strip_prefix(':').or(port.is_empty().then_some(""));
            (host, port.filter(|_| is_ip).ok_or(InvalidAddress::Malformed)?)
        }
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let port = match port {
        "" => PORT,
        digits => digits.parse().map_err(|_| InvalidAddress::Malformed)?,
    };
    Ok((decoded(host)?, port))
}

fn decoded(text: &str) -> Result<String, InvalidAddress> {
    let plain = percent_decode_str(text).decode_utf8();
    let plain = plain.map_err(|_| InvalidAddress::Malformed)?;
    match plain.chars().any(char::is_control) {
        true => Err(InvalidAddress::Malformed),
        false => Ok(plain.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_parts() {
        for (text, shown, mode) in [
            ("postgres://a@db.example/crm", "postgres://a@db.example:5432/crm", "verify-full"),
            ("postgresql://a@localhost:1/x", "postgres://a@localhost:1/x", "prefer"),
            ("postgres://a@[::1]:7/x", "postgres://a@[::1]:7/x", "prefer"),
            ("postgres://a%20b@10.0.0.1/x%2Fy", "postgres://a b@10.0.0.1:5432/x/y", "verify-full"),
            ("postgres://a@%2Frun%2Fpg/x", "postgres://a@/run/pg:5432/x", "disable"),
            ("postgres://a@/x?host=/run/pg", "postgres://a@/run/pg:5432/x", "disable"),
            ("postgres://a@h/x?sslmode=require", "postgres://a@h:5432/x", "require"),
            ("postgres://a@h/x?sslrootcert=/ca.pem", "postgres://a@h:5432/x", "verify-full"),
        ] {
            let address = PostgresAddress::parse(text).expect(text);
            assert_eq!((address.to_string().as_str(), address.tls().as_str()), (shown, mode));
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        use InvalidAddress as E;
        for (text, why) in [
            ("", E::Malformed),
            ("mysql://a@h/x", E::Malformed),
            ("postgres://h/x", E::Malformed),
            ("postgres://a@h", E::Malformed),
            ("postgres://a@h/", E::Malformed),
            ("postgres://@h/x", E::Malformed),
            ("postgres://a@/x", E::Malformed),
            ("postgres://a@h:port/x", E::Malformed),
            ("postgres://a@h:70000/x", E::Malformed),
            ("postgres://a@h,i/x", E::Malformed),
            ("postgres://a@[h]/x", E::Malformed),
            ("postgres://a@[::1]7/x", E::Malformed),
            ("postgres://a%00@h/x", E::Malformed),
            ("postgres://a@h/x#y", E::Malformed),
            ("postgres://a:b@h/x", E::HoldsPassword),
            ("postgres://a:b@c/d@h/x", E::HoldsPassword),
            ("postgres://a:@h/x", E::HoldsPassword),
            ("postgres://a@h/x?password=b", E::HoldsPassword),
            ("postgres://a@h/x?sslmode=allow", E::Mode),
            ("postgres://a@h/x?options=-c%20search_path%3Dy", E::Parameter),
            ("postgres://a@h/x?host=i", E::Parameter),
            ("postgres://a@h/x?sslmode=require&sslrootcert=/ca.pem", E::Certificates),
            ("postgres://a@h/x?sslrootcert=ca.pem", E::Certificates),
        ] {
            assert_eq!(PostgresAddress::parse(text), Err(why), "{text}");
        }
    }
}
