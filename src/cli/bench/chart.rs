//! Small charts as SVG: drawn here, so that a page needs no script.
//!
//! Colours and strokes are the page's style; what a chart says stands in its title and
//! description for whoever can't see it, and in a table below it.

use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// A mark on an axis: where from 0 to 1, and what it says.
#[derive(Clone, Debug)]
pub(super) struct Tick {
    pub(super) at: f64,
    pub(super) label: String,
}

/// A chart that is being drawn. Places are from 0 to 1, from the left and from below.
#[derive(Debug)]
pub(super) struct Chart {
    id: &'static str,
    marks: String,
    title: String,
    description: String,
}

impl Chart {
    /// An empty one. Its texts come from this program and steer nothing.
    pub(super) fn new(id: &'static str, title: &str, description: &str) -> Self {
        let (title, description) = (title.to_owned(), description.to_owned());
        Self { id, marks: String::new(), title, description }
    }

    /// The same, with lines across and their labels on the left.
    pub(super) fn with_heights(mut self, ticks: &[Tick]) -> Self {
        for Tick { at, label } in ticks {
            let (y, end, edge) = (height(*at), WIDTH - RIGHT, LEFT - 8.0);
            self.mark(format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{end}\" y2=\"{y:.1}\" />\
                 <text class=\"label end\" x=\"{edge}\" y=\"{:.1}\">{label}</text>",
                y + 4.0
            ));
        }
        self
    }

    /// The same, with labels below.
    pub(super) fn with_widths(mut self, ticks: &[Tick]) -> Self {
        for Tick { at, label } in ticks {
            let (x, y) = (across(*at), HEIGHT - BOTTOM + 18.0);
            self.mark(format_args!(
                "<text class=\"label middle\" x=\"{x:.1}\" y=\"{y}\">{label}</text>"
            ));
        }
        self
    }

    /// The same, with words below the axis.
    pub(super) fn with_axis(mut self, words: &str) -> Self {
        let (x, y) = (WIDTH - RIGHT, HEIGHT - 4.0);
        self.mark(format_args!("<text class=\"label end\" x=\"{x}\" y=\"{y}\">{words}</text>"));
        self
    }

    /// The same, with a line through these points. `class` says how it looks.
    pub(super) fn with_line(mut self, class: &str, points: &[(f64, f64)]) -> Self {
        let mut path = String::new();
        for (number, (x, y)) in points.iter().enumerate() {
            let letter = if number == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{letter}{:.1} {:.1}", across(*x), height(*y));
        }
        self.mark(format_args!("<path class=\"{class}\" d=\"{path}\" />"));
        self
    }

    /// The same, with a dot, which says these words when it is pointed at.
    pub(super) fn with_dot(mut self, class: &str, (x, y): (f64, f64), words: &str) -> Self {
        let (x, y) = (across(x), height(y));
        self.mark(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\">\
             <title>{words}</title></circle>"
        ));
        self
    }

    /// The whole of it.
    pub(super) fn svg(self) -> String {
        let Self { id, marks, title, description } = self;
        format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-words\">\n\
             <title id=\"{id}-title\">{title}</title>\n\
             <desc id=\"{id}-words\">{description}</desc>\n{marks}</svg>\n"
        )
    }

    fn mark(&mut self, mark: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.marks, "{mark}");
    }
}

fn across(at: f64) -> f64 {
    LEFT + at.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
}

fn height(at: f64) -> f64 {
    HEIGHT - BOTTOM - at.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
}

/// A scale of equal steps, from 0 to a round number that nothing is above.
#[derive(Clone, Copy, Debug)]
pub(super) struct Linear {
    step: f64,
    steps: u32,
}

impl Linear {
    pub(super) fn up_to(most: f64) -> Self {
        let rough = (most / 4.0).max(f64::MIN_POSITIVE);
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|round| round * unit)
            .find(|step| step * 4.0 >= most * 0.999_999)
            .unwrap_or(10.0 * unit);
        let steps = (most / step).ceil().clamp(1.0, 5.0) as u32;
        Self { step, steps }
    }

    pub(super) fn place(self, value: f64) -> f64 {
        value / (self.step * f64::from(self.steps))
    }

    pub(super) fn ticks(self, label: impl Fn(f64) -> String) -> Vec<Tick> {
        let tick = |number: u32| {
            let value = self.step * f64::from(number);
            Tick { at: self.place(value), label: label(value) }
        };
        (0..=self.steps).map(tick).collect()
    }
}

/// A scale on which each step is ten times the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenfold {
    lowest: i32,
    decades: i32,
}

impl Tenfold {
    /// From a power of ten that nothing is below to one that nothing is above.
    pub(super) fn between(least: f64, most: f64) -> Self {
        let lowest = least.max(1.0).log10().floor() as i32;
        let highest = most.max(1.0).log10().ceil() as i32;
        Self { lowest, decades: (highest - lowest).max(1) }
    }

    pub(super) fn place(self, value: f64) -> f64 {
        (value.max(1.0).log10() - f64::from(self.lowest)) / f64::from(self.decades)
    }

    pub(super) fn ticks(self, label: impl Fn(f64) -> String) -> Vec<Tick> {
        let tick = |power: i32| {
            let value = 10f64.powi(self.lowest + power);
            Tick { at: self.place(value), label: label(value) }
        };
        (0..=self.decades).map(tick).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Nothing that a scale was made for lies beyond it, and it has few, even steps.
        #[test]
        fn scales_hold_what_they_were_made_for(most in 0.001f64..1e9, share in 0.0f64..=1.0) {
            let scale = Linear::up_to(most);
            prop_assert!((0.0..=1.000_001).contains(&scale.place(most * share)));
            let ticks = scale.ticks(|value| value.to_string());
            prop_assert!((2..=6).contains(&ticks.len()), "{ticks:?}");
            prop_assert!((ticks[ticks.len() - 1].at - 1.0).abs() < 1e-9);

            let most = most.max(1.0);
            let tenfold = Tenfold::between(most * share, most);
            prop_assert!((-1e-9..=1.000_001).contains(&tenfold.place(most * share)));
            prop_assert!(tenfold.ticks(|value| value.to_string()).len() <= 11);
        }
    }

    #[test]
    fn a_chart_says_what_it_shows() {
        let svg = Chart::new("c", "Title", "Words")
            .with_line("line", &[(0.0, 0.0), (1.0, 1.0)])
            .with_dot("dot", (0.5, 2.0), "above all")
            .svg();
        assert!(svg.contains("<title id=\"c-title\">Title</title>"), "{svg}");
        assert!(svg.contains("aria-labelledby=\"c-title c-words\""), "{svg}");
        assert!(svg.contains("d=\"M72.0 220.0L704.0 12.0\""), "{svg}");
        assert!(svg.contains("cy=\"12.0\""), "what is above stays inside: {svg}");
    }
}
