//! A service of hyper and Tower alone, without axum, for programs: they come with
//! API tokens that somebody made on the command line.
//!
//! ```text
//! echo 'correct horse battery' | cargo run -- user add alice --password-stdin
//! token=$(cargo run -- token create --owner alice)
//! cargo run --example bare_tower
//! curl -H "Authorization: Bearer $token" http://127.0.0.1:3000/
//! ```
//!
//! Then lock the account from another terminal: `cargo run -- user lock alice`. The
//! token's next request is refused.

use std::convert::Infallible;
use std::error::Error;

use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use portcullis::store::sql::SqlDirectory;
use portcullis::{CurrentAccount, GuardLayer, Portcullis};
use tokio::net::TcpStream;
use tower::{ServiceBuilder, service_fn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let accounts = arguments
        .next()
        .unwrap_or_else(|| "portcullis.db".to_owned());
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let gate = Portcullis::builder()
        .directory(SqlDirectory::open(&accounts).await?)
        .api_tokens(true)
        .build()
        .await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let layer = GuardLayer::new(gate);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(stream, layer.clone()));
    }
}

/// One connection. Whoever hangs up in the middle has lost nothing of ours.
async fn serve(stream: TcpStream, layer: GuardLayer) {
    let service = ServiceBuilder::new()
        .layer(layer)
        .service(service_fn(greet));
    let connection = auto::Builder::new(TokioExecutor::new());
    let served =
        connection.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    if let Err(error) = served.await {
        eprintln!("a connection broke: {error}");
    }
}

/// Runs only for whom the guard let in, and finds them in the request.
async fn greet(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    match request.extensions().get::<CurrentAccount>() {
        // What a token may be used for is the service's to ask.
        Some(me) if me.has_scope("greetings") => {
            *response.body_mut() = Full::from(format!("Hello {}\n", me.login()));
        }
        _ => *response.status_mut() = StatusCode::FORBIDDEN,
    }
    Ok(response)
}
