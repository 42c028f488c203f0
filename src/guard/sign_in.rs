//! The layer before a sign-in handler that can't be changed.
//!
//! A handler of one's own calls [`Portcullis::attempt`](crate::Portcullis::attempt).
//! Where there is one already that knows nothing of it, [`SignInLayer`] stands before
//! it: it reads the login in the request, reserves a guess, calls the handler, and
//! tells by its answer how the guess went.
//!
//! 1. A request of the layer's method and [path](SignInLayerBuilder::at) is a sign-in.
//!    Every other one goes on as it is.
//! 2. A path that some router could take for that one, and not every router, is
//!    refused with 400: in another case, with encoded slashes, `//`, `;parameters` and
//!    the like. So is any with dot segments, backslashes or control characters, wherever
//!    it leads.
//! 3. The body is read, bounded in size and time. It is one form or one JSON object,
//!    with the login in it once. What two readers could read in two ways is refused.
//! 4. A guess is reserved. Where there is none, or the login is locked out, the handler
//!    is not called: 429.
//! 5. The handler gets the same bytes. Its answer has the [sign of success](Sign), or it
//!    is a failure. So is an error, a panic, and a client that hangs up.
//! 6. After a success the account's standing is asked for. Somebody with an admin lock,
//!    disabled or deleted gets a notice in the place of the handler's answer, and
//!    nothing is counted or cleared. Anybody else's failures are cleared, and the
//!    answer goes out as it is, with [`LetIn`] in its extensions.
//!
//! The gate's answers are the same bytes for a login that exists and one that does
//! not. What the handler itself answers is the application's.
//!
//! # Example
//!
//! ```
//! use axum::{Form, Router, body::Body, response::Redirect, routing::post};
//! use http::{Request, StatusCode, header::CONTENT_TYPE};
//! use portcullis::{ClientAddr, SignInLayer, guard::Sign, testing::TestGate};
//! use std::{collections::HashMap, net::IpAddr};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A handler that knows nothing of Portcullis.
//! async fn login(Form(form): Form<HashMap<String, String>>) -> Redirect {
//!     let right = form["user"] == "alice" && form["secret"] == "correct horse";
//!     Redirect::to(if right { "/" } else { "/login?error" })
//! }
//!
//! let test = TestGate::new().await;
//! test.account("alice").await;
//! let counted = SignInLayer::builder(test.gate())
//!     .at("/login")
//!     .login_field("user")
//!     .password_field("secret")
//!     .succeeds_when(Sign::redirect_to("/"))
//!     .build()?;
//! let app = Router::new().route("/login", post(login)).layer(counted);
//!
//! let guess = async |secret: &str| {
//!     let mut request = Request::post("/login")
//!         .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
//!         .body(Body::from(format!("user=alice&secret={secret}")))?;
//!     // A server says it with `into_make_service_with_connect_info`.
//!     request.extensions_mut().insert(ClientAddr::from(IpAddr::from([192, 0, 2, 7])));
//!     let answer = app.clone().oneshot(request).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(answer.status())
//! };
//! // The right password is let through, and clears what failed before.
//! assert_eq!(guess("wrong").await?, StatusCode::SEE_OTHER);
//! assert_eq!(guess("correct+horse").await?, StatusCode::SEE_OTHER);
//!
//! // Five wrong ones, and the handler is not even asked about the right one.
//! for wrong in ["a", "b", "c", "d", "e"] {
//!     assert_eq!(guess(wrong).await?, StatusCode::SEE_OTHER);
//! }
//! assert_eq!(guess("correct+horse").await?, StatusCode::TOO_MANY_REQUESTS);
//! # Ok(())
//! # }
//! ```
//!
//! # Where it belongs
//!
//! Inside of whatever changes a request's path, method or body, and outside of whatever
//! takes a login from it. What it can't do for an application is in
//! [`manual::sign_in_layer`](crate::manual::sign_in_layer).

mod account;
mod attempt;
mod body;
mod builder;
mod fields;
mod future;
mod invalid;
mod layer;
mod path;
mod refusal;
mod response;
mod service;
mod sign;

pub use self::account::{LetIn, SignInSucceeded};
pub use self::body::SignInBody;
pub use self::builder::{SignInFormat, SignInLayerBuilder};
pub use self::future::SignInFuture;
pub use self::invalid::InvalidSignInLayer;
pub use self::layer::SignInLayer;
pub use self::refusal::{BadSignIn, SignInField, SignInRefusal};
pub use self::response::{DefaultResponseForSignIn, ResponseForSignIn};
pub use self::service::SignIn;
pub use self::sign::Sign;
