//! People.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Office};
use crate::admin::{NewPerson, PersonChange, Target, UnlockKind};
use crate::api::own::view::{AccountView, InvitationView, OutcomeView, SessionView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::{Client, Query, precise};
use crate::cli::shell::last;
use crate::domain::account::AccountId;
use crate::domain::lock::{End, Reason};
use crate::domain::login::Login;
use crate::domain::password::Password;
use crate::domain::permission::Permissions;
use crate::domain::session::SessionId;
use crate::store::AccountQuery;

/// An account with what goes on in it.
#[derive(Debug)]
pub(in crate::cli) struct Detail {
    pub(in crate::cli) account: AccountView,
    /// Its live sessions, newest first.
    pub(in crate::cli) sessions: Vec<SessionView>,
}

/// Somebody who is to have an account.
#[derive(Debug)]
pub(in crate::cli) struct NewAccount {
    pub(in crate::cli) login: Login,
    pub(in crate::cli) name: String,
    pub(in crate::cli) email: Option<String>,
    pub(in crate::cli) admin: bool,
    pub(in crate::cli) permissions: Permissions,
    pub(in crate::cli) password: Option<Password>,
}

#[derive(Deserialize)]
struct Accounts {
    accounts: Vec<AccountView>,
}

#[derive(Deserialize)]
struct Sessions {
    sessions: Vec<SessionView>,
}

#[derive(Deserialize)]
struct Ended {
    session: SessionView,
}

impl Office {
    /// Accounts by number, lowest first.
    pub(in crate::cli) async fn list(&self, query: AccountQuery) -> Done<Vec<AccountView>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let found = host.admin.list(query).await?;
                return Ok(found.iter().map(|account| host.account(account)).collect());
            }
        };
        client.list(query, Vec::new()).await
    }

    /// One account that is not deleted.
    pub(in crate::cli) async fn account(&self, target: &Target) -> Done<AccountView> {
        match self {
            Self::Here(host) => Ok(host.account(&host.admin.account(target).await?)),
            Self::There(client) => client.account(target).await,
        }
    }

    /// An account and its live sessions. A deleted one is found by its number.
    pub(in crate::cli) async fn show(&self, target: &Target) -> Done<Detail> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let detail = host.admin.show(target).await?;
                return Ok(Detail {
                    account: AccountView::new(&detail.account, detail.now),
                    sessions: detail.sessions.iter().map(SessionView::new).collect(),
                });
            }
        };
        let account = match (client.account(target).await, target) {
            (Err(missing), Target::Id(id)) if missing.exit() == Exit::NotFound => {
                let deleted = client.deleted(*id).await?.ok_or(missing)?;
                return Ok(Detail { account: deleted, sessions: Vec::new() });
            }
            (found, _) => found?,
        };
        let path = format!("accounts/{}/sessions", account.id);
        let Sessions { sessions } = client.get(&path, Vec::new()).await?;
        Ok(Detail { account, sessions })
    }

    /// The login of an account, also of a deleted one. Where whoever asks may not see
    /// who there is, nobody is found.
    pub(in crate::cli) async fn login(&self, id: AccountId) -> Done<Option<String>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let found = host.admin.record(id).await?;
                return Ok(found.map(|account| account.login.to_string()));
            }
        };
        match client.account(&id.into()).await {
            Ok(found) => Ok(Some(found.login)),
            Err(missing) if missing.exit() == Exit::NotFound => {
                Ok(client.deleted(id).await?.map(|account| account.login))
            }
            Err(refused) if refused.exit() == Exit::Refused => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub(in crate::cli) async fn add(&self, new: NewAccount) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => {
                let person = new.person()?;
                host.outcome(host.admin.add(&host.actor, person).await)
            }
            Self::There(client) => {
                let done = client.send(Method::POST, "accounts", &new.body()).await;
                done.map_err(|failure: Failure| {
                    let whom = last(new.taken(&failure));
                    failure.about(&whom)
                })
            }
        }
    }

    pub(in crate::cli) async fn invite(
        &self,
        target: &Target,
        expires: Option<Duration>,
    ) -> Done<InvitationView> {
        match self {
            Self::Here(host) => {
                let invited = host.admin.invite(&host.actor, target, expires).await?;
                Ok(InvitationView::new(&invited, host.admin.now()))
            }
            Self::There(client) => {
                let body = json!({ "expires_in": expires.map(|lasts| lasts.as_secs()) });
                client.of_account(target, "invite", &body).await
            }
        }
    }

    pub(in crate::cli) async fn lock(
        &self,
        target: &Target,
        end: End,
        reason: Option<Reason>,
    ) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => {
                host.outcome(host.admin.lock(&host.actor, target, end, reason).await)
            }
            Self::There(client) => {
                let body = json!({ "until": end.instant().map(precise), "reason": reason });
                client.of_account(target, "lock", &body).await
            }
        }
    }

    pub(in crate::cli) async fn unlock(
        &self,
        target: &Target,
        kind: UnlockKind,
    ) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => host.outcome(host.admin.unlock(&host.actor, target, kind).await),
            Self::There(client) => {
                let kind = match kind {
                    UnlockKind::All => "all",
                    UnlockKind::AdminLock => "admin_lock",
                    UnlockKind::Lockout => "lockout",
                };
                client
                    .of_account(target, "unlock", &json!({ "kind": kind }))
                    .await
            }
        }
    }

    pub(in crate::cli) async fn disable(
        &self,
        target: &Target,
        reason: Reason,
    ) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => host.outcome(host.admin.disable(&host.actor, target, reason).await),
            Self::There(client) => {
                client
                    .of_account(target, "disable", &json!({ "reason": reason }))
                    .await
            }
        }
    }

    pub(in crate::cli) async fn enable(&self, target: &Target) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => host.outcome(host.admin.enable(&host.actor, target).await),
            Self::There(client) => client.of_account(target, "enable", &json!({})).await,
        }
    }

    pub(in crate::cli) async fn sign_out(&self, target: &Target) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => host.outcome(host.admin.sign_out(&host.actor, target).await),
            Self::There(client) => client.of_account(target, "sign-out", &json!({})).await,
        }
    }

    pub(in crate::cli) async fn end_session(&self, id: SessionId) -> Done<SessionView> {
        match self {
            Self::Here(host) => {
                Ok(SessionView::new(&host.admin.end_session(&host.actor, id).await?))
            }
            Self::There(client) => {
                let path = format!("sessions/{id}");
                let Ended { session } = client.send(Method::DELETE, &path, &json!({})).await?;
                Ok(session)
            }
        }
    }

    pub(in crate::cli) async fn set_password(
        &self,
        target: &Target,
        password: &Password,
    ) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => {
                let set = host.admin.set_password(&host.actor, target, password);
                host.outcome(set.await)
            }
            Self::There(client) => {
                let body = json!({ "password": password.expose() });
                client.of_account(target, "password", &body).await
            }
        }
    }

    /// Says what somebody may do to others' accounts.
    pub(in crate::cli) async fn permit(
        &self,
        target: &Target,
        permissions: Permissions,
    ) -> Done<OutcomeView> {
        match self {
            Self::Here(host) => {
                let mut change = PersonChange::default();
                change.permissions(permissions);
                host.outcome(host.admin.update(&host.actor, target, change).await)
            }
            Self::There(client) => {
                let path = format!("accounts/{}", client.who(target).await?);
                let body = json!({ "permissions": permissions });
                let done = client.send(Method::PATCH, &path, &body).await;
                done.map_err(|failure: Failure| failure.looking_for(target))
            }
        }
    }
}

impl NewAccount {
    /// As the operations take it; says what is wrong with the words.
    pub(in crate::cli) fn person(&self) -> Done<NewPerson> {
        let mut person = NewPerson::new(self.login.clone())
            .with_admin(self.admin)
            .with_permissions(self.permissions.clone())
            .with_name(&self.name)?;
        if let Some(email) = &self.email {
            person = person.with_email(email)?;
        }
        Ok(match &self.password {
            Some(password) => person.with_password(password.clone()),
            None => person,
        })
    }

    /// Which of the names somebody else has, as a refusal says.
    fn taken(&self, refused: &Failure) -> &str {
        let email = self.email.as_deref().unwrap_or_default();
        let by_login = email.is_empty() || refused.message().contains("login");
        if by_login { self.login.as_str() } else { email }
    }

    fn body(&self) -> Value {
        let mut body = json!({ "login": self.login.as_str(), "permissions": self.permissions });
        if self.admin {
            body["admin"] = true.into();
        }
        if !self.name.is_empty() {
            body["name"] = self.name.as_str().into();
        }
        if let Some(email) = &self.email {
            body["email"] = email.as_str().into();
        }
        if let Some(password) = &self.password {
            body["password"] = password.expose().into();
        }
        body
    }
}

impl Client {
    /// Accounts by number; `more` is asked beside the query.
    pub(in crate::cli) async fn list(
        &self,
        query: AccountQuery,
        mut more: Query<'_>,
    ) -> Done<Vec<AccountView>> {
        let said = [
            ("status", query.status.map(|status| status.to_string())),
            ("search", query.search),
            ("after", query.after.map(|id| id.to_string())),
        ];
        more.extend(
            said.into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        let place = ("after", |account: &AccountView| account.id.to_string());
        let items = |page: Accounts| page.accounts;
        self.pages("accounts", &more, query.limit, place, items)
            .await
    }

    async fn account(&self, target: &Target) -> Done<AccountView> {
        let path = format!("accounts/{}", self.who(target).await?);
        let found = self.get(&path, Vec::new()).await;
        found.map_err(|failure: Failure| failure.looking_for(target))
    }

    /// The record of somebody who is deleted.
    async fn deleted(&self, id: AccountId) -> Done<Option<AccountView>> {
        let mut query = vec![("status", "deleted".to_owned()), ("limit", "1".to_owned())];
        if id.get() > 1 {
            query.push(("after", (id.get() - 1).to_string()));
        }
        let Accounts { accounts } = self.get("accounts", query).await?;
        Ok(accounts.into_iter().next().filter(|found| found.id == id))
    }

    /// Does something to an account.
    pub(super) async fn of_account<T: serde::de::DeserializeOwned>(
        &self,
        target: &Target,
        what: &str,
        body: &Value,
    ) -> Done<T> {
        let path = format!("accounts/{}/{what}", self.who(target).await?);
        let done = self.send(Method::POST, &path, body).await;
        done.map_err(|failure| failure.looking_for(target))
    }
}
