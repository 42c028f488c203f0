//! TLS, where a listener speaks it itself.

mod certificates;
mod clients;
mod files;
mod trouble;
mod validity;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::{self, Ticketer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use self::certificates::{Certificates, Seen};
use self::clients::Clients;
use self::files::Followed;
pub(crate) use self::trouble::{HandshakeTrouble, Unshaken};
pub use self::validity::Ending;
use crate::gateway::settings;

/// How often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

/// What is spoken inside, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a file can't be used for TLS. Says nothing of what a key holds.
#[derive(Debug, thiserror::Error)]
#[error("{} can't be used for TLS: {why}", file.display())]
pub struct TlsError {
    /// Which file.
    pub file: PathBuf,
    /// Why not.
    #[source]
    pub why: UnusableFile,
}

/// What is wrong with a certificate's file, or a key's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableFile {
    /// It can't be read.
    #[error("it can't be read: {0}")]
    Unreadable(#[source] io::Error),
    /// There is no certificate in it.
    #[error("it holds no certificate in the PEM form")]
    NoCertificate,
    /// There is no key in it.
    #[error("it holds no key in the PEM form; one behind a password is not taken")]
    NoKey,
    /// The key is another one's.
    #[error("it is not the key of the certificate")]
    ForeignKey,
    /// What was to be a name in certificates is none.
    #[error("{0:?} is no name that a certificate could be for")]
    NoName(String),
    /// It has no list of certificates that were revoked.
    #[error("it holds no list of revoked certificates (CRL) in the PEM form")]
    NoRevocations,
    /// No pair is named.
    #[error("no certificate is named")]
    NothingNamed,
    /// It holds something else, or of a kind that is not known.
    #[error("{0}")]
    Unknown(#[source] rustls::Error),
}

/// Shakes hands with the clients of one listener. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tls {
    /// For those who need not show a certificate.
    open: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    clients: Option<Arc<Clients>>,
}

impl Tls {
    /// Reads the certificates and keys.
    pub(crate) fn open(settings: &settings::Tls) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let certificates = Certificates::open(&settings.pairs, Arc::clone(&provider))?;
        let certificates = Arc::new(certificates);
        let unusable = |error| TlsError {
            file: certificates.first().to_owned(),
            why: UnusableFile::Unknown(error),
        };
        // TLS 1.2 and 1.3: whatever is older is not spoken.
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let resolver = Arc::clone(&certificates);
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // A client that comes back shows what it was given: nothing is kept here for it.
        config.ticketer = Ticketer::new().map_err(unusable)?;
        let clients = settings.clients.as_ref();
        let clients = clients
            .map(|settings| Clients::open(settings, provider, Arc::clone(&certificates) as _))
            .transpose()?
            .map(Arc::new);
        Ok(Self { open: Arc::new(config), certificates, clients })
    }

    /// The stream inside, once both sides have agreed and who comes from there has shown
    /// what they have to.
    pub(crate) async fn shake_hands<S>(
        &self,
        stream: S,
        from: IpAddr,
    ) -> Result<TlsStream<S>, Unshaken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let asked = self
            .clients
            .as_ref()
            .and_then(|clients| clients.asked(from));
        let is_asked = asked.is_some();
        let acceptor = TlsAcceptor::from(asked.unwrap_or_else(|| Arc::clone(&self.open)));
        let inside = acceptor.accept(stream).await.map_err(Unshaken::Broken)?;
        let shown = inside.get_ref().1.peer_certificates();
        match &self.clients {
            Some(clients) if is_asked && !clients.know(shown) => Err(Unshaken::AnotherName),
            _ => Ok(inside),
        }
    }

    /// When the first of the certificates ends that does, in seconds since 1970.
    pub(crate) fn first_end(&self) -> u64 {
        self.certificates.first_end().map_or(0, validity::seconds)
    }

    /// Looks at the files for ever, and takes those that have changed.
    pub(crate) async fn follow_files(&self) {
        let clients = self.clients.as_ref().map(|clients| clients.followed());
        let mut known = (self.certificates.unseen(), clients);
        loop {
            let (all, mut seen) = (self.clone(), known.clone());
            // A disk may be slow, and nobody's request shall wait for it.
            let looked = tokio::task::spawn_blocking(move || {
                all.look(&mut seen);
                seen
            });
            known = looked.await.unwrap_or(known);
            tokio::time::sleep(LOOKED_AT_EVERY).await;
        }
    }

    fn look(&self, (pairs, clients): &mut (Vec<Seen>, Option<Followed>)) {
        self.certificates.look(pairs, Timestamp::now());
        if let (Some(clients), Some(followed)) = (&self.clients, clients)
            && followed.have_changed()
        {
            clients.renew();
        }
    }
}

impl settings::Tls {
    /// Whether the files can be used, as they are now, and which of their certificates end
    /// within a fortnight, or have ended.
    ///
    /// # Errors
    ///
    /// If one can't be read, or holds something else.
    pub fn check(&self) -> Result<Vec<Ending>, TlsError> {
        let tls = Tls::open(self)?;
        Ok(tls.certificates.endings(Timestamp::now()))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificates", &self.certificates)
            .field("clients", &self.clients)
            .finish_non_exhaustive()
    }
}
