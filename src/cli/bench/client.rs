//! One kept-alive connection, with as little between a request and the wire as there can be.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::cli::bench::plan::Target;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// So much of an answer is looked into; the rest is read and forgotten.
const LOOKED_INTO: usize = 64 * 1024;

const PROGRAM: HeaderValue = HeaderValue::from_static("portcullis-bench");

/// As a program asks: refusals come as problem documents, and are told from the
/// application's own redirects.
const PROGRAMS_TAKE: HeaderValue = HeaderValue::from_static("application/json, */*;q=0.5");

/// A connection that is made when it is needed, and made again when it is lost.
pub(super) struct Line {
    target: Target,
    host: HeaderValue,
    wire: Option<Wire>,
    buffer: Vec<u8>,
}

struct Wire {
    sender: SendRequest<Empty<Bytes>>,
    connection: Pin<Box<http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>>>,
}

/// What came back, as far as it is looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    /// Whether it is a problem document.
    pub(super) problem: bool,
    pub(super) body: &'a [u8],
}

/// Why nothing came back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Silence {
    /// The connection was not made, or the request did not leave.
    Broken,
    /// The connection broke after the request had left: before its answer, or in it.
    Cut,
    TooLong,
}

impl Line {
    pub(super) fn to(target: Target) -> Self {
        let host = HeaderValue::from_str(target.origin.authority().as_str());
        let host = host.unwrap_or(HeaderValue::from_static("localhost"));
        Self { target, host, wire: None, buffer: Vec::new() }
    }

    /// Asks once, with this `Cookie` header or with none.
    ///
    /// # Cancellation
    ///
    /// The connection is lost, and made again for the next request.
    pub(super) async fn ask(
        &mut self,
        cookie: Option<&HeaderValue>,
    ) -> Result<Answer<'_>, Silence> {
        let request = self.request(cookie);
        // Taken out: what is broken off half way is not used again.
        let wire = self.wire.take();
        self.buffer.clear();
        let asked = exchange(wire, &self.target, request, &mut self.buffer);
        let (wire, status, problem) = tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| Silence::TooLong)??;
        self.wire = wire;
        Ok(Answer { status, problem, body: &self.buffer })
    }

    fn request(&self, cookie: Option<&HeaderValue>) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.target.path.clone().into();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, PROGRAM);
        headers.insert(ACCEPT, PROGRAMS_TAKE);
        if let Some(cookie) = cookie {
            headers.insert(COOKIE, cookie.clone());
        }
        request
    }
}

/// One request and its answer; with the wire, if it can be used again.
async fn exchange(
    wire: Option<Wire>,
    target: &Target,
    request: Request<Empty<Bytes>>,
    buffer: &mut Vec<u8>,
) -> Result<(Option<Wire>, StatusCode, bool), Silence> {
    let mut wire = match wire {
        Some(wire) => wire,
        None => connect(target).await.ok_or(Silence::Broken)?,
    };
    let Wire { sender, connection } = &mut wire;
    let mut open = true;
    let answered = {
        let mut talk = std::pin::pin!(talk(sender, request, buffer));
        // In this task: no other has to be woken for a byte to move on.
        tokio::select! {
            biased;
            answered = &mut talk => answered,
            _ = connection.as_mut() => {
                open = false;
                talk.await
            }
        }
    };
    let (status, problem) = answered?;
    Ok((open.then_some(wire), status, problem))
}

async fn connect(target: &Target) -> Option<Wire> {
    let stream = TcpStream::connect(target.address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    Some(Wire { sender, connection: Box::pin(connection) })
}

async fn talk(
    sender: &mut SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    buffer: &mut Vec<u8>,
) -> Result<(StatusCode, bool), Silence> {
    sender.ready().await.map_err(|_| Silence::Broken)?;
    let unanswered = |error: hyper::Error| match error.is_canceled() {
        true => Silence::Broken,
        false => Silence::Cut,
    };
    let answer = sender.send_request(request).await.map_err(unanswered)?;
    let (head, mut body) = answer.into_parts();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Silence::Cut)?.into_data() {
            let room = LOOKED_INTO.saturating_sub(buffer.len());
            buffer.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    let kind = head.headers.get(CONTENT_TYPE);
    let problem = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
    Ok((head.status, problem))
}
