//! What people and things are called, on pages: whoever chose a name, the sentence around
//! it stays readable.

use unicode_normalization::char::is_combining_mark;

use crate::store::Member;

/// Opens a part of a sentence whose direction is its own, and closes it.
const ISOLATE: (char, char) = ('\u{2068}', '\u{2069}');

/// A name without what would reorder the text around it; none where nothing of it would
/// be seen.
pub(super) fn shown(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !reorders(*c)).collect();
    let is_seen = |c: char| !is_combining_mark(c) && !c.is_whitespace() && !is_blank(c);
    name.chars().any(is_seen).then(|| name.trim().to_owned())
}

/// What somebody in a group is called, where that can be seen.
pub(super) fn of_member(member: &Member) -> String {
    shown(&member.display).unwrap_or_else(|| format!("number {}", member.account))
}

/// A name for the middle of a sentence of ours, which is read from left to right.
pub(super) fn isolated(name: &str) -> String {
    let name: String = name.chars().filter(|c| !reorders(*c)).collect();
    match name.chars().any(is_from_right) {
        true => format!("{}{name}{}", ISOLATE.0, ISOLATE.1),
        false => name,
    }
}

/// Characters that say in which direction others are read.
fn reorders(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without a mark of their own that names may have in them.
fn is_blank(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Letters of the scripts that are written from right to left.
fn is_from_right(c: char) -> bool {
    matches!(c,
        '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_that_nobody_can_see_is_none() {
        for blank in ["", " ", "\u{301}\u{308}", "\u{202e}\u{200b}", "\u{2800}", "\u{e0041}"] {
            assert_eq!(shown(blank), None, "{blank:?}");
        }
        assert_eq!(shown("Zoe\u{308}").as_deref(), Some("Zoe\u{308}"));
        assert_eq!(shown("\u{202e}adA\u{2069} ").as_deref(), Some("adA"));
    }

    #[test]
    fn only_names_from_the_right_are_set_apart() {
        assert_eq!(isolated("Ada \u{202e}L"), "Ada L");
        assert_eq!(isolated("\u{5d3}\u{5df}"), "\u{2068}\u{5d3}\u{5df}\u{2069}");
    }

    proptest! {
        /// Property: nothing in a name reorders a sentence, or ends what sets it apart.
        #[test]
        fn no_name_reorders_a_sentence(name in "[a\u{5d0}\u{200f}\u{202a}-\u{202e}\u{2066}-\u{2069} ]{0,12}") {
            let isolated = isolated(&name);
            let inner = isolated.trim_start_matches(ISOLATE.0).trim_end_matches(ISOLATE.1);
            prop_assert!(!inner.chars().any(reorders), "{isolated:?}");
        }
    }
}
