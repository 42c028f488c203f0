//! `portcullis assertion`: the keys that gateways sign assertions with.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::admin::assertion_keys::{AssertionKeys, Takeover};
use crate::cli::exit::Failure;
use crate::cli::office::{Host, Office};
use crate::cli::output::{Output, Page, cell};
use crate::cli::store::Named;
use crate::domain::time::Timestamp;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum AssertionCommand {
    /// List the keys that assertions are signed with, and when each of them is
    Keys,
    /// Put a new key in the place of the one that signs
    ///
    /// It is published two minutes before it signs, and the old one three minutes longer.
    Rotate {
        /// Sign with it at once, and publish the old ones no more: one of them may be known
        #[arg(long)]
        now: bool,
    },
}

impl AssertionCommand {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        let desk = named.desk(output).await?;
        let Office::Here(Host { admin, actor }) = &desk.office else {
            return Err(Failure::usage("the keys are in a directory of this machine".to_owned()));
        };
        let keys = match self {
            Self::Keys => admin.assertion_keys(actor).await?,
            Self::Rotate { now: true } => {
                admin.rotate_assertion_keys(actor, Takeover::AtOnce).await?
            }
            Self::Rotate { now: false } => {
                admin
                    .rotate_assertion_keys(actor, Takeover::Announced)
                    .await?
            }
        };
        show(&keys, desk.office.now(), output)
    }
}

fn show(keys: &AssertionKeys, now: Timestamp, output: Output) -> Result<(), Failure> {
    let signing = keys.signing_at(now).map(|key| key.id.clone());
    let published: Vec<_> = keys.published(now).collect();
    let state = |from: i64, id: &str| match () {
        () if from > now.floor_secs() => "waits",
        () if signing.as_deref() == Some(id) => "signs",
        () => "published",
    };
    let time = |secs: i64| Timestamp::from_secs(secs).to_string();
    let until = |until: Option<i64>| until.map_or_else(|| "replaced".to_owned(), time);
    let row = |key: &&crate::admin::assertion_keys::AssertionKey| {
        [
            cell(&key.id),
            cell(state(key.from, &key.id)),
            cell(time(key.from)),
            cell(until(key.until)),
        ]
    };
    let page = match published.is_empty() {
        true => Page::new().line("There are no keys yet: the first gateway that signs makes one."),
        false => {
            let rows = published.iter().map(row).collect();
            Page::new().table(["KEY", "STATE", "SIGNS FROM", "PUBLISHED UNTIL"], 1, rows)
        }
    };
    let view = |key: &&crate::admin::assertion_keys::AssertionKey| -> Value {
        json!({
            "id": key.id,
            "state": state(key.from, &key.id),
            "signs_from": time(key.from),
            "published_until": key.until.map(time),
        })
    };
    output.answer(&json!({ "keys": published.iter().map(view).collect::<Vec<_>>() }), &page)
}
