//! What requests are called, in logs here and in the application's.
//!
//! A trusted proxy's word is taken, if it has the form of an id; everybody else's
//! requests get an id of ours. tower-http's layer takes whatever a request brings, from
//! whomever, so this is done here.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::gateway::settings::{Requests, TraceFrom};
use crate::gateway::trace_context::{SpanId, TraceContext};

/// More than anybody's ids have.
const LONGEST: usize = 128;

/// Gives requests their ids.
#[derive(Debug)]
pub(crate) struct Registrar {
    header: Option<HeaderName>,
    trace: TraceFrom,
    key: SipHasher13,
    next: AtomicU64,
}

/// What a request is called, and where it stands in a trace.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    header: Option<HeaderName>,
    id: HeaderValue,
    trace: Option<TraceContext>,
    /// The step of the trace that asked for this one.
    parent: Option<SpanId>,
}

impl Registrar {
    pub(crate) fn new(settings: &Requests) -> Self {
        // The standard library's hashers are seeded by the system.
        let seed = || RandomState::new().build_hasher().finish();
        Self {
            header: settings.id_header.clone(),
            trace: settings.trace_context,
            key: SipHasher13::new_with_keys(seed(), seed()),
            next: AtomicU64::new(0),
        }
    }

    /// What a request is called that came with these headers. Reads before anything is
    /// taken off them.
    pub(crate) fn ticket(&self, headers: &HeaderMap, is_trusted: bool) -> Ticket {
        let said = self.header.as_ref().filter(|_| is_trusted);
        let said = said.and_then(|name| one_id(headers, name));
        let takes_trace = match self.trace {
            TraceFrom::Trusted => is_trusted,
            TraceFrom::Anybody => true,
            TraceFrom::Nobody => false,
        };
        let came = takes_trace.then(|| TraceContext::of(headers)).flatten();
        let parent = came.as_ref().map(TraceContext::span);
        // Two numbers in two come out as zero less often than once in 2^128.
        let span = || SpanId::new(self.number().0).or_else(|| SpanId::new(self.number().0));
        let trace = came.and_then(|came| Some(came.next(span()?)));
        Ticket { header: self.header.clone(), id: said.unwrap_or_else(|| self.id()), trace, parent }
    }

    fn id(&self) -> HeaderValue {
        let (high, low) = self.number();
        let text = format!("{high:016x}{low:016x}");
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }

    /// Another number each time, that nobody can foretell.
    fn number(&self) -> (u64, u64) {
        let mut hasher = self.key;
        hasher.write_u64(self.next.fetch_add(1, Ordering::Relaxed));
        let hash = hasher.finish128();
        (hash.h1, hash.h2)
    }
}

/// The one id that is said, if it has the form of one.
fn one_id(headers: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut said = headers.get_all(name).iter();
    let (Some(id), None) = (said.next(), said.next()) else { return None };
    is_id(id.as_bytes()).then(|| id.clone())
}

/// Letters, digits and what ids are usually joined with: nothing that means anything in
/// a log, a URL's path or a shell.
fn is_id(text: &[u8]) -> bool {
    let fine = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'=' | b'@')
    };
    (1..=LONGEST).contains(&text.len()) && text.iter().all(fine)
}

impl Ticket {
    /// What the request is called.
    pub(crate) const fn id(&self) -> &HeaderValue {
        &self.id
    }

    pub(crate) const fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    pub(crate) const fn parent(&self) -> Option<SpanId> {
        self.parent
    }

    /// Tells the application. What clients say of it is gone already.
    pub(crate) fn write_request(&self, headers: &mut HeaderMap) {
        if let Some(name) = &self.header {
            headers.insert(name, self.id.clone());
        }
        if let Some(trace) = &self.trace {
            trace.write(headers);
        }
    }

    /// Tells the client, in place of whatever the application says.
    pub(crate) fn write_answer(&self, headers: &mut HeaderMap) {
        if let Some(name) = &self.header {
            headers.insert(name, self.id.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

    fn headers(ids: &[&str]) -> HeaderMap {
        let value = |id: &&str| (X_REQUEST_ID, HeaderValue::from_str(id).expect("a value"));
        let mut headers = HeaderMap::new();
        ids.iter().map(value).for_each(|(name, id)| {
            headers.append(name, id);
        });
        headers
    }

    fn id(ids: &[&str], is_trusted: bool) -> String {
        let ticket = Registrar::new(&Requests::default()).ticket(&headers(ids), is_trusted);
        ticket.id().to_str().expect("text").to_owned()
    }

    fn is_ours(id: &str) -> bool {
        id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    #[test]
    fn a_trusted_proxy_names_requests() {
        for said in ["a", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "1-5759e988:bd862e3f/x+y=@"] {
            assert_eq!(id(&[said], true), said);
            assert!(is_ours(&id(&[said], false)), "{said}");
        }
        let (long, longest) = ("a".repeat(129), "a".repeat(128));
        assert_eq!(id(&[&longest], true), longest);
        for said in
            [&[][..], &[""], &["a b"], &["a\"b"], &["a", "a"], &["$(x)"], &[&long], &["a\tb"]]
        {
            assert!(is_ours(&id(said, true)), "{said:?}");
        }
    }

    #[test]
    fn ours_are_all_different() {
        let registrar = Registrar::new(&Requests::default());
        let ids: HashSet<_> = (0..1000).map(|_| registrar.id()).collect();
        assert_eq!(ids.len(), 1000);
        assert_ne!(id(&[], false), id(&[], false), "of two processes, too");
    }

    proptest! {
        /// Whatever is said, an id is one word of visible letters.
        #[test]
        fn an_id_is_one_word(said: Vec<u8>) {
            let mut headers = HeaderMap::new();
            if let Ok(said) = HeaderValue::from_bytes(&said) {
                headers.insert(X_REQUEST_ID, said);
            }
            let ticket = Registrar::new(&Requests::default()).ticket(&headers, true);
            prop_assert!(is_id(ticket.id().as_bytes()));
        }
    }
}
