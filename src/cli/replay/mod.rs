//! `portcullis replay`: a log of sign-ins, as lockout policies would have had it.
//!
//! The rules are the gate's own, on counters in memory. A log is read a line at a
//! time, so its length does not matter; it has to be in the order of its times, but
//! for what is a little late.

mod attempt;
mod facts;
mod lines;
mod names;
mod notes;
mod order;
mod read;
mod report;
mod tally;
mod timeline;
mod view;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use self::attempt::Attempt;
use self::facts::Facts;
use self::lines::{Line, Lines};
use self::names::Names;
use self::order::Order;
use self::read::{Bad, Columns, Format, Read, Reader, Sign, SignIns};
use self::report::{Report, Tested};
use self::tally::Tally;
use self::timeline::Timeline;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::policy::{Chosen, choose};
use crate::cli::store::Named;
use crate::domain::trial::{Trial, Who};

/// How many bad lines are shown.
const BAD_SHOWN: usize = 5;

#[derive(Args, Debug)]
pub(super) struct Replay {
    /// The log, or - for standard input
    log: String,

    /// The policy: a preset, a file or words, as of `portcullis policy` [default: the one in force]
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,

    /// A second policy to compare with
    #[arg(long, value_name = "POLICY")]
    against: Option<String>,

    /// How the log is written [default: as its first line looks]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Which columns or keys tell what, as in time=ts,login=user,outcome=result,address=ip;
    /// device= and secret=, too
    #[arg(long, value_name = "NAMES")]
    columns: Option<Columns>,

    /// The path that sign-ins are sent to, in an access log
    #[arg(long, value_name = "PATH")]
    path: Option<String>,

    /// The method that they are sent with
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    method: String,

    /// What tells a success, as in status=302,303 or result=OK
    #[arg(long, value_name = "FIELD=VALUES")]
    success: Option<Sign>,

    /// Write a timeline to this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print short keyed hashes in place of logins; other in every run
    #[arg(long)]
    hash_logins: bool,

    /// Stop at the first line that can't be read
    #[arg(long)]
    strict: bool,

    /// How many accounts and addresses tables have at most
    #[arg(long, value_name = "COUNT", default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
}

impl Replay {
    pub(super) async fn run(&self, named: &Named, output: Output) -> Result<(), Failure> {
        let picture = self
            .svg
            .as_deref()
            .map(|path| self.picture(path))
            .transpose()?;
        let chosen = self.policies(named, output).await?;
        let names = Names::new(self.hash_logins)?;
        let report = self.report(&chosen, &names)?;
        if let Some((file, path)) = picture {
            let svg = self.draw(&report, &names)?;
            write(file, path, &svg)?;
        }
        self.tell(&report, output)
    }

    async fn policies(&self, named: &Named, output: Output) -> Result<Vec<Chosen>, Failure> {
        let words = |policy: &Option<String>| policy.iter().cloned().collect::<Vec<_>>();
        let mut chosen = vec![choose(&words(&self.policy), named, output).await?];
        if self.against.is_some() {
            chosen.push(choose(&words(&self.against), named, output).await?);
        }
        Ok(chosen)
    }

    /// Reads the log, and tries the policies on it.
    fn report(&self, chosen: &[Chosen], names: &Names) -> Result<Report, Failure> {
        let mut trials: Vec<_> = chosen
            .iter()
            .map(|chosen| Trial::of(&chosen.policy))
            .collect();
        let mut tallies: Vec<_> = chosen.iter().map(|_| Tally::default()).collect();
        let facts = self.read(names, |attempt, who| {
            for (trial, tally) in trials.iter_mut().zip(&mut tallies) {
                let tried = trial.make(&names.told(attempt, who));
                tally.add(attempt, who, &tried, names);
            }
        })?;
        let each = chosen
            .iter()
            .zip(["--policy", "--against"])
            .zip(trials)
            .zip(tallies);
        let tested = each.map(|(((chosen, option), trial), tally)| Tested {
            title: chosen.title.clone(),
            option,
            policy: chosen.policy.clone(),
            tally,
            forgotten: trial.forgotten,
        });
        Ok(Report { facts, tested: tested.collect(), top: self.top.into() })
    }

    /// The file for a timeline. What is in it stays until there is another.
    fn picture<'a>(&self, path: &'a Path) -> Result<(File, &'a Path), Failure> {
        if self.log == "-" {
            return Err(Failure::usage(
                "a timeline needs the log twice: write it to a file and name that in place of -",
            ));
        }
        let [log, picture] = [Path::new(&self.log), path].map(|path| path.canonicalize().ok());
        if log.is_some() && log == picture {
            return Err(Failure::usage(
                "the timeline would take the place of the log: name another file with --svg",
            ));
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        Ok((file.map_err(|error| unwritable(path, &error))?, path))
    }

    /// Reads the log again, for a picture of those that matter.
    fn draw(&self, report: &Report, names: &Names) -> Result<String, Failure> {
        let mut timeline = Timeline::of(report);
        let mut trials: Vec<_> = report
            .tested
            .iter()
            .map(|tested| Trial::of(&tested.policy))
            .collect();
        self.read(names, |attempt, who| {
            for (at, trial) in trials.iter_mut().enumerate() {
                let tried = trial.make(&names.told(attempt, who));
                timeline.add(at, attempt, who, &tried);
            }
        })?;
        Ok(timeline.svg())
    }

    /// Reads the log from its first line to its last, and hands on its attempts in
    /// order.
    fn read(
        &self,
        names: &Names,
        mut each: impl FnMut(&Attempt, Option<Who>),
    ) -> Result<Facts, Failure> {
        let mut lines = Lines::open(&self.log)?;
        let (mut reading, mut order) = (Reading::new(self, names), Order::default());
        let mut hand_on = |attempt: &Attempt| {
            each(attempt, attempt.login.as_deref().map(|login| names.who(login)));
        };
        while let Some((number, line)) = lines.next()? {
            let Some(attempt) = reading.line(number, &line)? else { continue };
            if let Some(attempt) = order.push(attempt, number)? {
                hand_on(&attempt);
            }
        }
        while let Some(attempt) = order.pop() {
            hand_on(&attempt);
        }
        reading.facts(order.late)
    }

    fn tell(&self, report: &Report, output: Output) -> Result<(), Failure> {
        output.hint(&report.facts.how());
        let facts = &report.facts;
        if facts.bad > 0 {
            output.remark(&format!(
                "warning: {} of {} lines could not be read and were left out, the first of them:",
                facts.bad, facts.lines
            ));
            for (line, why) in &facts.bad_lines {
                output.remark(&format!("  line {line}: {why}"));
            }
        }
        for note in report.notes() {
            output.hint(&format!("note: {note}"));
        }
        output.answer(&report.view(), &report.page())?;
        if let Some(path) = &self.svg {
            output.hint(&format!("timeline: {}", path.display()));
        }
        Ok(())
    }
}

fn write(mut file: File, path: &Path, svg: &str) -> Result<(), Failure> {
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all(svg.as_bytes()));
    written.map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!(
        "the timeline can't be written to {}: {error}; name a file in a folder that is there",
        path.display()
    ))
}

/// A log that is being read: what is known of it so far.
struct Reading<'a> {
    options: &'a Replay,
    names: &'a Names,
    reader: Option<(Reader, Format)>,
    facts: Facts,
}

impl<'a> Reading<'a> {
    fn new(options: &'a Replay, names: &'a Names) -> Self {
        let facts = Facts::new(&options.log);
        Self { options, names, reader: None, facts }
    }

    /// The attempt on this line, if there is one.
    fn line(&mut self, number: u64, line: &Line<'_>) -> Result<Option<Attempt>, Failure> {
        self.facts.lines += 1;
        let read = match line {
            Line::Text(text) if self.reader.is_none() && text.trim().is_empty() => Ok(Read::Other),
            Line::Text(text) => self.reader(text)?.read(text),
            Line::TooLong => Err(Bad::new("it is longer than 64 KiB")),
            Line::NotText => Err(Bad::new("it is no UTF-8 text")),
        };
        if let Some(why) = self
            .reader
            .as_ref()
            .and_then(|(reader, _)| reader.hopeless())
        {
            return Err(Failure::usage(format!("{}: {why}", self.facts.name)));
        }
        match read {
            Ok(Read::Attempt(attempt)) => {
                self.facts.add(&attempt);
                Ok(Some(attempt))
            }
            Ok(Read::Other) => {
                self.facts.other += 1;
                Ok(None)
            }
            Err(bad) => self.bad(number, &bad).map(|()| None),
        }
    }

    fn reader(&mut self, first: &str) -> Result<&mut Reader, Failure> {
        let (reader, _) = match self.reader.take() {
            Some(reader) => self.reader.insert(reader),
            None => {
                let options = self.options;
                let format = options.format.unwrap_or_else(|| Format::guess(first));
                let requests =
                    SignIns { path: options.path.clone(), method: options.method.clone() };
                let columns = options.columns.clone().unwrap_or_default();
                let reader = Reader::new(format, &columns, options.success.as_ref(), &requests)?;
                self.reader.insert((reader, format))
            }
        };
        Ok(reader)
    }

    fn bad(&mut self, number: u64, bad: &Bad) -> Result<(), Failure> {
        let why = bad.words(self.names.are_open());
        if self.options.strict {
            return Err(Failure::usage(format!(
                "{}, line {number}: {why}; mend the line, or leave --strict out to pass over such",
                self.facts.name
            )));
        }
        self.facts.bad += 1;
        if self.facts.bad_lines.len() < BAD_SHOWN {
            self.facts.bad_lines.push((number, why));
        }
        Ok(())
    }

    fn facts(mut self, late: u64) -> Result<Facts, Failure> {
        self.facts.late = late;
        if let Some((reader, format)) = &self.reader {
            self.facts.format = *format;
            self.facts.columns = reader.found();
        }
        self.facts.is_guessed = self.options.format.is_none();
        match self.facts.attempts {
            0 => Err(self.nothing()),
            _ => Ok(self.facts),
        }
    }

    fn nothing(&self) -> Failure {
        let Facts { name, lines, format, bad_lines, .. } = &self.facts;
        let why = match bad_lines.first() {
            Some((line, why)) => format!("line {line}: {why}"),
            None if format.is_access_log() => "no request has that path and method".to_owned(),
            None => "nothing follows the header".to_owned(),
        };
        let format = format.name();
        Failure::usage(format!(
            "there is no sign-in attempt in the {lines} lines of {name}, read as {format}: {why}; \
             see --format, --columns, --path and --success in `portcullis replay --help`"
        ))
    }
}
