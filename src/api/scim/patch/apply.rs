//! Carries steps out.

use serde_json::Value;

use super::{Patched, Step, Touched, Verb};
use crate::api::scim::filter::{Filter, Operator, Target};
use crate::api::scim::flavour::Flavour;
use crate::api::scim::path::{Path, Place, path};
use crate::api::scim::problem::Problem;
use crate::api::scim::schema::{Attribute, Kind, ResourceType};
use crate::api::scim::value::{self, Object, PRIMARY, is_primary};

/// The resource after all of these steps.
pub(in crate::api::scim) fn apply(
    kind: ResourceType,
    flavour: Flavour,
    resource: Object,
    steps: &[Step],
) -> Result<Patched, Problem> {
    let mut work = Work { kind, flavour, resource, touched: Touched::default() };
    for step in steps {
        work.step(step)?;
    }
    Ok(Patched { resource: work.resource, touched: work.touched })
}

struct Work {
    kind: ResourceType,
    flavour: Flavour,
    resource: Object,
    touched: Touched,
}

impl Work {
    fn step(&mut self, step: &Step) -> Result<(), Problem> {
        match &step.path {
            Some(text) => self.at(text, step.verb, &step.value),
            None => self.everywhere(step.verb, &step.value),
        }
    }

    /// A value that names by itself what it changes: plain names, paths, URNs.
    fn everywhere(&mut self, verb: Verb, value: &Value) -> Result<(), Problem> {
        let named = match value {
            Value::Object(named) => Some(named),
            Value::Array(all) if all.len() == 1 => all[0].as_object(),
            _ => None,
        };
        let named =
            named.ok_or_else(|| Problem::value("without a path, the value is an object"))?;
        for (name, value) in named {
            self.at(name, verb, value)?;
        }
        Ok(())
    }

    fn at(&mut self, text: &str, verb: Verb, value: &Value) -> Result<(), Problem> {
        let Path { place, filter } = path(self.kind, self.flavour, text)?;
        let Some(attribute) = place.attribute else { return self.extension(place, verb, value) };
        // Which schemas there are follows from what is there.
        if attribute.name == "schemas" {
            return Ok(());
        }
        let target = place.sub.unwrap_or(attribute);
        if attribute.is_read_only() || target.is_read_only() {
            return Err(Problem::mutability(format!("{text} can't be written")));
        }
        self.touched
            .touch(place.extension.map(|schema| schema.urn), attribute.name);
        match filter {
            Some(filter) => self.some(place, attribute, &filter, verb, value),
            None if attribute.many => self.several(place, attribute, verb, value),
            None => self.single(place, attribute, verb, value),
        }
    }

    /// All of an extension.
    fn extension(&mut self, place: Place, verb: Verb, value: &Value) -> Result<(), Problem> {
        let Some(extension) = place.extension else { return Ok(()) };
        if verb == Verb::Remove || value.is_null() {
            for attribute in extension
                .attributes
                .iter()
                .filter(|one| !one.is_read_only())
            {
                self.touched.touch(Some(extension.urn), attribute.name);
                value::set(&mut self.resource, Some(extension.urn), attribute.name, None);
            }
            return Ok(());
        }
        let named = value.as_object();
        let named =
            named.ok_or_else(|| Problem::value(format!("{} is an object", extension.urn)))?;
        for (name, value) in named.iter().filter(|(name, _)| *name != "schemas") {
            self.at(&format!("{}:{name}", extension.urn), verb, value)?;
        }
        Ok(())
    }

    fn get(&self, place: Place, attribute: &Attribute) -> Option<Value> {
        let extension = place.extension.map(|schema| schema.urn);
        value::get(&self.resource, extension, attribute.name).cloned()
    }

    fn set(
        &mut self,
        place: Place,
        attribute: &Attribute,
        value: Option<Value>,
    ) -> Result<(), Problem> {
        if attribute.required && value.is_none() {
            return Err(Problem::mutability(format!("{} is required", attribute.name)));
        }
        let extension = place.extension.map(|schema| schema.urn);
        value::set(&mut self.resource, extension, attribute.name, value);
        Ok(())
    }

    fn single(
        &mut self,
        place: Place,
        attribute: &'static Attribute,
        verb: Verb,
        value: &Value,
    ) -> Result<(), Problem> {
        if let Some(sub) = place.sub {
            let old = self.get(place, attribute);
            let new = with_part(old, sub, verb, value, self.flavour)?;
            return self.set(place, attribute, new);
        }
        let new = match verb {
            Verb::Remove => None,
            Verb::Add | Verb::Replace => value::read(attribute, value, self.flavour)?,
        };
        let merged = match (attribute.kind, self.get(place, attribute), new) {
            (Kind::Complex, Some(Value::Object(old)), Some(Value::Object(new))) => {
                Some(Value::Object(old.into_iter().chain(new).collect()))
            }
            (_, _, new) => new,
        };
        self.set(place, attribute, merged)
    }

    fn several(
        &mut self,
        place: Place,
        attribute: &'static Attribute,
        verb: Verb,
        value: &Value,
    ) -> Result<(), Problem> {
        let mut all = elements(self.get(place, attribute));
        if let Some(sub) = place.sub {
            return self.parts_of_all(place, attribute, sub, verb, value);
        }
        let named = value::read(attribute, value, self.flavour)?;
        match verb {
            Verb::Replace => all = elements(named),
            Verb::Remove if value.is_null() => all.clear(),
            Verb::Remove => {
                let gone = elements(named);
                all.retain(|one| !gone.iter().any(|gone| is_meant(one, gone)));
            }
            Verb::Add => {
                let new = elements(named);
                if new.iter().any(is_primary) {
                    all.iter_mut().for_each(no_longer_primary);
                }
                for one in new {
                    if !all.contains(&one) {
                        all.push(one);
                    }
                }
            }
        }
        self.set(place, attribute, listed(all))
    }

    /// A part of each value, or of a new one where there is none.
    fn parts_of_all(
        &mut self,
        place: Place,
        attribute: &'static Attribute,
        sub: &'static Attribute,
        verb: Verb,
        value: &Value,
    ) -> Result<(), Problem> {
        let mut all = elements(self.get(place, attribute));
        if all.is_empty() && verb != Verb::Remove {
            all.push(Value::Object(Object::new()));
        }
        if sub.name == PRIMARY && all.len() > 1 {
            return Err(Problem::value("which of several is primary is said by a filter"));
        }
        let mut changed = Vec::new();
        for one in all {
            changed.extend(with_part(Some(one), sub, verb, value, self.flavour)?);
        }
        self.set(place, attribute, listed(changed))
    }

    /// Those of several values that a filter takes.
    fn some(
        &mut self,
        place: Place,
        attribute: &'static Attribute,
        filter: &Filter<Target>,
        verb: Verb,
        value: &Value,
    ) -> Result<(), Problem> {
        let mut all = elements(self.get(place, attribute));
        let meant: Vec<bool> = all.iter().map(|one| filter.takes(one)).collect();
        let found = meant.contains(&true);
        if !found && verb == Verb::Replace {
            return Err(Problem::no_target(format!("no value of {} fits", attribute.name)));
        }
        if !found && verb == Verb::Add {
            let new = made_by(filter).ok_or_else(|| {
                Problem::no_target(format!("no value of {} fits", attribute.name))
            })?;
            // Adding nothing adds nothing.
            all.extend(self.changed(Some(new), attribute, place.sub, verb, value)?);
        } else {
            let mut changed = Vec::new();
            for (one, meant) in all.into_iter().zip(meant) {
                changed.extend(match meant {
                    true => self.changed(Some(one), attribute, place.sub, verb, value)?,
                    false => Some(one),
                });
            }
            all = changed;
        }
        keep_one_primary(&mut all, |one| filter.takes(one), attribute)?;
        self.set(place, attribute, listed(all))
    }

    /// One of several values after a step that is about it.
    fn changed(
        &self,
        old: Option<Value>,
        attribute: &'static Attribute,
        sub: Option<&'static Attribute>,
        verb: Verb,
        value: &Value,
    ) -> Result<Option<Value>, Problem> {
        if let Some(sub) = sub {
            return with_part(old, sub, verb, value, self.flavour);
        }
        let value = match value {
            Value::Array(all) if all.len() == 1 => &all[0],
            value => value,
        };
        let new = match verb {
            Verb::Remove => return Ok(None),
            Verb::Add | Verb::Replace => value::one(attribute, value, self.flavour)?,
        };
        Ok(match (verb, old, new) {
            (Verb::Add, Some(Value::Object(old)), Some(Value::Object(new))) => {
                Some(Value::Object(old.into_iter().chain(new).collect()))
            }
            (_, _, new) => new,
        })
    }
}

/// Something complex with one of its parts changed.
fn with_part(
    old: Option<Value>,
    sub: &'static Attribute,
    verb: Verb,
    value: &Value,
    flavour: Flavour,
) -> Result<Option<Value>, Problem> {
    let mut parts = match old {
        Some(Value::Object(parts)) => parts,
        _ => Object::new(),
    };
    let new = match verb {
        Verb::Remove => None,
        Verb::Add | Verb::Replace => value::read(sub, value, flavour)?,
    };
    value::set(&mut parts, None, sub.name, new);
    Ok((!parts.is_empty()).then_some(Value::Object(parts)))
}

fn elements(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(all)) => all,
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

fn listed(all: Vec<Value>) -> Option<Value> {
    (!all.is_empty()).then_some(Value::Array(all))
}

/// Whether a client that names a value means this one: by what it is, or by its parts.
fn is_meant(one: &Value, named: &Value) -> bool {
    match (one, named) {
        (Value::Object(one), Value::Object(named)) => named
            .iter()
            .all(|(name, value)| one.get(name) == Some(value)),
        (one, named) => one == named,
    }
}

fn no_longer_primary(one: &mut Value) {
    if is_primary(one) {
        one[PRIMARY] = false.into();
    }
}

/// Who becomes primary takes that from the others.
fn keep_one_primary(
    all: &mut [Value],
    is_new: impl Fn(&Value) -> bool,
    attribute: &Attribute,
) -> Result<(), Problem> {
    if all.iter().filter(|one| is_primary(one)).count() < 2 {
        return Ok(());
    }
    for one in all.iter_mut().filter(|one| !is_new(one)) {
        no_longer_primary(one);
    }
    if all.iter().filter(|one| is_primary(one)).count() > 1 {
        let name = attribute.name;
        return Err(Problem::value(format!("of {name}, no more than one is primary")));
    }
    Ok(())
}

/// The value that a filter describes: `type eq "work"` is of something with that type.
fn made_by(filter: &Filter<Target>) -> Option<Value> {
    let mut parts = Object::new();
    let mut waiting = vec![filter];
    while let Some(filter) = waiting.pop() {
        match filter {
            Filter::And(a, b) => waiting.extend([&**a, &**b]),
            Filter::Compare(target, Operator::Equal, value) if !value.is_null() => {
                parts.insert(target.leaf.name.to_owned(), value.clone());
            }
            _ => return None,
        }
    }
    Some(Value::Object(parts))
}
