//! Reads filters.

use serde_json::Value;

use super::{Filter, Operator};
use crate::api::scim::problem::Problem;

/// Nobody means more.
const MAX_BYTES: usize = 8 * 1024;
const MAX_TERMS: usize = 64;
const MAX_DEPTH: usize = 16;

/// Reads a filter.
pub(in crate::api::scim) fn parse(text: &str) -> Result<Filter<String>, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::filter(format!("a filter has at most {MAX_BYTES} bytes")));
    }
    let mut reader = Reader { rest: text, terms: 0, depth: 0, inside: false };
    let filter = reader.any()?;
    reader.space();
    match reader.rest {
        "" => Ok(filter),
        rest => Err(unexpected(rest)),
    }
}

type Parts<'a> = (&'a str, Option<Filter<String>>, Option<&'a str>);

/// A path's parts: before the brackets, in them, and after them.
pub(in crate::api::scim) fn split_path(text: &str) -> Result<Parts<'_>, Problem> {
    let Some((before, _)) = text.split_once('[') else { return Ok((text, None, None)) };
    let mut reader = Reader { rest: &text[before.len() + 1..], terms: 0, depth: 0, inside: true };
    let filter = reader.any()?;
    reader.space();
    let after = reader
        .rest
        .strip_prefix(']')
        .ok_or_else(|| unexpected(reader.rest))?;
    match (after, after.strip_prefix('.')) {
        ("", _) => Ok((before, Some(filter), None)),
        (_, Some(sub)) if !sub.is_empty() => Ok((before, Some(filter), Some(sub))),
        _ => Err(unexpected(after)),
    }
}

/// Whether this has the form of an attribute's path.
pub(in crate::api::scim) fn attribute_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_$.:".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$');
    begins && text.chars().all(plain)
}

fn unexpected(rest: &str) -> Problem {
    let shown: String = rest.chars().take(20).collect();
    Problem::filter(match shown.as_str() {
        "" => "the filter ends too early".to_owned(),
        shown => format!("nothing was expected at {shown:?}"),
    })
}

struct Reader<'a> {
    rest: &'a str,
    terms: usize,
    depth: usize,
    /// Between brackets there are no further ones.
    inside: bool,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }

    fn word(&mut self) -> &'a str {
        self.space();
        let end = self
            .rest
            .find([' ', '(', ')', '[', ']', '"'])
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Takes this word, if it is next.
    fn takes(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        let is_next = self.word().eq_ignore_ascii_case(wanted);
        if !is_next {
            self.rest = before;
        }
        is_next
    }

    fn sign(&mut self, sign: char) -> Result<(), Problem> {
        self.space();
        self.rest = self
            .rest
            .strip_prefix(sign)
            .ok_or_else(|| unexpected(self.rest))?;
        Ok(())
    }

    fn any(&mut self) -> Result<Filter<String>, Problem> {
        let mut filter = self.all()?;
        while self.takes("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.all()?));
        }
        Ok(filter)
    }

    fn all(&mut self) -> Result<Filter<String>, Problem> {
        let mut filter = self.term()?;
        while self.takes("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.term()?));
        }
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter<String>, Problem> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(Problem::filter(format!("a filter has at most {MAX_TERMS} terms")));
        }
        self.space();
        if self.rest.starts_with('(') {
            return self.grouped();
        }
        let before = self.rest;
        if self.takes("not") {
            self.space();
            if self.rest.starts_with('(') {
                return Ok(Filter::Not(Box::new(self.grouped()?)));
            }
            // An attribute may be called so.
            self.rest = before;
        }
        self.comparison()
    }

    fn grouped(&mut self) -> Result<Filter<String>, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::filter(format!("a filter is at most {MAX_DEPTH} deep")));
        }
        self.sign('(')?;
        let filter = self.any()?;
        self.sign(')')?;
        self.depth -= 1;
        Ok(filter)
    }

    fn comparison(&mut self) -> Result<Filter<String>, Problem> {
        let before = self.rest;
        let path = self.word();
        if !attribute_path(path) {
            return Err(unexpected(before));
        }
        if self.rest.starts_with('[') {
            return self.bracketed(path);
        }
        self.operation(path)
    }

    fn operation(&mut self, path: &str) -> Result<Filter<String>, Problem> {
        let before = self.rest;
        let word = self.word();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(path.to_owned()));
        }
        let operator = Operator::named(word).ok_or_else(|| unexpected(before.trim_start()))?;
        Ok(Filter::Compare(path.to_owned(), operator, self.literal()?))
    }

    /// `emails[type eq "work"]`, and as some clients go on, `.value eq "a@example.org"`.
    fn bracketed(&mut self, path: &str) -> Result<Filter<String>, Problem> {
        if self.inside {
            return Err(unexpected(self.rest));
        }
        self.sign('[')?;
        self.inside = true;
        let mut inner = self.any()?;
        self.inside = false;
        self.sign(']')?;
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            let before = self.rest;
            let sub = self.word();
            if !attribute_path(sub) {
                return Err(unexpected(before));
            }
            inner = Filter::And(Box::new(inner), Box::new(self.operation(sub)?));
        }
        Ok(Filter::Within(path.to_owned(), Box::new(inner)))
    }

    fn literal(&mut self) -> Result<Value, Problem> {
        self.space();
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        if self.rest.starts_with('"') {
            let value = values
                .next()
                .and_then(Result::ok)
                .ok_or_else(|| unexpected(self.rest))?;
            self.rest = &self.rest[values.byte_offset()..];
            return Ok(value);
        }
        let before = self.rest;
        let word = self.word();
        let plain = |value: &Value| value.is_null() || value.is_boolean() || value.is_number();
        let known = ["true", "false", "null"]
            .into_iter()
            .find(|own| own.eq_ignore_ascii_case(word));
        let value: Option<Value> = serde_json::from_str(known.unwrap_or(word)).ok();
        value.filter(plain).ok_or_else(|| unexpected(before))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;

    fn literal() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "(?s).{0,6}".prop_map(Value::from),
        ]
    }

    fn leaf() -> impl Strategy<Value = Filter<String>> {
        let path = select(vec!["a", "not", "emails.value", "urn:x:2.0:User:b", "$ref", "and1"]);
        let operator = select(Operator::ALL.to_vec());
        let path = path.prop_map(str::to_owned);
        prop_oneof![
            path.clone().prop_map(Filter::Present),
            (path, operator, literal())
                .prop_map(|(path, (operator, _), value)| Filter::Compare(path, operator, value)),
        ]
    }

    fn tree(leaf: BoxedStrategy<Filter<String>>) -> BoxedStrategy<Filter<String>> {
        let grow = |inner: BoxedStrategy<Filter<String>>| {
            let pair = (inner.clone(), inner.clone());
            prop_oneof![
                pair.clone()
                    .prop_map(|(a, b)| Filter::And(Box::new(a), Box::new(b))),
                pair.prop_map(|(a, b)| Filter::Or(Box::new(a), Box::new(b))),
                inner.prop_map(|filter| Filter::Not(Box::new(filter))),
            ]
            .boxed()
        };
        leaf.prop_recursive(3, 10, 2, move |inner| grow(inner.boxed()))
            .boxed()
    }

    fn filter() -> impl Strategy<Value = Filter<String>> {
        let inside = tree(leaf().boxed());
        let within = inside.prop_map(|inner| Filter::Within("m".to_owned(), Box::new(inner)));
        tree(prop_oneof![leaf(), within].boxed())
    }

    proptest! {
        /// Property: what a filter is written as is read as that filter.
        #[test]
        fn what_is_written_is_read(filter in filter()) {
            prop_assert_eq!(parse(&filter.to_string()), Ok(filter));
        }

        /// Property: what was read at all is written as something that is read alike.
        #[test]
        fn whatever_is_read_has_one_meaning(
            text in "((a|b|not|\\(|\\)|\\[|\\]|and|or|eq|pr|\"x\"|1|true|\\.c) ?){0,9}",
        ) {
            if let Ok(filter) = parse(&text) {
                prop_assert_eq!(parse(&filter.to_string()), Ok(filter), "{}", text);
            }
        }
    }

    fn compare(path: &str, value: &str) -> Filter<String> {
        Filter::Compare(path.to_owned(), Operator::Equal, value.into())
    }

    #[test]
    fn not_binds_before_and_and_that_before_or() {
        let (a, b, c) = (compare("a", "1"), compare("b", "2"), compare("c", "3"));
        let read = parse("a eq \"1\" OR b EQ \"2\" and Not (c eq \"3\")");
        let not = Filter::Not(Box::new(c));
        let and = Filter::And(Box::new(b), Box::new(not));
        assert_eq!(read, Ok(Filter::Or(Box::new(a), Box::new(and))));
    }

    #[test]
    fn some_clients_go_on_after_the_brackets() {
        let and = Filter::And(Box::new(compare("type", "work")), Box::new(compare("value", "x")));
        let within = Filter::Within("emails".to_owned(), Box::new(and));
        assert_eq!(parse("emails[type eq \"work\"].value eq \"x\""), Ok(within));
        let (path, filter, sub) = split_path("emails[type eq \"w]\"].value").expect("a path");
        assert_eq!((path, filter, sub), ("emails", Some(compare("type", "w]")), Some("value")));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let long = format!("a eq \"{}\"", "x".repeat(MAX_BYTES));
        let many = vec!["a pr"; MAX_TERMS + 1].join(" and ");
        let deep = format!("{}a pr{}", "(".repeat(MAX_DEPTH + 1), ")".repeat(MAX_DEPTH + 1));
        for bad in [
            "",
            " ",
            "a",
            "bad ((",
            "a eq",
            "a eq b",
            "a eq 'b'",
            "a is \"b\"",
            "a pr b pr",
            "(a pr",
            "a pr)",
            "a[b pr",
            "a[b[c pr]]",
            "a eq {}",
            "a eq [1]",
            "1 pr",
            "a pr and",
            "ä pr",
            "a eq \"b",
            "a eq \"\\ud800\"",
            "a[b pr].",
            &long,
            &many,
            &deep,
        ] {
            let refused = parse(bad).expect_err(bad);
            assert_eq!(refused.kind, Some("invalidFilter"), "{bad:.40}");
        }
        assert!(parse(&deep.replacen('(', "", 1).replacen(')', "", 1)).is_ok());
        assert_eq!(
            parse("a EQ True"),
            Ok(Filter::Compare("a".to_owned(), Operator::Equal, json!(true)))
        );
    }
}
