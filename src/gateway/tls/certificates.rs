//! Certificates and their keys: which one a client is shown, and what happens when
//! their files change.

use std::fs::{self, Metadata};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::{TlsError, UnusableFile};
use crate::gateway::settings::KeyPair;

/// How often the files are looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(2);

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
    /// What the files were when they were read first.
    opened: Stamp,
}

/// What changes about a pair of files when either is written; `None`: it is not there.
type Stamp = [Option<(SystemTime, u64, u64)>; 2];

/// What is known of a pair's files.
#[derive(Clone, Copy)]
struct Seen {
    /// As they were read last.
    read: Stamp,
    /// As they were looked at last.
    last: Stamp,
}

impl Certificates {
    /// Reads all pairs.
    pub(super) fn open(pairs: &[KeyPair], provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        if pairs.is_empty() {
            return Err(wrong(Path::new(""), UnusableFile::NothingNamed));
        }
        let open = |files: &KeyPair| {
            // Before it is read: what is written meanwhile is read again.
            let opened = stamp(files);
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

    /// Looks at the files for ever, and takes those that have changed.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut seen: Vec<_> = self
            .pairs
            .iter()
            .map(|pair| Seen { read: pair.opened, last: pair.opened })
            .collect();
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            let (all, known) = (Arc::clone(&self), seen.clone());
            // A disk may be slow, and nobody's request shall wait for it.
            let looked = tokio::task::spawn_blocking(move || all.look(known)).await;
            seen = looked.unwrap_or(seen);
        }
    }

    fn look(&self, mut seen: Vec<Seen>) -> Vec<Seen> {
        for (pair, seen) in self.pairs.iter().zip(&mut seen) {
            let now = stamp(&pair.files);
            // Both files are written one after the other: what still changes is not read.
            let is_at_rest = now == seen.last;
            seen.last = now;
            if is_at_rest && now != seen.read {
                seen.read = now;
                pair.renew(&self.provider);
            }
        }
        seen
    }
}

impl Pair {
    /// Takes what the files hold now, if it can be used.
    fn renew(&self, provider: &CryptoProvider) {
        let certificate = self.files.certificate.display();
        match read(&self.files, provider) {
            Ok(new) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                tracing::info!(%certificate, "certificate replaced");
            }
            Err(error) => tracing::warn!(%certificate, %error, "certificate not replaced"),
        }
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
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
    let own = certified.end_entity_cert();
    own.and_then(ParsedCertificate::try_from)
        .is_ok_and(|own| verify_server_name(&own, name).is_ok())
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

fn contents(file: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| wrong(file, UnusableFile::Unreadable(error)))
}

fn wrong(file: &Path, why: UnusableFile) -> TlsError {
    TlsError { file: file.to_owned(), why }
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

fn stamp(files: &KeyPair) -> Stamp {
    [&files.certificate, &files.key].map(|file| {
        let found = fs::metadata(file).ok()?;
        Some((found.modified().ok()?, found.len(), place(&found)))
    })
}

/// Where a file is on its disk: another one in its place may be as old and as long.
fn place(found: &Metadata) -> u64 {
    #[cfg(unix)]
    {
        std::os::unix::fs::MetadataExt::ino(found)
    }
    #[cfg(not(unix))]
    {
        let _ = found;
        0
    }
}
