//! Certificates for tests, and clients that look at them.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis::gateway::settings::{KeyPair, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, IsCa, Issuer,
    KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

/// Signs certificates that its clients trust.
pub(crate) struct Signer {
    issuer: Issuer<'static, rcgen::KeyPair>,
    root: CertificateDer<'static>,
    pem: String,
}

/// A certificate of somebody who connects, and its key.
pub(crate) struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Shown {
    fn of(signed: &rcgen::Certificate, key: &rcgen::KeyPair) -> Self {
        let chain = vec![signed.der().clone()];
        Self { chain, key: PrivateKeyDer::try_from(key.serialize_der()).expect("a key") }
    }
}

impl Signer {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate");
        let pem = root.pem();
        Self { issuer: Issuer::new(params, key), root: root.into(), pem }
    }

    /// Writes its own certificate into a file: that of an authority.
    pub(crate) fn authority(&self, file: &Path) -> PathBuf {
        fs::write(file, &self.pem).expect("written");
        file.to_owned()
    }

    /// A certificate of somebody who connects, for this name and with this number.
    pub(crate) fn shown_by(&self, name: &str, number: u64) -> Shown {
        self.shown_between(name, number, [2020, 4000])
    }

    /// The same, good from the first day of one year to that of another.
    pub(crate) fn shown_between(&self, name: &str, number: u64, years: [i32; 2]) -> Shown {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.serial_number = Some(SerialNumber::from(number));
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        let key = rcgen::KeyPair::generate().expect("a key");
        Shown::of(&params.signed_by(&key, &self.issuer).expect("signed"), &key)
    }

    /// Writes down which certificates are good no more, in a list that is good itself until
    /// this year.
    pub(crate) fn revoke(&self, file: &Path, numbers: &[u64], until: i32) {
        let revoked = |number: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*number),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: numbers.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("signed");
        fs::write(file, list.pem().expect("text")).expect("written");
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
        self.issue_until(pair, name, (4000, 1, 1));
    }

    /// The same, which ends on this day.
    pub(crate) fn issue_until(
        &self,
        pair: &KeyPair,
        name: &str,
        (year, month, day): (i32, u8, u8),
    ) {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        (params.not_before, params.not_after) =
            (date_time_ymd(1990, 1, 1), date_time_ymd(year, month, day));
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
        self.client_showing(protocols, versions, None)
    }

    /// The same, with a certificate for whoever asks for one.
    pub(crate) fn client_showing(
        &self,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<&Shown>,
    ) -> TlsClient {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions");
        let config = config.with_root_certificates(roots);
        let mut config = match shown {
            None => config.with_no_client_auth(),
            Some(Shown { chain, key }) => config
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .expect("a certificate and its key"),
        };
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
        self.after(address, name, b"").await
    }

    /// The same, when these bytes have been sent.
    pub(crate) async fn after(
        &self,
        address: SocketAddr,
        name: &str,
        before: &[u8],
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(before).await?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        self.0.connect(name, stream).await
    }
}

/// The certificate that a client was shown.
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let shown = stream.get_ref().1.peer_certificates().expect("some");
    shown.first().expect("one").clone().into_owned()
}
