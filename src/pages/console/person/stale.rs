//! A form that was sent after somebody else had saved: what is there, and what was sent.

/// A field that is not as it was sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Differs {
    pub(super) field: &'static str,
    pub(super) now: String,
    pub(super) sent: String,
}

/// Those of the fields that are not as they were sent.
pub(super) fn compared(
    fields: impl IntoIterator<Item = (&'static str, String, String)>,
) -> Vec<Differs> {
    fields
        .into_iter()
        .map(|(field, now, sent)| Differs { field, now, sent: sent.trim().to_owned() })
        .filter(|one| one.now != one.sent)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_kept() {
        let field = |now: &str, sent: &str| ("Name", now.to_owned(), sent.to_owned());
        let differs = compared([field("Anna", "Anna "), field("Anna", "Ann")]);
        assert_eq!(
            differs,
            [Differs { field: "Name", now: "Anna".to_owned(), sent: "Ann".to_owned() }]
        );
    }
}
