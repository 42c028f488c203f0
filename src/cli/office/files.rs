//! Many people as they stand in files.

use http::Method;
use serde::Serialize;

use super::{Done, Host, Office};
use crate::admin::import_row::Columns;
use crate::api::own::files::{ImportedView, RowOutcome, RowView};
use crate::cli::exit::{Exit, Failure};

/// Rows to take over, as a server is asked for it. Holds hashes of passwords.
#[derive(Serialize)]
pub(in crate::cli) struct ImportAsked<'a> {
    pub(in crate::cli) columns: &'a [String],
    pub(in crate::cli) rows: &'a [Vec<String>],
    pub(in crate::cli) update: bool,
    pub(in crate::cli) dry_run: bool,
}

impl Office {
    /// What became of rows, in their order, and why the rest was not tried, if so.
    pub(in crate::cli) async fn import(
        &self,
        asked: &ImportAsked<'_>,
    ) -> Done<(Vec<RowView>, Option<Failure>)> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => return host.import(asked).await,
        };
        let body = serde_json::to_value(asked);
        let body = body.map_err(|error| Failure::unexpected(error.to_string()))?;
        let done: ImportedView = client.send(Method::POST, "imports", &body).await?;
        let lost = done.stopped.then(|| {
            let words =
                "the server's directory does not answer: the rest was not tried; run it again";
            Failure::new(Exit::Store, words)
        });
        Ok((done.rows, lost))
    }
}

impl Host {
    async fn import(&self, asked: &ImportAsked<'_>) -> Done<(Vec<RowView>, Option<Failure>)> {
        let columns = Columns::of(asked.columns).map_err(Failure::usage)?;
        let mut rows = Vec::new();
        for fields in asked.rows {
            let person = columns
                .person(fields, self.admin.now())
                .map_err(Failure::usage)?;
            let done = match asked.dry_run {
                true => self.admin.preview_import(&person, asked.update).await,
                false => self.admin.import(&self.actor, person, asked.update).await,
            };
            match done.map_err(Failure::from) {
                Ok(done) => rows.push(RowView { outcome: done.into(), why: None }),
                Err(failure) if failure.is_of_store() => return Ok((rows, Some(failure))),
                Err(failure) => {
                    let why = Some(failure.message().to_owned());
                    rows.push(RowView { outcome: RowOutcome::Refused, why });
                }
            }
        }
        Ok((rows, None))
    }
}
