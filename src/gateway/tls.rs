//! TLS, where a listener speaks it itself.

mod certificates;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs::{self, Ticketer};
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

use self::certificates::Certificates;
use crate::gateway::settings;

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
    acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
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
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?;
        let resolver = Arc::clone(&certificates);
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        // A client that comes back shows what it was given: nothing is kept here for it.
        config.ticketer = Ticketer::new().map_err(unusable)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates })
    }

    /// The stream inside, once both sides have agreed.
    pub(crate) async fn shake_hands<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.acceptor.accept(stream).await
    }

    /// Looks at the files for ever, and takes those that have changed.
    pub(crate) async fn follow_files(&self) {
        Arc::clone(&self.certificates).follow().await;
    }
}

impl settings::Tls {
    /// Whether the files can be used, as they are now.
    ///
    /// # Errors
    ///
    /// If one can't be read, or holds something else.
    pub fn check(&self) -> Result<(), TlsError> {
        Tls::open(self).map(drop)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}
