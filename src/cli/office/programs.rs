//! API tokens, and applications.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Done, Office};
use crate::admin::{CreatedApplication, TokenRequest};
use crate::api::own::view::{ApplicationView, TokenView};
use crate::cli::remote::{Client, precise};
use crate::domain::application::ApplicationId;
use crate::domain::session::SessionId;

/// Whose a token is to be.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) enum Owner<'a> {
    Application(ApplicationId),
    /// A login or e-mail address.
    Person(&'a str),
}

/// A token, with its secret for this once.
#[derive(Deserialize)]
pub(in crate::cli) struct MadeToken {
    pub(in crate::cli) secret: String,
    pub(in crate::cli) token: TokenView,
}

/// An application, with its secret for this once.
#[derive(Deserialize)]
pub(in crate::cli) struct MadeApplication {
    pub(in crate::cli) secret: String,
    pub(in crate::cli) application: ApplicationView,
}

/// What became of an application.
#[derive(Debug, Deserialize)]
pub(in crate::cli) struct ChangedApplication {
    pub(in crate::cli) changed: bool,
    pub(in crate::cli) application: ApplicationView,
}

#[derive(Deserialize)]
struct Token {
    token: TokenView,
}

#[derive(Deserialize)]
struct Tokens {
    tokens: Vec<TokenView>,
}

#[derive(Deserialize)]
struct Application {
    application: ApplicationView,
}

#[derive(Deserialize)]
struct Applications {
    applications: Vec<ApplicationView>,
}

impl Office {
    pub(in crate::cli) async fn create_token(
        &self,
        owner: Owner<'_>,
        request: TokenRequest,
    ) -> Done<MadeToken> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let (admin, actor) = (&host.admin, &host.actor);
                let made = match owner {
                    Owner::Application(id) => {
                        admin.create_application_token(actor, id, request).await?
                    }
                    Owner::Person(who) => admin.create_token(actor, &who.into(), request).await?,
                };
                let (secret, token) = (made.secret.expose(), TokenView::new(&made.token));
                return Ok(MadeToken { secret, token });
            }
        };
        let TokenRequest { name, scopes, expires_at } = request;
        let mut body =
            json!({ "name": name, "scopes": scopes, "expires_at": expires_at.map(precise) });
        let path = match owner {
            Owner::Application(id) => format!("applications/{id}/tokens"),
            Owner::Person(who) => {
                body["owner"] = who.into();
                "tokens".to_owned()
            }
        };
        client.send(Method::POST, &path, &body).await
    }

    /// Those that are not revoked: all, or those of one owner.
    pub(in crate::cli) async fn tokens(&self, owner: Option<Owner<'_>>) -> Done<Vec<TokenView>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let (admin, actor) = (&host.admin, &host.actor);
                let tokens = match owner {
                    Some(Owner::Application(id)) => admin.application_tokens(actor, id).await?,
                    Some(Owner::Person(who)) => admin.tokens(actor, Some(&who.into())).await?,
                    None => admin.tokens(actor, None).await?,
                };
                return Ok(tokens.iter().map(TokenView::new).collect());
            }
        };
        let (path, query) = match owner {
            Some(Owner::Application(id)) => (format!("applications/{id}/tokens"), Vec::new()),
            Some(Owner::Person(who)) => ("tokens".to_owned(), vec![("owner", who.to_owned())]),
            None => ("tokens".to_owned(), Vec::new()),
        };
        let Tokens { tokens } = client.get(&path, query).await?;
        Ok(tokens)
    }

    pub(in crate::cli) async fn revoke_token(&self, id: SessionId) -> Done<TokenView> {
        match self {
            Self::Here(host) => {
                Ok(TokenView::new(&host.admin.revoke_token(&host.actor, id).await?))
            }
            Self::There(client) => {
                let path = format!("tokens/{id}");
                let Token { token } = client.send(Method::DELETE, &path, &json!({})).await?;
                Ok(token)
            }
        }
    }

    pub(in crate::cli) async fn add_application(
        &self,
        name: &str,
        scopes: Vec<String>,
    ) -> Done<MadeApplication> {
        match self {
            Self::Here(host) => {
                let made = host.admin.add_application(&host.actor, name, scopes);
                Ok(with_secret(&made.await?))
            }
            Self::There(client) => {
                let body = json!({ "name": name, "scopes": scopes });
                client.send(Method::POST, "applications", &body).await
            }
        }
    }

    pub(in crate::cli) async fn applications(&self) -> Done<Vec<ApplicationView>> {
        match self {
            Self::Here(host) => {
                let all = host.admin.applications(&host.actor).await?;
                Ok(all.iter().map(ApplicationView::new).collect())
            }
            Self::There(client) => {
                let all: Applications = client.get("applications", Vec::new()).await?;
                Ok(all.applications)
            }
        }
    }

    pub(in crate::cli) async fn application(&self, id: ApplicationId) -> Done<ApplicationView> {
        match self {
            Self::Here(host) => {
                Ok(ApplicationView::new(&host.admin.application(&host.actor, id).await?))
            }
            Self::There(client) => {
                let path = format!("applications/{id}");
                let found: Application = client.get(&path, Vec::new()).await?;
                Ok(found.application)
            }
        }
    }

    pub(in crate::cli) async fn rotate_secret(&self, id: ApplicationId) -> Done<MadeApplication> {
        match self {
            Self::Here(host) => Ok(with_secret(&host.admin.rotate_secret(&host.actor, id).await?)),
            Self::There(client) => {
                let path = format!("applications/{id}/rotate");
                client.send(Method::POST, &path, &json!({})).await
            }
        }
    }

    pub(in crate::cli) async fn scope_application(
        &self,
        id: ApplicationId,
        scopes: Vec<String>,
    ) -> Done<ChangedApplication> {
        match self {
            Self::Here(host) => {
                let done = host.admin.scope_application(&host.actor, id, scopes);
                let (application, changed) = done.await?;
                Ok(ChangedApplication { changed, application: ApplicationView::new(&application) })
            }
            Self::There(client) => client.patched(id, &json!({ "scopes": scopes })).await,
        }
    }

    pub(in crate::cli) async fn enable_application(
        &self,
        id: ApplicationId,
        enabled: bool,
    ) -> Done<ChangedApplication> {
        match self {
            Self::Here(host) => {
                let done = host.admin.enable_application(&host.actor, id, enabled);
                let (application, changed) = done.await?;
                Ok(ChangedApplication { changed, application: ApplicationView::new(&application) })
            }
            Self::There(client) => client.patched(id, &json!({ "enabled": enabled })).await,
        }
    }

    pub(in crate::cli) async fn remove_application(
        &self,
        id: ApplicationId,
    ) -> Done<ApplicationView> {
        match self {
            Self::Here(host) => {
                let removed = host.admin.remove_application(&host.actor, id).await?;
                Ok(ApplicationView::new(&removed))
            }
            Self::There(client) => {
                let path = format!("applications/{id}");
                let done: Application = client.send(Method::DELETE, &path, &json!({})).await?;
                Ok(done.application)
            }
        }
    }
}

impl Client {
    async fn patched(&self, id: ApplicationId, body: &Value) -> Done<ChangedApplication> {
        let path = format!("applications/{id}");
        self.send(Method::PATCH, &path, body).await
    }
}

fn with_secret(made: &CreatedApplication) -> MadeApplication {
    let application = ApplicationView::new(&made.application);
    MadeApplication { secret: made.secret.expose(), application }
}
