//! A client that asks as a person's browser does, and follows nothing.

use std::net::SocketAddr;

use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

type Bytes = axum::body::Bytes;

/// Asks one server.
pub(crate) struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    server: SocketAddr,
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn at(server: SocketAddr) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), server }
    }

    /// Gets a page. `cookie` is the whole header; empty: none is sent.
    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.ask(Method::GET, path, cookie, String::new()).await
    }

    /// Sends a form.
    pub(crate) async fn post_form(
        &self,
        path: &str,
        cookie: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.ask(Method::POST, path, cookie, form).await
    }

    async fn ask(&self, method: Method, path: &str, cookie: &str, body: String) -> Answer {
        let mut headers =
            vec![("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
        if !cookie.is_empty() {
            headers.push(("cookie", cookie));
        }
        self.send(method.as_str(), path, &headers, &body).await
    }

    /// Sends a request with these headers and no others.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let answer = self.try_send(method, path, headers, body).await;
        answer.expect("a whole answer")
    }

    /// The same to a server that may be gone, or go meanwhile: then there is no answer.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Option<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.server));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::from(body.to_owned()))
            .expect("a request");
        let answer = self.client.request(request).await.ok()?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Some(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

impl Answer {
    /// Where it sends the browser; empty: nowhere.
    pub(crate) fn location(&self) -> &str {
        let location = self.headers.get(LOCATION);
        location.map_or("", |to| to.to_str().expect("visible letters"))
    }

    /// The first cookie that it sets, as the browser sends it back.
    #[track_caller]
    pub(crate) fn cookie(&self) -> String {
        self.cookies().into_iter().next().expect("a cookie")
    }

    /// Every cookie that it sets, as the browser sends them back.
    pub(crate) fn cookies(&self) -> Vec<String> {
        let pair = |set: &http::HeaderValue| {
            let set = set.to_str().expect("visible letters");
            set.split(';').next().unwrap_or_default().to_owned()
        };
        self.headers.get_all(SET_COOKIE).iter().map(pair).collect()
    }
}
