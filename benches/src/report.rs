//! The figures of a run, the promises that they are held against, and how both are shown.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use serde::Serialize;

use crate::{
    measure::{allocations::Steady, cpu::Cpu, memory::Weight, threads::Threads},
    variant::Variant,
};

/// What was measured of one variant; what was not asked for is absent.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Which one.
    pub variant: Variant,
    /// Instructions per request.
    pub instructions: Option<f64>,
    /// What a request allocates.
    pub allocations: Option<Steady>,
    /// CPU time with all sessions in the processor's caches.
    pub cpu_hot: Option<Cpu>,
    /// CPU time with many sessions, in random order.
    pub cpu_many: Option<Cpu>,
    /// Two threads, sessions in the processor's caches.
    pub threads_hot: Option<Threads>,
    /// Two threads, many sessions.
    pub threads_many: Option<Threads>,
    /// Resident bytes per session with its account.
    pub resident: Option<Weight>,
    /// Bytes live on the heap per session with its account.
    pub heap: Option<Weight>,
}

impl Row {
    /// Nothing measured yet.
    pub fn new(variant: Variant) -> Self {
        Self {
            variant,
            instructions: None,
            allocations: None,
            cpu_hot: None,
            cpu_many: None,
            threads_hot: None,
            threads_many: None,
            resident: None,
            heap: None,
        }
    }

    fn has_per_request(&self) -> bool {
        self.instructions.is_some() || self.allocations.is_some() || self.cpu_hot.is_some()
    }

    fn has_at_scale(&self) -> bool {
        self.cpu_many.is_some() || self.threads_hot.is_some() || self.resident.is_some()
    }
}

/// A run's figures and what they say of the promises.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How many sessions "many" were.
    pub sessions: usize,
    /// One for each variant.
    pub rows: Vec<Row>,
    /// One for each promise.
    pub bounds: Vec<Bound>,
}

/// One promise, and whether this run bears it out.
#[derive(Debug, Serialize)]
pub struct Bound {
    /// What is promised.
    pub promise: String,
    /// The greatest value that keeps it.
    pub limit: f64,
    /// A stricter value that we aim for.
    pub aim: Option<f64>,
    /// The value of this run, where it was measured.
    pub measured: Option<f64>,
    /// Whether it is within the limit.
    pub verdict: Verdict,
}

/// What a run says of a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The value is within the limit.
    Holds,
    /// The value is beyond the limit.
    Missed,
    /// This run did not measure it.
    NotMeasured,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Missed => "MISSED",
            Self::NotMeasured => "not measured",
        })
    }
}

impl Report {
    /// Holds the rows against the promises.
    pub fn new(sessions: usize, rows: Vec<Row>) -> Self {
        let bounds = Figures(&rows).bounds();
        Self { sessions, rows, bounds }
    }
}

/// The rows by name.
struct Figures<'a>(&'a [Row]);

/// More growth than the bare Router's own that rows scatter by.
const GROWTH_NOISE: f64 = 0.15;

impl Figures<'_> {
    fn bounds(&self) -> Vec<Bound> {
        GUARDS
            .into_iter()
            .flat_map(|Guard { name, base, limit, aim }| {
                let guard = self.row(name);
                let base = self.row(base);
                [
                    bound(
                        format!("{name}: instructions added to a request"),
                        (limit, Some(aim)),
                        self.added(guard, |row| row.instructions),
                    ),
                    bound(
                        format!("{name}: allocations added to a request with extensions"),
                        (1.0, None),
                        difference(extended_allocations(guard), extended_allocations(base)),
                    ),
                    bound(
                        format!("{name}: CPU added at many sessions, in axum-login's"),
                        (0.25, None),
                        self.share_of_login(guard),
                    ),
                    bound(
                        format!("{name}: growth of CPU on two threads, above the bare Router's"),
                        (GROWTH_NOISE, None),
                        self.added(guard, |row| Some(row.threads_hot?.cpu_growth)),
                    ),
                    bound(
                        format!("{name}: resident bytes per cached session with its account"),
                        (400.0, None),
                        guard.and_then(|row| Some(row.resident?.by_use)),
                    ),
                ]
            })
            .collect()
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.0.iter().find(|row| row.variant.name() == name)
    }

    fn added(&self, row: Option<&Row>, read: fn(&Row) -> Option<f64>) -> Option<f64> {
        difference(row.and_then(read), self.row("floor").and_then(read))
    }

    fn share_of_login(&self, row: Option<&Row>) -> Option<f64> {
        Some(row?.cpu_many?.added / self.row("axum-login")?.cpu_many?.added)
    }
}

/// One of our rows and what is promised of it.
struct Guard {
    name: &'static str,
    /// The row that allocates what axum alone does there: in `Router::layer` it boxes every layer.
    base: &'static str,
    /// Instructions that it may add.
    limit: f64,
    aim: f64,
}

const GUARDS: [Guard; 2] = [
    Guard { name: "portcullis-inside", base: "noop-layer", limit: 4_000.0, aim: 3_000.0 },
    Guard { name: "portcullis-round", base: "floor", limit: 3_000.0, aim: 2_000.0 },
];

fn extended_allocations(row: Option<&Row>) -> Option<f64> {
    Some(row?.allocations?.extended.count)
}

fn difference(row: Option<f64>, base: Option<f64>) -> Option<f64> {
    Some(row? - base?)
}

fn bound(promise: String, (limit, aim): (f64, Option<f64>), measured: Option<f64>) -> Bound {
    let verdict = match measured {
        None => Verdict::NotMeasured,
        Some(value) if value <= limit => Verdict::Holds,
        Some(_) => Verdict::Missed,
    };
    Bound { promise, limit, aim, measured, verdict }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in [self.per_request(), self.at_scale(), self.promises()] {
            if table.row_count() > 0 {
                writeln!(f, "{table}\n")?;
            }
        }
        Ok(())
    }
}

impl Report {
    fn per_request(&self) -> Table {
        let mut table = table(&[
            "one request, 1,000 sessions",
            "instructions",
            "added",
            "CPU ns",
            "added",
            "x floor",
            "allocations",
            "bytes",
            "with extensions",
            "bytes",
        ]);
        let figures = Figures(&self.rows);
        for row in self.rows.iter().filter(|row| row.has_per_request()) {
            let added = figures.added(Some(row), |row| row.instructions);
            let added = added.filter(|_| row.variant != Variant::Null);
            let cpu = row.cpu_hot.filter(|_| row.variant != Variant::Null);
            table.add_row([
                row.variant.name(),
                whole(row.instructions),
                whole(added),
                whole(row.cpu_hot.map(|cpu| cpu.nanoseconds)),
                whole(cpu.map(|cpu| cpu.added)),
                hundredths(row.cpu_hot.map(|cpu| cpu.times_floor)),
                tenths(row.allocations.map(|each| each.plain.count)),
                whole(row.allocations.map(|each| each.plain.bytes)),
                tenths(row.allocations.map(|each| each.extended.count)),
                whole(row.allocations.map(|each| each.extended.bytes)),
            ]);
        }
        table
    }

    fn at_scale(&self) -> Table {
        let sessions = grouped(self.sessions as f64);
        let mut table = table(&[
            &format!("{sessions} sessions, random order"),
            "CPU ns",
            "added",
            "x floor",
            "2 threads: CPU x (1,000 / many)",
            "2 threads: rate x (1,000 / many)",
            "RSS B/session",
            "by use",
            "heap B/session",
            "by use",
        ]);
        for row in self.rows.iter().filter(|row| row.has_at_scale()) {
            table.add_row([
                row.variant.name(),
                whole(row.cpu_many.map(|cpu| cpu.nanoseconds)),
                whole(row.cpu_many.map(|cpu| cpu.added)),
                hundredths(row.cpu_many.map(|cpu| cpu.times_floor)),
                pair(row, |threads| threads.cpu_growth),
                pair(row, |threads| threads.rate_scaling),
                whole(row.resident.map(|weight| weight.whole)),
                whole(row.resident.map(|weight| weight.by_use)),
                whole(row.heap.map(|weight| weight.whole)),
                whole(row.heap.map(|weight| weight.by_use)),
            ]);
        }
        table
    }

    fn promises(&self) -> Table {
        let mut table = table(&["promise", "limit", "aim", "measured", "verdict"]);
        for bound in self.bounds.iter().filter(|bound| bound.measured.is_some()) {
            table.add_row([
                bound.promise.clone(),
                plain(Some(bound.limit)),
                plain(bound.aim),
                plain(bound.measured),
                bound.verdict.to_string(),
            ]);
        }
        table
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn shown(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

fn whole(value: Option<f64>) -> String {
    shown(value, grouped)
}

fn tenths(value: Option<f64>) -> String {
    shown(value, |value| format!("{value:.1}"))
}

fn hundredths(value: Option<f64>) -> String {
    shown(value, |value| format!("{value:.2}"))
}

/// As many digits as the value bears.
fn plain(value: Option<f64>) -> String {
    shown(value, |value| if value.abs() < 10.0 { format!("{value:.2}") } else { grouped(value) })
}

fn pair(row: &Row, read: fn(Threads) -> f64) -> String {
    format!(
        "{} / {}",
        hundredths(row.threads_hot.map(read)),
        hundredths(row.threads_many.map(read))
    )
}

/// A whole number with commas between its thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value <= -0.5 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_set_apart() {
        let written = [0.4, -0.4, 999.0, 1_000.0, -12_345.0, 1_234_567.0].map(grouped);
        assert_eq!(written, ["0", "0", "999", "1,000", "-12,345", "1,234,567"]);
    }
}
