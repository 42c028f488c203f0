//! Bodies of refusals, in whatever type a service answers with.

/// Makes a body of text.
///
/// Implemented for closures, for [`Text`] and for [`NoText`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes no body of type `{B}`",
    note = "a body that is not `From<String>` is made by `DefaultResponseForDenial::text_into`, \
            or left out by `without_text`"
)]
pub trait BodyFromText<B> {
    /// Makes the body; an empty one of an empty text.
    fn body_from(&self, text: String) -> B;
}

impl<F, B> BodyFromText<B> for F
where
    F: Fn(String) -> B,
{
    fn body_from(&self, text: String) -> B {
        self(text)
    }
}

/// Makes bodies by `From<String>`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Text;

impl<B: From<String>> BodyFromText<B> for Text {
    fn body_from(&self, text: String) -> B {
        text.into()
    }
}

/// Makes empty bodies, by [`Default`]: the status and the headers must do.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoText;

impl<B: Default> BodyFromText<B> for NoText {
    fn body_from(&self, _text: String) -> B {
        B::default()
    }
}
