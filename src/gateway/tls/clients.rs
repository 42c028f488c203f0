//! Certificates that those who connect have to show, and whose word is taken for them.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{
    NoServerSessionStorage, ResolvesServerCert, VerifierBuilderError, WebPkiClientVerifier,
};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::certificates::names;
use super::files::{Followed, contents, wrong};
use super::{PROTOCOLS, TlsError, UnusableFile};
use crate::domain::client::ClientAddr;
use crate::gateway::settings::{AskedOf, ClientCertificates};

/// Who has to show a certificate, and which.
pub(super) struct Clients {
    settings: ClientCertificates,
    names: Vec<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
    shown: Arc<dyn ResolvesServerCert>,
    /// For those who have to.
    current: RwLock<Arc<ServerConfig>>,
    opened: Followed,
}

impl Clients {
    /// Reads the authorities, and who is revoked.
    pub(super) fn open(
        settings: &ClientCertificates,
        provider: Arc<CryptoProvider>,
        shown: Arc<dyn ResolvesServerCert>,
    ) -> Result<Self, TlsError> {
        let name = |name: &String| {
            let named = ServerName::try_from(name.clone());
            named.map_err(|_| wrong(&settings.authorities, UnusableFile::NoName(name.clone())))
        };
        let names = settings.names.iter().map(name).collect::<Result<_, _>>()?;
        let opened = Followed::new(std::iter::once(&settings.authorities).chain(&settings.revoked));
        let config = asking(settings, &provider, &shown)?;
        let (settings, current) = (settings.clone(), RwLock::new(Arc::new(config)));
        Ok(Self { settings, names, provider, shown, current, opened })
    }

    /// How hands are shaken with somebody from there who has to show a certificate;
    /// `None`: nobody from there has to.
    pub(super) fn asked(&self, from: IpAddr) -> Option<Arc<ServerConfig>> {
        let is_asked = match &self.settings.asked {
            AskedOf::Everybody => true,
            AskedOf::These(networks) => networks.contains(ClientAddr::from(from)),
        };
        is_asked.then(|| Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Whether a certificate that was shown is for one of the names, where there are any.
    pub(super) fn know(&self, shown: Option<&[CertificateDer<'_>]>) -> bool {
        let Some(own) = shown.and_then(<[_]>::first) else { return false };
        self.names.is_empty() || self.names.iter().any(|name| names(own, name))
    }

    pub(super) fn followed(&self) -> Followed {
        self.opened.clone()
    }

    /// Takes what the files hold now, if it can be used.
    pub(super) fn renew(&self) {
        let authorities = self.settings.authorities.display();
        match asking(&self.settings, &self.provider, &self.shown) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                tracing::info!(%authorities, "client authorities replaced");
            }
            Err(error) => tracing::warn!(%authorities, %error, "client authorities not replaced"),
        }
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Shakes hands with those alone who show a certificate of the authorities.
fn asking(
    settings: &ClientCertificates,
    provider: &Arc<CryptoProvider>,
    shown: &Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig, TlsError> {
    let verifier = verifier(settings, Arc::clone(provider))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&settings.authorities, UnusableFile::Unknown(error)))?;
    let builder = builder.with_client_cert_verifier(verifier);
    let mut config = builder.with_cert_resolver(Arc::clone(shown));
    // Who goes on from an earlier handshake shows nothing anew: a certificate that has
    // ended or was revoked meanwhile would go on being good.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

fn verifier(
    settings: &ClientCertificates,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let file = &settings.authorities;
    let roots = authorities(file)?;
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if let Some(file) = &settings.revoked {
        // What is older than it says it may be tells of nobody who was revoked since.
        builder = builder
            .with_crls(revoked(file)?)
            .enforce_revocation_expiration();
    }
    builder.build().map_err(|error| match error {
        VerifierBuilderError::NoRootAnchors => wrong(file, UnusableFile::NoCertificate),
        _ => wrong(settings.revoked.as_ref().unwrap_or(file), UnusableFile::NoRevocations),
    })
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let pem = contents(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.map_err(|_| wrong(file, UnusableFile::NoCertificate))?;
    let mut roots = RootCertStore::empty();
    for one in all {
        roots
            .add(one)
            .map_err(|error| wrong(file, UnusableFile::Unknown(error)))?;
    }
    Ok(roots)
}

fn revoked(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsError> {
    let pem = contents(file)?;
    let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&pem).collect();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or_else(|| wrong(file, UnusableFile::NoRevocations))
}
