//! `portcullis user export`: people for other programs, as they are read.

use std::io::{BufWriter, ErrorKind, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::api::own::view as own;
use crate::cli::csv;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::user::filters::Filters;
use crate::cli::view::AccountView;
use crate::domain::account::Account;
use crate::domain::lock::End;
use crate::domain::time::Timestamp;
use crate::store::AccountSearch;

/// People who are read in one go.
const PAGE: u32 = 500;

const HEAD: [&str; 13] = [
    "login",
    "name",
    "first_name",
    "last_name",
    "email",
    "admin",
    "permissions",
    "external_id",
    "status",
    "locked",
    "disabled",
    "created_at",
    "last_sign_in_at",
];

const HASH: &str = "password_hash";

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    Csv,
    Jsonl,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    filters: Filters,

    /// Comma-separated values, or one JSON object a line
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,

    /// With the hashes of passwords: keep what is written as you keep the directory
    #[arg(long)]
    with_password_hashes: bool,
}

impl Export {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let written = self.write(desk, &mut out).await?;
        match written.and_then(|()| out.flush()) {
            // Whoever closes the pipe has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(|error| {
                Failure::unexpected(format!(
                    "people can't be written: {error}; check what standard output leads to"
                ))
            }),
        }
    }

    async fn write(
        &self,
        desk: &Desk,
        out: &mut impl Write,
    ) -> Result<std::io::Result<()>, Failure> {
        let filters = self.filters.of(desk).await?;
        let now = desk.office.now();
        if self.format == Format::Csv {
            let hash = self.with_password_hashes.then_some(HASH);
            if let Err(error) = out.write_all(csv::line(HEAD.into_iter().chain(hash)).as_bytes()) {
                return Ok(Err(error));
            }
        }
        let mut after = None;
        loop {
            let filters = filters.clone();
            let search = AccountSearch {
                filters,
                after,
                limit: PAGE,
                uncounted: true,
                ..Default::default()
            };
            let page = desk
                .host()?
                .admin
                .search(&desk.host()?.actor, search)
                .await?
                .accounts;
            let Some(last) = page.last() else { return Ok(Ok(())) };
            after = Some(last.id);
            for account in &page {
                let line = self.line(desk, account, now).await?;
                if let Err(error) = out.write_all(line.as_bytes()) {
                    return Ok(Err(error));
                }
            }
        }
    }

    async fn line(
        &self,
        desk: &Desk,
        account: &Account,
        now: Timestamp,
    ) -> Result<String, Failure> {
        let hash = match self.with_password_hashes {
            true => Some(
                desk.host()?
                    .admin
                    .exported_hash(&desk.host()?.actor, account)
                    .await?,
            ),
            false => None,
        };
        if self.format == Format::Csv {
            let values = values(account, now);
            let hash = hash.map(Option::unwrap_or_default);
            return Ok(csv::line(values.iter().chain(&hash).map(String::as_str)));
        }
        let mut view = serde_json::to_value(AccountView::new(&own::AccountView::new(account, now)))
            .map_err(|error| Failure::unexpected(error.to_string()))?;
        view["external_id"] = Value::from(account.details.external_id.clone());
        if let Some(hash) = hash {
            view[HASH] = Value::from(hash);
        }
        Ok(format!("{view}\n"))
    }
}

/// In the order of [`HEAD`].
fn values(account: &Account, now: Timestamp) -> [String; 13] {
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let lock = account.locks.admin_lock_at(now).map(|lock| lock.end);
    let locked = match lock {
        None => yes_no(false),
        Some(End::Never) => yes_no(true),
        Some(End::At(end)) => end.to_string(),
    };
    let permissions = serde_json::to_value(&account.details.permissions);
    let permissions: Vec<String> = permissions
        .ok()
        .and_then(|words| serde_json::from_value(words).ok())
        .unwrap_or_default();
    [
        account.login.to_string(),
        account.name.clone(),
        account.details.first_name.clone(),
        account.details.last_name.clone(),
        account.email.clone().unwrap_or_default(),
        yes_no(account.admin),
        permissions.join(" "),
        account.details.external_id.clone().unwrap_or_default(),
        account.standing().status(now).to_string(),
        locked,
        yes_no(account.locks.disablement.is_some()),
        account.created_at.to_string(),
        account
            .last_sign_in_at
            .map(|at| at.to_string())
            .unwrap_or_default(),
    ]
}
