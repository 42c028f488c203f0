//! What exactly stops working, before it does.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Row, found, number, tokens};
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::secrets::sure;
use crate::pages::console::staff::Staff;

/// What takes something from an application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    Rotate,
    Disable,
    Remove,
}

#[derive(Template)]
#[template(path = "console/application_act.html")]
pub(super) struct AskPage {
    shell: Shell,
    one: Row,
    act: Act,
    /// How many of its tokens open something now.
    tokens: usize,
    /// The key of the form.
    once: String,
    wrong: &'static str,
}

impl Act {
    /// As addresses and forms call it.
    const fn word(self) -> &'static str {
        match self {
            Self::Rotate => "rotate",
            Self::Disable => "disable",
            Self::Remove => "remove",
        }
    }

    /// Whether its form has a key: a secret comes of it.
    const fn is_sent_once(self) -> bool {
        matches!(self, Self::Rotate)
    }

    const fn button(self) -> &'static str {
        match self {
            Self::Rotate => "Give it a new secret",
            Self::Disable => "Disable application",
            Self::Remove => "Remove application",
        }
    }

    fn title(self, name: &str) -> String {
        match self {
            Self::Rotate => format!("A new secret for {name}?"),
            Self::Disable => format!("Disable {name}?"),
            Self::Remove => format!("Remove {name}?"),
        }
    }
}

impl AskPage {
    pub(super) async fn of(
        desk: &Desk,
        staff: &Staff,
        id: &str,
        act: Act,
    ) -> Result<Self, Trouble> {
        staff.require(Operation::ManageTokens)?;
        let one = found(desk, staff, id).await?;
        let now = desk.now();
        Ok(Self {
            shell: desk.shell(staff, Section::Applications),
            tokens: tokens(desk, staff, one.id).await?.len(),
            one: Row::of(&one, now),
            act,
            once: desk.forms.key(now),
            wrong: "",
        })
    }

    pub(super) fn again(self, wrong: &'static str) -> Response {
        answer::page(StatusCode::UNPROCESSABLE_ENTITY, &Self { wrong, ..self })
    }

    /// Where the form goes.
    fn action(&self) -> String {
        match self.act {
            Act::Rotate => format!("{}/rotate", self.one.id),
            Act::Disable | Act::Remove => self.one.id.clone(),
        }
    }

    fn effects(&self) -> Vec<String> {
        let name = &self.one.name;
        let tokens = match self.tokens {
            0 => None,
            1 => Some("Its 1 token".to_owned()),
            many => Some(format!("Its {many} tokens")),
        };
        let first = match self.act {
            Act::Rotate => format!(
                "The secret that {name} has now opens nothing any more, at once. It is refused \
                 until somebody gives it the new one."
            ),
            Act::Disable => format!(
                "{name} is refused at once, and gets no new tokens until you enable it again. Its \
                 secret stays as it is."
            ),
            Act::Remove => format!(
                "{name} is refused at once, for good. Its client_id is never given out again."
            ),
        };
        let second = tokens.map(|tokens| match self.act {
            Act::Rotate | Act::Remove => format!("{tokens} opens nothing any more, for good."),
            Act::Disable => format!("{tokens} opens nothing until you enable it again."),
        });
        let second = second.map(|words| match self.tokens {
            1 => words,
            _ => words.replacen("tokens opens", "tokens open", 1),
        });
        let third = (self.act == Act::Rotate).then(|| {
            "The new secret is shown once, on the next page. Have at hand where it goes.".to_owned()
        });
        [Some(first), second, third].into_iter().flatten().collect()
    }
}

pub(super) async fn rotation(
    state: Here,
    staff: Staff,
    id: Path<String>,
    request: Request,
) -> Response {
    ask(state, staff, id, request, Act::Rotate).await
}

pub(super) async fn disabling(
    state: Here,
    staff: Staff,
    id: Path<String>,
    request: Request,
) -> Response {
    ask(state, staff, id, request, Act::Disable).await
}

pub(super) async fn removal(
    state: Here,
    staff: Staff,
    id: Path<String>,
    request: Request,
) -> Response {
    ask(state, staff, id, request, Act::Remove).await
}

async fn ask(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
    act: Act,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let page = AskPage::of(&desk, &staff, &id, act).await?;
        let here = format!("applications/{}/{}", number(&id)?, act.word());
        sure(&desk, staff.is_sure(desk.now()), &here)?;
        Ok::<_, Trouble>(page)
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
