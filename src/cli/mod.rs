//! The command line: one command a file.
//!
//! Standard output carries the answer and nothing else; words about it go to
//! standard error. Exit codes tell programs what happened: see [`Exit`].

mod audit;
mod demo;
mod desk;
mod exit;
mod output;
mod password;
mod serve;
mod settings;
mod shell;
mod store;
mod token;
mod user;
mod view;
mod when;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::desk::Desk;
pub use self::exit::Exit;
use self::exit::{EXIT_CODES, Failure};
use self::output::{Output, clean};
use self::user::UserCommand;

/// Administers the accounts of services that Portcullis guards.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    /// The directory: the file that holds the accounts
    #[arg(
        long,
        global = true,
        display_order = 100,
        env = store::DIRECTORY_VARIABLE,
        hide_env_values = true,
        value_name = "FILE",
        default_value = store::DEFAULT_DIRECTORY
    )]
    directory: PathBuf,

    /// Print JSON, for programs: its field names won't change
    #[arg(long, global = true, display_order = 101)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything in a minute: a gateway, an application and people, in one process
    Demo(demo::Demo),
    /// Guard an application that can't be changed: run the gateway
    Serve(serve::Serve),
    /// Add, find, lock and unlock people
    #[command(subcommand)]
    User(UserCommand),
    /// Show who did what to whom, newest first
    Audit(audit::Audit),
    /// Make, list and revoke API tokens
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Show and change settings that live in the directory
    #[command(subcommand)]
    Settings(settings::SettingsCommand),
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
    start_log();
    let runtime = cli.runtime().enable_all().build();
    let program = store::program(&cli.directory);
    let done = match runtime {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => Err(Failure::unexpected(format!("the program can't start: {error}"))),
    };
    match done {
        Ok(()) => Exit::Done.into(),
        Err(failure) => failure.report(&program).into(),
    }
}

impl Cli {
    /// A gateway uses all cores; any other command is done soon.
    fn runtime(&self) -> tokio::runtime::Builder {
        match &self.command {
            Command::Demo(_) => tokio::runtime::Builder::new_multi_thread(),
            Command::Serve(serve) => serve.runtime(),
            _ => tokio::runtime::Builder::new_current_thread(),
        }
    }

    async fn run(self) -> Result<(), Failure> {
        let output = Output::new(self.json);
        // Making the first account makes the directory; nothing else does.
        if let Command::User(UserCommand::Add(add)) = self.command {
            return add.run(&self.directory, output).await;
        }
        let command = match self.command {
            Command::Demo(demo) => return demo.run(output).await,
            Command::Serve(serve) => return serve.run(&self.directory, output).await,
            command => command,
        };
        let desk = Desk::at(&self.directory, store::open(&self.directory).await?, output);
        match command {
            Command::Demo(_) | Command::Serve(_) => Ok(()),
            Command::User(command) => command.run(&desk).await,
            Command::Audit(command) => command.run(&desk).await,
            Command::Token(command) => command.run(&desk).await,
            Command::Settings(command) => command.run(&desk).await,
        }
    }
}

/// Warnings go to standard error; `PORTCULLIS_LOG=debug` shows more.
fn start_log() {
    let wanted = std::env::var("PORTCULLIS_LOG").unwrap_or_else(|_| "warn".to_owned());
    // What a store fails at is told once, by the command. Who wants to see every
    // statement names sqlx.
    let filter = EnvFilter::builder().parse_lossy(format!("sqlx=off,sqlx_core=off,{wanted}"));
    // A program that embeds this one may log already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::wants_colour(&std::io::stderr()))
        .try_init();
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
