//! What becomes of somebody's records, as the wizard's form says it, finished or not.

use std::collections::BTreeMap;

use crate::admin::modules::{Field, ModuleDescription};
use crate::domain::account::AccountId;
use crate::domain::transfer::{
    Comparison, Condition, Conditions, ModuleChoice, ModuleName, Transfer,
};
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::form::Fields;

/// The form, as it was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub(super) records: Option<Records>,
    /// What the receiver is searched by.
    pub(super) find: String,
    pub(super) receiver: Option<AccountId>,
    pub(super) modules: Vec<Module>,
}

/// How much goes to somebody else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Records {
    All,
    Nothing,
    Some,
}

/// What was chosen of a module.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub(super) name: ModuleName,
    pub(super) label: String,
    pub(super) fields: Vec<Field>,
    pub(super) which: Records,
    pub(super) rows: Vec<Row>,
}

/// A condition, as it was typed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Row {
    pub(super) field: String,
    pub(super) is_not: bool,
    pub(super) value: String,
}

/// What is wrong with a form, and beside which field that is said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) words: String,
}

impl Records {
    fn named(word: &str) -> Option<Self> {
        let all = [Self::All, Self::Nothing, Self::Some];
        all.into_iter().find(|records| records.as_str() == word)
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Nothing => "nothing",
            Self::Some => "some",
        }
    }
}

impl Wrong {
    pub(super) fn at(field: impl Into<String>, words: impl Into<String>) -> Self {
        Self { field: field.into(), words: words.into() }
    }
}

impl Choice {
    /// Reads what an address or a form says about these modules.
    pub(super) fn read<'a>(
        fields: &mut Fields,
        modules: impl Iterator<Item = &'a ModuleDescription>,
    ) -> Result<Self, Trouble> {
        let records = fields.perhaps("records")?.unwrap_or_default();
        let receiver = fields.perhaps("receiver")?.unwrap_or_default();
        let receiver = receiver.parse::<i64>().ok();
        Ok(Self {
            records: Records::named(&records),
            find: fields.perhaps("find")?.unwrap_or_default(),
            receiver: receiver.and_then(|id| AccountId::try_from(id).ok()),
            modules: modules.map(|module| Module::read(fields, module)).collect(),
        })
    }

    /// Whether this is what becomes of the records.
    pub(super) fn is(&self, records: &str) -> bool {
        self.records
            .is_some_and(|chosen| chosen.as_str() == records)
    }

    pub(super) fn goes_to(&self, id: &AccountId) -> bool {
        self.receiver.as_ref() == Some(id)
    }

    /// The choice that the form makes, or what it lacks.
    pub(super) fn transfer(&self) -> Result<Transfer, Wrong> {
        let records = self
            .records
            .ok_or_else(|| Wrong::at("records", "Choose what becomes of their records."))?;
        if records == Records::Nothing {
            return Ok(Transfer::Nothing);
        }
        let missing = || Wrong::at("receiver", "Choose who gets the records.");
        let receiver = self.receiver.ok_or_else(missing)?;
        if records == Records::All {
            return Ok(Transfer::All { receiver });
        }
        let mut modules = BTreeMap::new();
        for module in &self.modules {
            modules.insert(module.name.clone(), module.choice()?);
        }
        if modules.values().all(|choice| *choice == ModuleChoice::None) {
            let words = "Choose records of at least one module, or that nothing goes to anybody.";
            return Err(Wrong::at("records", words));
        }
        Ok(Transfer::Some { receiver, modules })
    }

    /// The form again, as fields of an address or of another form.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut add = |name: String, value: &str| pairs.push((name, value.to_owned()));
        if let Some(records) = self.records {
            add("records".to_owned(), records.as_str());
        }
        if let Some(receiver) = self.receiver {
            add("receiver".to_owned(), &receiver.to_string());
        }
        for Module { name, which, rows, .. } in &self.modules {
            add(format!("of.{name}"), which.as_str());
            for row in rows {
                add(format!("field.{name}"), &row.field);
                add(format!("is.{name}"), row.comparison());
                add(format!("value.{name}"), &row.value);
            }
        }
        pairs
    }

    /// The same, behind the `?` of an address.
    pub(super) fn to_query(&self) -> String {
        let part = crate::pages::form::encoded;
        let pairs = self.pairs().into_iter();
        let pairs = pairs.map(|(name, value)| format!("{}={}", part(&name), part(&value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

impl Module {
    fn read(fields: &mut Fields, module: &ModuleDescription) -> Self {
        let ModuleDescription { name, label, fields: known } = module;
        let which = fields.all(&format!("of.{name}")).pop().unwrap_or_default();
        let (chosen, is, values) = (
            fields.all(&format!("field.{name}")),
            fields.all(&format!("is.{name}")),
            fields.all(&format!("value.{name}")),
        );
        let rows = chosen.into_iter().zip(is).zip(values);
        let rows = rows.map(|((field, is), value)| Row { field, is_not: is == "is_not", value });
        Self {
            name: name.clone(),
            label: label.clone(),
            fields: known.clone(),
            which: Records::named(&which).unwrap_or(Records::Nothing),
            rows: rows.filter(|row| !row.field.is_empty()).collect(),
        }
    }

    pub(super) fn is(&self, which: &str) -> bool {
        self.which.as_str() == which
    }

    /// The conditions that were typed, and an empty one.
    pub(super) fn open_rows(&self) -> impl Iterator<Item = Row> {
        let rows = self.rows.iter().cloned();
        rows.chain(std::iter::once(Row::default()))
    }

    fn choice(&self) -> Result<ModuleChoice, Wrong> {
        let at = || format!("of.{}", self.name);
        if self.which != Records::Some {
            let all = self.which == Records::All;
            return Ok(if all { ModuleChoice::All } else { ModuleChoice::None });
        }
        if self.rows.is_empty() {
            let words = format!("Say which records of {} go: choose a field.", self.label);
            return Err(Wrong::at(at(), words));
        }
        let rows = self.rows.iter().map(Row::condition);
        let conditions = rows.collect::<Result<Vec<_>, _>>();
        let conditions = conditions.and_then(Conditions::new);
        let choice = conditions.map(ModuleChoice::Where);
        choice.map_err(|error| Wrong::at(at(), sentence(&error.to_string())))
    }
}

impl Row {
    const fn comparison(&self) -> &'static str {
        if self.is_not { "is_not" } else { "is" }
    }

    fn condition(&self) -> Result<Condition, crate::domain::transfer::InvalidTransfer> {
        let comparison = if self.is_not { Comparison::IsNot } else { Comparison::Is };
        Condition::new(&self.field, comparison, &self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deals() -> ModuleDescription {
        let field = |name: &str| Field { name: name.to_owned(), label: name.to_owned() };
        ModuleDescription {
            name: "deals".parse().expect("a name"),
            label: "Deals".to_owned(),
            fields: vec![field("status"), field("kind")],
        }
    }

    fn read(query: &str) -> Choice {
        let mut fields = Fields::of_long_form(query.as_bytes()).expect("a form");
        Choice::read(&mut fields, [deals()].iter()).expect("a choice")
    }

    #[test]
    fn what_is_missing_is_said_beside_its_field() {
        for (query, field) in [
            ("", "records"),
            ("records=most", "records"),
            ("records=all", "receiver"),
            ("records=all&receiver=0", "receiver"),
            ("records=some&receiver=7", "records"),
            ("records=some&receiver=7&of.deals=nothing", "records"),
            ("records=some&receiver=7&of.deals=some", "of.deals"),
            (
                "records=some&receiver=7&of.deals=some&field.deals=&is.deals=is&value.deals=a",
                "of.deals",
            ),
        ] {
            let wrong = read(query).transfer().expect_err(query);
            assert_eq!(wrong.field, field, "{query}");
        }
        let long = format!(
            "records=some&receiver=7&of.deals=some&field.deals=status&is.deals=is&value.deals={}",
            "a".repeat(1001)
        );
        assert_eq!(read(&long).transfer().expect_err("too long").field, "of.deals");
    }

    #[test]
    fn a_choice_reads_back_from_its_address() {
        for query in [
            "records=nothing",
            "records=all&receiver=7",
            "records=some&receiver=7&of.deals=all",
            "records=some&receiver=7&of.deals=some&field.deals=status&is.deals=is_not\
             &value.deals=a%26b+%C3%A9&field.deals=kind&is.deals=is&value.deals=",
        ] {
            let choice = read(query);
            let transfer = choice.transfer().expect(query);
            assert_eq!(read(&choice.to_query()).transfer(), Ok(transfer), "{query}");
        }
        let both = read(
            "records=some&receiver=7&of.deals=some&field.deals=status&is.deals=is_not\
             &value.deals=a%26b&field.deals=kind&is.deals=is&value.deals=",
        );
        let Ok(Transfer::Some { modules, .. }) = both.transfer() else { panic!("{both:?}") };
        let told: Vec<_> = modules
            .values()
            .flat_map(ModuleChoice::conditions)
            .collect();
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].value(), told[1].value()), ("a&b", ""));
    }
}
