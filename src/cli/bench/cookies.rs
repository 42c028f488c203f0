//! `portcullis bench cookies` and `bench cleanup`: for other programs' load.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::admin::ScratchRun;
use crate::cli::bench::backstage::{Backstage, InDirectory, remove};
use crate::cli::bench::http::Api;
use crate::cli::bench::remote::Remote;
use crate::cli::bench::stop::Stop;
use crate::cli::bench::{length, over_http};
use crate::cli::exit::Failure;
use crate::cli::output::{Output, Page};
use crate::cli::store::Named;
use crate::engine::COOKIE_NAMES;

/// The longest that the sessions for other programs live.
const MAX_LASTS: Duration = Duration::from_secs(12 * 3600);

#[derive(Args, Debug)]
pub(super) struct Cookies {
    /// How many scratch accounts, each with a session
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,

    /// How long the sessions live: at most 12h
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = length)]
    lasts: Duration,

    /// People reach the service over https: the cookie has its other name
    #[arg(long)]
    https: bool,
}

#[derive(Args, Debug)]
pub(super) struct Cleanup {
    /// Only those of this run; left out, of all
    #[arg(long, value_name = "NAME")]
    run: Option<ScratchRun>,

    #[command(flatten)]
    remote: Remote,

    /// Send the token to a machine that is not this one
    #[arg(long, requires = "admin_url")]
    remote_is_mine: bool,
}

#[derive(Serialize)]
struct CookiesView<'a> {
    run: &'a str,
    cookies: &'a [String],
}

#[derive(Serialize)]
struct CleanupView {
    removed: usize,
}

impl Cookies {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        if self.lasts.is_zero() || self.lasts > MAX_LASTS {
            return Err(Failure::usage("sessions live up to 12h: change --lasts"));
        }
        let backstage = Arc::new(InDirectory::open(named, output).await?);
        let stop = Stop::on_signals(backstage.mend());
        let making = Arc::clone(&backstage);
        let made = tokio::spawn(async move { self.make(&*making, &stop).await }).await;
        let made = made.unwrap_or_else(|_| Err(Failure::unexpected("making accounts broke off")));
        let told = made.and_then(|cookies| {
            let view = CookiesView { run: backstage.run().as_str(), cookies: &cookies };
            output.secret(&view, &cookies.join("\n"))
        });
        match told {
            Ok(()) => output.remark(&format!("afterwards: {}", backstage.mend())),
            Err(failure) => {
                backstage.remove_all().await?;
                return Err(failure);
            }
        }
        Ok(())
    }

    async fn make(&self, backstage: &dyn Backstage, stop: &Stop) -> Result<Vec<String>, Failure> {
        let name = COOKIE_NAMES[usize::from(self.https)];
        let mut cookies = Vec::new();
        for number in 1..=self.count {
            if stop.is_asked() {
                return Err(Failure::unexpected("stopped before all accounts were made"));
            }
            let account = backstage.make(number).await?;
            let token = backstage.sign_in(account, self.lasts).await?;
            cookies.push(format!("{name}={}", token.expose()));
        }
        Ok(cookies)
    }
}

impl Cleanup {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        let run = self.run.as_ref();
        let removed = match self.remote.admission()? {
            None => remove(&named.desk(output).await?, run).await?,
            Some(admission) => {
                let api = Api::new(admission.here(self.remote_is_mine).await?);
                over_http::remove(&api, run).await?
            }
        };
        let words = match removed {
            0 => "There are no scratch accounts: nothing was changed.".to_owned(),
            1 => "1 scratch account is removed, and its session is over.".to_owned(),
            many => format!("{many} scratch accounts are removed, and their sessions are over."),
        };
        output.answer(&CleanupView { removed }, &Page::new().line(&words))
    }
}
