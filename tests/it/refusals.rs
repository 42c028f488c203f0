//! Refusals over the wire, as real clients read them.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use portcullis::Timestamp;
use portcullis::domain::denial::{Denial, DenialReason, LockKind};
use portcullis::domain::lock::End;
use portcullis::guard::{DefaultResponseForDenial, ResponseForDenial};

/// A server that refuses everybody, everywhere.
async fn refusing() -> SocketAddr {
    let now = Timestamp::from_secs(1_795_284_720);
    let end = End::At(now.after(Duration::from_secs(240)));
    let denial = Denial::new(DenialReason::Locked { by: LockKind::Admin, end }, now);
    let answers = DefaultResponseForDenial::new();
    let refuse = move |request: Request| {
        let (parts, _) = request.into_parts();
        let response: http::Response<Body> = answers.refuse(&denial, &parts);
        async move { response }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = axum::Router::new().fallback(refuse);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn ask(address: SocketAddr, method: &str, h2: bool) -> (http::response::Parts, usize) {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(h2)
        .build_http();
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://{address}/page"))
        .header("accept", "text/html")
        .body(Empty::<axum::body::Bytes>::new())
        .expect("a request");
    let (parts, body) = client
        .request(request)
        .await
        .expect("an answer")
        .into_parts();
    let body = body.collect().await.expect("the whole of it").to_bytes();
    (parts, body.len())
}

#[tokio::test]
async fn a_head_tells_the_length_of_the_page() {
    let address = refusing().await;
    for h2 in [false, true] {
        let (get, page) = ask(address, "GET", h2).await;
        let (head, nothing) = ask(address, "HEAD", h2).await;
        assert_eq!((get.status.as_u16(), head.status.as_u16()), (403, 403));
        assert!(page > 0 && nothing == 0);
        let lengths: Vec<_> = head.headers.get_all("content-length").iter().collect();
        assert_eq!(lengths, [&page.to_string()]);
    }
}

pub(crate) mod grpc {
    use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
    use tonic::{Code, Status};

    use super::refusing;

    /// Messages without content.
    #[derive(Default)]
    pub(crate) struct Empty;

    impl Codec for Empty {
        type Encode = ();
        type Decode = ();
        type Encoder = Self;
        type Decoder = Self;

        fn encoder(&mut self) -> Self {
            Self
        }

        fn decoder(&mut self) -> Self {
            Self
        }
    }

    impl Encoder for Empty {
        type Item = ();
        type Error = Status;

        fn encode(&mut self, (): (), _: &mut EncodeBuf<'_>) -> Result<(), Status> {
            Ok(())
        }
    }

    impl Decoder for Empty {
        type Item = ();
        type Error = Status;

        fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
            Ok(Some(()))
        }
    }

    #[tokio::test]
    async fn a_client_reads_status_and_message() {
        let address = refusing().await;
        let endpoint = tonic::transport::Endpoint::try_from(format!("http://{address}"));
        let channel = endpoint
            .expect("an endpoint")
            .connect()
            .await
            .expect("a connection");
        let mut client = tonic::client::Grpc::new(channel);
        client.ready().await.expect("ready");
        let path = http::uri::PathAndQuery::from_static("/a.B/C");
        let status = client
            .unary(tonic::Request::new(()), path, Empty)
            .await
            .expect_err("refused");
        assert_eq!(status.code(), Code::PermissionDenied);
        let words = "Your account is locked. Ask your administrator. \
                     It unlocks at 2026-11-21T18:16:00Z.";
        assert_eq!(status.message(), words);
    }
}
