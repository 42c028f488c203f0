//! `portcullis demo`: everything in one process, to look at in a minute.

mod records;
mod site;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;

use crate::admin::settings::LOCKOUT;
use crate::admin::{Actor, Admin, NewPerson, Target, TokenRequest};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::serve::{self, Hangup};
use crate::cli::shell::quote;
use crate::config::{self, Config, Environment};
use crate::domain::length::{read_length, spell_length};
use crate::domain::login::Login;
use crate::domain::password::Password;
use crate::gateway::{Gateway, Origin};
use crate::store::sql::SqlDirectory;

/// The sample people: login, name, password, and whether they administer.
const PEOPLE: [(&str, &str, &str, bool); 4] = [
    ("alice", "Alice Martin", "correct horse battery", false),
    ("bob", "Bob Okafor", "three blind mice run", false),
    ("carol", "Carol Lindqvist", "seven green bottles", false),
    ("ada", "Ada Administrator", "open the gate please", true),
];

/// Pages that are left open hold connections: nobody waits for them here.
const DRAIN: Duration = Duration::from_secs(1);

/// Who of them administers.
const ADMINISTRATOR: &str = "ada";

#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Where people come in; another free port if this one is taken
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// How long five wrong guesses lock somebody out
    #[arg(long, value_name = "LENGTH", default_value = "1m", value_parser = length)]
    lock_for: Duration,
}

impl Demo {
    pub(super) async fn run(self, output: Output) -> Result<(), Failure> {
        let folder = Folder::make()?;
        let directory = folder.0.join("portcullis.db");
        let token = populate(&directory).await?;
        let configuration = records::make(&folder.0).await?;
        let upstream = serve_site().await?;
        let gateway = self
            .gateway(upstream, &directory, &configuration, output)
            .await?;
        let public = gateway.public_address().map_err(unusable)?;
        let lock_for = spell_length(self.lock_for);
        let admin = gateway.admin_address().map_err(unusable)?;
        let admin = admin.ok_or_else(|| unusable("nowhere to administer"))?;
        say(&Places {
            public,
            admin,
            directory: &directory,
            configuration: &configuration,
            token: &token,
            lock_for: &lock_for,
        })?;
        serve::run(gateway, DRAIN, Hangup::Stops, output).await;
        output.remark("The demo ended; its accounts are gone.");
        Ok(())
    }

    fn policy(&self) -> String {
        // Whoever tries it out types the same wrong password again, and wants to see.
        format!("balanced lock_for={} growth=1 remember_wrong=0", spell_length(self.lock_for))
    }

    async fn gateway(
        &self,
        upstream: SocketAddr,
        directory: &Path,
        configuration: &Path,
        output: Output,
    ) -> Result<Gateway, Failure> {
        let origin = Origin::parse(&format!("http://{upstream}")).map_err(unusable)?;
        let mut config = Config::for_upstream(origin);
        config.store.directory = directory.to_owned();
        // It picks up a deletion that somebody's command has died over.
        let environment = Environment::default();
        config.modules = config::read(Some(configuration), &environment)?.modules();
        config.gateway.limits.drain = DRAIN;
        config.gate.api_tokens = true;
        config.gateway.public = free(self.listen).await;
        // Who asks for any free port beside another demo gets two.
        let admin = if self.listen.port() == 0 { 0 } else { 8081 };
        config.gateway.admin = Some(free(([127, 0, 0, 1], admin).into()).await);
        config.pinned = config.pinned.with(&LOCKOUT, &self.policy(), "the demo");
        let (gateway, _) = serve::start(config, &environment, "portcullis", output).await?;
        Ok(gateway)
    }
}

/// Adds the sample people and a token, and gives the token.
async fn populate(path: &Path) -> Result<String, Failure> {
    let admin = Admin::new(Arc::new(SqlDirectory::open(path).await?));
    let actor = Actor::System;
    for (login, name, password, administers) in PEOPLE {
        let login = Login::new(login).map_err(unusable)?;
        let person = NewPerson::new(login)
            .with_name(name)?
            .with_admin(administers)
            .with_password(Password::new(password).map_err(unusable)?);
        admin.add(&actor, person).await?;
    }
    let request = TokenRequest { name: "demo".to_owned(), ..TokenRequest::default() };
    let owner = Target::from(ADMINISTRATOR);
    let made = admin.create_token(&actor, &owner, request).await?;
    Ok(made.secret.expose())
}

async fn serve_site() -> Result<SocketAddr, Failure> {
    let socket = TcpListener::bind("127.0.0.1:0").await.map_err(unusable)?;
    let address = socket.local_addr().map_err(unusable)?;
    tokio::spawn(async move { axum::serve(socket, site::site()).await });
    Ok(address)
}

/// This address, or a free port beside it if it is taken.
async fn free(wanted: SocketAddr) -> SocketAddr {
    match TcpListener::bind(wanted).await {
        Ok(_) => wanted,
        Err(_) => SocketAddr::new(wanted.ip(), 0),
    }
}

/// What the demo's own words and programs are made of.
struct Places<'a> {
    public: SocketAddr,
    admin: SocketAddr,
    directory: &'a Path,
    configuration: &'a Path,
    token: &'a str,
    lock_for: &'a str,
}

fn say(places: &Places<'_>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "{}", welcome(places, &this_program())).map_err(unusable)
}

fn welcome(places: &Places<'_>, program: &str) -> String {
    let Places { public, admin, directory, configuration, token, lock_for } = places;
    let mut people = String::new();
    for (login, _, password, administers) in PEOPLE {
        let role = if administers { "   (administrator)" } else { "" };
        people.push_str(&format!("    {login:<8}{password}{role}\n"));
    }
    let directory = quote(&directory.to_string_lossy());
    let configuration = quote(&configuration.to_string_lossy());
    format!(
        "\n\
         A sample application runs behind the gateway, with people of its own. Open\n\
         \n    http://{public}/\n\n\
         and sign in as one of them:\n\
         \n{people}\n\
         Administer them in a browser, as ada with her password:\n\
         \n    http://{admin}/console/\n\n\
         Then, in another terminal and the same folder, lock them and watch:\n\
         \n    export PORTCULLIS_DIRECTORY={directory}\n    \
         {program} user lock alice --reason 'left the company'\n    \
         {program} user show alice\n    \
         {program} user unlock alice\n    \
         {program} audit\n\n\
         The application keeps deals of its people in a table. Delete somebody, and give\n\
         what is open to somebody else; without --dry-run it is done:\n\
         \n    export PORTCULLIS_CONFIG={configuration}\n    \
         {program} user delete bob --reason 'left the company' \\\n        \
         --transfer-some carol --module 'deals=status is open' --dry-run\n\n\
         Guess a password six times; the account opens again after {lock_for}:\n\
         \n    for n in 1 2 3 4 5 6; do curl -s -o /dev/null -w '%{{http_code}}\\n' \\\n        \
         -d login=bob -d password=guess http://{public}/.portcullis/sign-in; done\n\n\
         Come as a program, with an API token of the administrator:\n\
         \n    curl -s -H 'Authorization: Bearer {token}' http://{public}/page/1\n\n\
         Or lock her by API, as OpenProject's clients do; with -X DELETE she is unlocked:\n\
         \n    curl -s -X POST -H 'Authorization: Bearer {token}' \\\n        \
         -H 'Content-Type: application/json' http://{admin}/api/v3/users/alice/lock\n\n\
         Ctrl-C ends the demo and removes what it made.\n"
    )
}

/// How this very program is called from the folder it was started in.
fn this_program() -> String {
    let Ok(program) = std::env::current_exe() else { return "portcullis".to_owned() };
    let in_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join("portcullis") == program)
    });
    if in_path {
        return "portcullis".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    let short = program.strip_prefix(here).unwrap_or(&program);
    quote(&short.to_string_lossy())
}

fn length(text: &str) -> Result<Duration, String> {
    let length = read_length(text).filter(|length| !length.is_zero());
    length.ok_or_else(|| "a length is written 30s, 5m or 1h".to_owned())
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    Failure::unexpected(error.to_string())
}

/// A folder that goes with the demo.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failure> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(unusable)?;
        let name = format!("portcullis-demo-{:016x}", u64::from_ne_bytes(random));
        let folder = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(unusable)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
