//! `portcullis user add`: makes an account, and the directory with the first.

use clap::Args;

use crate::admin::Target;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::office::NewAccount;
use crate::cli::output::{Output, Page};
use crate::cli::shell::last;
use crate::cli::store::{Located, Named};
use crate::cli::user::invite;
use crate::cli::view::{OutcomeView, to_value};
use crate::cli::{password, store};
use crate::domain::login::Login;
use crate::domain::password::Password;
use crate::domain::permission::Permission;
use crate::domain::standing::Lifecycle;

#[derive(Args, Debug)]
pub(in crate::cli) struct Add {
    /// What the person types to sign in
    #[arg(value_parser = login)]
    login: Login,

    /// Their name, as people write it
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,

    /// Their e-mail address
    #[arg(long)]
    email: Option<String>,

    /// Make them an administrator, who may do everything
    #[arg(long)]
    admin: bool,

    /// What they may do beside looking after themselves: users.manage, or another that `user permit`
    /// names; may be repeated
    #[arg(long = "may", value_name = "PERMISSION", conflicts_with = "admin")]
    may: Vec<Permission>,

    /// Read their password from standard input, to the end
    #[arg(long)]
    password_stdin: bool,

    /// Ask for no password: invite them until one is set
    #[arg(long, conflicts_with = "password_stdin")]
    invite: bool,
}

impl Add {
    pub(in crate::cli) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        // All that can be wrong with the words, before a file is made.
        let new = self.account()?;
        new.person()?;
        let Located { directory: path, pins, public_url, .. } = named.locate()?;
        let first = !store::exists(&path)?;
        let directory = store::open_or_create(&path).await?;
        let mut desk = Desk::new(named.program(), directory, pins, output);
        desk.public_url = public_url;
        if first {
            desk.output
                .remark(&format!("A new directory begins at {}.", path.display()));
        }
        add(new, &desk).await
    }

    /// Adds to a directory that is open already, or through a server.
    pub(super) async fn run_at(self, desk: &Desk) -> Result<(), Failure> {
        add(self.account()?, desk).await
    }

    fn account(&self) -> Result<NewAccount, Failure> {
        Ok(NewAccount {
            login: self.login.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            admin: self.admin,
            permissions: self.may.iter().copied().collect(),
            password: self.password()?,
        })
    }

    fn password(&self) -> Result<Option<Password>, Failure> {
        if self.password_stdin {
            password::from_stdin().map(Some)
        } else if !self.invite && password::can_ask() {
            password::from_terminal("Password (leave it empty to invite them without one): ")
        } else {
            Ok(None)
        }
    }
}

async fn add(new: NewAccount, desk: &Desk) -> Result<(), Failure> {
    let added = desk.office.add(new).await?;
    let account = &added.account;
    let role = if account.admin { " as an administrator" } else { "" };
    let (id, login) = (account.id, &account.login);
    let mut page = Page::new().line(&format!("{login} is added{role}, number {id}."));
    let mut json = to_value(&OutcomeView::new(&added));
    if account.lifecycle == Lifecycle::Invited {
        let invited = desk.office.invite(&Target::Id(id), None).await?;
        let command = desk.command(&format!("user invite {}", last(login)));
        page = page
            .line("They choose a password and come in with this link, once:")
            .line(&invite::link(desk, &invited))
            .line(&format!("It ends {}. Another one: {command}", desk.time(invited.expires_at.0)));
        json["invitation"] = invite::view(desk, &invited);
    }
    desk.output.answer(&json, &page)
}

fn login(text: &str) -> Result<Login, String> {
    Login::new(text).map_err(|invalid| invalid.to_string())
}
