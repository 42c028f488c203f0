//! `portcullis serve`: the gateway.

mod manager;
mod reload;
mod stop;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use clap::Args;

use crate::admin::modules::ModuleError;
use crate::admin::{Admin, Modules};
use crate::api::Api;
use crate::api::webhooks::Webhooks;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log;
use crate::cli::output::Output;
use crate::cli::serve::reload::{Reloader, Source, Triggers};
use crate::cli::serve::stop::Terminal;
pub(super) use crate::cli::serve::stop::{Hangup, stopped};
use crate::cli::store::{self, Named};
use crate::cli::webhook;
use crate::config::{self, BootstrapError, Config, Environment};
use crate::domain::length::spell_length;
use crate::engine::{Builder, Portcullis};
use crate::gateway::{BindError, Gateway, RESERVED, Rooms};
use crate::pages::{Branding, Console, Docs, Pages, SharedBranding};
use crate::store::sql::SqlDirectory;

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The application to guard, such as http://127.0.0.1:3000 [default: the configuration's]
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,

    /// Where people come in [default: the configuration's]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// Where probes and administrators come in [default: the configuration's]
    #[arg(long, value_name = "ADDRESS|off")]
    admin_listen: Option<String>,

    /// How many threads serve; all cores by default
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
}

impl Serve {
    /// A runtime for as many threads as were asked for.
    pub(super) fn runtime(&self) -> tokio::runtime::Builder {
        match self.workers {
            // A second thread that does nothing but accept costs more than it gives.
            Some(1) => tokio::runtime::Builder::new_current_thread(),
            Some(workers) => {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                runtime.worker_threads(workers.into());
                runtime
            }
            None => tokio::runtime::Builder::new_multi_thread(),
        }
    }

    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        let environment = Environment::of_process();
        let source = self.source(named, &environment);
        let triggers = Triggers::of(&source);
        let config = source.load()?;
        let levels = log::start(&config.log.level, config.log.format);
        make_room(config.gateway.limits.connections, output);
        let drain = config.gateway.limits.drain;
        let (gateway, parts) =
            start(config.clone(), &environment, &named.program(), output).await?;
        manager::tell(manager::State::Ready);
        let reload = gateway.reload();
        let reloader =
            Reloader { source, triggers, running: config, parts, gateway: reload, levels };
        tokio::select! {
            () = run(gateway, drain, Hangup::Reloads, output) => {}
            () = reloader.follow() => {}
        }
        Ok(())
    }

    /// What the file and the environment say, and what was said here.
    fn source(&self, named: &Named, environment: &Environment) -> Source {
        let file = named.file(environment);
        // As variables, so that they are checked together with the rest.
        let said = [
            ("PORTCULLIS__UPSTREAM__URL", self.upstream.clone()),
            ("PORTCULLIS__PUBLIC__LISTEN", self.listen.clone()),
            ("PORTCULLIS__ADMIN__LISTEN", self.admin_listen.clone()),
        ];
        let environment = said
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .fold(environment.clone(), |all, (name, value)| all.with(name, value));
        Source { file, environment, directory: named.directory.clone() }
    }
}

/// Serves until it is told to stop, and to the end of what is open; told once
/// more, it ends at once.
pub(super) async fn run(gateway: Gateway, drain: Duration, hangup: Hangup, output: Output) {
    let terminal = Terminal::now();
    let told = async {
        terminal.stopped(hangup).await;
        manager::tell(manager::State::Stopping);
        let most = spell_length(drain);
        output.remark(&format!(
            "Stopping: what is open may go on for {most}. Ctrl-C once more ends it at once."
        ));
    };
    let told_twice = async {
        terminal.stopped(hangup).await;
        terminal.stopped(hangup).await;
    };
    tokio::select! {
        () = gateway.run(told) => {}
        () = told_twice => {}
    }
}

/// Raises the limit of open files as far as it goes: each client takes one, and
/// one to the upstream.
fn make_room(connections: usize, output: Output) {
    let wanted = 2 * connections as u64 + FILES_BESIDE;
    let open = rlimit::increase_nofile_limit(wanted).unwrap_or(0);
    if open < wanted {
        output.remark(&format!(
            "Only {open} files may be open at once, and {connections} connections can take \
             {wanted}: raise the limit (ulimit -n), or lower limits.connections."
        ));
    }
}

/// Where the console is, on the admin listener.
const CONSOLE: &str = "/console";

/// Databases, logs, the connections of probes.
const FILES_BESIDE: u64 = 200;

/// What a gateway is made of that goes on when its configuration changes.
pub(super) struct Parts {
    gate: Portcullis,
    admin: Admin,
    brand: SharedBranding,
    /// How this program is called.
    program: String,
}

impl Parts {
    /// What the gateway serves of its own, as a configuration describes it.
    fn rooms(&self, config: &Config) -> Rooms {
        let Self { gate, admin, brand, program } = self;
        let gate = gate.when_stale(config.gate.when_stale);
        let pages = Pages::new(gate.clone())
            .at(RESERVED)
            .brand(brand.clone())
            .return_origins(config.gateway.return_origins.clone());
        let refusal_pages = pages.refusal_pages();
        let pages = Router::new().nest(RESERVED, pages.into_router());
        let console = Console::new(gate, admin.clone())
            .at(CONSOLE)
            .brand(brand.clone())
            .program(program)
            .public_url(config.gateway.public_url.as_ref().map(ToString::to_string))
            .https(crate::gateway::is_https);
        let rooms = Rooms::new(pages)
            .with_refusal_pages(refusal_pages)
            .with_admin_routes(Api::new(admin.clone()).into_router())
            .with_admin_routes(Docs::new().brand(brand.clone()).into_router())
            .with_admin_routes(Router::new().nest_service(CONSOLE, console.into_router()));
        match config.gateway.metrics_token {
            true => rooms.with_figures_by_token(admin.clone()),
            false => rooms,
        }
    }
}

/// A gate, as a configuration describes it; over nothing yet.
fn describe(config: &Config) -> Builder {
    let proxies = config.gateway.client_address.trusted_proxies.clone();
    let builder = Portcullis::builder().trusted_proxies(proxies);
    let builder = match &config.source {
        Some(source) => builder.refresh_every(source.refresh),
        None => builder,
    };
    config.gate.apply(&config.pinned, builder)
}

/// A gateway that listens already, with its pages, and with an administrator if
/// the environment names one.
pub(super) async fn start(
    config: Config,
    environment: &Environment,
    program: &str,
    output: Output,
) -> Result<(Gateway, Parts), Failure> {
    let directory = open(&config.store.directory).await?;
    let (directory, attempts) = store::counted_in(config.redis.as_ref(), directory).await?;
    let builder = describe(&config)
        .shared_directory(Arc::clone(&directory))
        .shared_attempts(attempts);
    let gate = with_source(builder, &config, environment)?
        .build()
        .await
        .map_err(|error| Failure::new(Exit::Store, error.to_string()))?;
    let admin = Admin::new(directory)
        .with_gate(gate.clone())
        .with_pins(config.pinned.clone())
        .with_modules(modules(&config, environment, output).await?)
        .with_passwords(gate.passwords());
    admin.look_after_audit(&gate);
    admin.keep_licence_figures(&gate);
    let endpoints = webhook::open(&config.webhooks, environment)?;
    let webhooks = Webhooks::new(admin.clone(), endpoints)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let upstream = config.gateway.upstream.origin.to_string();
    let brand = brand(&admin, &gate).await?;
    let parts =
        Parts { gate: gate.clone(), admin: admin.clone(), brand, program: program.to_owned() };
    let rooms = parts.rooms(&config);
    let [tls, admin_tls] = [&config.gateway.tls, &config.gateway.admin_tls].map(Option::is_some);
    let schemes = [tls, admin_tls].map(|tls| if tls { "https" } else { "http" });
    let sockets = manager::sockets()
        .map_err(|error| Failure::new(Exit::Failed, format!("a socket handed over: {error}")))?;
    let gateway = Gateway::on(sockets, gate, config.gateway, Router::new())
        .await
        .map_err(|error| Failure::new(Exit::Failed, cant_start(&error)))?
        .with_rooms(rooms);
    // It ends with the process, in the middle of a message, perhaps: the next goes on.
    tokio::spawn(webhooks.run());
    welcome(&admin, environment, program, output).await?;
    keep_going(admin.clone());
    // It ends with the process, in the middle of a step, perhaps: the next goes on.
    tokio::spawn(async move { admin.keep_adopting_deletions().await });
    say_where(&gateway, schemes, &upstream, output)?;
    Ok((gateway, parts))
}

/// With the other system that has a say, if one is configured.
fn with_source(
    builder: Builder,
    config: &Config,
    environment: &Environment,
) -> Result<Builder, Failure> {
    let Some(settings) = &config.source else { return Ok(builder) };
    let opened = settings.open(environment);
    let other = opened.map_err(|error| Failure::usage(error.to_string()))?;
    Ok(builder.also_asking(other))
}

/// The modules that are configured. One that is not as it is described is a mistake
/// that nobody should find out at a deletion; one that is away may come back.
async fn modules(
    config: &Config,
    environment: &Environment,
    output: Output,
) -> Result<Modules, Failure> {
    let opened = config::open_modules(&config.modules, environment);
    let modules = opened.map_err(|error| Failure::usage(error.to_string()))?;
    for (name, checked) in modules.check().await {
        match checked {
            Ok(()) => {}
            Err(error @ ModuleError::Misfit(_)) => {
                return Err(Failure::usage(format!("the module {name}: {error}")));
            }
            Err(error) => output.remark(&format!("warning: the module {name}: {error}")),
        }
    }
    Ok(modules)
}

fn cant_start(error: &BindError) -> String {
    let mend = match error {
        BindError::Listen(_) => "name another address, with --listen or --admin-listen or",
        BindError::Tls(_) => "name files that this user may read",
        BindError::Routes(_) => "say it otherwise",
        BindError::AccessLog(_) => "name a file that this user may write",
        BindError::Assertion(_) => "mend the directory, or switch `assertion.send` off",
    };
    format!("{error}: {mend} in the configuration")
}

/// How the service presents itself, now and whenever that is changed.
async fn brand(admin: &Admin, gate: &Portcullis) -> Result<SharedBranding, Failure> {
    let mut told = admin.follow_branding(gate).await?;
    let shared = SharedBranding::default();
    let shown = shared.clone();
    tokio::spawn(async move {
        loop {
            let brand = told.borrow_and_update().clone();
            shown.set(Branding::from(&*brand));
            if told.changed().await.is_err() {
                return;
            }
        }
    });
    Ok(shared)
}

async fn open(path: &Path) -> Result<SqlDirectory, Failure> {
    store::exists(path)?;
    Ok(SqlDirectory::open(path).await?)
}

/// Works on changes of many people that nobody works on, and keeps the rule about those
/// who did not sign in for long.
fn keep_going(admin: Admin) {
    let chores = admin.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(RUNS_EVERY).await;
            if let Err(error) = chores.go_on_with_runs().await {
                tracing::warn!(%error, "run stopped");
                tokio::time::sleep(RUNS_AFTER_TROUBLE).await;
            }
        }
    });
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INACTIVITY_EVERY).await;
            match admin.keep_inactivity_rule().await {
                Ok(None) => {}
                Ok(Some(run)) => {
                    tracing::info!(
                        run.id = run.id.get(),
                        accounts = run.total,
                        "inactivity rule kept"
                    );
                }
                Err(error) => tracing::warn!(%error, "inactivity rule not kept"),
            }
        }
    });
}

/// How often runs are looked for that nobody works on.
const RUNS_EVERY: Duration = Duration::from_secs(1);
const RUNS_AFTER_TROUBLE: Duration = Duration::from_secs(10);

/// How often the rule is looked at; it is kept once a day.
const INACTIVITY_EVERY: Duration = Duration::from_secs(10 * 60);

/// Makes the first administrator, or says how to.
async fn welcome(
    admin: &Admin,
    environment: &Environment,
    program: &str,
    output: Output,
) -> Result<(), Failure> {
    let made = config::bootstrap(admin, environment).await;
    let made = made.map_err(|error| match error {
        BootstrapError::Admin(error) => error.into(),
        other => Failure::usage(other.to_string()),
    })?;
    if let Some(account) = made {
        let (login, id) = (account.login, account.id);
        output.remark(&format!("{login} is added as an administrator, number {id}."));
    } else if admin.is_empty().await? {
        config::first_steps(program)
            .lines()
            .for_each(|line| output.remark(line));
    }
    Ok(())
}

fn say_where(
    gateway: &Gateway,
    [scheme, of_admin]: [&str; 2],
    upstream: &str,
    output: Output,
) -> Result<(), Failure> {
    let public = gateway
        .public_address()
        .map_err(|error| Failure::unexpected(error.to_string()))?;
    // Whoever started it may wait for this line, and read the port from it.
    println!("listening on {scheme}://{public}");
    output.remark(&format!("Guarding {upstream}. Ctrl-C stops it."));
    if let Ok(Some(admin)) = gateway.admin_address() {
        let admin = format!("{of_admin}://{admin}");
        output.remark(&format!("Probes and figures are at {admin}/readyz and /metrics."));
        output.remark(&format!("People administer accounts at {admin}{CONSOLE}/."));
        output.remark(&format!("Programs administer accounts: {admin}/docs shows how."));
    }
    Ok(())
}
