//! A tonic server behind the guard, and tonic's client before it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use portcullis::testing::TestGate;
use portcullis::{CurrentAccount, GuardLayer};
use tonic::body::Body;
use tonic::metadata::MetadataMap;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower::Service;

use crate::refusals::grpc::Empty;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Says in the response's metadata whose request it was.
#[derive(Clone, Copy, Debug)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "test.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut server = tonic::server::Grpc::new(Empty);
        Box::pin(async move { Ok(server.unary(Greet, request).await) })
    }
}

struct Greet;

impl UnaryService<()> for Greet {
    type Response = ();
    type Future = Boxed<Result<Response<()>, Status>>;

    fn call(&mut self, request: Request<()>) -> Self::Future {
        Box::pin(async move {
            let me = request.extensions().get::<CurrentAccount>();
            let me = me.ok_or_else(|| Status::internal("no guard"))?;
            let mut response = Response::new(());
            let login = me.login().parse().expect("a plain login");
            response.metadata_mut().insert("account", login);
            Ok(response)
        })
    }
}

async fn serve(test: &TestGate) -> SocketAddr {
    let guard = GuardLayer::new(test.gate()).text_into(Body::new::<String>);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    let server = Server::builder().layer(guard).add_service(Greeter);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    address
}

async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::try_from(format!("http://{address}")).expect("an endpoint");
    endpoint.connect().await.expect("a connection")
}

/// Calls with one entry of metadata; yields the account that was greeted.
async fn greet(channel: &Channel, name: &'static str, value: &str) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("ready");
    let mut request = Request::new(());
    request
        .metadata_mut()
        .insert(name, value.parse().expect("a value"));
    let path = PathAndQuery::from_static("/test.Greeter/Greet");
    let response = client.unary(request, path, Empty).await?;
    let account = response.metadata().get("account").expect("an account");
    Ok(account.to_str().expect("ASCII").to_owned())
}

async fn refused(
    channel: &Channel,
    name: &'static str,
    value: &str,
) -> (Code, String, MetadataMap) {
    let status = greet(channel, name, value).await.expect_err("refused");
    (status.code(), status.message().to_owned(), status.metadata().clone())
}

#[tokio::test]
async fn a_client_passes_by_its_cookie_and_is_refused_by_status() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let channel = connect(serve(&test).await).await;

    let (code, message, metadata) = refused(&channel, "cookie", "a=b").await;
    assert_eq!(
        (code, &*message),
        (Code::Unauthenticated, "You are not signed in. Sign in to go on.")
    );
    assert!(metadata.get("set-cookie").is_none());
    assert_eq!(greet(&channel, "cookie", &cookie).await.expect("may pass"), "alice");

    test.lock_out(&alice).await;
    let (code, message, _) = refused(&channel, "cookie", &cookie).await;
    assert_eq!(code, Code::PermissionDenied);
    assert!(message.contains("It unlocks at 2027-01-15T08:05:00Z."), "{message}");
    test.unlock(&alice).await;
    assert_eq!(
        greet(&channel, "cookie", &cookie)
            .await
            .expect("it resumes"),
        "alice"
    );

    test.lock(&alice).await;
    let (code, _, metadata) = refused(&channel, "cookie", &cookie).await;
    assert_eq!(code, Code::PermissionDenied);
    assert!(metadata.get("set-cookie").is_some(), "the session is dead");
    test.unlock(&alice).await;
    assert_eq!(refused(&channel, "cookie", &cookie).await.0, Code::Unauthenticated);
}

#[tokio::test]
async fn a_client_passes_by_its_token() {
    let test = TestGate::with(|builder| builder.api_tokens(true)).await;
    let alice = test.account("alice").await;
    let token = test.api_token(&alice).await;
    let channel = connect(serve(&test).await).await;
    assert_eq!(
        greet(&channel, "authorization", &token)
            .await
            .expect("may pass"),
        "alice"
    );
    test.lock(&alice).await;
    assert_eq!(refused(&channel, "authorization", &token).await.0, Code::Unauthenticated);
    test.unlock(&alice).await;
    assert_eq!(
        greet(&channel, "authorization", &token)
            .await
            .expect("may pass"),
        "alice"
    );
}
