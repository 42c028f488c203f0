//! Why hands were not shaken.

use std::io;

use tokio_rustls::rustls::Error;

use crate::engine::figures::words;

words! {
    /// What went wrong with a handshake, as it is counted.
    pub(crate) enum HandshakeTrouble {
        NoCertificate => "no-certificate",
        BadCertificate => "bad-certificate",
        AnotherName => "another-name",
        Distrusted => "distrusted",
        Incompatible => "incompatible",
        Malformed => "malformed",
        Gone => "gone",
        Timeout => "timeout",
    }
}

/// A handshake that came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unshaken {
    #[error(transparent)]
    Broken(io::Error),
    #[error("the certificate that was shown is for none of the names in `client_names`")]
    AnotherName,
    #[error("it took too long")]
    Timeout,
}

impl Unshaken {
    pub(crate) fn trouble(&self) -> HandshakeTrouble {
        match self {
            Self::AnotherName => HandshakeTrouble::AnotherName,
            Self::Timeout => HandshakeTrouble::Timeout,
            Self::Broken(error) => of_stream(error),
        }
    }
}

fn of_stream(error: &io::Error) -> HandshakeTrouble {
    let inside = error.get_ref().and_then(|inside| inside.downcast_ref());
    match inside {
        Some(Error::NoCertificatesPresented) => HandshakeTrouble::NoCertificate,
        Some(Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_)) => {
            HandshakeTrouble::BadCertificate
        }
        Some(Error::AlertReceived(_)) => HandshakeTrouble::Distrusted,
        Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => {
            HandshakeTrouble::Incompatible
        }
        Some(_) => HandshakeTrouble::Malformed,
        None => HandshakeTrouble::Gone,
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::{AlertDescription, CertificateError, InvalidMessage};

    use crate::engine::figures::Word;

    use super::*;

    #[test]
    fn errors_are_counted_by_what_they_mean() {
        let broken =
            |error: Error| Unshaken::Broken(io::Error::new(io::ErrorKind::InvalidData, error));
        for (unshaken, word) in [
            (broken(Error::NoCertificatesPresented), "no-certificate"),
            (broken(CertificateError::Expired.into()), "bad-certificate"),
            (broken(CertificateError::Revoked.into()), "bad-certificate"),
            (broken(Error::AlertReceived(AlertDescription::UnknownCA)), "distrusted"),
            (broken(Error::NoApplicationProtocol), "incompatible"),
            (broken(InvalidMessage::InvalidContentType.into()), "malformed"),
            (Unshaken::Broken(io::ErrorKind::UnexpectedEof.into()), "gone"),
            (Unshaken::Broken(io::ErrorKind::ConnectionReset.into()), "gone"),
            (Unshaken::AnotherName, "another-name"),
            (Unshaken::Timeout, "timeout"),
        ] {
            assert_eq!(unshaken.trouble().as_str(), word, "{unshaken}");
        }
    }
}
