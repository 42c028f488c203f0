//! The layer before a sign-in handler that knows nothing of it: what it takes for a
//! sign-in, what it hands on, and what it makes of the answer.

mod bodies;
mod building;
mod cancelled;
mod locks;
mod outcomes;
mod properties;
mod requests;

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, post};
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use portcullis::guard::Sign;
use portcullis::guard::sign_in::SignInLayerBuilder;
use portcullis::testing::TestGate;
use portcullis::{ClientAddr, Portcullis, SignInLayer};
use tower::ServiceExt;

const FORM: &str = "application/x-www-form-urlencoded";
const RIGHT: &str = "correct horse";

/// The application's handler: it redirects home with a session, or back. Counts how
/// often it is asked.
#[derive(Clone, Default)]
struct Application {
    asked: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

impl Application {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn last_body(&self) -> Option<Bytes> {
        self.bodies.lock().expect("unpoisoned").last().cloned()
    }

    fn answer(&self, body: Bytes) -> Response {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let fields: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
        let right = fields.contains(&("password".to_owned(), RIGHT.to_owned()));
        self.bodies.lock().expect("unpoisoned").push(body);
        if right {
            let cookies = [("set-cookie", "sid=secret; HttpOnly")];
            return (cookies, Redirect::to("/")).into_response();
        }
        let cookies = [("set-cookie", "flash=wrong")];
        (cookies, Redirect::to("/login?error")).into_response()
    }

    fn router(&self, layer: SignInLayer) -> Router {
        let (login, elsewhere) = (self.clone(), self.clone());
        Router::new()
            .route("/login", post(move |body: Bytes| async move { login.answer(body) }))
            .fallback(any(move |body: Bytes| async move { elsewhere.answer(body) }))
            .layer(layer)
    }
}

fn sign() -> Sign {
    Sign::redirect_to("/").and(Sign::sets_cookie("sid"))
}

/// The layer that fits the [`Application`].
fn described(gate: Portcullis) -> SignInLayerBuilder {
    SignInLayer::builder(gate)
        .at("/login")
        .login_field("login")
        .password_field("password")
        .succeeds_when(sign())
}

fn layer(test: &TestGate) -> SignInLayer {
    described(test.gate()).build().expect("a layer")
}

/// A sign-in by a form, from this address.
fn form(body: &str) -> Request<Body> {
    typed(FORM, Body::from(body.to_owned()))
}

fn typed(content_type: &str, body: Body) -> Request<Body> {
    let request = Request::post("/login").header(CONTENT_TYPE, content_type);
    from_somewhere(request.body(body).expect("a request"))
}

fn from_somewhere(mut request: Request<Body>) -> Request<Body> {
    let address = ClientAddr::from(IpAddr::from([192, 0, 2, 7]));
    request.extensions_mut().insert(address);
    request
}

fn credentials(login: &str, password: &str) -> Request<Body> {
    let fields = [("login", login), ("password", password)];
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    form(&body.extend_pairs(fields).finish())
}

async fn ask(app: &Router, request: Request<Body>) -> Response {
    app.clone().oneshot(request).await.expect("axum can't fail")
}

async fn status(app: &Router, request: Request<Body>) -> u16 {
    ask(app, request).await.status().as_u16()
}

fn location(response: &Response) -> Option<&str> {
    response.headers().get("location")?.to_str().ok()
}

async fn text(response: Response) -> String {
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    String::from_utf8(body.expect("a body").to_vec()).expect("text")
}

/// Whether the next guess reaches the application.
async fn is_locked_out(app: &Router, login: &str) -> bool {
    let refused = StatusCode::TOO_MANY_REQUESTS.as_u16();
    status(app, credentials(login, "one more")).await == refused
}
