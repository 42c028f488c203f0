//! `portcullis group`: groups of people, and what they give their members.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::own::groups::{GroupChangedView, GroupDetailView, GroupView, MemberView};
use crate::api::own::view::AccountView;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::{Page, cell};
use crate::domain::account::AccountId;
use crate::domain::group::{GroupId, GroupName};
use crate::domain::permission::{Permission, Permissions};

const LIMIT: u32 = 100;

#[derive(Debug, Subcommand)]
pub(super) enum GroupCommand {
    /// Make a group
    Add(Add),
    /// List groups, or those that a person is in
    List(List),
    /// Show a group and who is in it
    Show(Show),
    /// Say what the members of a group may do beside what they may by themselves
    Permit(Permit),
    /// Put people into a group
    Join(Members),
    /// Take people out of a group
    Leave(Members),
    /// Delete a group; its members stay
    Remove(Which),
}

#[derive(Args, Debug)]
pub(super) struct Add {
    /// What you will know it by
    #[arg(value_parser = name)]
    name: GroupName,

    /// What its members may do, as `users.view`; may be repeated
    #[arg(long = "may", value_name = "PERMISSION")]
    may: Vec<Permission>,
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// Only those that this login or e-mail address is in
    #[arg(long, value_name = "LOGIN")]
    member: Option<String>,

    /// Only those with a higher number
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    after: Option<GroupId>,

    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = LIMIT,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

#[derive(Args, Debug)]
pub(super) struct Which {
    /// Its number, as `group list` shows it
    #[arg(value_name = "NUMBER", value_parser = number)]
    id: GroupId,
}

#[derive(Args, Debug)]
pub(super) struct Show {
    #[command(flatten)]
    which: Which,

    /// Only members with a higher number
    #[arg(long, value_name = "NUMBER", value_parser = crate::cli::desk::account_number)]
    after: Option<AccountId>,

    /// At most so many members
    #[arg(long, value_name = "COUNT", default_value_t = LIMIT,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

#[derive(Args, Debug)]
pub(super) struct Permit {
    #[command(flatten)]
    which: Which,

    /// What they may do, as `users.view`; may be repeated; left out, nothing
    #[arg(long = "may", value_name = "PERMISSION")]
    may: Vec<Permission>,
}

#[derive(Args, Debug)]
pub(super) struct Members {
    #[command(flatten)]
    which: Which,

    /// Whom: logins or e-mail addresses
    #[arg(required = true, value_name = "LOGIN")]
    logins: Vec<String>,
}

impl GroupCommand {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(desk).await,
            Self::List(list) => list.run(desk).await,
            Self::Show(show) => show.run(desk).await,
            Self::Permit(permit) => permit.run(desk).await,
            Self::Join(members) => members.run(true, desk).await,
            Self::Leave(members) => members.run(false, desk).await,
            Self::Remove(which) => remove(which.id, desk).await,
        }
    }
}

impl Add {
    async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let may = self.may.into_iter().collect();
        let group = desk.office.create_group(self.name, may).await?;
        let words = format!("{} is made, group number {}.", group.name, group.id);
        desk.output
            .answer(&json!({ "changed": true, "group": group }), &Page::new().line(&words))?;
        let join = desk.command(&format!("group join {} LOGIN", group.id));
        desk.output.hint(&format!("put people into it: {join}"));
        Ok(())
    }
}

impl List {
    async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let member = match &self.member {
            Some(login) => Some(found(login, desk).await?.id),
            None => None,
        };
        let groups = desk.office.groups(member, self.after, self.limit).await?;
        let full = groups.len() as u64 >= u64::from(self.limit);
        let next = groups.last().map(|last| last.id).filter(|_| full);
        let mut rows = Vec::new();
        for group in &groups {
            let members = desk.office.group(group.id).await?.count;
            rows.push([
                cell(group.id),
                cell(&group.name),
                cell(members),
                cell(words(&group.permissions)),
            ]);
        }
        let page = if rows.is_empty() {
            let add = desk.command("group add NAME");
            Page::new().line(&format!("There are no such groups. Make one: {add}"))
        } else {
            Page::new().table(["NUMBER", "NAME", "MEMBERS", "MAY"], 1, rows)
        };
        desk.output
            .answer(&json!({ "groups": groups, "next": next }), &page)?;
        if let Some(next) = next {
            desk.output
                .hint(&format!("more: {}", desk.command(&format!("group list --after {next}"))));
        }
        Ok(())
    }
}

impl Show {
    async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let id = self.which.id;
        let GroupDetailView { group, count } = desk.office.group(id).await?;
        let members = desk.office.members(id, self.after, self.limit).await?;
        let full = members.len() as u64 >= u64::from(self.limit);
        let next = members.last().map(|last| last.account).filter(|_| full);
        let page = page(&group, count, &members, desk);
        let json = json!({ "group": group, "count": count, "members": members, "next": next });
        desk.output.answer(&json, &page)?;
        if let Some(next) = next {
            let more = desk.command(&format!("group show {id} --after {next}"));
            desk.output.hint(&format!("more: {more}"));
        }
        Ok(())
    }
}

fn page(group: &GroupView, count: u64, members: &[MemberView], desk: &Desk) -> Page {
    let some = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let page = Page::new()
        .line(&format!("{} has {count} members.", group.name))
        .line("")
        .line(&format!("Number         {}", group.id))
        .line(&format!("External id    {}", some(group.external_id.as_deref())))
        .line(&format!("Members may    {}", words(&group.permissions)))
        .line(&format!("Added          {}", desk.time(group.created_at.0)))
        .line(&format!("Changed        {}", desk.time(group.updated_at.0)));
    if members.is_empty() {
        return page;
    }
    let rows = members
        .iter()
        .map(|one| [cell(one.account), cell(&one.display)]);
    page.line("").table(["NUMBER", "MEMBER"], 1, rows.collect())
}

impl Permit {
    async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let may = self.may.into_iter().collect();
        let changed = desk.office.permit_group(self.which.id, may).await?;
        let GroupView { name, permissions, .. } = &changed.group;
        let words = match *permissions == Permissions::default() {
            true => format!("Being in {name} gives nothing now."),
            false => format!("Whoever is in {name} may {} now.", words(permissions)),
        };
        told(&changed, &words, desk)
    }
}

impl Members {
    async fn run(self, join: bool, desk: &Desk) -> Result<(), Failure> {
        let mut who = Vec::new();
        for login in &self.logins {
            who.push(found(login, desk).await?.id);
        }
        let changed = desk.office.move_members(self.which.id, &who, join).await?;
        let all = self.logins.join(", ");
        let name = &changed.group.name;
        let words = if join {
            format!("In {name} now: {all}.")
        } else {
            format!("In {name} no more: {all}.")
        };
        told(&changed, &words, desk)
    }
}

async fn remove(id: GroupId, desk: &Desk) -> Result<(), Failure> {
    let group = desk.office.delete_group(id).await?;
    let words = format!("{} is deleted; its members stay.", group.name);
    desk.output
        .answer(&json!({ "group": group, "removed": true }), &Page::new().line(&words))
}

async fn found(login: &str, desk: &Desk) -> Result<AccountView, Failure> {
    desk.office.account(&login.into()).await
}

fn told(changed: &GroupChangedView, words: &str, desk: &Desk) -> Result<(), Failure> {
    let words = if changed.changed { words.to_owned() } else { "Nothing was changed.".to_owned() };
    let json = json!({ "changed": changed.changed, "group": changed.group });
    desk.output.answer(&json, &Page::new().line(&words))
}

fn words(permissions: &Permissions) -> String {
    let all: Vec<_> = permissions.iter().map(Permission::as_str).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(" ") }
}

fn number(text: &str) -> Result<GroupId, String> {
    let number: Option<i64> = text.parse().ok();
    let id = number.and_then(|number| GroupId::try_from(number).ok());
    id.ok_or_else(|| "a group's number is 1 or more".to_owned())
}

fn name(text: &str) -> Result<GroupName, String> {
    GroupName::new(text).map_err(|invalid| invalid.to_string())
}
