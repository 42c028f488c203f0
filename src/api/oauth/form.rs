//! Forms: each parameter once, as text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode;

use super::refusal::Refusal;

/// What was sent. Values may be secrets: it is not printed.
#[derive(Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a body. A parameter without a value is as good as none.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut form = BTreeMap::new();
        for pair in bytes
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            let equals = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = pair.split_at(equals.unwrap_or(pair.len()));
            let value = value.strip_prefix(b"=").unwrap_or_default();
            let (Some(name), Some(value)) = (decoded(name), decoded(value)) else {
                return Err(Refusal::invalid("the form is not written in UTF-8"));
            };
            if form.insert(name, value).is_some() {
                return Err(Refusal::invalid("a parameter is there more than once"));
            }
        }
        Ok(Self(form))
    }

    /// Takes a parameter out, if it has a value.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// The same of one that has to be there.
    pub(super) fn need(&mut self, name: &str) -> Result<String, Refusal> {
        let missing = || Refusal::Invalid(format!("the parameter {name} is missing"));
        self.take(name).ok_or_else(missing)
    }
}

/// The text that these bytes of a form stand for.
pub(super) fn decoded(bytes: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let text = percent_decode(&spaced).decode_utf8().ok();
    text.map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(pairs: &[(String, String)]) -> String {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(pairs);
        text.finish()
    }

    proptest! {
        /// Property: what was written into a form is read out of it, unless a name is
        /// there twice; an empty value is none.
        #[test]
        fn what_is_written_is_read(
            pairs in proptest::collection::vec((".{1,6}", ".{0,12}"), 0..6),
            twice: bool,
        ) {
            let mut pairs: Vec<(String, String)> = pairs;
            pairs.sort();
            pairs.dedup_by(|one, other| one.0 == other.0);
            let repeats = twice && !pairs.is_empty();
            let mut sent = pairs.clone();
            if repeats {
                sent.push(pairs[0].clone());
            }
            let read = Form::read(written(&sent).as_bytes());
            prop_assert_eq!(read.is_err(), repeats);
            if let Ok(mut form) = read {
                for (name, value) in &pairs {
                    let expected = Some(value.clone()).filter(|value| !value.is_empty());
                    prop_assert_eq!(form.take(name), expected);
                    prop_assert_eq!(form.take(name), None);
                }
            }
        }

        /// Property: any bytes are read or refused, and what is read was there.
        #[test]
        fn nothing_is_made_up(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(Form(read)) = Form::read(&bytes) {
                let most = bytes.split(|byte| *byte == b'&').count();
                prop_assert!(read.len() <= most);
                let length: usize = read.iter().map(|(name, value)| name.len() + value.len()).sum();
                prop_assert!(length <= bytes.len());
            }
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for bad in ["a=%ff", "%c3=a", "a=b&c=%80"] {
            assert!(Form::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
