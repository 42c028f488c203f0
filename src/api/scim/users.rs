//! What is done to people.

use http::StatusCode;

use super::answer::Done;
use super::filter::id_of;
use super::patch::{self, Touched};
use super::problem::Problem;
use super::schema::{ResourceType, WSO2_URN};
use super::select::Select;
use super::service::{Act, Service};
use super::tag::Tags;
use super::user::{Writer, shown};
use super::value::{self, Object};
use crate::admin::{AdminError, PersonChange};
use crate::domain::account::Account;
use crate::domain::lock::Reason;
use crate::domain::operation::Operation;

const USER: ResourceType = ResourceType::User;

/// How often a change is made anew that somebody else was quicker than.
const TRIES: usize = 5;

impl Service {
    pub(super) async fn user_operation(
        &self,
        id: &str,
        operation: Act<'_>,
        tags: &Tags,
        select: &Select,
    ) -> Result<Done, Problem> {
        match operation {
            Act::Create(sent) => self.create_user(sent, select).await,
            Act::Delete => self.delete_user(id, tags).await,
            Act::Read => {
                let account = self.visible(id).await?;
                self.user(StatusCode::OK, &account, select).await
            }
            Act::Patch(_) | Act::Replace(_) => self.change_user(id, operation, tags, select).await,
        }
    }

    /// The account with this id, for whoever may change it in some way.
    async fn account(&self, id: &str) -> Result<Account, Problem> {
        let number = id_of(id).ok_or_else(|| Self::unknown(USER, id))?;
        let found = self.admin.account(&number.into()).await;
        found.map_err(|error| match error {
            AdminError::NotFound { .. } => Self::unknown(USER, id),
            error => error.into(),
        })
    }

    /// The same, for whoever may see it: everybody sees themselves.
    async fn visible(&self, id: &str) -> Result<Account, Problem> {
        if !id_of(id).is_some_and(|id| self.caller.is(id)) {
            self.caller.rights.require(Operation::ViewUser)?;
        }
        self.account(id).await
    }

    pub(super) async fn user(
        &self,
        status: StatusCode,
        account: &Account,
        select: &Select,
    ) -> Result<Done, Problem> {
        let memberships = self.admin.memberships(vec![account.id]).await?;
        let user = shown(account, &memberships, self.flavour, self.admin.now());
        Ok(self.done(status, USER, &user, select))
    }

    async fn create_user(&self, sent: &Object, select: &Select) -> Result<Done, Problem> {
        self.caller.rights.require(Operation::CreateUser)?;
        let wanted = value::resource(USER, sent, self.flavour)?;
        let touched = named_in(&wanted, None, self);
        let person = self.writer(None, &touched).person(&wanted)?;
        let added = self.admin.add(&self.actor(), person).await?;
        self.user(StatusCode::CREATED, &added.account, select).await
    }

    fn writer<'a>(&self, account: Option<&'a Account>, touched: &'a Touched) -> Writer<'a> {
        let (flavour, now) = (self.flavour, self.admin.now());
        Writer { flavour, actor: self.actor().name(), now, account, touched }
    }

    async fn change_user(
        &self,
        id: &str,
        operation: Act<'_>,
        tags: &Tags,
        select: &Select,
    ) -> Result<Done, Problem> {
        let mut tries = TRIES;
        loop {
            // Before anything else, which would tell a stranger something.
            self.may_change(id)?;
            let account = self.account(id).await?;
            tags.check(account.version)?;
            let mut change = self.wanted_of(&account, operation)?;
            change.expect(account.version);
            let updated = self
                .admin
                .update(&self.actor(), &account.id.into(), change)
                .await;
            tries -= 1;
            match updated {
                Err(AdminError::Outdated { .. }) if tries > 0 => {}
                updated => return self.user(StatusCode::OK, &updated?.account, select).await,
            }
        }
    }

    fn may_change(&self, id: &str) -> Result<(), Problem> {
        if !id_of(id).is_some_and(|id| self.caller.is(id)) {
            self.caller.rights.require(Operation::UpdateUser)?;
        }
        Ok(())
    }

    /// What makes the account what was asked for.
    fn wanted_of(&self, account: &Account, operation: Act<'_>) -> Result<PersonChange, Problem> {
        let before = shown(account, &[], self.flavour, self.admin.now());
        let (wanted, touched) = match operation {
            Act::Patch(body) => self.patched(before, body)?,
            Act::Replace(sent) => {
                let wanted = value::resource(USER, sent, self.flavour)?;
                let touched = named_in(&wanted, Some(&before), self);
                (wanted, touched)
            }
            _ => (before, Touched::default()),
        };
        self.writer(Some(account), &touched).change(&wanted)
    }

    fn patched(&self, before: Object, body: &Object) -> Result<(Object, Touched), Problem> {
        let mut steps = patch::read(body, self.flavour)?;
        if self.flavour.is_wso2() {
            steps.retain(|step| !is_kept_by_wso2(step));
        }
        let patched = patch::apply(USER, self.flavour, before, &steps)?;
        Ok((patched.resource, patched.touched))
    }

    async fn delete_user(&self, id: &str, tags: &Tags) -> Result<Done, Problem> {
        self.caller.rights.require(Operation::DeleteUser)?;
        let account = self.account(id).await?;
        tags.check(account.version)?;
        let reason = Reason::try_from(format!("via scim by {}", self.actor().name()));
        let reason = reason.map_err(|error| Problem::value(error.to_string()))?;
        self.admin
            .delete(&self.actor(), &account.id.into(), reason)
            .await?;
        Ok(Done::gone())
    }
}

/// WSO2 says that it removes these, and keeps them.
fn is_kept_by_wso2(step: &patch::Step) -> bool {
    let path = step
        .path
        .as_deref()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let flag = path
        .strip_prefix(WSO2_URN)
        .and_then(|rest| rest.strip_prefix(':'));
    let kept = matches!(flag, Some("accountlocked" | "accountdisabled"));
    step.verb == patch::Verb::Remove && kept
}

/// What a whole resource says that is not so yet. What it does not name of locks and
/// disablement stays: few clients know of them.
fn named_in(wanted: &Object, before: Option<&Object>, service: &Service) -> Touched {
    let mut touched = Touched::default();
    let mut look = |extension: Option<&'static str>, name: &'static str| {
        let new = value::get(wanted, extension, name);
        let old = before.and_then(|before| value::get(before, extension, name));
        if new.is_some_and(|new| Some(new) != old) {
            touched.touch(extension, name);
        }
    };
    for attribute in USER.schema().attributes {
        look(None, attribute.name);
    }
    for extension in USER.extensions(service.flavour) {
        for attribute in extension.attributes {
            look(Some(extension.urn), attribute.name);
        }
    }
    touched
}
