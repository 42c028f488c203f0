//! Certificates and their keys: which one a client is shown, and what happens when
//! their files change.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use tokio_rustls::rustls;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::files::{Followed, contents, wrong};
use super::validity::{Ending, Stage, end_of};
use super::{TlsError, UnusableFile};
use crate::gateway::settings::KeyPair;

/// What the clients of a listener may be shown.
#[derive(Debug)]
pub(super) struct Certificates {
    /// At least one.
    pairs: Vec<Pair>,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
struct Pair {
    files: KeyPair,
    /// Read once for each handshake, and replaced once in some weeks.
    current: RwLock<Arc<CertifiedKey>>,
    opened: Followed,
}

/// What whoever looks at the files knows of one pair.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    followed: Followed,
    /// What was said of its certificate's end.
    told: Stage,
}

impl Certificates {
    /// Reads all pairs.
    pub(super) fn open(pairs: &[KeyPair], provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        if pairs.is_empty() {
            return Err(wrong(Path::new(""), UnusableFile::NothingNamed));
        }
        let open = |files: &KeyPair| {
            let opened = Followed::new([&files.certificate, &files.key]);
            let current = RwLock::new(Arc::new(read(files, &provider)?));
            Ok(Pair { files: files.clone(), current, opened })
        };
        let pairs = pairs.iter().map(open).collect::<Result<_, TlsError>>()?;
        Ok(Self { pairs, provider })
    }

    /// The file of the certificate for clients that name no host of another.
    pub(super) fn first(&self) -> &Path {
        self.pairs
            .first()
            .map_or(Path::new(""), |pair| &pair.files.certificate)
    }

    /// When the first of them ends that does.
    pub(super) fn first_end(&self) -> Option<Timestamp> {
        self.pairs.iter().filter_map(Pair::end).min()
    }

    /// Those that end soon, or have ended.
    pub(super) fn endings(&self, now: Timestamp) -> Vec<Ending> {
        self.pairs
            .iter()
            .filter_map(|pair| pair.ending(now))
            .collect()
    }

    /// What is known before anybody looks.
    pub(super) fn unseen(&self) -> Vec<Seen> {
        let seen = |pair: &Pair| Seen { followed: pair.opened.clone(), told: Stage::Good };
        self.pairs.iter().map(seen).collect()
    }

    /// Takes what has changed, and tells of certificates that end.
    pub(super) fn look(&self, seen: &mut [Seen], now: Timestamp) {
        for (pair, seen) in self.pairs.iter().zip(seen) {
            if seen.followed.have_changed() && pair.renew(&self.provider) {
                seen.told = Stage::Good;
            }
            let Some(end) = pair.end() else { continue };
            let stage = Stage::of(end, now);
            if stage > seen.told {
                seen.told = stage;
                pair.tell(stage, end);
            }
        }
    }
}

impl Pair {
    /// Takes what the files hold now, if it can be used.
    fn renew(&self, provider: &CryptoProvider) -> bool {
        let certificate = self.files.certificate.display();
        match read(&self.files, provider) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                tracing::info!(%certificate, "certificate replaced");
                true
            }
            Err(error) => {
                tracing::warn!(%certificate, %error, "certificate not replaced");
                false
            }
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last instant of the certificate, or of one of those that vouch for it.
    fn end(&self) -> Option<Timestamp> {
        let current = self.current();
        current.cert.iter().filter_map(|one| end_of(one)).min()
    }

    fn ending(&self, now: Timestamp) -> Option<Ending> {
        let at = self.end()?;
        let stage = Stage::of(at, now);
        let certificate = self.files.certificate.clone();
        let is_over = stage == Stage::Ended;
        (stage > Stage::Good).then_some(Ending { certificate, at, is_over })
    }

    fn tell(&self, stage: Stage, end: Timestamp) {
        let certificate = self.files.certificate.display();
        match stage {
            Stage::Good => {}
            Stage::EndsSoon => tracing::warn!(%certificate, %end, "certificate ends soon"),
            Stage::Ended => tracing::warn!(%certificate, %end, "certificate has ended"),
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let (first, others) = self.pairs.split_first()?;
        let first = first.current();
        let name = hello.server_name().filter(|_| !others.is_empty());
        let Some(name) = name.and_then(|name| ServerName::try_from(name).ok()) else {
            return Some(first);
        };
        if is_for(&first, &name) {
            return Some(first);
        }
        let mut others = others.iter().map(Pair::current);
        // A client that asks for nobody's name may be a probe: it sees who answers.
        Some(others.find(|other| is_for(other, &name)).unwrap_or(first))
    }
}

/// Whether a certificate is for this name.
fn is_for(certified: &CertifiedKey, name: &ServerName<'_>) -> bool {
    certified.cert.first().is_some_and(|own| names(own, name))
}

/// Whether this one names it, among its alternative names.
pub(super) fn names(own: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    ParsedCertificate::try_from(own).is_ok_and(|own| verify_server_name(&own, name).is_ok())
}

/// Reads a certificate, those that vouch for it, and its key.
fn read(files: &KeyPair, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let KeyPair { certificate, key } = files;
    let pem = contents(certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| wrong(certificate, UnusableFile::NoCertificate))?;
    let pem = contents(key)?;
    let secret = PrivateKeyDer::from_pem_slice(&pem);
    let secret = secret.map_err(|_| wrong(key, UnusableFile::NoKey))?;
    let certified =
        CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => wrong(key, UnusableFile::ForeignKey),
            rustls::Error::InvalidCertificate(_) => {
                wrong(certificate, UnusableFile::Unknown(error))
            }
            error => wrong(key, UnusableFile::Unknown(error)),
        })?;
    warn_of_readers(key);
    Ok(certified)
}

/// Says so if every user of this machine may read a key.
fn warn_of_readers(key: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(key).map(|found| found.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o004 != 0) {
            tracing::warn!(key = %key.display(), "key readable by everybody");
        }
    }
}
