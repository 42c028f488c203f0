//! `select`: `total,elements/name`.

use serde_json::{Map, Value};

/// What a collection says beside its elements.
const TOP: [&str; 5] = ["_type", "count", "offset", "pageSize", "total"];

/// What a user may say.
const ELEMENT: [&str; 14] = [
    "_type",
    "admin",
    "avatar",
    "createdAt",
    "email",
    "firstName",
    "id",
    "identityUrl",
    "language",
    "lastName",
    "login",
    "name",
    "status",
    "updatedAt",
];

/// The link to a document itself, which is among its links.
const ITSELF: &str = "self";

/// Which parts of a collection are wanted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Select {
    top: Vec<&'static str>,
    itself: bool,
    elements: Option<Element>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Element {
    parts: Vec<&'static str>,
    itself: bool,
}

impl Select {
    /// Reads what is wanted; `*` is all there is at its place.
    ///
    /// The error says what is wrong, in words.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut select = Self::default();
        for path in text.split(',') {
            select.add(path.trim())?;
        }
        Ok(select)
    }

    fn add(&mut self, path: &str) -> Result<(), String> {
        let known = match path.strip_prefix("elements/") {
            None => take(path, &TOP, &mut self.top, &mut self.itself),
            Some(part) => {
                let Element { parts, itself } = self.elements.get_or_insert_default();
                take(part, &ELEMENT, parts, itself)
            }
        };
        if known { Ok(()) } else { Err(format!("{path:?} can't be selected")) }
    }

    /// The wanted parts of a collection, and nothing else.
    pub(super) fn of(&self, mut collection: Value) -> Value {
        let elements = collection["_embedded"]["elements"].take();
        let mut picked = picked(&collection, &self.top, self.itself);
        if let (Some(wanted), Value::Array(elements)) = (&self.elements, elements) {
            let pick = |element: &Value| {
                Value::Object(self::picked(element, &wanted.parts, wanted.itself))
            };
            let elements: Vec<Value> = elements.iter().map(pick).collect();
            picked.insert("_embedded".to_owned(), serde_json::json!({ "elements": elements }));
        }
        Value::Object(picked)
    }
}

fn take(
    word: &str,
    known: &[&'static str],
    parts: &mut Vec<&'static str>,
    itself: &mut bool,
) -> bool {
    match word {
        "*" => {
            parts.extend(known);
            *itself = true;
            true
        }
        ITSELF => {
            *itself = true;
            true
        }
        _ => {
            let found = known.iter().find(|part| **part == word);
            parts.extend(found);
            found.is_some()
        }
    }
}

fn picked(document: &Value, parts: &[&str], itself: bool) -> Map<String, Value> {
    let part = |name: &&str| Some(((*name).to_owned(), document.get(name)?.clone()));
    let mut picked: Map<String, Value> = parts.iter().filter_map(part).collect();
    if itself && let Some(link) = document.get("_links").and_then(|links| links.get(ITSELF)) {
        picked.insert("_links".to_owned(), serde_json::json!({ ITSELF: link }));
    }
    picked
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;

    fn collection() -> Value {
        let mut user = Map::new();
        for part in ELEMENT {
            user.insert(part.to_owned(), json!(part));
        }
        user.insert("_links".to_owned(), json!({ "self": { "href": "/u/1" }, "lock": {} }));
        let links = json!({ "self": { "href": "/u" }, "jumpTo": {} });
        json!({
            "_type": "Collection", "total": 2, "count": 1, "pageSize": 1, "offset": 2,
            "_embedded": { "elements": [user] }, "_links": links,
        })
    }

    proptest! {
        /// Property: the answer has the parts that were named, whatever their order
        /// and however often, with their values, and no others.
        #[test]
        fn exactly_what_is_named_is_there(
            top in proptest::collection::vec(select(TOP.to_vec()), 0..4),
            parts in proptest::collection::vec(select(ELEMENT.to_vec()), 0..4),
            spaces in " {0,1}",
        ) {
            let named: Vec<String> = top.iter().map(|part| (*part).to_owned())
                .chain(parts.iter().map(|part| format!("elements/{part}"))).collect();
            prop_assume!(!named.is_empty());
            let read = Select::read(&named.join(&format!("{spaces},"))).expect("a selection");
            let answer = read.of(collection());
            let names = |value: &Value| -> BTreeSet<String> {
                value.as_object().expect("an object").keys().cloned().collect()
            };
            let mut expected: BTreeSet<String> = top.iter().map(|part| (*part).to_owned()).collect();
            if !parts.is_empty() {
                expected.insert("_embedded".to_owned());
                let element = &answer["_embedded"]["elements"][0];
                prop_assert_eq!(names(element), parts.iter().map(|part| (*part).to_owned()).collect());
                prop_assert!(parts.iter().all(|part| element[part] == json!(part)));
            }
            prop_assert_eq!(names(&answer), expected);
            prop_assert!(top.iter().all(|part| answer[part] == collection()[part]));
        }

        /// Property: one word that says nothing is found out, wherever it stands.
        #[test]
        fn a_word_that_says_nothing_is_refused(word in "[a-zA-Z/_]{0,12}", before: bool) {
            prop_assume!(!TOP.contains(&&*word) && word != ITSELF);
            let part = word.strip_prefix("elements/");
            prop_assume!(part.is_none_or(|part| !ELEMENT.contains(&part) && part != ITSELF));
            let text = if before { format!("{word},total") } else { format!("total,{word}") };
            prop_assert!(Select::read(&text).is_err(), "{}", text);
        }
    }

    #[test]
    fn a_star_is_all_and_a_link_is_one() {
        let all = Select::read("*").expect("a selection").of(collection());
        assert_eq!(all["total"], 2);
        assert_eq!(all["_links"], json!({ "self": { "href": "/u" } }));
        assert!(all.get("_embedded").is_none());
        let link = Select::read("elements/self")
            .expect("a selection")
            .of(collection());
        let expected = json!({ "_links": { "self": { "href": "/u/1" } } });
        assert_eq!(link, json!({ "_embedded": { "elements": [expected] } }));
    }
}
