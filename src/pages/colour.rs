//! A colour, made readable on the pages' light and dark ground.

use std::fmt;

/// What text needs at least against its ground (WCAG 2.2, 1.4.3), and a little
/// more, so that rounding never costs it.
const CONTRAST: f64 = 4.6;

/// The darkest light ground and the lightest dark ground that text in the accent
/// stands on; the stylesheet's `--sunken` and `--raised`.
const LIGHT_GROUND: Colour = Colour([0xee, 0xf0, 0xf4]);
const DARK_GROUND: Colour = Colour([0x23, 0x28, 0x32]);

const STEPS: u8 = 100;

/// Red, green and blue.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Colour(pub(super) [u8; 3]);

impl Colour {
    const BLACK: Self = Self([0; 3]);
    const WHITE: Self = Self([0xff; 3]);

    /// Reads `#rgb` or `#rrggbb`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        match digits.len() {
            6 => Some(Self([red, green, blue])),
            // Each digit stands for two of its kind.
            3 => Some(Self([green & 0xf, blue >> 4, blue & 0xf].map(|digit| digit * 17))),
            _ => None,
        }
    }

    /// This colour, darkened as far as text in it needs on light ground.
    pub(super) fn readable_on_light(self) -> Self {
        self.towards(Self::BLACK, LIGHT_GROUND)
    }

    /// This colour, lightened as far as text in it needs on dark ground.
    pub(super) fn readable_on_dark(self) -> Self {
        self.towards(Self::WHITE, DARK_GROUND)
    }

    fn towards(self, end: Self, ground: Self) -> Self {
        let mixed = (0..=STEPS).map(|step| self.mixed(end, step));
        let mut readable = mixed.filter(|colour| colour.contrast(ground) >= CONTRAST);
        readable.next().unwrap_or(end)
    }

    fn mixed(self, with: Self, step: u8) -> Self {
        let (step, steps) = (u32::from(step), u32::from(STEPS));
        let mix = |a: u8, b: u8| (u32::from(a) * (steps - step) + u32::from(b) * step) / steps;
        let channel = |at: usize| u8::try_from(mix(self.0[at], with.0[at])).unwrap_or(u8::MAX);
        Self([channel(0), channel(1), channel(2)])
    }

    /// The contrast ratio of WCAG, from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let part = f64::from(channel) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_are_read_and_written() {
        for (text, read) in [
            ("#4338ca", Some("#4338ca")),
            ("#FD0", Some("#ffdd00")),
            ("#fff", Some("#ffffff")),
            ("4338ca", None),
            ("#4338c", None),
            ("#+338ca", None),
            ("#4338ca80", None),
            ("red", None),
        ] {
            assert_eq!(Colour::parse(text).map(|c| c.to_string()).as_deref(), read, "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((Colour::BLACK.contrast(Colour::WHITE) - 21.0).abs() < 0.001);
        let grey = Colour([0x77; 3]);
        assert!((grey.contrast(Colour::WHITE) - 4.478).abs() < 0.001);
    }

    #[test]
    fn what_is_readable_stays_as_it_is() {
        let indigo = Colour([0x43, 0x38, 0xca]);
        assert_eq!(indigo.readable_on_light(), indigo);
    }

    proptest! {
        /// Property: whatever colour is chosen, text in it can be read on both
        /// grounds, and so can the button's text, which is the ground's colour
        /// or further away from it.
        #[test]
        fn every_accent_can_be_read(chosen: [u8; 3]) {
            let (light, dark) = (Colour(chosen).readable_on_light(), Colour(chosen).readable_on_dark());
            prop_assert!(light.contrast(LIGHT_GROUND) >= 4.5, "{light}");
            prop_assert!(light.contrast(Colour::WHITE) >= 4.5, "{light}");
            prop_assert!(dark.contrast(DARK_GROUND) >= 4.5, "{dark}");
            prop_assert!(dark.contrast(Colour([0x12, 0x15, 0x1b])) >= 4.5, "{dark}");
        }
    }
}
