//! What becomes of people who did not sign in for long: the rule, whom it would hit, and
//! the yes without which it does nothing.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{LicencesPage, back, pinned, show};
use crate::admin::AdminError;
use crate::admin::settings::{INACTIVITY_ACTION, INACTIVITY_AFTER};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::overview::spaced;
use crate::pages::console::secrets::was_sure;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::wrong::Wrong;
use crate::pages::form::Fields;

/// The rule, as it is or as it was typed.
pub(super) struct Rule {
    /// After how many days; empty while it is off.
    pub(super) days: String,
    pub(super) disable: bool,
    /// What it says, in a sentence.
    pub(super) words: String,
    /// Whether it is on, and nobody has seen whom it hits.
    pub(super) waits: bool,
    pub(super) is_on: bool,
    /// The file that says it, where one does.
    pub(super) pinned: Option<String>,
}

#[derive(Template)]
#[template(path = "console/inactivity.html")]
struct LookPage {
    shell: Shell,
    rule: Rule,
    changed: u64,
    hit: String,
    kept: String,
    /// The first of those whom a rule keeps as they are, and why.
    refused: Vec<(i64, String, String)>,
    /// The day before which they came last.
    day: String,
}

impl Rule {
    pub(super) async fn now(desk: &Desk, staff: &Staff) -> Result<Self, Trouble> {
        let after = desk.admin.setting(&staff.actor, &INACTIVITY_AFTER).await?;
        let action = desk.admin.setting(&staff.actor, &INACTIVITY_ACTION).await?;
        let rule = desk.admin.inactivity_rule().await?;
        let waits = match rule {
            Some(rule) => !desk.admin.is_confirmed(rule).await?,
            None => false,
        };
        Ok(Self {
            days: rule.map_or_else(String::new, |rule| rule.days.to_string()),
            disable: action.value == "disable",
            words: rule.map_or_else(
                || "Nothing happens to them: the rule is off.".to_owned(),
                |rule| in_words(rule.days, rule.disable),
            ),
            waits,
            is_on: rule.is_some(),
            pinned: pinned(&after.source).or_else(|| pinned(&action.source)),
        })
    }
}

fn in_words(days: u32, disable: bool) -> String {
    let what = match disable {
        true => "is disabled, which frees the licence",
        false => "is locked, which keeps the licence in use",
    };
    let length = if days == 1 { "a day".to_owned() } else { format!("{days} days") };
    format!("Whoever did not sign in for {length} {what}. Portcullis looks once a day.")
}

/// Whom it would hit now. To look changes nothing.
pub(super) async fn look(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match looked(&desk, &staff).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn looked(desk: &Desk, staff: &Staff) -> Result<LookPage, Trouble> {
    let seen = desk.admin.look_at_inactivity(&staff.actor).await?;
    let seen = seen.ok_or_else(|| Trouble::Bad("The rule is off: it hits nobody.".to_owned()))?;
    let counts = seen.preview.counts;
    let refused = seen.preview.refused.into_iter();
    let refused = refused
        .map(|one| (one.account.get(), one.login.to_string(), sentence(&one.why.to_string())));
    let length = std::time::Duration::from_secs(u64::from(seen.rule.days) * 24 * 3600);
    Ok(LookPage {
        shell: desk.shell(staff, Section::Licences),
        rule: Rule::now(desk, staff).await?,
        changed: counts.changed,
        hit: spaced(counts.changed),
        kept: spaced(counts.refused),
        refused: refused.collect(),
        day: day(desk.now().before(length)),
    })
}

fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.floor_secs());
    at.map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// Lets the rule be kept as it is now.
pub(super) async fn confirm(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match confirmed(&desk, &staff, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn confirmed(desk: &Desk, staff: &Staff, fields: &mut Fields) -> Result<Response, Trouble> {
    staff.rights.require_administrator()?;
    was_sure(desk, staff, "licences/inactivity")?;
    let seen = fields.once("rule")?;
    let rule = desk.admin.inactivity_rule().await?;
    let now = rule.map(|rule| in_words(rule.days, rule.disable));
    if now.as_deref() != Some(&*seen) {
        let words = "The rule was changed since you looked. Look again whom it hits now.";
        return Err(Trouble::Bad(words.to_owned()));
    }
    desk.admin.confirm_inactivity(&staff.actor).await?;
    Ok(back(desk, "rule-kept"))
}

/// Changes the rule.
pub(super) async fn set(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match changed(&desk, &staff, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn changed(desk: &Desk, staff: &Staff, fields: &mut Fields) -> Result<Response, Trouble> {
    staff.require(Operation::ChangeSettings)?;
    was_sure(desk, staff, "licences")?;
    let days = fields.perhaps("days")?.unwrap_or_default();
    let action = fields.perhaps("action")?.unwrap_or_default();
    match written(desk, staff, days.trim(), &action).await? {
        Ok(act) => Ok(back(desk, act)),
        Err(wrong) => {
            let page = show(desk, staff, None).await?;
            let rule = Rule { days, disable: action == "disable", ..page.rule };
            Ok(LicencesPage { rule, ..page }.again(wrong))
        }
    }
}

/// Writes both settings, or neither where one can't be so; says what was done.
async fn written(
    desk: &Desk,
    staff: &Staff,
    days: &str,
    action: &str,
) -> Result<Result<&'static str, Wrong>, Trouble> {
    let after = match days {
        "" => Ok("off".to_owned()),
        typed => INACTIVITY_AFTER.read(typed),
    };
    let Ok(after) = after else {
        let words = "Write a number of days from 1 to 3650; leave it empty to switch it off.";
        return Ok(Err(Wrong::at("days", words)));
    };
    let Ok(action) = INACTIVITY_ACTION.read(action) else {
        return Ok(Err(Wrong::at("action", "Choose what becomes of them.")));
    };
    if action == "disable" && after != "off" && !desk.admin.disabling_is_allowed().await? {
        let words = "Account disabling is off: switch it on under Attack protection first.";
        return Ok(Err(Wrong::at("action", words)));
    }
    let (admin, actor) = (&desk.admin, &staff.actor);
    let mut changed = false;
    for (setting, value) in [(&INACTIVITY_ACTION, action), (&INACTIVITY_AFTER, after.clone())] {
        if admin.setting(actor, setting).await?.value == value {
            continue;
        }
        match admin.set_setting(actor, setting, &value).await {
            Ok(written) => changed |= written,
            Err(error @ AdminError::Store(_)) => return Err(error.into()),
            Err(error) => return Ok(Err(Wrong::at("days", sentence(&error.to_string())))),
        }
    }
    Ok(Ok(match (changed, &*after) {
        (false, _) => "unchanged",
        (true, "off") => "rule-off",
        (true, _) => "rule-set",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_what_it_does_to_the_licence() {
        let words = in_words(90, false);
        assert!(words.contains("for 90 days is locked") && words.contains("in use"), "{words}");
        let words = in_words(1, true);
        assert!(words.contains("for a day is disabled") && words.contains("frees"), "{words}");
    }

    #[test]
    fn a_day_is_the_calendars() {
        assert_eq!(day(Timestamp::from_secs(1_800_000_000)), "2027-01-15");
    }
}
