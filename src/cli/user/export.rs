//! `portcullis user export`: people for other programs, as they are read.

use std::io::{BufWriter, ErrorKind, Write};

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::admin::export::{HEAD, values};
use crate::api::own::view as own;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::office::Office;
use crate::cli::remote::Client;
use crate::cli::user::filters::Filters;
use crate::cli::view::AccountView;
use crate::domain::account::Account;
use crate::domain::csv;
use crate::domain::time::Timestamp;
use crate::store::{AccountQuery, AccountSearch};

/// People who are read in one go.
const PAGE: u32 = 500;

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
        if let Office::There(client) = &desk.office {
            return self.write_from(client, desk, out).await;
        }
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

    /// The same from a server: a table as it comes, or each person as it is shown.
    async fn write_from(
        &self,
        client: &Client,
        desk: &Desk,
        out: &mut impl Write,
    ) -> Result<std::io::Result<()>, Failure> {
        if self.with_password_hashes {
            let words =
                "hashes of passwords are written where the directory is: leave out --server";
            return Err(Failure::usage(words));
        }
        let asked = self.filters.asked(desk).await?;
        if self.format == Format::Csv {
            let mut answer = client.open("exports", asked).await?;
            while let Some(part) = client.part(&mut answer).await? {
                if let Err(error) = out.write_all(part.as_ref()) {
                    return Ok(Err(error));
                }
            }
            return Ok(Ok(()));
        }
        let mut after = None;
        loop {
            let query = AccountQuery { status: None, search: None, after, limit: PAGE };
            let page = client.list(query, asked.clone()).await?;
            let Some(last) = page.last() else { return Ok(Ok(())) };
            after = Some(last.id);
            for account in &page {
                if let Err(error) = out.write_all(jsonl(account, None)?.as_bytes()) {
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
        jsonl(&own::AccountView::new(account, now), hash)
    }
}

fn jsonl(account: &own::AccountView, hash: Option<Option<String>>) -> Result<String, Failure> {
    let mut view = serde_json::to_value(AccountView::new(account))
        .map_err(|error| Failure::unexpected(error.to_string()))?;
    view["external_id"] = Value::from(account.external_id.clone());
    if let Some(hash) = hash {
        view[HASH] = Value::from(hash);
    }
    Ok(format!("{view}\n"))
}
