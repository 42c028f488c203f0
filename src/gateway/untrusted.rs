//! What no client may tell the upstream.
//!
//! Servers fold names: CGI turns `X-Portcullis-User` and `X_Portcullis_User`
//! into one variable, and so do the servers that imitate it. So names are
//! compared by class: every character that is no letter and no digit counts as
//! `-`, and case does not count.

use http::header::{self, HeaderMap, HeaderName};

use crate::gateway::headers::OF_ONE_HOP;
use crate::gateway::settings::Settings;
use crate::gateway::trace_context::{TRACEPARENT, TRACESTATE};

/// What says who is asking, or from where, to a server that trusts its proxy.
pub(crate) const NAMES_OF_IDENTITY: [&str; 37] = [
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "front-end-https",
    "remote-addr",
    "ssl-client-cert",
    "ssl-client-verify",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-authenticated-user",
    "x-client-cert",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-credential-identifier",
    "x-envoy-external-address",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-jwt-assertion",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-remote-user",
    "x-rewrite-url",
    "x-scheme",
    "x-ssl-client-cert",
    "x-ssl-client-verify",
    "x-url-scheme",
    "x-user",
    "x-username",
];

/// The same, with everything that goes on after them.
pub(crate) const PREFIXES_OF_IDENTITY: [&str; 15] = [
    "cf-access-",
    "oidc-claim-",
    "remote-",
    "tailscale-user-",
    "x-amzn-oidc-",
    "x-auth-request-",
    "x-authenticated-",
    "x-authentik-",
    "x-forwarded",
    "x-goog-authenticated-",
    "x-ms-client-principal",
    "x-pomerium-",
    "x-portcullis",
    "x-user-",
    "x-webauth-",
];

/// What HTTP itself goes by. In another spelling than its own it means nothing
/// to us, and the same to a server that folds names.
const NAMES_OF_HTTP: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What means something in a head only (RFC 9110, section 6.5.1), beside the
/// fields of one hop: a server that merges trailers into the head must not find
/// them there.
const NEVER_TRAILERS: [HeaderName; 13] = [
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::EXPECT,
    header::HOST,
    header::MAX_FORWARDS,
    header::RANGE,
    header::SET_COOKIE,
    header::TRAILER,
];

/// Tells what no client may tell the upstream.
#[derive(Clone, Debug)]
pub(crate) struct Untrusted {
    /// As they are compared.
    further: Vec<String>,
}

impl Untrusted {
    /// The usual names, those that we use ourselves, and those of the
    /// configuration.
    pub(crate) fn new(settings: &Settings) -> Self {
        let identity = &settings.upstream.identity;
        let ours =
            [&identity.user, &identity.account, &identity.email, &identity.name, &identity.groups];
        let traces = [TRACEPARENT, TRACESTATE];
        let further = ours
            .into_iter()
            .flatten()
            .chain(&settings.strip_headers)
            .chain([&settings.client_address.header])
            .chain(&settings.requests.id_header)
            .chain(&traces)
            .chain(settings.assertion.iter().map(|assertion| &assertion.header))
            .map(|name| folded(name.as_str()).collect());
        Self { further: further.collect() }
    }

    pub(crate) fn includes(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        // Nearly every header of a browser is told by its first letter.
        let first = name.as_bytes().first();
        let usual = matches!(first, Some(b'c' | b'f' | b'o' | b'r' | b's' | b't' | b'x'))
            && is_of_identity(name);
        usual || is_http_misspelt(name) || self.further.iter().any(|other| is(name, other))
    }

    /// Takes them off.
    pub(crate) fn remove_from(&self, headers: &mut HeaderMap) {
        remove(headers, |name| self.includes(name));
    }

    /// Takes them off, and what means something in a head only.
    pub(crate) fn remove_from_trailers(&self, trailers: &mut HeaderMap) {
        remove(trailers, |name| self.includes(name) || is_never_a_trailer(name));
    }
}

/// Whether this means something in a head only.
pub(crate) fn is_never_a_trailer(name: &HeaderName) -> bool {
    NEVER_TRAILERS.contains(name) || OF_ONE_HOP.contains(name)
}

/// Takes off what is unwanted.
pub(crate) fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName) -> bool) {
    // Usually there are none, and looking does not allocate.
    let found: Vec<HeaderName> = headers
        .keys()
        .filter(|name| unwanted(name))
        .cloned()
        .collect();
    for name in found {
        headers.remove(name);
    }
}

fn is_of_identity(name: &str) -> bool {
    let begins = |prefix: &&str| {
        name.get(..prefix.len())
            .is_some_and(|head| is(head, prefix))
    };
    NAMES_OF_IDENTITY.iter().any(|other| is(name, other)) || PREFIXES_OF_IDENTITY.iter().any(begins)
}

fn is_http_misspelt(name: &str) -> bool {
    let odd = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-';
    name.bytes().any(odd) && NAMES_OF_HTTP.iter().any(|other| is(name, other))
}

fn is(name: &str, class: &str) -> bool {
    name.len() == class.len() && folded(name).eq(class.chars())
}

/// A header's name is lower case ASCII already.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gateway::Origin;

    fn untrusted() -> Untrusted {
        let origin = Origin::parse("http://127.0.0.1:3000").expect("an origin");
        let mut settings = Settings::for_upstream(origin);
        settings.strip_headers = vec![HeaderName::from_static("x-tenant")];
        settings.client_address.header = HeaderName::from_static("x-edge-address");
        Untrusted::new(&settings)
    }

    fn name(text: &str) -> HeaderName {
        HeaderName::from_bytes(text.as_bytes()).expect(text)
    }

    #[test]
    fn ordinary_headers_pass() {
        for text in [
            "accept",
            "accept-language",
            "authorization",
            "cache-control",
            "connection",
            "content-length",
            "content-type",
            "cookie",
            "cookie2",
            "host",
            "origin",
            "range",
            "referer",
            "sec-fetch-mode",
            "te",
            "trailer",
            "transfer-encoding",
            "user-agent",
            "x-csrf-token",
            "x-requested-with",
            "x-users",
            "x-correlation.id",
            "if-none-match",
            "sec-websocket-key",
        ] {
            assert!(!untrusted().includes(&name(text)), "{text}");
        }
    }

    /// What the gateway itself says of a request: clients don't.
    #[test]
    fn ids_and_traces_are_the_gateway_s_in_every_spelling() {
        for text in ["x-request-id", "x_request_id", "x.request.id", "traceparent", "tracestate"] {
            assert!(untrusted().includes(&name(text)), "{text}");
        }
    }

    #[test]
    fn the_manual_has_every_class_and_no_other() {
        let manual = include_str!("../manual/gateway.md");
        let listed = |after: &str| -> Vec<&str> {
            let (_, list) = manual.split_once(after).expect("the list");
            let (list, _) = list.split_once('.').expect("its end");
            list.split('`').skip(1).step_by(2).collect()
        };
        assert_eq!(listed("\nNames: "), NAMES_OF_IDENTITY);
        assert_eq!(listed("\nBeginnings of names: "), PREFIXES_OF_IDENTITY);
    }

    #[test]
    fn the_fields_of_http_pass_in_their_own_spelling_only() {
        for text in ["content_length", "Transfer.Encoding", "transfer_encoding", "http2~settings"] {
            assert!(untrusted().includes(&name(text)), "{text}");
        }
    }

    #[test]
    fn trailers_carry_nothing_that_a_head_means() {
        for text in ["cookie", "authorization", "host", "content-length", "transfer-encoding"] {
            assert!(is_never_a_trailer(&name(text)), "{text}");
        }
        for text in ["grpc-status", "grpc-message", "x-checksum", "digest", "server-timing"] {
            assert!(!is_never_a_trailer(&name(text)), "{text}");
        }
    }

    /// A name of a class in some spelling: any case, and any of the characters of
    /// a token for `-`.
    fn spelt(class: String) -> impl Strategy<Value = String> {
        let odd = proptest::sample::select("!#$%&'*+-.^_`|~".chars().collect::<Vec<_>>());
        let one = (odd, any::<bool>());
        proptest::collection::vec(one, class.len()).prop_map(move |choices| {
            let spell = |(c, (odd, upper)): (char, &(char, bool))| match (c, *upper) {
                ('-', _) => *odd,
                (c, true) => c.to_ascii_uppercase(),
                (c, false) => c,
            };
            class.chars().zip(&choices).map(spell).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        /// Property: a name of a protected class is known in every spelling,
        /// whatever goes on after a prefix, and taken off heads and trailers.
        #[test]
        fn a_class_is_known_in_every_spelling(
            spelling in proptest::sample::select(
                NAMES_OF_IDENTITY
                    .into_iter()
                    .chain(PREFIXES_OF_IDENTITY)
                    .chain(["x-tenant", "x-edge-address", "x-portcullis-groups"])
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            ).prop_flat_map(spelt),
            tail in "[a-z0-9_.-]{1,8}",
        ) {
            let is_prefix = PREFIXES_OF_IDENTITY.iter().any(|prefix| spelling.len() == prefix.len());
            let whole = if is_prefix && !untrusted().includes(&name(&spelling)) {
                format!("{spelling}{tail}")
            } else {
                spelling
            };
            let mut headers = HeaderMap::new();
            headers.append(name(&whole), "root".parse().expect("a value"));
            headers.append(name(&whole), "admin".parse().expect("a value"));
            headers.append("accept", "*/*".parse().expect("a value"));
            let mut trailers = headers.clone();
            untrusted().remove_from(&mut headers);
            untrusted().remove_from_trailers(&mut trailers);
            prop_assert_eq!(headers.len(), 1, "{}", &whole);
            prop_assert_eq!(trailers.len(), 1, "{}", &whole);
        }
    }
}
