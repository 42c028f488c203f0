//! Descriptions: paragraphs, and words in backticks.

/// A piece of a line: as it is read, or as it is typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::pages) struct Span {
    pub(in crate::pages) is_code: bool,
    pub(in crate::pages) text: String,
}

/// Paragraphs of text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::pages) struct Prose(pub(in crate::pages) Vec<Vec<Span>>);

impl Prose {
    pub(in crate::pages) fn read(text: &str) -> Self {
        let paragraphs = text.split("\n\n").filter(|text| !text.trim().is_empty());
        Self(paragraphs.map(spans).collect())
    }
}

/// What stands between two backticks is typed; one that has no other is a backtick.
pub(in crate::pages) fn spans(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut rest = text;
    let mut add = |is_code, text: &str| {
        if !text.is_empty() {
            spans.push(Span { is_code, text: text.to_owned() });
        }
    };
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else { break };
        add(false, before);
        add(true, code);
        rest = after;
    }
    add(false, rest);
    spans
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: nothing is lost but the backticks of what is typed, and no piece is
        /// empty.
        #[test]
        fn nothing_is_lost(text in "[a-c` ]{0,30}") {
            let spans = spans(&text);
            prop_assert!(spans.iter().all(|span| !span.text.is_empty()));
            let read: String = spans.iter().map(|span| span.text.replace('`', "")).collect();
            prop_assert_eq!(read, text.replace('`', ""));
        }
    }

    #[test]
    fn what_is_typed_is_told_apart() {
        let Prose(paragraphs) = Prose::read("Say `all` or\nnone.\n\nThen `go`.");
        assert_eq!(paragraphs.len(), 2);
        let typed: Vec<_> = paragraphs
            .iter()
            .flatten()
            .filter(|span| span.is_code)
            .map(|span| span.text.as_str())
            .collect();
        assert_eq!(typed, ["all", "go"]);
    }
}
