//! Descriptions that are none of a layer.

use http::Method;

/// Why a [`SignInLayer`](super::SignInLayer) was not made.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSignInLayer {
    /// A request of this method has no body to find a field in.
    #[error(
        "a {method} has no body to find a field in: leave `login_field` and `password_field` out, \
         or name another `method`"
    )]
    Method {
        /// The method.
        method: Method,
    },
    /// Whose account would be let in?
    #[error(
        "the gate has no directory, and nothing else says whose sign-in it was: call `account_of`, \
         or let the handler say it and call `succeeds_when(Sign::told())`"
    )]
    NoAccount,
    /// No sign-in would be whole.
    #[error("a sign-in of no bytes or in no time: raise `max_body` and `body_within`")]
    NoBody,
    /// Attempts are counted by their login.
    #[error("the layer does not know where the login is: call `login_field` or `login_from`")]
    NoLogin,
    /// Nothing would be watched.
    #[error("the layer does not know where people sign in: call `at` with the handler's path")]
    NoPath,
    /// Everybody would be locked out.
    #[error("nothing says when a sign-in succeeded: call `succeeds_when`")]
    NoSign,
    /// The path is not one, or is not in its plain spelling.
    #[error(
        "{path:?} is no plain path: begin it with one slash, end it without, and leave out `.`, \
         `..`, `;`, `?`, `#`, `%` and backslashes"
    )]
    Path {
        /// The path.
        path: String,
    },
    /// What a failed sign-in is usually answered with would be a success.
    #[error(
        "a redirect back to {path:?}, as after a wrong password, would look like success: choose \
         another `Sign`"
    )]
    RedirectToSignIn {
        /// The path of the sign-in.
        path: String,
    },
    /// Login and password would be one.
    #[error("`login_field` and `password_field` are both {name:?}")]
    SameField {
        /// The name of both.
        name: String,
    },
    /// Which of the two would be counted?
    #[error("both `login_field` and `login_from` were called: leave one out")]
    TwoLogins,
}
