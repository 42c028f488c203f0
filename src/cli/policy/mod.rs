//! `portcullis policy`: what a lockout policy means, and what it promises.

mod named;
mod view;

use clap::Args;
use serde_json::json;

pub(in crate::cli) use self::named::{Chosen, choose};
use self::view::{page, presets_page, presets_view, view};
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::store::Named;

#[derive(Args, Debug)]
pub(super) struct Policy {
    /// A preset's name, a file, or words such as `balanced max_attempts=10`
    /// [default: the policy in force]
    ///
    /// A file is a portcullis.toml, of which [lockout] is read, or a text with words.
    #[arg(value_name = "PRESET|FILE|WORDS")]
    policy: Vec<String>,

    /// List the presets, with what each promises
    #[arg(long, conflicts_with = "policy")]
    list: bool,
}

impl Policy {
    pub(super) async fn run(&self, named: &Named, output: Output) -> Result<(), Failure> {
        if self.list {
            return output.answer(&json!({ "presets": presets_view() }), &presets_page());
        }
        let chosen = choose(&self.policy, named, output).await?;
        output.answer(&view(&chosen), &page(&chosen))
    }
}
