//! Describes a [`SignInLayer`], and makes it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::request::Parts;

use super::account::{self, FindAccount};
use super::fields::FieldNames;
use super::invalid::InvalidSignInLayer;
use super::layer::{Shared, SignInLayer};
use super::path::Paths;
use super::response::DefaultResponseForSignIn;
use super::sign::Sign;
use crate::domain::account::AccountKey;
use crate::domain::client::ClientAddr;
use crate::engine::Portcullis;
use crate::guard::body::NoText;

/// How a sign-in is sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "no other is read")]
pub enum SignInFormat {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/x-www-form-urlencoded` or `application/json`.
    FormOrJson,
    /// `application/json`.
    Json,
}

pub(super) type FromHead<T> = Arc<dyn Fn(&Parts) -> Option<T> + Send + Sync>;
pub(super) type Rename = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Describes a [`SignInLayer`].
///
/// See the [module docs](super) for an example.
#[must_use = "a layer is made by build"]
pub struct SignInLayerBuilder<R = DefaultResponseForSignIn> {
    pub(super) settings: Settings,
    responder: R,
}

/// All that is settled, the answers aside.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) gate: Portcullis,
    pub(super) method: Method,
    pub(super) paths: Paths,
    pub(super) format: SignInFormat,
    pub(super) fields: FieldNames,
    pub(super) login_from: Option<FromHead<String>>,
    pub(super) counted_as: Option<Rename>,
    pub(super) max_body: usize,
    pub(super) body_within: Duration,
    pub(super) client_address: FromHead<ClientAddr>,
    pub(super) find_account: Option<FindAccount>,
    pub(super) success: Option<Sign>,
    pub(super) factor: Option<Sign>,
    /// The first path that is not written plainly.
    odd_path: Option<String>,
}

impl SignInLayerBuilder {
    pub(super) fn new(gate: Portcullis) -> Self {
        let settings = Settings {
            gate,
            method: Method::POST,
            paths: Paths::default(),
            format: SignInFormat::Form,
            fields: FieldNames::default(),
            login_from: None,
            counted_as: None,
            max_body: 16 * 1024,
            body_within: Duration::from_secs(10),
            client_address: Arc::new(client_address),
            find_account: None,
            success: None,
            factor: None,
            odd_path: None,
        };
        Self { settings, responder: DefaultResponseForSignIn::new() }
    }
}

impl<R> SignInLayerBuilder<R> {
    /// The path of the handler, as clients ask for it. May be said again, for
    /// several.
    ///
    /// Another spelling of it that some router could take for the same is refused.
    pub fn at(mut self, path: &str) -> Self {
        if !self.settings.paths.add(path) {
            self.settings.odd_path.get_or_insert(path.to_owned());
        }
        self
    }

    /// The handler's router does not tell upper from lower case in paths. By default
    /// the path in another case is refused.
    pub fn ignore_case(mut self) -> Self {
        self.settings.paths.ignore_case();
        self
    }

    /// The method of a sign-in. Default: `POST`.
    pub fn method(mut self, method: Method) -> Self {
        self.settings.method = method;
        self
    }

    /// How the handler takes a sign-in. Any other content type is refused. Default:
    /// a form.
    pub fn format(mut self, format: SignInFormat) -> Self {
        self.settings.format = format;
        self
    }

    /// The field that the login is in, by its name in the form or the JSON object.
    pub fn login_field(mut self, name: &str) -> Self {
        self.settings.fields.login = Some(name.to_owned());
        self
    }

    /// The field that the password is in. Then trying the same wrong one again is not
    /// a new guess.
    ///
    /// It must be what the handler checks: a field that stays the same while the
    /// handler is given guesses in another would make twenty of them free.
    pub fn password_field(mut self, name: &str) -> Self {
        self.settings.fields.password = Some(name.to_owned());
        self
    }

    /// Where the login is not in the body: in the session of somebody who is on the
    /// way to a second factor, for one. A request that has none is refused.
    pub fn login_from(
        mut self,
        find: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.settings.login_from = Some(Arc::new(find));
        self
    }

    /// What a login is counted as, where the application takes more spellings for
    /// one than are folded here: by accents, say, or by dots in an e-mail address.
    /// The closure gets the folded login: in lower case, without blanks around it.
    pub fn counted_as(mut self, rename: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.settings.counted_as = Some(Arc::new(rename));
        self
    }

    /// How many bytes a sign-in has at most. Default: 16 KiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// In which time a sign-in is here, however it is sent. Default: 10 seconds.
    pub fn body_within(mut self, time: Duration) -> Self {
        self.settings.body_within = time;
        self
    }

    /// How a request's client is told. Default: the [`ClientAddr`] in the request's
    /// extensions; with the feature `axum` also the peer's address that
    /// `into_make_service_with_connect_info` puts there.
    ///
    /// Where this yields `None` nobody can sign in, and the log says so.
    pub fn client_address(
        mut self,
        find: impl Fn(&Parts) -> Option<ClientAddr> + Send + Sync + 'static,
    ) -> Self {
        self.settings.client_address = Arc::new(find);
        self
    }

    /// Whose account a login is, in the application's own table: for a gate without a
    /// directory. Asked after a success, unless the handler said it with
    /// [`SignInSucceeded`](super::SignInSucceeded).
    ///
    /// The future borrows nothing. Default: the account that the login names in the
    /// gate's directory.
    pub fn account_of<F, Fut, E>(mut self, find: F) -> Self
    where
        F: Fn(&str) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<AccountKey>, E>> + Send + 'static,
        E: Error + Send + Sync + 'static,
    {
        self.settings.find_account = Some(account::erase(find));
        self
    }

    /// What an answer has when the whole sign-in succeeded. Every answer without it
    /// is a failure.
    pub fn succeeds_when(mut self, sign: Sign) -> Self {
        self.settings.success = Some(sign);
        self
    }

    /// What an answer has when one factor of several was right. Then nothing is
    /// counted and nothing cleared, also where the sign of success is there, too.
    pub fn passes_factor_when(mut self, sign: Sign) -> Self {
        self.settings.factor = Some(sign);
        self
    }

    /// Answers refused sign-ins with this: a closure
    /// `|refusal: &SignInRefusal, request: &Parts| -> Response<_>`, both types
    /// written, or another [`ResponseForSignIn`](super::ResponseForSignIn).
    pub fn refuse_with<N>(self, responder: N) -> SignInLayerBuilder<N> {
        SignInLayerBuilder { settings: self.settings, responder }
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// If something is missing, or contradicts something else.
    pub fn build(self) -> Result<SignInLayer<R>, InvalidSignInLayer> {
        self.settings.check()?;
        let Self { settings, responder } = self;
        Ok(SignInLayer { shared: Arc::new(Shared { settings, responder }) })
    }
}

impl<T> SignInLayerBuilder<DefaultResponseForSignIn<T>> {
    /// Tells people who are locked or disabled whom to ask: "the help desk, 4711".
    /// Plain text.
    pub fn contact(self, contact: &str) -> Self {
        Self { responder: self.responder.contact(contact), settings: self.settings }
    }

    /// Makes the bodies of refusals with this function, where a service's body is
    /// not `From<String>`: `tonic::body::Body::new`.
    pub fn text_into<F, B>(self, text: F) -> SignInLayerBuilder<DefaultResponseForSignIn<F>>
    where
        F: Fn(String) -> B,
    {
        let responder = self.responder.text_into(text);
        SignInLayerBuilder { settings: self.settings, responder }
    }

    /// Refuses by status and headers alone.
    pub fn without_text(self) -> SignInLayerBuilder<DefaultResponseForSignIn<NoText>> {
        let responder = self.responder.without_text();
        SignInLayerBuilder { settings: self.settings, responder }
    }
}

impl Settings {
    fn check(&self) -> Result<(), InvalidSignInLayer> {
        self.check_paths()?;
        self.check_fields()?;
        self.check_signs()?;
        if self.max_body == 0 || self.body_within.is_zero() {
            return Err(InvalidSignInLayer::NoBody);
        }
        Ok(())
    }

    fn check_paths(&self) -> Result<(), InvalidSignInLayer> {
        if let Some(path) = &self.odd_path {
            return Err(InvalidSignInLayer::Path { path: path.clone() });
        }
        if self.paths.is_empty() { Err(InvalidSignInLayer::NoPath) } else { Ok(()) }
    }

    fn check_fields(&self) -> Result<(), InvalidSignInLayer> {
        let FieldNames { login, password } = &self.fields;
        match (login, &self.login_from) {
            (None, None) => return Err(InvalidSignInLayer::NoLogin),
            (Some(_), Some(_)) => return Err(InvalidSignInLayer::TwoLogins),
            _ => {}
        }
        if login.is_some() && login == password {
            let name = login.clone().unwrap_or_default();
            return Err(InvalidSignInLayer::SameField { name });
        }
        let bodyless = matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if bodyless && self.fields.any() {
            return Err(InvalidSignInLayer::Method { method: self.method.clone() });
        }
        Ok(())
    }

    fn check_signs(&self) -> Result<(), InvalidSignInLayer> {
        let Some(success) = &self.success else { return Err(InvalidSignInLayer::NoSign) };
        let looks_failed = |path: &&str| success.is_met_by_redirect_to(path);
        if let Some(path) = self.paths.iter().find(looks_failed) {
            return Err(InvalidSignInLayer::RedirectToSignIn { path: path.to_owned() });
        }
        let found = self.gate.directory().is_some() || self.find_account.is_some();
        if found || success.tells_account() { Ok(()) } else { Err(InvalidSignInLayer::NoAccount) }
    }
}

/// As the server, or whoever stands before the service, says it.
fn client_address(request: &Parts) -> Option<ClientAddr> {
    let found = request.extensions.get::<ClientAddr>().copied();
    #[cfg(feature = "axum")]
    {
        use axum::extract::ConnectInfo;
        let peer = request
            .extensions
            .get::<ConnectInfo<std::net::SocketAddr>>();
        found.or_else(|| peer.map(|peer| peer.0.into()))
    }
    #[cfg(not(feature = "axum"))]
    found
}

impl<R> fmt::Debug for SignInLayerBuilder<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.write("SignInLayerBuilder", f)
    }
}

impl Settings {
    pub(super) fn write(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("method", &self.method)
            .field("paths", &self.paths.iter().collect::<Vec<_>>())
            .field("format", &self.format)
            .field("fields", &self.fields)
            .field("success", &self.success)
            .field("factor", &self.factor)
            .finish_non_exhaustive()
    }
}
