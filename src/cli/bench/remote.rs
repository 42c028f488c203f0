//! Where a load test administers from afar, and with which token.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::bench::origin;
use crate::cli::exit::Failure;
use crate::domain::secret::TokenSecret;
use crate::gateway::Origin;

/// Names the token where nothing else does.
const VARIABLE: &str = "PORTCULLIS_ADMIN_TOKEN";

#[derive(Args, Debug)]
pub(super) struct Remote {
    /// The gateway's admin address, such as http://127.0.0.1:8081: accounts are made, locked and
    /// removed there, over HTTP, and no directory is needed here
    #[arg(long, value_name = "URL", value_parser = origin)]
    admin_url: Option<Origin>,

    /// An API token of an administrator; safer in $PORTCULLIS_ADMIN_TOKEN or in a file, since
    /// other users of this machine see arguments
    #[arg(long, value_name = "TOKEN", requires = "admin_url", value_parser = hidden)]
    admin_token: Option<Hidden>,

    /// A file that holds such a token
    #[arg(long, value_name = "FILE", requires = "admin_url", conflicts_with = "admin_token")]
    admin_token_file: Option<PathBuf>,
}

/// Something that was typed and is not printed, in errors neither.
#[derive(Clone)]
struct Hidden(String);

/// An admin address, with the token that it takes.
#[derive(Debug)]
pub(super) struct Admission {
    pub(super) url: Origin,
    pub(super) token: TokenSecret,
}

impl Admission {
    /// The same, if the address is this machine's, or whoever asks says that the other
    /// one is theirs: what is sent there is a secret.
    pub(super) async fn here(self, remote_is_mine: bool) -> Result<Self, Failure> {
        let found = tokio::net::lookup_host(self.url.address()).await;
        let found = found.map_err(|_| {
            Failure::usage(format!("{} has no address: check how it is written", self.url))
        })?;
        if remote_is_mine || found.into_iter().all(|address| address.ip().is_loopback()) {
            return Ok(self);
        }
        Err(Failure::usage(format!(
            "{} is not this machine, and the token would cross the network in the clear: bring \
             it here, as with ssh -L 8081:127.0.0.1:8081 HOST, or add --remote-is-mine if \
             nobody else is on the way",
            self.url
        )))
    }
}

impl Remote {
    /// Where to administer over HTTP, if that was asked for.
    pub(super) fn admission(&self) -> Result<Option<Admission>, Failure> {
        let Some(url) = self.admin_url.clone() else { return Ok(None) };
        if url.is_https() {
            return Err(Failure::usage(
                "the admin address is spoken to in plain http so far: bring it here, as with \
                 ssh -L 8081:127.0.0.1:8081 HOST, and name --admin-url http://127.0.0.1:8081",
            ));
        }
        let Hidden(typed) = self.typed()?;
        let token = TokenSecret::parse(typed.trim().as_bytes());
        let token = token.ok_or_else(|| {
            Failure::usage(
                "that is no API token: `portcullis token create --owner LOGIN` makes one",
            )
        })?;
        Ok(Some(Admission { url, token }))
    }

    fn typed(&self) -> Result<Hidden, Failure> {
        if let Some(typed) = &self.admin_token {
            return Ok(typed.clone());
        }
        if let Some(file) = &self.admin_token_file {
            return read(file);
        }
        let of_environment = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
        of_environment.map(Hidden).ok_or_else(|| {
            Failure::usage(format!(
                "name the administrator's token: in ${VARIABLE}, or with --admin-token-file FILE"
            ))
        })
    }
}

fn read(file: &Path) -> Result<Hidden, Failure> {
    let text = std::fs::read_to_string(file);
    text.map(Hidden).map_err(|error| {
        Failure::usage(format!("{} can't be read: {error}; name another file", file.display()))
    })
}

fn hidden(text: &str) -> Result<Hidden, std::convert::Infallible> {
    Ok(Hidden(text.to_owned()))
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_printed_nowhere() {
        let secret = TokenSecret::from_random([7; 32]).expose();
        let url = origin("http://127.0.0.1:8081").expect("an origin");
        let remote = |token: &str| Remote {
            admin_url: Some(url.clone()),
            admin_token: Some(Hidden(token.to_owned())),
            admin_token_file: None,
        };
        let right = remote(&format!("{secret}\n"));
        let admission = right.admission().expect("a token").expect("an address");
        assert_eq!(admission.token.expose(), secret);
        let wrong = format!("{secret}x");
        let refused = remote(&wrong).admission().expect_err("no token");
        for printed in [format!("{right:?}"), format!("{admission:?}"), format!("{refused:?}")] {
            assert!(!printed.contains(&secret[4..]), "{printed}");
        }
    }
}
