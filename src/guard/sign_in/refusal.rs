//! Why a sign-in was not let through.

use http::StatusCode;

use crate::engine::SignInError;

/// Why the layer answered a sign-in itself.
///
/// It is in the extensions of such a response, for layers further out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SignInRefusal {
    /// The gate refused it.
    #[error(transparent)]
    Gate(#[from] SignInError),
    /// Nobody says where the request comes from: the service is not set up.
    #[error("the server does not know where requests come from")]
    NoAddress,
    /// The request can't be read in one way. Nothing was counted.
    #[error(transparent)]
    Request(#[from] BadSignIn),
}

impl SignInRefusal {
    /// The status that says so over HTTP.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Gate(error) => error.status(),
            Self::NoAddress => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Request(bad) => bad.status(),
        }
    }

    /// A word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gate(error) => error.as_str(),
            Self::NoAddress => "no-client-address",
            Self::Request(bad) => bad.as_str(),
        }
    }

    /// How long to wait before trying again, in whole seconds rounded up, where
    /// that is known.
    pub fn retry_after_secs(self) -> Option<u64> {
        match self {
            Self::Gate(error) => error.retry_after_secs(),
            Self::NoAddress | Self::Request(_) => None,
        }
    }
}

/// A field that the layer reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "no other is read")]
pub enum SignInField {
    /// What names the account.
    Login,
    /// What repeats are recognised by.
    Password,
}

impl SignInField {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Password => "password",
        }
    }
}

/// What is wrong with a request to sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSignIn {
    /// The path could be read as that of the sign-in, or as anything.
    #[error("The path could be read in two ways: write it plainly.")]
    Path,
    /// A header asks for another method than the request's.
    #[error("A sign-in has one method, and no header that asks for another.")]
    Method,
    /// Another type than is taken, none, two, or another charset than UTF-8.
    #[error("The sign-in is sent in another content type than is taken here.")]
    ContentType,
    /// The body is compressed.
    #[error("A sign-in is sent without a content encoding.")]
    ContentEncoding,
    /// More than [`SignInLayerBuilder::max_body`](super::SignInLayerBuilder::max_body).
    #[error("A sign-in has at most {0} bytes.")]
    TooLarge(usize),
    /// Not whole after [`SignInLayerBuilder::body_within`](super::SignInLayerBuilder::body_within).
    #[error("The sign-in took too long to send.")]
    TooSlow,
    /// Cut off, or not in the form that its type says.
    #[error("The sign-in can't be read.")]
    Malformed,
    /// A field is missing.
    #[error("The sign-in has no {}.", .0.as_str())]
    Missing(SignInField),
    /// A field is there twice: one of the two is somebody else's.
    #[error("The sign-in has two of what should be one {}.", .0.as_str())]
    Repeated(SignInField),
    /// Readers would find different values for a field.
    #[error("The {} can be read in two ways.", .0.as_str())]
    TwoMeanings(SignInField),
    /// The login has characters that end a text for some readers.
    #[error("A login has no control characters.")]
    Control,
}

impl BadSignIn {
    /// The status that says so over HTTP.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// A word for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Path => "ambiguous-path",
            Self::Method => "ambiguous-method",
            Self::ContentType => "content-type",
            Self::ContentEncoding => "content-encoding",
            Self::TooLarge(_) => "sign-in-too-large",
            Self::TooSlow => "sign-in-too-slow",
            _ => "bad-sign-in",
        }
    }
}
