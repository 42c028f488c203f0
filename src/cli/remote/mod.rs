//! A gateway's admin address, asked over HTTP for what commands do.

mod answer;
mod server;

use std::borrow::Cow;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Certificate, RequestBuilder, Response, redirect};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) use self::server::{Server, ServerOptions};

use crate::admin::Target;
use crate::api::own::view::AccountView;
use crate::cli::exit::{Exit, Failure};
use crate::domain::time::Timestamp;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take.
const USUALLY: Duration = Duration::from_secs(30);

/// How long one may take for which a whole log is read.
pub(super) const LONG: Duration = Duration::from_secs(3600);

/// The longest answer that is kept in memory, in bytes.
const LARGEST: usize = 64 << 20;

/// The most that is on one page of a list.
const PAGE: u32 = 500;

/// All but what RFC 3986 leaves to be written as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What an address asks for beside its path.
pub(super) type Query<'a> = Vec<(&'a str, String)>;

/// The answers of a gateway's admin address to one token. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    server: String,
    /// Marked as a secret: it is left out of what is printed.
    token: HeaderValue,
}

impl Client {
    /// Nothing is asked of the server yet.
    pub(super) fn new(server: &Server) -> Result<Self, Failure> {
        let mut http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .timeout(USUALLY)
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")));
        if let Some(authorities) = server.authorities()? {
            let read = Certificate::from_pem_bundle(&authorities);
            let read = read.ok().filter(|read| !read.is_empty());
            let read = read.ok_or_else(|| {
                Failure::usage("the file of --ca-file holds no certificates: name a PEM file")
            })?;
            http = http.tls_certs_merge(read);
        }
        let http = http
            .build()
            .map_err(|error| Failure::unexpected(format!("TLS can't be used: {error}")))?;
        Ok(Self { http, server: server.url().to_owned(), token: server.token()? })
    }

    /// The instant, by this machine's clock.
    pub(super) fn now() -> Timestamp {
        Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
    }

    /// What is at an address below `/admin/v1`.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Query<'_>,
    ) -> Result<T, Failure> {
        let answer = self.judged(self.request(Method::GET, path, &query)).await?;
        self.read(answer).await
    }

    /// What is answered to a body.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, Failure> {
        self.send_within(USUALLY, method, path, body).await
    }

    /// The same, for what may take long.
    pub(super) async fn send_within<T: DeserializeOwned>(
        &self,
        time: Duration,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<T, Failure> {
        let request = self
            .request(method, path, &Vec::new())
            .timeout(time)
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let answer = self.judged(request).await?;
        self.read(answer).await
    }

    /// An answer that is read as it comes.
    pub(super) async fn open(&self, path: &str, query: Query<'_>) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path, &query).timeout(LONG);
        self.judged(request).await
    }

    /// The next part of such an answer.
    pub(super) async fn part(
        &self,
        answer: &mut Response,
    ) -> Result<Option<impl AsRef<[u8]>>, Failure> {
        answer
            .chunk()
            .await
            .map_err(|error| self.broken_off(&error))
    }

    /// Whoever is meant, as a part of an address.
    pub(super) async fn who(&self, target: &Target) -> Result<String, Failure> {
        let typed = match target {
            Target::Id(id) => return Ok(id.to_string()),
            Target::Login(typed) => typed.as_str(),
        };
        match typed {
            // Dots alone are steps in an address, and nobody's login.
            "" | "." | ".." => Err(nobody(typed)),
            // A number in an address is an account's, and somebody's login may be one.
            digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
                let query = vec![("login", digits.to_owned()), ("limit", "1".to_owned())];
                let page: Accounts = self.get("accounts", query).await?;
                let found = page.accounts.into_iter().next();
                found
                    .map(|found| found.id.to_string())
                    .ok_or_else(|| nobody(typed))
            }
            typed => Ok(escaped(typed).into_owned()),
        }
    }

    /// The items of a list, page by page, until there are so many; `place` says where
    /// the page after an item begins.
    pub(super) async fn pages<P, T>(
        &self,
        path: &str,
        query: &Query<'_>,
        limit: u32,
        place: (&'static str, impl Fn(&T) -> String),
        items: impl Fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, Failure>
    where
        P: DeserializeOwned,
    {
        let mut all: Vec<T> = Vec::new();
        loop {
            let left = limit - u32::try_from(all.len()).unwrap_or(limit).min(limit);
            if left == 0 {
                return Ok(all);
            }
            let mut asked = query.clone();
            asked.push(("limit", left.min(PAGE).to_string()));
            if let Some(last) = all.last() {
                asked.retain(|(name, _)| *name != place.0);
                asked.push((place.0, place.1(last)));
            }
            let page = items(self.get(path, asked).await?);
            let full = page.len() >= left.min(PAGE) as usize;
            all.extend(page);
            if !full {
                return Ok(all);
            }
        }
    }

    fn request(&self, method: Method, path: &str, query: &Query<'_>) -> RequestBuilder {
        let mut url = format!("{}/admin/v1/{path}", self.server);
        for (at, (name, value)) in query.iter().enumerate() {
            let sign = if at == 0 { '?' } else { '&' };
            url.push_str(&format!("{sign}{name}={}", escaped(value)));
        }
        self.http
            .request(method, url)
            .header(AUTHORIZATION, self.token.clone())
    }

    /// The answer, if what was asked was done.
    async fn judged(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request.send().await.map_err(|error| self.silent(&error))?;
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED => Ok(answer),
            status if status.is_redirection() => Err(self.elsewhere(&answer)),
            status => {
                let body = self.contents(answer).await?;
                let problem = answer::problem(&body);
                Err(problem.unwrap_or_else(|| self.stranger(&format!("with status {status}"))))
            }
        }
    }

    async fn read<T: DeserializeOwned>(&self, answer: Response) -> Result<T, Failure> {
        let body = self.contents(answer).await?;
        serde_json::from_slice(&body).map_err(|_| self.stranger("with something else"))
    }

    async fn contents(&self, mut answer: Response) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        while let Some(part) = self.part(&mut answer).await? {
            if body.len() + part.as_ref().len() > LARGEST {
                return Err(self.stranger("with more than anybody asked for"));
            }
            body.extend_from_slice(part.as_ref());
        }
        Ok(body)
    }

    fn silent(&self, error: &reqwest::Error) -> Failure {
        let (server, why) = (&self.server, answer::root(error));
        Failure::new(
            Exit::Store,
            if error.is_connect() {
                format!("{server} can't be reached: {why}; see that it runs and listens there")
            } else if error.is_timeout() {
                format!("{server} did not answer in time: look whether it was done all the same")
            } else {
                format!("{server} did not answer: {why}; look whether it was done all the same")
            },
        )
    }

    fn broken_off(&self, error: &reqwest::Error) -> Failure {
        let (server, why) = (&self.server, answer::root(error));
        Failure::new(Exit::Store, format!("the answer of {server} broke off: {why}; try again"))
    }

    fn elsewhere(&self, answer: &Response) -> Failure {
        let to = answer.headers().get(http::header::LOCATION);
        let to = to.map_or_else(String::new, |to| {
            format!(" to {}", answer::short(&String::from_utf8_lossy(to.as_bytes())))
        });
        Failure::unexpected(format!(
            "{} sends whoever asks on{to}, and a token goes nowhere but where it was sent: name \
             the admin address itself",
            self.server
        ))
    }

    fn stranger(&self, how: &str) -> Failure {
        Failure::unexpected(format!(
            "{} answered {how}, and not as the admin address of a Portcullis of this version \
             does: name the address that `admin.listen` says",
            self.server
        ))
    }
}

#[derive(serde::Deserialize)]
struct Accounts {
    accounts: Vec<AccountView>,
}

/// A text as a part of an address.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

/// An instant for an address or a body, to the microsecond.
pub(super) fn precise(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros())
        .map_or_else(|_| at.to_string(), |at| at.to_string())
}

fn nobody(typed: &str) -> Failure {
    crate::admin::AdminError::NotFound { target: typed.into() }.into()
}
