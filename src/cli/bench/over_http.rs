//! Behind the stage over HTTP alone: accounts are made, locked and removed by the
//! gateway's API, and signed in at its own page. So a load test runs from anywhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use http::header::SET_COOKIE;
use serde_json::{Value, json};

use crate::admin::ScratchRun;
use crate::cli::bench::backstage::{Backstage, random};
use crate::cli::bench::http::{Api, Reply};
use crate::cli::bench::remote::Admission;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::domain::account::AccountId;
use crate::domain::session::SessionToken;
use crate::engine::COOKIE_NAMES;
use crate::gateway::{Origin, RESERVED};
use crate::store::BoxFuture;

/// How many accounts are listed in one go.
const PAGE: usize = 500;

/// Works through the admin address of a gateway.
pub(super) struct OverHttp {
    api: Api,
    gateway: Origin,
    run: ScratchRun,
    output: Output,
    /// What each account was given. A secret while the run lasts.
    passwords: Mutex<HashMap<AccountId, (String, String)>>,
}

impl OverHttp {
    /// Begins a new run. One account is made and removed at once: where that is not
    /// allowed, nothing shall be left that nobody can remove.
    pub(super) async fn open(
        admission: Admission,
        gateway: Origin,
        output: Output,
    ) -> Result<Self, Failure> {
        let run = ScratchRun::from_random(random()?);
        let passwords = Mutex::default();
        let open = Self { api: Api::new(admission), gateway, run, output, passwords };
        let id = open.make_one(0).await?;
        delete(&open.api, id.get()).await?;
        Ok(open)
    }

    async fn make_one(&self, number: u32) -> Result<AccountId, Failure> {
        let login = self.run.login(number);
        let password: [u8; 16] = random()?;
        let password: String = password.iter().map(|byte| format!("{byte:02x}")).collect();
        let (first, last) = self.run.names();
        let person = json!({
            "login": login, "firstName": first, "lastName": last, "status": "active",
            "email": ScratchRun::email(&login), "password": password,
        });
        let made = self.api.ask(Method::POST, "/users", Some(&person)).await?;
        let id = made.body.get("id").and_then(Value::as_i64);
        let id = id
            .and_then(|id| id.try_into().ok())
            .ok_or_else(|| strange(&self.api))?;
        let mut passwords = self
            .passwords
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        passwords.insert(id, (login, password));
        Ok(id)
    }

    async fn sign_in_one(&self, account: AccountId) -> Result<SessionToken, Failure> {
        let known = {
            let passwords = self
                .passwords
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            passwords.get(&account).cloned()
        };
        let (login, password) = known.ok_or_else(|| strange(&self.api))?;
        // Both are letters, digits and hyphens: they stand in a form as they are.
        let form = format!("login={login}&password={password}");
        let page = format!("{RESERVED}/sign-in");
        let reply = self.api.send_form(&self.gateway, &page, form).await?;
        session(&reply).ok_or_else(|| {
            Failure::new(
                Exit::Refused,
                format!(
                    "{} does not sign in an account that was made at {}: name both addresses of \
                     one gateway (it answered {})",
                    self.gateway,
                    self.api.url(),
                    reply.status
                ),
            )
        })
    }
}

impl Backstage for OverHttp {
    fn run(&self) -> &ScratchRun {
        &self.run
    }

    fn mend(&self) -> String {
        let (url, run) = (self.api.url(), &self.run);
        format!("portcullis bench cleanup --admin-url {url} --run {run}")
    }

    fn mention_others(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            match scratch(&self.api, None).await?.len() {
                0 => {}
                left => self.output.hint(&format!(
                    "{left} scratch accounts of other runs are there; to remove them: \
                     portcullis bench cleanup --admin-url {}",
                    self.api.url()
                )),
            }
            Ok(())
        })
    }

    fn make(&self, number: u32) -> BoxFuture<'_, Result<AccountId, Failure>> {
        Box::pin(self.make_one(number))
    }

    /// The gateway says how long the session lasts.
    fn sign_in(
        &self,
        account: AccountId,
        _lasts: Duration,
    ) -> BoxFuture<'_, Result<SessionToken, Failure>> {
        Box::pin(self.sign_in_one(account))
    }

    fn lock(&self, account: AccountId) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let path = format!("/users/{account}/lock");
            let locked = self.api.ask(Method::POST, &path, Some(&json!({}))).await?;
            match locked.body.get("status").and_then(Value::as_str) {
                Some("locked") => Ok(()),
                _ => Err(strange(&self.api)),
            }
        })
    }

    fn remove_all(&self) -> BoxFuture<'_, Result<usize, Failure>> {
        Box::pin(async move {
            let removed = remove(&self.api, Some(&self.run)).await;
            removed.map_err(|failure| {
                let (url, run) = (self.api.url(), &self.run);
                failure.try_next(format!("bench cleanup --admin-url {url} --run {run}"))
            })
        })
    }
}

/// The session that a sign-in opened, from the cookie of either name.
fn session(reply: &Reply) -> Option<SessionToken> {
    let cookies = reply.headers.get_all(SET_COOKIE).iter();
    let pairs = cookies.filter_map(|set| set.to_str().ok()?.split(';').next()?.split_once('='));
    let mut ours = pairs.filter(|(name, _)| COOKIE_NAMES.contains(name));
    ours.find_map(|(_, value)| SessionToken::parse(value.as_bytes()))
}

/// Removes the scratch accounts of one run, or of all.
pub(super) async fn remove(api: &Api, run: Option<&ScratchRun>) -> Result<usize, Failure> {
    let mut removed = 0;
    for id in scratch(api, run).await? {
        removed += usize::from(delete(api, id).await?);
    }
    match scratch(api, run).await?.len() {
        0 => Ok(removed),
        left => Err(Failure::unexpected(format!(
            "{left} scratch accounts came while others were removed: another run makes them"
        ))),
    }
}

/// Says whether it was there.
async fn delete(api: &Api, id: i64) -> Result<bool, Failure> {
    let path = format!("/users/{id}");
    let reply = api.try_asking(Method::DELETE, &path, None).await?;
    match reply.status.as_u16() {
        404 => Ok(false),
        200..=299 => Ok(true),
        _ => Err(api.refused(&reply)),
    }
}

/// The numbers of the scratch accounts that are there, of one run or of all.
async fn scratch(api: &Api, run: Option<&ScratchRun>) -> Result<Vec<i64>, Failure> {
    let prefix = run.map_or_else(|| ScratchRun::PREFIX.to_owned(), ScratchRun::prefix);
    let mut found = Vec::new();
    for page in 1.. {
        let path = format!(
            "/users?offset={page}&pageSize={PAGE}&sortBy=%5B%5B%22id%22%2C%22asc%22%5D%5D\
             &filters=%5B%7B%22login%22%3A%7B%22operator%22%3A%22~%22%2C%22values%22%3A%5B%22\
             {prefix}%22%5D%7D%7D%5D"
        );
        let reply = api.ask(Method::GET, &path, None).await?;
        let elements = reply
            .body
            .pointer("/_embedded/elements")
            .and_then(Value::as_array);
        let elements = elements.ok_or_else(|| strange(api))?;
        found.extend(elements.iter().filter_map(|user| number_of(user, run)));
        if elements.len() < PAGE {
            break;
        }
    }
    Ok(found)
}

/// The number of a scratch account of this run, or of any.
fn number_of(user: &Value, run: Option<&ScratchRun>) -> Option<i64> {
    let text = |name| user.get(name).and_then(Value::as_str);
    let of = ScratchRun::of_names(text("login")?, text("name")?)?;
    let bare = match text("email") {
        None => true,
        Some(email) => email == ScratchRun::email(text("login")?),
    };
    let ours = bare && user.get("admin") == Some(&Value::Bool(false));
    let wanted = run.is_none_or(|run| *run == of);
    (ours && wanted).then_some(user.get("id")?.as_i64()?)
}

fn strange(api: &Api) -> Failure {
    Failure::unexpected(format!(
        "{} answered what no gateway answers: see what is there",
        api.url()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_never_taken_for_scratch_accounts() {
        let run = ScratchRun::from_random([0x3f, 0x9a, 0x21, 0xc4]);
        let login = run.login(7);
        let scratch = json!({
            "id": 7, "login": login, "name": "Load test 3f9a21c4", "admin": false,
            "email": ScratchRun::email(&login),
        });
        assert_eq!(number_of(&scratch, Some(&run)), Some(7));
        assert_eq!(number_of(&scratch, None), Some(7));
        let other = ScratchRun::from_random([1; 4]);
        assert_eq!(number_of(&scratch, Some(&other)), None);
        for (name, value) in [
            ("login", json!("bench-press-0007")),
            ("login", json!("bench-3f9a21c4-7")),
            ("name", json!("Ben Ch")),
            ("admin", json!(true)),
            ("admin", json!(null)),
            ("email", json!("ben@example.org")),
        ] {
            let mut person = scratch.clone();
            person[name] = value;
            assert_eq!(number_of(&person, None), None, "{person}");
        }
    }
}
