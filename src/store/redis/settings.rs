//! Where Redis is, and how it is spoken to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

/// The port of Redis where none is written.
const PORT: u16 = 6379;

/// How Redis servers belong together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the ways in which Redis is run")]
pub enum RedisMode {
    /// The addresses are nodes of a Redis Cluster.
    Cluster,
    /// The addresses are sentinels, who know which server is the master.
    Sentinel,
    /// One server.
    #[default]
    Standalone,
}

/// What happens to sign-ins while Redis does not answer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a guess is counted somewhere or refused")]
pub enum WhenAway {
    /// Each process counts by itself: a guesser has the guesses of every one of them.
    CountLocally,
    /// They get 503.
    #[default]
    Refuse,
}

/// What happens to sign-ins after Redis may have lost what was counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a guess is granted or it is not")]
pub enum AfterLoss {
    /// Counters begin anew: a guesser has at most one more budget a loss.
    GoOn,
    /// They get 503 until all that may have been lost would have been too old to count.
    #[default]
    Refuse,
}

/// A server's address: `redis://HOST:PORT/DATABASE`, or `rediss://` over TLS.
///
/// ```
/// use portcullis::store::redis::RedisAddress;
///
/// let address: RedisAddress = "rediss://redis.example/2".parse().unwrap();
/// assert_eq!(address.to_string(), "rediss://redis.example:6379/2");
/// assert!("redis://:secret@redis.example".parse::<RedisAddress>().is_err());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisAddress {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: u16,
    pub(super) tls: bool,
}

/// Why text is no [`RedisAddress`]. Never shows what may be a secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRedisAddress {
    /// A user or a password stands in it.
    #[error("holds a user or a password: they belong into `username` and `password_file`")]
    HoldsSecret,
    /// A part of it is missing or can't be read.
    #[error("is not written redis://HOST:PORT/DATABASE, or rediss:// for TLS")]
    Malformed,
}

impl RedisAddress {
    /// Whether what is said stays on this machine.
    pub fn is_on_this_machine(&self) -> bool {
        let ip = self.host.parse::<IpAddr>();
        self.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether TLS keeps it from others.
    pub const fn tls(&self) -> bool {
        self.tls
    }

    /// The number of the database.
    pub const fn database(&self) -> u16 {
        self.database
    }
}

impl FromStr for RedisAddress {
    type Err = InvalidRedisAddress;

    fn from_str(text: &str) -> Result<Self, InvalidRedisAddress> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or(InvalidRedisAddress::Malformed)?;
        let tls = match scheme {
            "redis" => false,
            "rediss" => true,
            _ => return Err(InvalidRedisAddress::Malformed),
        };
        if rest.contains('@') {
            return Err(InvalidRedisAddress::HoldsSecret);
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let database = if database.is_empty() { Some(0) } else { number(database) };
        let (host, port) = host_and_port(authority).ok_or(InvalidRedisAddress::Malformed)?;
        let database = database.ok_or(InvalidRedisAddress::Malformed)?;
        Ok(Self { host, port, database, tls })
    }
}

fn number(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn host_and_port(authority: &str) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if port.is_empty() { None } else { Some(port.strip_prefix(':')?) };
            (host, port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(in_name) {
        return None;
    }
    let port = port.map_or(Some(PORT), number).filter(|port| *port > 0)?;
    Some((host.to_owned(), port))
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, database, tls } = self;
        let scheme = if *tls { "rediss" } else { "redis" };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}/{database}"),
            false => write!(f, "{scheme}://{host}:{port}/{database}"),
        }
    }
}

/// Where Redis is, and how it is spoken to.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct RedisSettings {
    /// The server; with [`RedisMode::Cluster`] some of its nodes, with
    /// [`RedisMode::Sentinel`] the sentinels.
    pub servers: Vec<RedisAddress>,
    /// How they belong together.
    pub mode: RedisMode,
    /// What sentinels call the master.
    pub master: String,
    /// Whom Redis knows us as; the default user where nothing is said.
    pub username: Option<String>,
    /// What it wants to hear from that user. Sentinels are told the same.
    pub password: Option<String>,
    /// Who vouches for the servers, as certificates in PEM; by default, whom the system
    /// trusts.
    pub certificates: Option<Vec<u8>>,
    /// What our keys and channels begin with.
    pub prefix: String,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What happens while it does not answer.
    pub when_away: WhenAway,
    /// What happens after it may have lost what was counted.
    pub after_loss: AfterLoss,
}

impl RedisSettings {
    /// One server, with all defaults.
    pub fn standalone(server: RedisAddress) -> Self {
        Self {
            servers: vec![server],
            mode: RedisMode::Standalone,
            master: "mymaster".to_owned(),
            username: None,
            password: None,
            certificates: None,
            prefix: "portcullis:".to_owned(),
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            when_away: WhenAway::Refuse,
            after_loss: AfterLoss::Refuse,
        }
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("servers", &self.servers)
            .field("mode", &self.mode)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_read_with_their_defaults() {
        let read = |text: &str| text.parse::<RedisAddress>().map(|read| read.to_string());
        assert_eq!(read("redis://h").as_deref(), Ok("redis://h:6379/0"));
        assert_eq!(read("redis://h:1/15").as_deref(), Ok("redis://h:1/15"));
        assert_eq!(read("rediss://[::1]:7").as_deref(), Ok("rediss://[::1]:7/0"));
        assert_eq!(read("redis://h/").as_deref(), Ok("redis://h:6379/0"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        use InvalidRedisAddress as E;
        let of = |text: &str| text.parse::<RedisAddress>().expect_err("is none");
        for text in ["", "h", "http://h", "redis://", "redis://h:0", "redis://h:x", "redis://h:+1"]
        {
            assert_eq!(of(text), E::Malformed, "{text}");
        }
        for text in
            ["redis://h/x", "redis://h/-1", "redis://h/1/2", "redis://h?x=1", "redis://[::1"]
        {
            assert_eq!(of(text), E::Malformed, "{text}");
        }
        for text in ["redis://u:p@h", "redis://:p@h", "redis://u@h"] {
            assert_eq!(of(text), E::HoldsSecret, "{text}");
        }
    }

    #[test]
    fn plain_text_is_seen_to_leave_the_machine() {
        let on = |text: &str| {
            text.parse::<RedisAddress>()
                .expect("one")
                .is_on_this_machine()
        };
        assert!(on("redis://127.0.0.1") && on("redis://[::1]") && on("redis://localhost"));
        assert!(!on("redis://10.0.0.1") && !on("redis://localhost.example"));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_reads(text in "rediss?://[a-z0-9.:\\[\\]/@-]{0,24}") {
            if let Ok(address) = text.parse::<RedisAddress>() {
                let again = address.to_string().parse::<RedisAddress>();
                prop_assert_eq!(again.as_ref(), Ok(&address));
                prop_assert!(!text.contains('@'));
            }
        }
    }
}
