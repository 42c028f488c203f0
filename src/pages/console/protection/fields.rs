//! The form that a policy is chosen in: a field for each value, in groups.

use crate::domain::policy::{CounterKey, PolicyCounter, PolicyKey, Preset};
use crate::pages::console::protection::labels::{self, Kind, label};
use crate::pages::console::protection::typed::{Typed, Wrong};

/// The form, as it was filled in.
pub(super) struct Form {
    pub(super) presets: Vec<(&'static str, bool)>,
    /// The preset whose values the fields name.
    pub(super) preset: &'static str,
    pub(super) preset_error: String,
    /// What every counter does when it is full, and how it begins.
    pub(super) groups: Vec<Group>,
    /// What is wrong, with the field that it is told at.
    pub(super) summary: Vec<(String, String)>,
}

/// Values that belong together.
pub(super) struct Group {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: String,
    pub(super) fields: Vec<Field>,
    /// Whether it is folded away: nothing in it is said or wrong.
    pub(super) is_folded: bool,
}

/// One value.
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) hint: &'static str,
    /// What it is where nothing is typed.
    pub(super) default: String,
    pub(super) value: String,
    pub(super) error: String,
    /// What it can be, where that is a choice: words, what they mean, whether it is so.
    pub(super) choices: Vec<(String, String, bool)>,
    pub(super) is_long: bool,
    pub(super) is_number: bool,
}

impl Form {
    pub(super) fn of(typed: &Typed, wrong: &Wrong) -> Self {
        let presets = Preset::ALL
            .into_iter()
            .map(|one| (one.name(), one.name() == typed.preset));
        let preset = Preset::named(&typed.preset).unwrap_or_default();
        let groups: Vec<_> = GROUPS
            .into_iter()
            .map(|group| group.filled(preset, typed, wrong))
            .collect();
        Self {
            presets: presets.collect(),
            preset: preset.name(),
            preset_error: wrong.preset.clone(),
            summary: summary(wrong),
            groups,
        }
    }
}

/// Each thing that is wrong once, with the first field that it is told at.
fn summary(wrong: &Wrong) -> Vec<(String, String)> {
    let preset = Some(("preset".to_owned(), wrong.preset.clone()));
    let told = if wrong.is_between { 1 } else { usize::MAX };
    let values = wrong.values.iter().take(told).map(|(key, words)| {
        let of =
            if wrong.is_between { String::new() } else { format!("{}: ", labels::group(*key)) };
        (id_of(*key), format!("{of}{words}"))
    });
    preset
        .filter(|(_, words)| !words.is_empty())
        .into_iter()
        .chain(values)
        .collect()
}

fn id_of(key: PolicyKey) -> String {
    key.name().replace('.', "-")
}

/// What a group is of.
#[derive(Clone, Copy)]
enum Of {
    Counter(PolicyCounter),
    Lockouts,
    Devices,
}

const GROUPS: [Of; 5] = [
    Of::Lockouts,
    Of::Counter(PolicyCounter::Account),
    Of::Counter(PolicyCounter::AccountAtAddress),
    Of::Counter(PolicyCounter::Address),
    Of::Devices,
];

impl Of {
    /// The values in it. Every key is in one group: its own says which.
    fn keys(self) -> impl Iterator<Item = PolicyKey> {
        PolicyKey::all().filter(move |key| labels::group(*key) == self.title())
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Counter(of) => labels::counter(of).0,
            Self::Lockouts => labels::group(PolicyKey::Mode),
            Self::Devices => labels::group(PolicyKey::KnownDevices),
        }
    }

    const fn id(self) -> &'static str {
        match self {
            Self::Counter(PolicyCounter::Account) => "by-account",
            Self::Counter(PolicyCounter::AccountAtAddress) => "by-account-at-address",
            Self::Counter(PolicyCounter::Address) => "by-address",
            Self::Lockouts => "lockouts",
            Self::Devices => "devices",
        }
    }

    fn meaning(self, preset: Preset) -> String {
        match self {
            Self::Counter(counter) => {
                let count = preset.says(PolicyKey::Of(counter, CounterKey::Count));
                let off = match count.as_deref() {
                    Some("on") => String::new(),
                    _ => format!(
                        " {} does not count this: whatever you say here switches it on.",
                        preset.name()
                    ),
                };
                format!("{}{off}", labels::counter(counter).1)
            }
            Self::Lockouts => {
                "Whether lockouts lock, and what they do to people who are signed in.".to_owned()
            }
            Self::Devices => {
                "Who is spared what strangers do, and which guesses are not new ones.".to_owned()
            }
        }
    }

    fn filled(self, preset: Preset, typed: &Typed, wrong: &Wrong) -> Group {
        let fields: Vec<_> = self
            .keys()
            .map(|key| Field::of(key, preset, typed, wrong))
            .collect();
        let said = fields
            .iter()
            .any(|field| !field.value.is_empty() || !field.error.is_empty());
        let counts = match self {
            Self::Counter(of) => {
                preset.says(PolicyKey::Of(of, CounterKey::Count)).as_deref() == Some("on")
            }
            Self::Lockouts | Self::Devices => true,
        };
        Group {
            id: self.id(),
            title: self.title(),
            meaning: self.meaning(preset),
            fields,
            is_folded: !said && !counts,
        }
    }
}

impl Field {
    fn of(key: PolicyKey, preset: Preset, typed: &Typed, wrong: &Wrong) -> Self {
        let label = label(key);
        let value = typed.value(key).to_owned();
        let says = preset.says(key).map(|says| labels::in_words(key, &says));
        let says = says.unwrap_or_else(|| "not set".to_owned());
        let default = format!("{}: {says}", preset.name());
        let error = wrong.values.iter().find(|(at, _)| *at == key);
        Self {
            id: id_of(key),
            name: key.name(),
            label: label.name,
            hint: label.hint,
            choices: choices(label.kind, &value, &default),
            default,
            error: error.map_or_else(String::new, |(_, words)| words.clone()),
            is_long: label.kind == Kind::Networks,
            is_number: label.kind == Kind::Number(None),
            value,
        }
    }
}

/// What can be chosen; what was said all the same stays, so that it can be seen.
fn choices(kind: Kind, value: &str, default: &str) -> Vec<(String, String, bool)> {
    let Kind::Choice(all) = kind else { return Vec::new() };
    let mut choices = vec![(String::new(), format!("As {default}"), value.is_empty())];
    let all_of_it = all
        .iter()
        .map(|(word, words)| ((*word).to_owned(), (*words).to_owned(), *word == value));
    choices.extend(all_of_it);
    if !choices.iter().any(|(.., chosen)| *chosen) {
        choices.push((value.to_owned(), value.to_owned(), true));
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value without a field could not be chosen.
    #[test]
    fn every_value_has_one_field() {
        let form = Form::of(&Typed::default(), &Wrong::default());
        let fields = form.groups.iter().flat_map(|group| &group.fields);
        let mut named: Vec<_> = fields.map(|field| field.name).collect();
        let mut all: Vec<_> = PolicyKey::all().map(PolicyKey::name).collect();
        named.sort_unstable();
        all.sort_unstable();
        assert_eq!(named, all);
    }
}
