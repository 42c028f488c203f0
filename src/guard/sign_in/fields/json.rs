//! JSON: one object, in which the fields are texts.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};

use super::Found;
use crate::guard::sign_in::refusal::BadSignIn;

pub(super) fn read(body: &[u8], found: &mut Found<'_>) -> Result<(), BadSignIn> {
    let (mut json, mut bad) = (serde_json::Deserializer::from_slice(body), None);
    let read = (&mut json).deserialize_map(Object { found, bad: &mut bad });
    read.and_then(|()| json.end())
        .map_err(|_| bad.unwrap_or(BadSignIn::Malformed))
}

/// Visits every name of an object, also the second time.
struct Object<'a, 'b> {
    found: &'a mut Found<'b>,
    /// What is wrong, where it is not the JSON.
    bad: &'a mut Option<BadSignIn>,
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.found.slot(&name) {
                Ok(Some(slot)) => *slot = Some(map.next_value()?),
                Ok(None) => drop(map.next_value::<IgnoredAny>()?),
                Err(bad) => {
                    *self.bad = Some(bad);
                    return Err(A::Error::custom("a field has two meanings"));
                }
            }
        }
        Ok(())
    }
}
