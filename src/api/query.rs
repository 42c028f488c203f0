//! The query of a request's address.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// All but what RFC 3986 leaves to be written as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The value of a parameter: of several the last, as Rails takes it. The inner
/// `None` is a value that is no text.
pub(super) fn value(query: &str, name: &str) -> Option<Option<String>> {
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(key, _)| decode(key).as_deref() == Some(name))
        .map(|(_, value)| decode(value))
        .next_back()
}

/// Every parameter with its value, in order. `None` is what is no text.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Option<String>, Option<String>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes())
        .decode_utf8()
        .ok()
        .map(Cow::into_owned)
}

/// The text as it stands in an address.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: what was written into an address is read out of it, whatever
        /// stands beside it, and the last of several is it.
        #[test]
        fn what_is_written_is_read(
            text in ".{0,30}",
            before in "[a-z=&%+]{0,12}",
            earlier in proptest::option::of("[a-z]{0,4}"),
        ) {
            prop_assume!(!before.contains("select"));
            let earlier = earlier.map(|value| format!("select={value}&")).unwrap_or_default();
            let query = format!("{before}&{earlier}select={}", encode(&text));
            prop_assert_eq!(value(&query, "select"), Some(Some(text)));
            prop_assert_eq!(value(&before, "select"), None);
        }
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        assert_eq!(value("filters=%ff", "filters"), Some(None));
        assert_eq!(value("filters", "filters"), Some(Some(String::new())));
        assert_eq!(value("a=b+c", "a"), Some(Some("b c".to_owned())));
    }
}
