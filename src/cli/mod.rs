//! The command line: one command a file.
//!
//! Standard output carries the answer and nothing else; words about it go to
//! standard error. Exit codes tell programs what happened: see [`Exit`].

mod address;
mod application;
mod assertion;
mod audit;
mod bench;
mod check;
mod deletion;
mod demo;
mod desk;
mod exit;
mod group;
mod inactivity;
mod jwt;
mod licence;
mod log;
mod module;
mod office;
mod output;
mod password;
mod policy;
mod remote;
mod replay;
mod run;
mod serve;
mod settings;
mod shell;
mod store;
mod token;
mod user;
mod view;
mod webhook;
mod when;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use self::exit::Exit;
use self::exit::{EXIT_CODES, Failure};
use self::output::{Output, clean};
use self::remote::ServerOptions;
use self::store::Named;
use self::user::UserCommand;
use crate::config::{Environment, LogFormat};

/// Administers the accounts of services that Portcullis guards.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    /// The configuration [default: $PORTCULLIS_CONFIG, else config/portcullis.toml if it is there]
    #[arg(long, global = true, display_order = 99, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The file that holds the accounts [default: $PORTCULLIS_DIRECTORY, else the configuration's,
    /// else portcullis.db]
    #[arg(long, global = true, display_order = 100, value_name = "FILE")]
    directory: Option<PathBuf>,

    /// Print JSON, for programs: its field names won't change
    #[arg(long, global = true, display_order = 101)]
    json: bool,

    #[command(flatten)]
    server: ServerOptions,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything in a minute: a gateway, an application and people, in one process
    Demo(demo::Demo),
    /// Guard an application that can't be changed: run the gateway
    Serve(serve::Serve),
    /// Check the configuration, and say what a gateway would do with it
    Check(check::Check),
    /// Add, find, lock and unlock people
    #[command(subcommand)]
    User(UserCommand),
    /// Follow, stop, resume and undo changes of many people
    #[command(subcommand)]
    Run(run::RunCommand),
    /// Show whom the rule about people who did not sign in for long would hit
    #[command(subcommand)]
    Inactivity(inactivity::InactivityCommand),
    /// Show deletions, go on with one, or call it off
    #[command(subcommand)]
    Deletion(deletion::DeletionCommand),
    /// Show and check the records that go to somebody else when their owner is deleted
    #[command(subcommand)]
    Module(module::ModuleCommand),
    /// Show what is counted by an address, and forget it
    #[command(subcommand)]
    Address(address::AddressCommand),
    /// Show who did what to whom, newest first
    Audit(Box<audit::Audit>),
    /// Show how many accounts may be active, and how many are
    Licence(licence::Licence),
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Make and administer applications, which get tokens by themselves
    #[command(subcommand)]
    Application(application::ApplicationCommand),
    /// Make and change groups of people, and say what their members may do
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Show and replace the keys that gateways sign assertions with
    #[command(subcommand)]
    Assertion(assertion::AssertionCommand),
    /// Show which services are told what happens, and send what did not arrive again
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Show and change settings that live in the directory
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
    /// Show what a lockout policy means, and how many guesses it lets through at most
    Policy(policy::Policy),
    /// Replay a log of sign-ins: whom a lockout policy would have locked, and when
    Replay(Box<replay::Replay>),
    /// Try tokens that somebody else signed, with their keys
    #[command(subcommand)]
    Jwt(jwt::JwtCommand),
    /// Load a guarded service, lock people under load, and report how it held
    Bench(Box<bench::Bench>),
}

/// Runs the program with the arguments of this process.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // It repeats what was typed, which may have come from anywhere.
        Err(error) if error.use_stderr() => {
            let _ = write!(std::io::stderr(), "{}", clean(&error.render().to_string()));
            return Exit::Usage.into();
        }
        Err(error) => error.exit(),
    };
    // A gateway's configuration says what it logs.
    if !matches!(cli.command, Command::Serve(_)) {
        log::start("warn", LogFormat::Text);
    }
    let named = match cli.named() {
        Ok(named) => named,
        Err(failure) => return failure.report("portcullis").into(),
    };
    let done = match cli.runtime().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.run(&named)),
        Err(error) => Err(Failure::unexpected(format!("the program can't start: {error}"))),
    };
    match done {
        Ok(()) => Exit::Done.into(),
        Err(failure) => failure.report(&named.program()).into(),
    }
}

impl Cli {
    /// What the command is about. What works on files refuses a server.
    fn named(&self) -> Result<Named, Failure> {
        let (config, directory) = (self.config.clone(), self.directory.clone());
        let is_named = config.is_some() || directory.is_some();
        let server = self.server.clone();
        let server = server.server(is_named, &Environment::of_process())?;
        match (&server, self.command.only_here()) {
            (Some(server), Some(command)) => Err(server.refuses(command)),
            _ => Ok(Named { config, directory, server }),
        }
    }

    /// A gateway and a load test use all cores; any other command is done soon.
    fn runtime(&self) -> tokio::runtime::Builder {
        match &self.command {
            Command::Demo(_) | Command::Bench(_) => tokio::runtime::Builder::new_multi_thread(),
            Command::Serve(serve) => serve.runtime(),
            _ => tokio::runtime::Builder::new_current_thread(),
        }
    }

    async fn run(self, named: &Named) -> Result<(), Failure> {
        let output = Output::new(self.json);
        match self.command {
            Command::Demo(demo) => Box::pin(demo.run(output)).await,
            Command::Serve(serve) => Box::pin(serve.run(named, output)).await,
            Command::Check(check) => check.run(named, output).await,
            // Making the first account makes the directory; nothing else does.
            Command::User(UserCommand::Add(add)) if named.server.is_none() => {
                add.run(named, output).await
            }
            Command::User(command) => command.run(&named.desk(output).await?).await,
            Command::Run(command) => command.run(&named.desk(output).await?).await,
            Command::Inactivity(command) => command.run(&named.desk(output).await?).await,
            Command::Deletion(command) => command.run(&named.desk(output).await?).await,
            Command::Module(command) => command.run(named, output).await,
            Command::Address(command) => command.run(named, output).await,
            Command::Audit(command) => command.run(&named.desk(output).await?).await,
            Command::Licence(command) => command.run(&named.desk(output).await?).await,
            Command::Token(command) => command.run(&named.desk(output).await?).await,
            Command::Application(command) => command.run(&named.desk(output).await?).await,
            Command::Group(command) => command.run(&named.desk(output).await?).await,
            Command::Assertion(command) => command.run(named, output).await,
            Command::Webhook(command) => command.run(named, output).await,
            Command::Settings(command) => command.run(&named.desk(output).await?).await,
            Command::Policy(policy) => policy.run(named, output).await,
            Command::Replay(replay) => replay.run(named, output).await,
            Command::Jwt(command) => command.run(output),
            Command::Bench(bench) => bench.run(named, output).await,
        }
    }
}

impl Command {
    /// Its name, if it works on files of its machine alone.
    const fn only_here(&self) -> Option<&'static str> {
        match self {
            Self::Demo(_) => Some("demo"),
            Self::Serve(_) => Some("serve"),
            Self::Check(_) => Some("check"),
            Self::Module(_) => Some("module"),
            Self::Address(_) => Some("address"),
            Self::Policy(_) => Some("policy"),
            Self::Replay(_) => Some("replay"),
            Self::Jwt(_) => Some("jwt"),
            Self::Bench(_) => Some("bench"),
            Self::Webhook(_) => Some("webhook"),
            Self::Assertion(_) => Some("assertion"),
            Self::User(_)
            | Self::Run(_)
            | Self::Inactivity(_)
            | Self::Deletion(_)
            | Self::Audit(_)
            | Self::Licence(_)
            | Self::Token(_)
            | Self::Application(_)
            | Self::Group(_)
            | Self::Settings(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_make_sense() {
        Cli::command().debug_assert();
    }
}
