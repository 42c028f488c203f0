//! `portcullis bench`: a load test with locks in it.
//!
//! Scratch accounts are made, signed in and asked for over HTTP; some are locked
//! meanwhile. What is measured beside speed is the promise itself: how soon a lock
//! bites, and that nobody comes in after it bit.

mod backstage;
mod chart;
mod client;
mod cookies;
pub(super) mod html;
mod http;
mod load;
mod lock;
mod over_http;
mod pace;
mod plan;
mod remote;
mod report;
mod stage;
mod stop;
mod tally;
pub(super) mod units;
mod verdict;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};

use self::backstage::{Backstage, InDirectory};
use self::over_http::OverHttp;
use self::plan::{Plan, Target, Wanted};
use self::remote::Remote;
use self::report::Report;
use self::stop::Stop;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::store::Named;
use crate::gateway::Origin;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Bench {
    #[command(subcommand)]
    other: Option<Other>,

    #[command(flatten)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// Make scratch accounts and print a cookie of each, for wrk, oha or k6
    Cookies(cookies::Cookies),
    /// Remove the scratch accounts that load tests left behind
    Cleanup(cookies::Cleanup),
}

#[derive(Args, Debug)]
struct Measure {
    /// The guarded service, such as http://127.0.0.1:8080; its directory is on this host, unless
    /// --admin-url is named
    #[arg(long, value_name = "URL", value_parser = origin, required = true)]
    url: Option<Origin>,

    #[command(flatten)]
    remote: Remote,

    #[command(flatten)]
    wanted: Wanted,

    /// Write the report as a page with charts, too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Load a machine that is not this one: only ever one of yours
    #[arg(long)]
    remote_is_mine: bool,
}

impl Bench {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        match self.other {
            Some(Other::Cookies(cookies)) => cookies.run(named, output).await,
            Some(Other::Cleanup(cleanup)) => cleanup.run(named, output).await,
            None => self.measure.run(named, output).await,
        }
    }
}

impl Measure {
    async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        let Some(url) = self.url else { return Err(Failure::usage("name the service: --url URL")) };
        let target = Target::resolve(url, self.wanted.path.clone(), self.remote_is_mine).await?;
        let plan = Plan::new(target, &self.wanted)?;
        // Before the load: a page that can't be written is found out at once.
        let page = self.html.as_deref().map(create).transpose()?;
        let backstage: Arc<dyn Backstage> = match self.remote.admission()? {
            None => Arc::new(InDirectory::open(named, output).await?),
            Some(admission) => {
                let admission = admission.here(self.remote_is_mine).await?;
                let gateway = plan.target.origin.clone();
                Arc::new(OverHttp::open(admission, gateway, output).await?)
            }
        };
        backstage.mention_others().await?;
        let stop = Stop::on_signals(backstage.mend());
        output.hint(&plan.announce(backstage.run()));
        let report = perform(plan, &backstage, stop).await?;
        output.answer(&report, &report.page())?;
        if let Some((file, name)) = page {
            write(file, name, &html::page(&report))?;
        }
        report.verdict()
    }
}

/// Runs the test and removes its accounts, however it went.
async fn perform(
    plan: Plan,
    backstage: &Arc<dyn Backstage>,
    stop: Stop,
) -> Result<Report, Failure> {
    // In a task of its own: after a panic the accounts are removed, too.
    let played = tokio::spawn(load::play(plan, Arc::clone(backstage), stop)).await;
    let removed = backstage.remove_all().await;
    let report = match played {
        Ok(report) => report,
        Err(_) => Err(Failure::unexpected("the load test broke off: please report this")),
    };
    match (report, removed) {
        (Ok(report), Ok(removed)) => Ok(Report { removed, ..report }),
        (Err(failure), Ok(_)) => Err(failure),
        (_, Err(left)) => Err(left),
    }
}

/// Opens the file without emptying it: until there is a report, an earlier one
/// stays.
fn create(path: &Path) -> Result<(File, &Path), Failure> {
    let mut open = OpenOptions::new();
    let file = open.write(true).create(true).truncate(false).open(path);
    file.map(|file| (file, path))
        .map_err(|error| unwritable(path, &error))
}

fn write(mut file: File, name: &Path, page: &str) -> Result<(), Failure> {
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all(page.as_bytes()));
    written.map_err(|error| unwritable(name, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let words = format!("{} can't be written: {error}; name another file", path.display());
    Failure::new(Exit::Usage, words)
}

fn origin(text: &str) -> Result<Origin, String> {
    Origin::parse(text).map_err(|invalid| invalid.to_string())
}

/// A length of time as people write it: `10s`, `2m`.
fn length(text: &str) -> Result<Duration, String> {
    let read: Option<jiff::SignedDuration> = text.trim().parse().ok();
    read.and_then(|length| length.try_into().ok())
        .ok_or_else(|| "write how long, as 10s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        assert_eq!(length("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(length(" 2m "), Ok(Duration::from_secs(120)));
        assert_eq!(length("1500ms"), Ok(Duration::from_millis(1500)));
        for bad in ["", "10", "soon", "-1s"] {
            assert!(length(bad).is_err(), "{bad:?}");
        }
    }
}
