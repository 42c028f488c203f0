//! Which server a command line names, and the token for it.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use http::header::HeaderValue;

use crate::admin::modules::BearerSecret;
use crate::cli::exit::Failure;
use crate::cli::shell::quote;
use crate::config::Environment;

/// Names the server where no option does.
const SERVER_VARIABLE: &str = "PORTCULLIS_SERVER";

/// Holds the token: other users of a machine see arguments, and shells keep them.
const TOKEN_VARIABLE: &str = "PORTCULLIS_TOKEN";

/// A token is no longer than this, in bytes.
const LONGEST_TOKEN: u64 = 4096;

/// How a command line says which server it is about.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct ServerOptions {
    /// The admin address of a running gateway, such as https://admin.example: the command is done
    /// there, with the API token in $PORTCULLIS_TOKEN [default: $PORTCULLIS_SERVER, else the
    /// directory on this machine]
    #[arg(long, global = true, display_order = 102, value_name = "URL",
        conflicts_with_all = ["directory", "config"])]
    server: Option<String>,

    /// A file that holds the API token for --server
    #[arg(long, global = true, display_order = 103, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Certificates of authorities that --server may show, beside those that this machine knows
    #[arg(long, global = true, display_order = 104, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Send the token to --server over plain HTTP, where anybody on the way can read it
    #[arg(long, global = true, display_order = 105)]
    allow_plain: bool,
}

/// A server, and how to speak to it.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Server {
    url: String,
    token: Option<Hidden>,
    options: ServerOptions,
}

/// Not printed.
#[derive(Clone)]
struct Hidden(String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

impl ServerOptions {
    /// The server that is named. A directory that is named on the command line goes
    /// before what the environment says.
    pub(in crate::cli) fn server(
        self,
        directory_is_named: bool,
        environment: &Environment,
    ) -> Result<Option<Server>, Failure> {
        let found = environment.text(SERVER_VARIABLE);
        let found = found.filter(|_| !directory_is_named);
        let Some(named) = self.server.clone().or(found) else {
            return match self.token_file.is_some() || self.ca_file.is_some() || self.allow_plain {
                true => Err(Failure::usage(
                    "--token-file, --ca-file and --allow-plain are about a server: add --server URL",
                )),
                false => Ok(None),
            };
        };
        let url = origin(&named, self.allow_plain).map_err(|why| {
            Failure::usage(format!("{:?} is no address of a server: {why}", hide_user(&named)))
        })?;
        let token = environment.text(TOKEN_VARIABLE).map(Hidden);
        Ok(Some(Server { url, token, options: self }))
    }
}

impl Server {
    /// The address, without a `/` at its end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The certificates of `--ca-file`.
    pub(super) fn authorities(&self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(path) = &self.options.ca_file else { return Ok(None) };
        let read = std::fs::read(path);
        read.map(Some).map_err(|error| {
            Failure::usage(format!("{} can't be read: {error}; name another file", path.display()))
        })
    }

    /// What the server knows us by, as a header.
    pub(super) fn token(&self) -> Result<HeaderValue, Failure> {
        let token = match (&self.options.token_file, &self.token) {
            (Some(path), _) => read_token(path)?,
            (None, Some(Hidden(token))) => token.clone(),
            (None, None) => {
                return Err(Failure::usage(format!(
                    "a server wants to know who asks: put an API token into {TOKEN_VARIABLE}, or \
                     name its file with --token-file"
                )));
            }
        };
        let secret = BearerSecret::new(&token);
        let secret = secret.map_err(|_| {
            Failure::usage("the token is empty or has characters that no token has: see what it is")
        })?;
        Ok(secret.header())
    }

    /// The options that name it again, with a space before each.
    pub(in crate::cli) fn words(&self) -> String {
        let ServerOptions { server, token_file, ca_file, allow_plain } = &self.options;
        let path = |path: &Option<PathBuf>| {
            path.as_ref()
                .map(|path| path.to_string_lossy().into_owned())
        };
        let named = [
            ("--server", server.clone()),
            ("--token-file", path(token_file)),
            ("--ca-file", path(ca_file)),
        ];
        let mut words = String::new();
        for (option, value) in named {
            if let Some(value) = value {
                words.push_str(&format!(" {option} {}", quote(&value)));
            }
        }
        words + if *allow_plain { " --allow-plain" } else { "" }
    }

    /// Why a command is not done there.
    pub(in crate::cli) fn refuses(&self, command: &str) -> Failure {
        let mend = match self.options.server {
            Some(_) => "leave out --server".to_owned(),
            None => format!("unset {SERVER_VARIABLE}"),
        };
        Failure::usage(format!(
            "`{command}` works on the files of its own machine, and not through a server: {mend}, \
             and run it where they are"
        ))
    }
}

/// Whoever typed a password into an address does not see it again in an error.
fn hide_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

/// Reads `https://admin.example` or `http://127.0.0.1:8081`.
fn origin(text: &str, allow_plain: bool) -> Result<String, &'static str> {
    let form = "write it as https://admin.example";
    let url = reqwest::Url::parse(text.trim()).map_err(|_| form)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it names a user: the token belongs into PORTCULLIS_TOKEN or a file");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("it has a path: write only the scheme, the host and the port");
    }
    let host = url.host_str().ok_or(form)?;
    match url.scheme() {
        "https" => {}
        "http" if allow_plain || is_here(host) => {}
        "http" => {
            return Err(
                "it is http, and anybody on the way could read the token: write https, bring the \
                 port here, as with ssh -L 8081:127.0.0.1:8081 HOST, or add --allow-plain where \
                 nobody else is on the way",
            );
        }
        _ => return Err(form),
    }
    Ok(url.origin().ascii_serialization())
}

/// Whether a host is this machine by its own words.
fn is_here(host: &str) -> bool {
    let literal: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || literal.is_some_and(|ip| ip.to_canonical().is_loopback())
}

fn read_token(path: &std::path::Path) -> Result<String, Failure> {
    use std::io::Read;

    let wrong = |why: String| {
        Failure::usage(format!("the token in {} can't be read: {why}", path.display()))
    };
    let file = std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?;
    let mut token = String::new();
    let read = file.take(LONGEST_TOKEN + 1).read_to_string(&mut token);
    read.map_err(|error| wrong(error.to_string()))?;
    match token.len() as u64 > LONGEST_TOKEN {
        true => Err(wrong("it is too long for a token: name the right file".to_owned())),
        false => Ok(token),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for here in ["http://127.0.0.1:8081", "http://localhost:8081/", "http://[::1]:8081"] {
            assert_eq!(origin(here, false).as_deref(), Ok(here.trim_end_matches('/')), "{here}");
        }
        for there in ["http://192.0.2.1:8081", "http://admin.example", "http://localhost.example"] {
            assert!(
                origin(there, false).is_err_and(|why| why.contains("--allow-plain")),
                "{there}"
            );
            assert!(origin(there, true).is_ok(), "{there}");
        }
        assert_eq!(origin("https://Admin.Example", false).as_deref(), Ok("https://admin.example"));
        for bad in [
            "",
            "admin.example",
            "localhost:8081",
            "ftp://admin.example",
            "https://",
            "https://ann:secret@admin.example",
            "https://admin.example/console",
            "https://a.example/?x",
        ] {
            assert!(origin(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let options = ServerOptions {
            server: Some("https://ann:hunter2@admin.example".to_owned()),
            ..ServerOptions::default()
        };
        let refused = options
            .server(false, &Environment::default())
            .expect_err("refused");
        assert!(!refused.message().contains("hunter2"), "{}", refused.message());
    }

    #[test]
    fn a_token_is_never_printed() {
        let environment: Environment =
            [(SERVER_VARIABLE, "https://admin.example"), (TOKEN_VARIABLE, "hunter2")]
                .into_iter()
                .collect();
        let server = ServerOptions::default().server(false, &environment);
        let server = server.expect("a server").expect("one");
        let header = server.token().expect("a token");
        assert!(!format!("{server:?}{header:?}").contains("hunter2"));
        let directory_first = ServerOptions::default().server(true, &environment);
        assert!(directory_first.expect("no server").is_none());
    }

    proptest! {
        /// Property: what is read as a server is one origin, and plain only on this
        /// machine.
        #[test]
        fn a_server_is_one_origin(text in "(https?://)?[a-z0-9.:@/?#\\[\\]-]{0,24}") {
            if let Ok(url) = origin(&text, false) {
                let read = reqwest::Url::parse(&url).expect("an address");
                prop_assert_eq!(read.path(), "/");
                prop_assert!(read.query().is_none() && read.username().is_empty());
                let host = read.host_str().expect("a host");
                prop_assert!(read.scheme() == "https" || is_here(host), "{}", url);
                prop_assert_eq!(origin(&url, false), Ok(url.clone()), "it reads as itself");
            }
        }
    }
}
