//! `portcullis user delete`: deletes a person's account, and gives their records to
//! somebody else.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use crate::admin::Target;
use crate::admin::deletion::{DeletionRequest, TransferPreview};
use crate::cli::deletion::{follow, told};
use crate::cli::desk::{Desk, Who};
use crate::cli::exit::Failure;
use crate::cli::office::Office;
use crate::cli::output::{Page, cell, clean};
use crate::cli::user::change::reason;
use crate::domain::lock::Reason;
use crate::domain::transfer::{Condition, Conditions, ModuleChoice, ModuleName, Transfer};

#[derive(Args, Debug)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    who: Who,

    /// Why, for the audit log and for administrators
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Reason,

    #[command(flatten)]
    transfer: Choice,

    /// What goes of a module: NAME=all, NAME=none, or NAME='FIELD is VALUE' or
    /// NAME='FIELD is not VALUE'; several conditions have to fit all. What is not named stays
    #[arg(long = "module", value_name = "NAME=WHAT", requires = "transfer_some")]
    modules: Vec<Part>,

    /// Only show what would go
    #[arg(long)]
    dry_run: bool,

    /// Don't ask whether it is meant
    #[arg(long)]
    yes: bool,
}

/// What goes to somebody else; one has to be said.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Choice {
    /// Give all records to this active person: a login or e-mail address
    #[arg(long, value_name = "RECEIVER")]
    transfer_all: Option<String>,

    /// Leave all records with the deleted account
    #[arg(long)]
    transfer_nothing: bool,

    /// Give this active person what --module says
    #[arg(long, value_name = "RECEIVER", requires = "modules")]
    transfer_some: Option<String>,
}

/// What is said of one module.
#[derive(Clone, Debug)]
struct Part {
    module: ModuleName,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    All,
    None,
    Fits(Condition),
}

impl std::str::FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "write NAME=all, NAME=none or NAME='FIELD is VALUE'";
        let (name, what) = text.split_once('=').ok_or(form)?;
        let module = name.parse().map_err(|error| format!("{error}"))?;
        let what = match what {
            "all" => What::All,
            "none" => What::None,
            words => What::Fits(words.parse().map_err(|error| format!("{error}: {form}"))?),
        };
        Ok(Self { module, what })
    }
}

impl Delete {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let office = match self.transfer.transfer_nothing {
            true => desk.office.clone(),
            false => desk.office_of_modules()?,
        };
        let target = self.who.target();
        let transfer = self.choice(&office).await?;
        let preview = office.transfer_preview(&target, &transfer).await;
        let preview = preview.map_err(|error| self.who.failure(error))?;
        if self.dry_run {
            return desk.output.answer(&preview, &page(&preview));
        }
        self.ask(desk, &preview)?;
        let request = DeletionRequest { reason: self.reason.clone(), transfer };
        let begun = office.begin_deletion(&target, request).await;
        let run = begun.map_err(|error| self.who.failure(error))?;
        desk.warn(run.warning());
        let deletion = follow(run, desk).await?;
        told(&deletion, desk)
    }

    /// What was chosen, with the receiver's number.
    async fn choice(&self, office: &Office) -> Result<Transfer, Failure> {
        let Choice { transfer_all, transfer_some, .. } = &self.transfer;
        let Some(receiver) = transfer_all.as_ref().or(transfer_some.as_ref()) else {
            return Ok(Transfer::Nothing);
        };
        let receiver = office.account(&Target::from(receiver.as_str())).await?.id;
        if transfer_all.is_some() {
            return Ok(Transfer::All { receiver });
        }
        Ok(Transfer::Some { receiver, modules: by_module(&self.modules)? })
    }

    /// Lets whoever is there say that it is meant.
    fn ask(&self, desk: &Desk, preview: &TransferPreview) -> Result<(), Failure> {
        let login = &preview.account.login;
        let warning = format!("{login} is deleted for good: the login can never be used again.");
        if self.yes {
            desk.output.hint(&warning);
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            let message = "there is no terminal to ask whether this is meant: add --yes";
            return Err(Failure::usage(message));
        }
        let shown = page(preview).into_text();
        let mut err = std::io::stderr().lock();
        let prompt = format!("{shown}{warning}\nType the login to go on: ");
        let asked = write!(err, "{}", clean(&prompt)).and_then(|()| err.flush());
        let mut typed = String::new();
        let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut typed));
        match read {
            Ok(_) if typed.trim() == login.as_str() => Ok(()),
            _ => Err(Failure::usage("that was not the login: nothing was changed")),
        }
    }
}

fn by_module(parts: &[Part]) -> Result<BTreeMap<ModuleName, ModuleChoice>, Failure> {
    let mut modules: BTreeMap<ModuleName, ModuleChoice> = BTreeMap::new();
    for name in parts.iter().map(|part| &part.module) {
        let whats: Vec<&What> = parts
            .iter()
            .filter(|part| part.module == *name)
            .map(|part| &part.what)
            .collect();
        let choice = choice_of(&whats).ok_or_else(|| {
            Failure::usage(format!("{name} is said twice: say all, none or conditions of it"))
        })?;
        modules.insert(name.clone(), choice?);
    }
    Ok(modules)
}

/// What is said of one module; `None` if that contradicts itself.
fn choice_of(whats: &[&What]) -> Option<Result<ModuleChoice, Failure>> {
    match whats {
        [What::All] => return Some(Ok(ModuleChoice::All)),
        [What::None] => return Some(Ok(ModuleChoice::None)),
        _ => {}
    }
    let conditions = whats.iter().map(|what| match what {
        What::Fits(condition) => Some(condition.clone()),
        What::All | What::None => None,
    });
    let conditions = conditions.collect::<Option<Vec<_>>>()?;
    let conditions = Conditions::new(conditions).map(ModuleChoice::Where);
    Some(conditions.map_err(|error| Failure::usage(error.to_string())))
}

fn page(preview: &TransferPreview) -> Page {
    let login = &preview.account.login;
    let words = match &preview.receiver {
        Some(receiver) => format!("Of what {login} owns, this would go to {}:", receiver.login),
        None => format!("What {login} owns would stay with the deleted account."),
    };
    let page = Page::new().line(&words);
    if preview.modules.is_empty() {
        return page;
    }
    let rows = preview.modules.iter().map(|module| {
        let stay = module.owned.saturating_sub(module.moving);
        [cell(&module.name), cell(&module.label), cell(module.moving), cell(stay)]
    });
    page.table(["MODULE", "WHAT", "GO", "STAY"], 1, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(words: &[&str]) -> Vec<Part> {
        words.iter().map(|word| word.parse().expect(word)).collect()
    }

    #[test]
    fn a_module_is_said_once_or_by_conditions() {
        let said = parts(&["a=all", "b=none", "c=status is open", "c=kind is not trial"]);
        let modules = by_module(&said).expect("a choice");
        let json = serde_json::to_string(&modules).expect("JSON");
        let conditions = r#"[{"field":"status","is":"open"},{"field":"kind","is_not":"trial"}]"#;
        assert_eq!(json, format!(r#"{{"a":"all","b":"none","c":{conditions}}}"#));
        for twice in [["a=all", "a=none"], ["a=all", "a=x is y"], ["a=all", "a=all"]] {
            assert!(by_module(&parts(&twice)).is_err(), "{twice:?}");
        }
        for bad in ["a", "a=most", "A=all", "a=status = open"] {
            assert!(bad.parse::<Part>().is_err(), "{bad}");
        }
    }
}
