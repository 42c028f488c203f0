//! `[assertion]`: what is signed for upstreams.

use super::file::Written;
use crate::gateway::settings::Assertion;

/// Who signs where neither `assertion.issuer` nor `public.url` is written.
const ISSUER: &str = "portcullis";

/// What is signed, where anything is.
pub(super) fn settings(written: &Written) -> Option<Assertion> {
    let section = &written.assertion;
    if !section.send {
        return None;
    }
    let public = written.public.url.as_ref().map(ToString::to_string);
    let issuer = section.issuer.clone().or(public);
    let mut assertion = Assertion::new(issuer.unwrap_or_else(|| ISSUER.to_owned()));
    assertion.header = section.header.0.clone();
    assertion.lifetime = section.lifetime.0;
    assertion.rotate_every = section.rotate_every.0;
    Some(assertion)
}
