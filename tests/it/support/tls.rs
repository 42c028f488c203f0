//! Certificates for tests, and clients that look at them.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use portcullis::gateway::settings::{KeyPair, Tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

/// Signs certificates that its clients trust.
pub(crate) struct Signer {
    issuer: Issuer<'static, rcgen::KeyPair>,
    root: CertificateDer<'static>,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate").into();
        Self { issuer: Issuer::new(params, key), root }
    }

    /// A certificate for this name and its key, in files of this folder.
    pub(crate) fn issue(&self, folder: &Path, stem: &str, name: &str) -> KeyPair {
        let certificate = folder.join(format!("{stem}.crt"));
        let pair = KeyPair { certificate, key: folder.join(format!("{stem}.key")) };
        self.issue_over(&pair, name);
        pair
    }

    /// Writes another one over it.
    pub(crate) fn issue_over(&self, pair: &KeyPair, name: &str) {
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let key = rcgen::KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer).expect("signed");
        fs::write(&pair.certificate, signed.pem()).expect("written");
        fs::write(&pair.key, key.serialize_pem()).expect("written");
    }

    /// One certificate for `a.example`.
    pub(crate) fn for_one(&self, folder: &Path) -> Tls {
        Tls::new(vec![self.issue(folder, "a", "a.example")])
    }

    /// Somebody who speaks these protocols inside, the best first.
    pub(crate) fn client(&self, protocols: &[&str]) -> TlsClient {
        self.client_of(protocols, &[&version::TLS13, &version::TLS12])
    }

    /// The same, in these versions of TLS.
    pub(crate) fn client_of(
        &self,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsClient(TlsConnector::from(Arc::new(config)))
    }
}

/// A client that trusts one [`Signer`].
pub(crate) struct TlsClient(TlsConnector);

impl TlsClient {
    /// Comes in and asks for this name.
    pub(crate) async fn to(
        &self,
        address: SocketAddr,
        name: &str,
    ) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        self.0.connect(name, stream).await
    }
}

/// The certificate that a client was shown.
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let shown = stream.get_ref().1.peer_certificates().expect("some");
    shown.first().expect("one").clone().into_owned()
}
