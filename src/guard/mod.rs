//! The middleware.

pub mod address;
pub mod client;
pub mod notice;
pub mod return_to;

pub use self::address::{InvalidSignInAddress, SignInAddress};
pub use self::client::ClientKind;
pub use self::notice::{Notice, UnknownNotice};
pub use self::return_to::{InvalidReturnTo, MAX_RETURN_TO_BYTES, ReturnTo};
