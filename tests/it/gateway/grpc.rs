//! gRPC through the gateway, with tonic on both sides.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::server::{NamedService, StreamingService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, Streaming};

use super::Stand;

type Future<T> = Pin<Box<dyn std::future::Future<Output = Result<T, Status>> + Send>>;

/// Messages that are text.
#[derive(Clone, Copy, Default)]
pub(super) struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Says hello to whom the gateway names, once or to each of many.
#[derive(Clone)]
struct Hello;

impl UnaryService<String> for Hello {
    type Response = String;
    type Future = Future<Response<String>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let user = request.metadata().get("x-portcullis-user").cloned();
        async move {
            let text = request.into_inner();
            if text == "fail" {
                return Err(Status::failed_precondition("not today"));
            }
            let user = user
                .as_ref()
                .map_or("nobody", |user| user.to_str().unwrap_or("?"));
            Ok(Response::new(format!("hello {user}, {text}")))
        }
        .boxed()
    }
}

impl StreamingService<String> for Hello {
    type Response = String;
    type ResponseStream = BoxStream<'static, Result<String, Status>>;
    type Future = Future<Response<Self::ResponseStream>>;

    fn call(&mut self, request: Request<Streaming<String>>) -> Self::Future {
        let answers = request
            .into_inner()
            .map(|text| text.map(|text| format!("hello {text}")));
        let end = stream::once(async { Err(Status::out_of_range("no more")) });
        async move { Ok(Response::new(answers.chain(end).boxed())) }.boxed()
    }
}

impl NamedService for Hello {
    const NAME: &'static str = "test.Hello";
}

impl tower::Service<http::Request<tonic::body::Body>> for Hello {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future =
        Pin<Box<dyn std::future::Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        async move {
            let mut grpc = tonic::server::Grpc::new(Text);
            Ok(match request.uri().path() {
                "/test.Hello/Once" => grpc.unary(Self, request).await,
                _ => grpc.streaming(Self, request).await,
            })
        }
        .boxed()
    }
}

pub(super) async fn serve() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(
        Server::builder()
            .add_service(Hello)
            .serve_with_incoming(incoming),
    );
    address
}

async fn client(stand: &Stand) -> tonic::client::Grpc<Channel> {
    let endpoint = Endpoint::try_from(format!("http://{}", stand.address)).expect("an address");
    let mut client = tonic::client::Grpc::new(endpoint.connect().await.expect("a connection"));
    client.ready().await.expect("a connection");
    client
}

pub(super) fn from<T>(message: T, cookie: &str) -> Request<T> {
    let mut request = Request::new(message);
    let cookie = MetadataValue::try_from(cookie).expect("a value");
    request.metadata_mut().insert("cookie", cookie);
    request
        .metadata_mut()
        .insert("x-portcullis-user", MetadataValue::from_static("root"));
    request
}

pub(super) fn path(method: &str) -> http::uri::PathAndQuery {
    format!("/test.Hello/{method}").parse().expect("a path")
}

#[tokio::test]
async fn calls_and_streams_come_through_with_their_trailers() {
    let stand = Stand::over(serve().await, |settings| settings.upstream.http2 = true).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let mut client = client(&stand).await;

    for n in 0..3 {
        client.ready().await.expect("a connection");
        let answer = client
            .unary(from(n.to_string(), &cookie), path("Once"), Text)
            .await;
        assert_eq!(answer.expect("an answer").into_inner(), format!("hello alice, {n}"));
    }
    client.ready().await.expect("a connection");
    let failed = client
        .unary(from("fail".to_owned(), &cookie), path("Once"), Text)
        .await;
    let failed = failed.expect_err("a failure");
    assert_eq!((failed.code(), failed.message()), (Code::FailedPrecondition, "not today"));

    client.ready().await.expect("a connection");
    let names = stream::iter(["a", "b", "c"].map(str::to_owned));
    let answers = client
        .streaming(from(names, &cookie), path("Many"), Text)
        .await;
    let mut answers = answers.expect("answers").into_inner();
    for name in ["a", "b", "c"] {
        assert_eq!(answers.message().await.expect("one"), Some(format!("hello {name}")));
    }
    let end = answers.message().await.expect_err("the trailers");
    assert_eq!((end.code(), end.message()), (Code::OutOfRange, "no more"));

    stand.test.lock(&alice).await;
    client.ready().await.expect("a connection");
    let refused = client
        .unary(from(String::new(), &cookie), path("Once"), Text)
        .await;
    assert_eq!(refused.expect_err("a refusal").code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_stream_of_a_locked_account_is_cut() {
    let stand = Stand::over(serve().await, |settings| settings.upstream.http2 = true).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let mut client = client(&stand).await;
    let names = stream::iter(["a".to_owned()]).chain(stream::pending());
    let answers = client
        .streaming(from(names, &cookie), path("Many"), Text)
        .await;
    let mut answers = answers.expect("answers").into_inner();
    assert_eq!(answers.message().await.expect("one"), Some("hello a".to_owned()));
    stand.test.lock(&alice).await;
    let cut = tokio::time::timeout(std::time::Duration::from_secs(1), answers.message()).await;
    assert!(cut.expect("in time").is_err(), "the stream goes on");
}
