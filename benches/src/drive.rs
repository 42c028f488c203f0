//! Sends requests down a tower chain in this process and reads the answers.
//!
//! A request is built, the service is cloned and called (as hyper-util's glue does for every request
//! of a connection), and the body is read to its end. Every answer is checked, so that a chain that
//! refuses can't look fast.

use std::{convert::Infallible, pin::pin, sync::Arc};

use anyhow::{Context, Result};
use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt};

/// What every handler answers.
pub const BODY: &str = "hello";

/// Where a client puts what it proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// After two other cookies; a credential is `name=value`.
    Cookie,
    /// In `Authorization: Bearer`, beside the two cookies.
    Bearer,
}

/// Credentials of as many clients, and the order in which they come.
#[derive(Debug, Clone)]
pub struct Clients {
    credentials: Arc<Vec<String>>,
    carrier: Carrier,
    order: Arc<Vec<u32>>,
    next: usize,
    extended: bool,
}

/// Stands for whatever an outer layer left in the request.
#[derive(Debug, Clone)]
struct Earlier;

impl Clients {
    /// Clients that come in the order of their credentials.
    pub fn new(mut credentials: Vec<String>, carrier: Carrier) -> Self {
        credentials.iter_mut().for_each(String::shrink_to_fit);
        credentials.shrink_to_fit();
        let credentials = Arc::new(credentials);
        Self { credentials, carrier, order: Arc::default(), next: 0, extended: false }
    }

    /// Lets the clients come in a random order, always the same one.
    fn shuffle(&mut self) -> Result<()> {
        let count = u32::try_from(self.credentials.len()).context("too many sessions")?;
        let mut order: Vec<u32> = (0..count).collect();
        fastrand::Rng::with_seed(7).shuffle(&mut order);
        self.order = Arc::new(order);
        Ok(())
    }

    /// The same clients, half way round.
    fn opposite(&self) -> Self {
        let next = (self.next + self.credentials.len() / 2) % self.credentials.len();
        Self { next, ..self.clone() }
    }

    fn next_request(&mut self) -> Request<Body> {
        let index = self
            .order
            .get(self.next)
            .map_or(self.next, |index| *index as usize);
        self.next = if self.next + 1 == self.credentials.len() { 0 } else { self.next + 1 };
        let mut request = self.request(&self.credentials[index]);
        if self.extended {
            request.extensions_mut().insert(Earlier);
        }
        request
    }

    fn request(&self, credential: &str) -> Request<Body> {
        let builder = Request::builder().uri("/hello").header(header::HOST, HOST);
        let builder = match self.carrier {
            Carrier::Cookie => builder.header(header::COOKIE, joined(OTHER_COOKIES, credential)),
            Carrier::Bearer => builder
                .header(header::COOKIE, HeaderValue::from_static(OTHER_COOKIES))
                .header(header::AUTHORIZATION, joined("Bearer ", credential)),
        };
        builder
            .body(Body::empty())
            .expect("credentials are visible ASCII")
    }
}

const HOST: HeaderValue = HeaderValue::from_static("app.example.com");
const OTHER_COOKIES: &str = "theme=dark; lang=en-GB; ";

fn joined(before: &str, credential: &str) -> Vec<u8> {
    let mut value = Vec::with_capacity(before.len() + credential.len());
    value.extend_from_slice(before.as_bytes());
    value.extend_from_slice(credential.as_bytes());
    value
}

/// A variant ready to serve.
pub trait Subject: Send {
    /// Serves the next `count` requests on the calling thread.
    ///
    /// Panics when an answer is not the handler's.
    fn serve(&mut self, count: usize);

    /// The same service for another thread, whose clients are half way round.
    fn twin(&self) -> Result<Box<dyn Subject>>;

    /// The clients that it serves.
    fn clients(&mut self) -> &mut Clients;

    /// How many sessions there are.
    fn sessions(&mut self) -> usize {
        self.clients().credentials.len()
    }

    /// A copy of the credentials, which are the benchmark's own and not the subject's.
    fn credentials(&mut self) -> Vec<String> {
        self.clients().credentials.to_vec()
    }

    /// Gives every request an extension before the service sees it.
    fn extend(&mut self) {
        self.clients().extended = true;
    }

    /// Lets the clients come in a random order.
    fn shuffle(&mut self) -> Result<()> {
        self.clients().shuffle()
    }

    /// Serves each client once, so that whatever is loaded lazily is loaded.
    fn warm_up(&mut self) {
        let count = self.sessions();
        self.serve(count);
    }
}

/// Builds each request and drops it: what the benchmark itself costs.
#[derive(Debug)]
pub struct Nothing(pub Clients);

impl Subject for Nothing {
    fn serve(&mut self, count: usize) {
        for _ in 0..count {
            drop(std::hint::black_box(self.0.next_request()));
        }
    }

    fn twin(&self) -> Result<Box<dyn Subject>> {
        Ok(Box::new(Self(self.0.opposite())))
    }

    fn clients(&mut self) -> &mut Clients {
        &mut self.0
    }
}

/// A service, its clients, and the runtime that its futures run on.
#[derive(Debug)]
pub struct Chain<S> {
    runtime: Runtime,
    service: S,
    clients: Clients,
}

impl<S> Chain<S> {
    /// Serves on `runtime`, which must be the one that the service was made on.
    pub fn new(runtime: Runtime, service: S, clients: Clients) -> Self {
        Self { runtime, service, clients }
    }
}

impl<S, B> Subject for Chain<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    B: HttpBody<Data = Bytes>,
{
    fn serve(&mut self, count: usize) {
        let Self { runtime, service, clients } = self;
        let exchanges = async {
            for _ in 0..count {
                exchange(service.clone(), clients.next_request()).await;
            }
        };
        // A server gives every request a fresh budget; one for all of them would make it yield.
        runtime.block_on(tokio::task::unconstrained(exchanges));
    }

    fn twin(&self) -> Result<Box<dyn Subject>> {
        Ok(Box::new(Self::new(runtime()?, self.service.clone(), self.clients.opposite())))
    }

    fn clients(&mut self) -> &mut Clients {
        &mut self.clients
    }
}

async fn exchange<S, B>(service: S, request: Request<Body>)
where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible>,
    B: HttpBody<Data = Bytes>,
{
    let Ok(response) = service.oneshot(request).await;
    assert_eq!(response.status(), StatusCode::OK, "the chain refused a session that it knows");
    let mut body = pin!(response.into_body());
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    assert_eq!(length, BODY.len(), "the body is not the handler's");
}

/// A runtime for one thread.
pub fn runtime() -> Result<Runtime> {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .context("a runtime can't be made")
}
