//! `portcullis check`: what a gateway would do with the configuration.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Page, cell};
use crate::cli::store::{self, Named};
use crate::config::{self, Config, ConfigErrors, Environment, Place};
use crate::domain::length::spell_length;
use crate::domain::permission::Permission;
use crate::gateway::routes::Route;
use crate::gateway::{Origin, Settings};

/// How long the application may take to take a connection.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub(super) struct Check {
    /// Print a file with every key at its default, and check nothing
    #[arg(long)]
    reference: bool,

    /// Don't ask whether the application answers
    #[arg(long)]
    offline: bool,
}

impl Check {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        if self.reference {
            let text = config::reference();
            return output.secret(&json!({ "reference": text }), &text);
        }
        let environment = Environment::of_process();
        let file = named.file(&environment);
        let read = config::load(file.as_deref(), &environment);
        let mut config = match read {
            Ok(config) => config,
            Err(errors) if output.is_json() => return refuse(&errors, output),
            Err(errors) => return Err(errors.into()),
        };
        if let Some(directory) = &named.directory {
            config.store.directory = directory.clone();
        }
        let mut warnings = warnings(&config);
        if !self.offline {
            warnings.extend(upstream_is_silent(&config.gateway.upstream.origin).await);
        }
        output.answer(&view(&config, &warnings), &page(&config, &warnings))
    }
}

/// What is wrong, for programs: on standard output, like every answer.
fn refuse(errors: &ConfigErrors, output: Output) -> Result<(), Failure> {
    let problem = |problem: &config::Problem| {
        let variable = match problem.place() {
            Place::Variable(name) => Some(name),
            _ => None,
        };
        json!({
            "what": problem.what(),
            "allowed": problem.allowed_values(),
            "mend": problem.mend_words(),
            "file": errors.file().filter(|_| variable.is_none()),
            "line": errors.line(problem),
            "variable": variable,
        })
    };
    let problems: Vec<_> = errors.problems().iter().map(problem).collect();
    let count = problems.len();
    output.answer(&json!({ "ok": false, "problems": problems, "warnings": [] }), &Page::new())?;
    let words = match count {
        1 => "the configuration is wrong in one place: mend it and check again".to_owned(),
        _ => format!("the configuration is wrong in {count} places: mend them and check again"),
    };
    Err(Failure::new(Exit::Usage, words))
}

/// What would run, for programs: the field names won't change.
fn view(config: &Config, warnings: &[String]) -> Value {
    let Config { gateway, gate, store, pinned, log, .. } = config;
    let pin = |(name, value, by)| json!({ "name": name, "value": value, "by": by });
    let pins: Vec<_> = pinned.iter().map(pin).collect();
    json!({
        "ok": true,
        "problems": [],
        "warnings": warnings,
        "file": config.file,
        "public": gateway.public,
        "public_url": gateway.public_url.as_ref().map(Origin::to_string),
        "admin": gateway.admin,
        "tls": gateway.tls.is_some(),
        "admin_tls": gateway.admin_tls.is_some(),
        "upstream": gateway.upstream.origin.to_string(),
        "directory": store.directory,
        "session_lifetime_seconds": gate.session_lifetime.as_secs(),
        "session_idle_seconds": gate.session_idle.as_secs(),
        "open_paths": gateway.open_paths,
        "routes": gateway.routes.iter().map(route_view).collect::<Vec<_>>(),
        "pinned": pins,
        "log": log.level,
    })
}

/// The same for people.
fn page(config: &Config, warnings: &[String]) -> Page {
    let Config { gateway, gate, store, pinned, log, .. } = config;
    let file = config.file.as_ref().map(|path| path.display().to_string());
    let seen = gateway.public_url.as_ref().map(Origin::to_string);
    let admin = gateway.admin.map(|address| address.to_string());
    let [lifetime, idle] = [gate.session_lifetime, gate.session_idle].map(spell_length);
    let or = |value: Option<String>, other: &str| value.unwrap_or_else(|| other.to_owned());
    let mut rows = vec![
        ("File", or(file, "none")),
        ("Public", gateway.public.to_string()),
        ("Seen as", or(seen, "whatever name people use, over http")),
        ("Admin", or(admin, "off")),
        ("TLS", tls_in(gateway)),
        ("Upstream", gateway.upstream.origin.to_string()),
        ("Directory", store.directory.display().to_string()),
        ("Sessions", format!("{lifetime} at most, {idle} unused")),
        ("Log", log.level.clone()),
    ];
    rows.extend(gateway.open_paths.iter().map(|path| ("Open", path.clone())));
    rows.extend(
        gateway
            .routes
            .iter()
            .map(|route| ("Route", described(route))),
    );
    let pin = |(name, value, by)| ("Pinned", format!("{name} = {value}, by {by}"));
    rows.extend(pinned.iter().map(pin));
    let rows = rows.iter().map(|(name, value)| [cell(name), cell(value)]);
    let page = Page::new().table(["WHAT", "VALUE"], 1, rows.collect());
    let warn = |page: Page, words: &String| page.line(&format!("warning: {words}"));
    let page = warnings.iter().fold(page, warn);
    page.line("The configuration is right.")
}

/// A route, for programs: the field names won't change.
fn route_view(route: &Route) -> Value {
    let methods: Vec<_> = route.methods.iter().map(http::Method::as_str).collect();
    json!({
        "host": route.host.to_string(),
        "path": route.path.to_string(),
        "methods": methods,
        "access": route.access.as_str(),
        "permission": route.require.permission.map(Permission::as_str),
        "groups": route.require.groups,
        "upstream": route.upstream,
    })
}

/// The same for people.
fn described(route: &Route) -> String {
    let mut words = format!("{route} is {}", route.access.as_str());
    if let Some(permission) = route.require.permission {
        words.push_str(&format!(", takes {}", permission.as_str()));
    }
    if !route.require.groups.is_empty() {
        words.push_str(&format!(", takes a group of {}", route.require.groups.join(", ")));
    }
    if let Some(upstream) = &route.upstream {
        words.push_str(&format!(", goes to {upstream}"));
    }
    words
}

/// Which listeners speak TLS themselves.
fn tls_in(gateway: &Settings) -> String {
    let words = match (&gateway.tls, &gateway.admin_tls) {
        (None, None) => "not here",
        (Some(_), None) => "public",
        (None, Some(_)) => "admin",
        (Some(_), Some(_)) => "public and admin",
    };
    words.to_owned()
}

/// What can be meant, and often is not.
fn warnings(config: &Config) -> Vec<String> {
    let gateway = &config.gateway;
    let proxies = &gateway.client_address.trusted_proxies;
    let mut warnings = Vec::new();
    for tls in [&gateway.tls, &gateway.admin_tls].into_iter().flatten() {
        match tls.check() {
            Ok(endings) => warnings.extend(endings.iter().map(ToString::to_string)),
            Err(error) => warnings.push(format!("the gateway does not start: {error}")),
        }
    }
    if gateway.is_https() && gateway.tls.is_none() && proxies.is_empty() {
        warnings.push(
            "`public.url` is https, so something before the gateway ends TLS, and \
             `clients.trusted_proxies` is empty: everybody seems to come from there"
                .to_owned(),
        );
    }
    if !gateway.public.ip().is_loopback() && !gateway.is_https() {
        warnings.push(
            "`public.listen` is reached from other machines, and `public.url` is not https: \
             passwords cross the network in the clear"
                .to_owned(),
        );
    }
    match store::exists(&config.store.directory) {
        Ok(true) => {}
        Ok(false) => warnings.push(format!(
            "there is no directory at {} yet: the gateway begins one, and nobody can sign in \
             until an administrator is added",
            config.store.directory.display()
        )),
        Err(failure) => warnings.push(failure.message().to_owned()),
    }
    warnings
}

/// Why the application can't be reached now, if it can't.
async fn upstream_is_silent(origin: &Origin) -> Option<String> {
    let authority = origin.authority();
    let usual = if origin.is_https() { 443 } else { 80 };
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(usual);
    let connect = TcpStream::connect((host, port));
    let why = match tokio::time::timeout(PATIENCE, connect).await {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {}", spell_length(PATIENCE)),
    };
    Some(format!("the application at {origin} can't be reached now: {why}"))
}
