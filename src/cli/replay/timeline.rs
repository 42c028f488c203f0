//! A log as a picture: accounts and networks down, time across.
//!
//! It is drawn in a second reading, when it is known who matters: so it takes the
//! same memory for every log.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;
use std::time::Duration;

use ipnet::IpNet;

use super::attempt::{Attempt, Outcome};
use super::report::Report;
use super::tally::{Rows, Tally, bare};
use crate::cli::bench::html::escape;
use crate::cli::output::clean;
use crate::domain::length::spell_length;
use crate::domain::lock::Lockout;
use crate::domain::policy::By;
use crate::domain::time::Timestamp;
use crate::domain::trial::{Tried, Who};

/// How many accounts, and how many networks, are drawn.
const ACCOUNTS: usize = 24;
const NETWORKS: usize = 12;

/// How many of these are drawn to whom nothing happened.
const UNHARMED: usize = 4;

/// How high a row of bars or marks is, with its gap.
const BAND: f64 = 11.0;

/// How many instants are told apart.
const BINS: usize = 720;

/// More lockouts of one lane could not be told apart.
const LOCKOUTS: usize = 2_000;

const LEFT: f64 = 232.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 96.0;
const BOTTOM: f64 = 40.0;
const PLOT: f64 = 720.0;

/// How many characters of a name stand on its left.
const NAME: usize = 28;

const STYLE: &str = include_str!("timeline.css");

/// A picture that is being drawn.
pub(super) struct Timeline {
    first: Timestamp,
    last: Timestamp,
    titles: Vec<String>,
    lanes: Vec<Lane>,
    accounts: HashMap<Who, usize>,
    networks: HashMap<IpNet, usize>,
    /// How many were left out.
    left_out: usize,
}

/// One account, or one network.
struct Lane {
    label: String,
    is_network: bool,
    failures: Vec<u32>,
    policies: Vec<Under>,
}

/// What came of it under one policy.
#[derive(Clone, Default)]
struct Under {
    lockouts: Vec<Lockout>,
    hurt: Vec<usize>,
}

impl Timeline {
    /// Of those that matter most in this report.
    pub(super) fn of(report: &Report) -> Self {
        let accounts = chosen(report, |tally| &tally.accounts, ACCOUNTS);
        let networks = chosen(report, |tally| &tally.sources, NETWORKS);
        let mut timeline = Self {
            first: report.facts.first,
            last: report.facts.last,
            titles: report
                .tested
                .iter()
                .map(|tested| tested.title.clone())
                .collect(),
            lanes: Vec::new(),
            accounts: HashMap::new(),
            networks: HashMap::new(),
            left_out: accounts.1 + networks.1,
        };
        for who in accounts.0 {
            let row = report
                .tested
                .iter()
                .find_map(|tested| tested.tally.accounts.get(who));
            timeline.accounts.insert(who, timeline.lanes.len());
            timeline.push(row.map_or_else(String::new, |row| row.label.clone()), false);
        }
        for network in networks.0 {
            timeline.networks.insert(network, timeline.lanes.len());
            timeline.push(bare(network), true);
        }
        timeline
    }

    fn push(&mut self, label: String, is_network: bool) {
        let policies = vec![Under::default(); self.titles.len()];
        self.lanes
            .push(Lane { label, is_network, failures: vec![0; BINS], policies });
    }

    /// Draws an attempt, and what came of it under one of the policies.
    pub(super) fn add(&mut self, at: usize, attempt: &Attempt, who: Option<Who>, tried: &Tried) {
        let own = who.and_then(|who| self.accounts.get(&who).copied());
        let networks: Vec<usize> = match attempt.address {
            Some(address) => {
                let known = address
                    .networks()
                    .filter_map(|net| self.networks.get(&net).copied());
                known.collect()
            }
            None => Vec::new(),
        };
        let bin = self.bin(attempt.at);
        for lane in own.into_iter().chain(networks) {
            self.lanes[lane].add(at, attempt.outcome, tried.checked, bin);
        }
        for (by, lockout) in &tried.laid {
            let lane = match by {
                By::Address(network) => self.networks.get(network).copied(),
                _ => own,
            };
            let under = lane.map(|lane| &mut self.lanes[lane].policies[at]);
            if let Some(under) = under.filter(|under| under.lockouts.len() < LOCKOUTS) {
                under.lockouts.push(lockout.clone());
            }
        }
    }

    fn span(&self) -> Duration {
        self.last.since(self.first).max(Duration::from_secs(1))
    }

    fn share(&self, at: Timestamp) -> f64 {
        (at.since(self.first).as_secs_f64() / self.span().as_secs_f64()).min(1.0)
    }

    fn bin(&self, at: Timestamp) -> usize {
        ((self.share(at) * BINS as f64) as usize).min(BINS - 1)
    }

    /// The whole picture.
    pub(super) fn svg(&self) -> String {
        let lane_height = BAND * (self.titles.len() as f64 + 1.0) + 7.0;
        let height = TOP + lane_height * self.lanes.len().max(1) as f64 + BOTTOM;
        let width = LEFT + PLOT + RIGHT;
        let title = text(&format!("Sign-ins from {} to {}", self.first, self.last));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title words\">\n\
             <title id=\"title\">{title}</title>\n<desc id=\"words\">{}</desc>\n\
             <style>\n{STYLE}</style>\n\
             <rect class=\"ground\" width=\"{width}\" height=\"{height}\" />\n\
             <text class=\"title\" x=\"16\" y=\"28\">{title}</text>\n",
            text(&self.words())
        );
        self.key(&mut svg);
        self.axis(&mut svg, height);
        for (number, lane) in self.lanes.iter().enumerate() {
            let top = TOP + lane_height * number as f64;
            self.lane(&mut svg, lane, top, lane_height);
        }
        if self.lanes.is_empty() {
            let _ = writeln!(svg, "<text x=\"16\" y=\"{}\">Nothing failed.</text>", TOP + 16.0);
        }
        svg + "</svg>\n"
    }

    fn words(&self) -> String {
        let titles = self.titles.join(" and ");
        format!(
            "{} accounts and networks, with their wrong guesses as marks and their lockouts under \
             {titles} as bars. The tables of the same command say it in words.",
            self.lanes.len()
        )
    }

    fn key(&self, svg: &mut String) {
        let mut x = 16.0;
        let mut entry = |mark: &str, words: &str| {
            let _ = writeln!(
                svg,
                "<g transform=\"translate({x:.0} 56)\">{mark}<text class=\"quiet\" x=\"20\" y=\"4\">\
                 {}</text></g>",
                text(words)
            );
            x += 36.0 + 6.6 * words.chars().count() as f64;
        };
        entry("<path class=\"failure\" d=\"M3 -7v14M8 -7v14M11 -7v14\" />", "wrong guesses");
        for (at, title) in self.titles.iter().enumerate() {
            let mark =
                format!("<rect class=\"lockout p{at}\" y=\"-5\" width=\"14\" height=\"10\" />");
            entry(&mark, &format!("locked by {}", shortened(title, 32)));
        }
        entry("<circle class=\"hurt\" cx=\"7\" r=\"4\" />", "good sign-in refused");
        if self.left_out > 0 {
            entry("", &format!("{} more not shown", self.left_out));
        }
    }

    fn axis(&self, svg: &mut String, height: f64) {
        let (bottom, step) = (height - BOTTOM, step_of(self.span()));
        let first = self.first.floor_secs();
        let begin = first.div_euclid(step) * step;
        let ticks = (0..).map(|n| begin + n * step).skip_while(|at| *at < first);
        for at in ticks.take_while(|at| *at <= self.last.ceil_secs()).take(16) {
            let at = Timestamp::from_secs(at);
            let x = LEFT + PLOT * self.share(at);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" />\
                 <text class=\"quiet middle\" x=\"{x:.1}\" y=\"{}\">{}</text>",
                bottom + 18.0,
                label_of(at, step)
            );
        }
        let _ = writeln!(
            svg,
            "<text class=\"quiet end\" x=\"{}\" y=\"{}\">UTC</text>",
            LEFT - 16.0,
            bottom + 18.0
        );
    }

    fn lane(&self, svg: &mut String, lane: &Lane, top: f64, height: f64) {
        let middle = top + height / 2.0;
        let class = if lane.is_network { " network" } else { "" };
        let _ = writeln!(
            svg,
            "<g><title>{}</title><text class=\"name end{class}\" x=\"{}\" y=\"{:.1}\">{}</text>\
             <line class=\"grid\" x1=\"{LEFT}\" y1=\"{:.1}\" x2=\"{}\" y2=\"{:.1}\" /></g>",
            text(&lane.label),
            LEFT - 16.0,
            middle + 4.0,
            text(&shortened(&lane.label, NAME)),
            top + height,
            LEFT + PLOT,
            top + height
        );
        for (at, under) in lane.policies.iter().enumerate() {
            let y = top + 4.0 + BAND * at as f64;
            for lockout in &under.lockouts {
                self.bar(svg, at, lockout, y);
            }
            for bin in &under.hurt {
                let (x, y) = (across(*bin), y + BAND / 2.0);
                let _ =
                    write!(svg, "<circle class=\"hurt\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" />");
            }
        }
        ticks(svg, &lane.failures, top + height - BAND - 2.0);
        svg.push('\n');
    }

    fn bar(&self, svg: &mut String, at: usize, lockout: &Lockout, y: f64) {
        let from = self.share(lockout.laid_at);
        let until = lockout.length.map(|length| lockout.laid_at.after(length));
        let to = until.map_or(1.0, |until| self.share(until));
        let (x, width) = (LEFT + PLOT * from, (PLOT * (to - from)).max(2.0));
        let height = BAND - 2.0;
        let lasts = lockout.length.map_or_else(
            || "until somebody unlocks".to_owned(),
            |l| format!("for {}", spell_length(l)),
        );
        let _ = writeln!(
            svg,
            "<rect class=\"lockout p{at}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height}\"><title>locked at {} {lasts}</title></rect>",
            lockout.laid_at
        );
    }
}

impl Lane {
    fn add(&mut self, at: usize, outcome: Outcome, checked: bool, bin: usize) {
        if outcome != Outcome::Success {
            // Every policy sees the same guesses.
            self.failures[bin] += u32::from(at == 0);
        } else if !checked && self.policies[at].hurt.last() != Some(&bin) {
            self.policies[at].hurt.push(bin);
        }
    }
}

/// Whom to draw: all that something happened to, and some others; and how many
/// are left out.
fn chosen<K: Copy + Eq + Hash + Ord>(
    report: &Report,
    rows: impl Fn(&Tally) -> &Rows<K> + Copy,
    most: usize,
) -> (Vec<K>, usize) {
    let all = report.top_of(rows, |row| row.weight() > (0, 0, 0));
    let harmed = report.top_of(rows, |row| row.all_lockouts() + row.good_refused > 0);
    let shown = (harmed.len() + UNHARMED).min(most).min(all.len());
    let left_out = all.len() - shown;
    (all.into_iter().take(shown).collect(), left_out)
}

fn across(bin: usize) -> f64 {
    LEFT + PLOT * (bin as f64 + 0.5) / BINS as f64
}

fn ticks(svg: &mut String, failures: &[u32], y: f64) {
    let height = BAND;
    let most = failures.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return;
    }
    svg.push_str("<path class=\"failure\" d=\"");
    for (bin, count) in failures.iter().enumerate().filter(|(_, count)| **count > 0) {
        // The more there are, the taller.
        let tall = height * (0.35 + 0.65 * f64::from(*count) / f64::from(most));
        let _ = write!(svg, "M{:.1} {:.1}v{tall:.1}", across(bin), y + height - tall);
    }
    svg.push_str("\" />");
}

/// A round step that makes few marks.
fn step_of(span: Duration) -> i64 {
    const STEPS: [i64; 17] = [
        1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
        2_592_000, 31_536_000,
    ];
    let span = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let found = STEPS.into_iter().find(|step| span / step <= 7);
    found.unwrap_or_else(|| (span / 7).max(1))
}

fn label_of(at: Timestamp, step: i64) -> String {
    let whole = at.to_string();
    let part = match step {
        ..60 => whole.get(11..19),
        60..86_400 => whole.get(5..16),
        _ => whole.get(..10),
    };
    part.unwrap_or(&whole).replace('T', " ")
}

fn shortened(label: &str, most: usize) -> String {
    if label.chars().count() <= most {
        return label.to_owned();
    }
    let begin: String = label.chars().take(most - 1).collect();
    format!("{begin}…")
}

/// A text that may have come from anywhere, as XML may have it.
fn text(words: &str) -> String {
    let plain: String = clean(words)
        .chars()
        .map(|c| if c == '\n' || matches!(u32::from(c), 0xFFFE | 0xFFFF) { '\u{fffd}' } else { c })
        .collect();
    escape(&plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: no text leaves its place in the picture.
        #[test]
        fn texts_stay_texts(words in "\\PC{0,30}|[<>&\"'/\u{0}-\u{1f}\u{fffe}a-z]{0,30}") {
            let shown = text(&words);
            prop_assert!(!shown.contains(['<', '>', '"']), "{}", shown);
            prop_assert!(!shown.chars().any(|c| c.is_control() || c == '\u{fffe}'), "{}", shown);
        }

        /// Property: an axis has few marks, whatever it spans.
        #[test]
        fn an_axis_has_few_marks(secs in 1_u64..4_000_000_000) {
            let step = step_of(Duration::from_secs(secs));
            prop_assert!(step >= 1 && secs as i64 / step <= 8, "{} {}", secs, step);
        }
    }
}
