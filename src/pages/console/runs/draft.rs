//! A bulk update as it was typed.

use crate::admin::{AdminWish, BulkChange, BulkRequest, DisableWish, LockWish, Selection};
use crate::domain::csv;
use crate::domain::lock::Reason;
use crate::domain::time::Timestamp;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::drawer::Drawer;
use crate::pages::console::runs::lasting::Lasting;
use crate::pages::console::users::filter::Wrong;
use crate::pages::console::users::whom::Whom;
use crate::pages::form::Fields;

/// Who is meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whose {
    /// Those who were ticked in the list.
    Ticked,
    /// All who match.
    Filter,
    /// Those who have these logins.
    Named,
}

/// Yes, no, or neither.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Wish {
    #[default]
    Leave,
    No,
    Yes,
}

/// Everything on the form: it is shown again, also where it is wrong.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) whose: Whose,
    pub(super) whom: Whom,
    pub(super) logins: String,
    pub(super) locked: Wish,
    pub(super) disabled: Wish,
    pub(super) admin: Wish,
    pub(super) sign_out: bool,
    pub(super) lasting: Lasting,
}

impl Whose {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ticked => "ticked",
            Self::Filter => "filter",
            Self::Named => "named",
        }
    }

    /// What the form says; else what a list that led here says.
    fn of(word: Option<&str>, whom: &Whom) -> Result<Self, Trouble> {
        match word {
            Some("ticked") => Ok(Self::Ticked),
            Some("filter") => Ok(Self::Filter),
            Some("named") => Ok(Self::Named),
            Some(_) => Err(unknown()),
            None if !whom.all && !whom.chosen.ids.is_empty() => Ok(Self::Ticked),
            None if whom.all || !whom.filter.is_none() => Ok(Self::Filter),
            None => Ok(Self::Named),
        }
    }
}

fn unknown() -> Trouble {
    Trouble::Bad("The form has a choice that there is not. Open the page again.".to_owned())
}

impl Wish {
    fn of(word: Option<&str>) -> Result<Self, Trouble> {
        match word {
            None | Some("" | "leave") => Ok(Self::Leave),
            Some("no") => Ok(Self::No),
            Some("yes") => Ok(Self::Yes),
            Some(_) => Err(unknown()),
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::No => "no",
            Self::Yes => "yes",
        }
    }

    pub(super) fn is(self, word: &str) -> bool {
        self.word() == word
    }
}

impl Draft {
    pub(super) fn read(fields: &mut Fields, drawer: &Drawer<'_>) -> Result<Self, Trouble> {
        let whose = fields.perhaps("whom")?;
        let whom = Whom::read(fields, drawer)?;
        let mut wish = |name| Wish::of(fields.perhaps(name)?.as_deref());
        let (locked, disabled, admin) = (wish("locked")?, wish("disabled")?, wish("admin")?);
        Ok(Self {
            whose: Whose::of(whose.as_deref(), &whom)?,
            whom,
            logins: fields.perhaps("logins")?.unwrap_or_default(),
            locked,
            disabled,
            admin,
            sign_out: fields
                .perhaps("sign_out")?
                .is_some_and(|word| !word.is_empty()),
            lasting: Lasting::read(fields)?,
        })
    }

    /// As hidden fields say it.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("whom", self.whose.word().to_owned())];
        let whom = Whom { all: false, ..self.whom.clone() };
        pairs.extend(whom.pairs());
        pairs.push(("logins", self.logins.clone()));
        let wishes = [("locked", self.locked), ("disabled", self.disabled), ("admin", self.admin)];
        pairs.extend(wishes.map(|(name, wish)| (name, wish.word().to_owned())));
        if self.sign_out {
            pairs.push(("sign_out", "yes".to_owned()));
        }
        pairs.extend(self.lasting.pairs());
        pairs
    }

    /// As it is asked for, or everything that is wrong with it.
    pub(super) fn request(&self, now: Timestamp) -> Result<BulkRequest, Vec<Wrong>> {
        let (selection, change) = (self.selection(now), self.change(now));
        match (selection, change) {
            (Ok(selection), Ok(change)) => Ok(BulkRequest { selection, change }),
            (selection, change) => {
                let of_whom = selection.err().into_iter();
                Err(of_whom.chain(change.err().unwrap_or_default()).collect())
            }
        }
    }

    fn selection(&self, now: Timestamp) -> Result<Selection, Wrong> {
        match self.whose {
            Whose::Ticked if self.whom.chosen.ids.is_empty() => {
                Err(Wrong::new("whom", "Nobody was chosen in the list: choose whom to change."))
            }
            Whose::Ticked => Ok(Selection::Ids(self.whom.chosen.ids.clone())),
            Whose::Filter => Ok(Selection::Search(self.whom.filter.filters(now)?)),
            Whose::Named => self.named(),
        }
    }

    fn named(&self) -> Result<Selection, Wrong> {
        let logins = csv::column(self.logins.as_bytes(), "login");
        let logins = logins.map_err(|bad| {
            let words = format!("The list of logins can't be read: {bad}");
            Wrong::new("logins", sentence(&words))
        })?;
        if logins.is_empty() {
            return Err(Wrong::new("logins", "Write at least one login, or choose otherwise."));
        }
        Ok(Selection::Logins(logins))
    }

    fn change(&self, now: Timestamp) -> Result<BulkChange, Vec<Wrong>> {
        let mut wrongs = Vec::new();
        let reason = kept(self.lasting.reason(), &mut wrongs);
        let until = match self.locked {
            Wish::Yes => kept(self.lasting.until(now), &mut wrongs),
            _ => None,
        };
        let locked = match self.locked {
            Wish::Leave => LockWish::Leave,
            Wish::No => LockWish::No,
            Wish::Yes => LockWish::Yes { until, reason: reason.clone() },
        };
        let disabled = self.disablement(reason, &mut wrongs);
        let admin = match self.admin {
            Wish::Leave => AdminWish::Leave,
            Wish::No => AdminWish::No,
            Wish::Yes => AdminWish::Yes,
        };
        let change = BulkChange { locked, disabled, admin, sign_out: self.sign_out };
        if wrongs.is_empty() && change == BulkChange::default() {
            wrongs.push(Wrong::new("locked", "Choose at least one thing to change."));
        }
        if wrongs.is_empty() { Ok(change) } else { Err(wrongs) }
    }
}

impl Draft {
    fn disablement(&self, reason: Option<Reason>, wrongs: &mut Vec<Wrong>) -> DisableWish {
        match (self.disabled, reason) {
            (Wish::Leave, _) => DisableWish::Leave,
            (Wish::No, _) => DisableWish::No,
            (Wish::Yes, Some(reason)) => DisableWish::Yes { reason },
            (Wish::Yes, None) => {
                if wrongs.is_empty() {
                    wrongs.push(Wrong::new("reason", "Say why: to disable needs a reason."));
                }
                DisableWish::Leave
            }
        }
    }
}

/// What was read; what is wrong is kept for later.
fn kept<T>(read: Result<Option<T>, Wrong>, wrongs: &mut Vec<Wrong>) -> Option<T> {
    read.unwrap_or_else(|wrong| {
        wrongs.push(wrong);
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::console::drawer::Drawers;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn drawer(all: &Drawers) -> Drawer<'_> {
        let me = 1.try_into().expect("a number");
        Drawer { all, owner: (None, me), now: NOW }
    }

    fn of(text: &str) -> Draft {
        let mut fields = Fields::of_long_form(text.as_bytes()).expect("a form");
        Draft::read(&mut fields, &drawer(&Drawers::default())).expect("a draft")
    }

    fn wrong(text: &str) -> Vec<&'static str> {
        let wrongs = of(text).request(NOW).expect_err(text);
        wrongs.iter().map(|wrong| wrong.field).collect()
    }

    #[test]
    fn a_list_leads_to_whom_was_chosen_there() {
        assert_eq!(of("id=3&id=4").whose, Whose::Ticked);
        assert_eq!(of("all=yes&status=locked").whose, Whose::Filter);
        assert_eq!(of("id=3&all=yes").whose, Whose::Filter);
        assert_eq!(of("").whose, Whose::Named, "nothing is not everybody");
    }

    #[test]
    fn logins_are_read_from_lines_and_from_tables() {
        for text in ["ada%0D%0Abob", "name,login%0AA,ada%0AB,bob"] {
            let request = of(&format!("whom=named&sign_out=yes&logins={text}")).request(NOW);
            let selection = request.expect("good").selection;
            assert_eq!(selection, Selection::Logins(vec!["ada".to_owned(), "bob".to_owned()]));
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        assert_eq!(wrong("whom=named&logins="), ["logins", "locked"]);
        assert_eq!(wrong("whom=ticked&sign_out=yes"), ["whom"]);
        assert_eq!(wrong("whom=filter&status=x&sign_out=yes"), ["status"]);
        assert_eq!(wrong("whom=named&logins=a&disabled=yes"), ["reason"]);
        assert_eq!(wrong("whom=named&logins=a&locked=yes&until=day"), ["until_day"]);
        let read = Fields::of_long_form(b"locked=perhaps").expect("a form");
        assert!(Draft::read(&mut { read }, &drawer(&Drawers::default())).is_err());
    }

    #[test]
    fn hidden_fields_say_the_same_again() {
        let text = "whom=filter&q=an&locked=yes&until=1d&reason=left&sign_out=yes";
        let draft = of(text);
        let again = of(&crate::pages::console::users::filter::query(&draft.pairs()));
        assert_eq!(again.request(NOW), draft.request(NOW));
        let ticked = of("whom=ticked&id=3&id=4&locked=no");
        let again = of(&crate::pages::console::users::filter::query(&ticked.pairs()));
        assert_eq!(again.request(NOW), ticked.request(NOW));
    }
}
