//! Measures one request through the guard beside the same request through its peers, in one run.
//!
//! ```text
//! benches/run                                            everything, as tables; about ten minutes
//! benches/run --json                                     the same for programs
//! benches/run --variant portcullis-round --measure instructions     one variant, one measure
//! benches/run --help                                     the variants and measures by name
//! ```
//!
//! # What is measured
//!
//! Everything happens in this process and without sockets: `GET /hello` with a host and three cookies is
//! built, a clone of the service is called, as a server does, and the five bytes of the answer are read. An answer that
//! is not 200 with these five bytes ends the run.
//!
//! | variant | what stands before the handler |
//! |---|---|
//! | `null` | nothing at all: the request is built and dropped |
//! | `floor` | axum's Router without a check |
//! | `noop-layer` | tower-http's ValidateRequestHeader that accepts everything, in `Router::layer` |
//! | `portcullis-inside` | the guard in `Router::layer` |
//! | `portcullis-round` | the guard wrapped round the Router |
//! | `axum-login` | axum-login and `login_required!` over tower-sessions' MemoryStore, accounts in a map |
//! | `jsonwebtoken` | an HS256 bearer token verified each time (aws-lc); looks no account up |
//! | `moka`, `quick-cache` | the leanest guard that we can write over these caches, in `Router::layer`; nothing can change in it |
//!
//! # How to read it
//!
//! *Added* is what the variant costs above the floor. **Instructions** repeat to a fraction of a per cent
//! on any machine and are what we hold ourselves to; valgrind sees no SHA-NI, so that whoever hashes SHA-256
//! (here `jsonwebtoken`) is charged about 3,200 a block that a real processor does not spend.
//! **CPU time** is that of the thread, in slices that the variants take in turn; carry ratios of one run, never nanoseconds
//! from one machine to another, and no difference below 250 ns. **Allocations** are counted once for a
//! request as it comes and once for one that an outer layer has put an extension in, as the map of extensions
//! is itself allocated by the first who uses it. **RSS** is the growth of a fresh process by a million
//! sessions, each with an account of its own, without the clients' tokens; **heap** is what was asked
//! of the allocator. Both count the store in memory that stands for a database; *by use* is what the gate keeps
//! beside it, and all that there is where the store is elsewhere. Where **two threads** share what both write, CPU per request grows;
//! the bare Router's own growth is the measure.
//!
//! The last table holds the figures against what the product promises. A missed promise is printed and
//! is not an error: on a loaded machine a clock can say anything.
//!
//! Callgrind's profiles stay in `benches/target/callgrind`, to be read with `callgrind_annotate`.

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use portcullis_benches::{
    drive::Subject,
    measure::{HOT_SESSIONS, allocations, cpu, instructions, memory, threads},
    report::{Report, Row},
    variant::Variant,
};

/// Measures the guard beside its peers.
#[derive(Debug, Parser)]
#[command(name = "benches/run", args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Measure this variant and the floor only; may be given several times
    #[arg(long = "variant", value_name = "VARIANT")]
    variants: Vec<Variant>,
    /// Take this measure only; may be given several times
    #[arg(long = "measure", value_name = "MEASURE")]
    measures: Vec<Measure>,
    /// How many sessions are many
    #[arg(long, default_value_t = 1_000_000, value_parser = at_least_two)]
    sessions: usize,
    /// Slices of which a clock's figure is the median
    #[arg(long, default_value_t = 25, value_parser = at_least_one)]
    rounds: usize,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// What the benchmark starts itself for.
#[derive(Debug, Clone, Copy, Subcommand)]
enum Part {
    /// Serves under callgrind
    #[command(hide = true)]
    Count { variant: Variant },
    /// Weighs a session
    #[command(hide = true)]
    Resident { variant: Variant, sessions: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Instructions per request
    Instructions,
    /// Allocations per request
    Allocations,
    /// CPU time per request
    Cpu,
    /// CPU time and rate of two threads
    Threads,
    /// Bytes per session
    Memory,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    at_least(1, text)
}

fn at_least_two(text: &str) -> Result<usize, String> {
    at_least(2, text)
}

fn at_least(least: usize, text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|error| format!("{error}"))?;
    if number < least { Err(format!("at least {least}")) } else { Ok(number) }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Count { variant }) => instructions::serve(variant),
        Some(Part::Resident { variant, sessions }) => {
            let weight = memory::resident_per_session(variant, sessions)?;
            println!("{}", serde_json::to_string(&weight)?);
            Ok(())
        }
        None => arguments.report(),
    }
}

impl Arguments {
    fn report(&self) -> Result<()> {
        let mut rows = self.rows();
        self.count_instructions(&mut rows)?;
        self.count_allocations(&mut rows)?;
        self.weigh(&mut rows)?;
        self.time_hot(&mut rows)?;
        self.time_many(&mut rows)?;
        let report = Report::new(self.sessions, rows);
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("\n{report}");
        }
        Ok(())
    }

    /// The floor first, as everything is measured by it.
    fn rows(&self) -> Vec<Row> {
        let asked = |variant: &Variant| {
            *variant == Variant::Floor
                || self.variants.is_empty()
                || self.variants.contains(variant)
        };
        let mut variants: Vec<_> = Variant::value_variants()
            .iter()
            .copied()
            .filter(asked)
            .collect();
        variants.sort_by_key(|variant| *variant != Variant::Floor);
        variants.into_iter().map(Row::new).collect()
    }

    fn takes(&self, measure: Measure) -> bool {
        self.measures.is_empty() || self.measures.contains(&measure)
    }

    fn count_instructions(&self, rows: &mut [Row]) -> Result<()> {
        if self.takes(Measure::Instructions) {
            for row in rows {
                say("instructions", row.variant);
                let counted = instructions::measure(row.variant, &instructions::profiles())?;
                row.instructions = Some(counted);
            }
        }
        Ok(())
    }

    fn count_allocations(&self, rows: &mut [Row]) -> Result<()> {
        if self.takes(Measure::Allocations) {
            for row in rows {
                say("allocations", row.variant);
                row.allocations = Some(allocations::steady(row.variant)?);
            }
        }
        Ok(())
    }

    fn weigh(&self, rows: &mut [Row]) -> Result<()> {
        if self.takes(Measure::Memory) {
            for row in rows.iter_mut().filter(|row| row.variant.keeps_sessions()) {
                say("memory", row.variant);
                row.resident = Some(memory::measure(row.variant, self.sessions)?);
                row.heap = Some(allocations::heap(row.variant, self.sessions)?);
            }
        }
        Ok(())
    }

    fn time_hot(&self, rows: &mut [Row]) -> Result<()> {
        if !self.takes(Measure::Cpu) && !self.takes(Measure::Threads) {
            return Ok(());
        }
        let mut subjects = build(rows.iter().map(|row| row.variant), HOT_SESSIONS)?;
        if self.takes(Measure::Cpu) {
            eprintln!("CPU time, {HOT_SESSIONS} sessions");
            for (row, taken) in rows
                .iter_mut()
                .zip(cpu::measure(&mut subjects, self.rounds))
            {
                row.cpu_hot = Some(taken);
            }
        }
        if self.takes(Measure::Threads) {
            eprintln!("two threads, {HOT_SESSIONS} sessions");
            for (row, taken) in rows
                .iter_mut()
                .zip(threads::measure(&mut subjects, self.rounds)?)
            {
                row.threads_hot = Some(taken);
            }
        }
        Ok(())
    }

    fn time_many(&self, rows: &mut [Row]) -> Result<()> {
        if !self.takes(Measure::Cpu) && !self.takes(Measure::Threads) {
            return Ok(());
        }
        let mut rows: Vec<_> = rows
            .iter_mut()
            .filter(|row| row.variant.grows_with_sessions())
            .collect();
        let mut subjects = build(rows.iter().map(|row| row.variant), self.sessions)?;
        for (_, subject) in &mut subjects {
            subject.shuffle()?;
        }
        if self.takes(Measure::Cpu) {
            eprintln!("CPU time, {} sessions", self.sessions);
            for (row, taken) in rows
                .iter_mut()
                .zip(cpu::measure(&mut subjects, self.rounds))
            {
                row.cpu_many = Some(taken);
            }
        }
        if self.takes(Measure::Threads) {
            eprintln!("two threads, {} sessions", self.sessions);
            for (row, taken) in rows
                .iter_mut()
                .zip(threads::measure(&mut subjects, self.rounds)?)
            {
                row.threads_many = Some(taken);
            }
        }
        Ok(())
    }
}

fn build(
    variants: impl Iterator<Item = Variant>,
    sessions: usize,
) -> Result<Vec<(Variant, Box<dyn Subject>)>> {
    variants
        .map(|variant| Ok((variant, variant.build(sessions)?)))
        .collect()
}

/// Progress goes where the tables don't.
fn say(measure: &str, variant: Variant) {
    eprintln!("{measure}: {}", variant.name());
}
