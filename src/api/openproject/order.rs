//! `sortBy`: `[["name","desc"]]`.

use crate::store::{AccountOrder, Direction};

/// There are not more things to sort by.
const MAX_KEYS: usize = 6;

/// Reads what to sort by; newest first where nothing is said.
///
/// The error says what is wrong, in words.
pub(super) fn read(text: &str) -> Result<Vec<(AccountOrder, Direction)>, String> {
    let read: Result<Vec<(String, String)>, _> = serde_json::from_str(text);
    let pairs = read.map_err(|_| "sortBy is a JSON array of pairs of texts".to_owned())?;
    if pairs.len() > MAX_KEYS {
        return Err(format!("there are at most {MAX_KEYS} things to sort by"));
    }
    let order: Result<Vec<_>, _> = pairs.iter().map(key).collect();
    order.map(|order| if order.is_empty() { newest_first() } else { order })
}

pub(super) fn newest_first() -> Vec<(AccountOrder, Direction)> {
    vec![(AccountOrder::Id, Direction::Descending)]
}

fn key((name, direction): &(String, String)) -> Result<(AccountOrder, Direction), String> {
    let order = match name.as_str() {
        "email" | "mail" => AccountOrder::Email,
        "firstName" | "firstname" => AccountOrder::FirstName,
        "id" => AccountOrder::Id,
        "lastName" | "lastname" => AccountOrder::LastName,
        "login" => AccountOrder::Login,
        "name" => AccountOrder::Name,
        _ => return Err(format!("users can't be sorted by {name:?}")),
    };
    let direction = match direction.as_str() {
        "asc" => Direction::Ascending,
        "desc" => Direction::Descending,
        _ => return Err(format!("{direction:?} is no direction: write asc or desc")),
    };
    Ok((order, direction))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;

    proptest! {
        /// Property: each pair is read as what its words say, in their order, and a
        /// text with one word that says nothing is refused.
        #[test]
        fn pairs_mean_what_they_say(
            pairs in proptest::collection::vec((
                select(vec![
                    ("id", AccountOrder::Id), ("login", AccountOrder::Login),
                    ("name", AccountOrder::Name), ("firstName", AccountOrder::FirstName),
                    ("lastName", AccountOrder::LastName), ("email", AccountOrder::Email),
                ]),
                select(vec![("asc", Direction::Ascending), ("desc", Direction::Descending)]),
            ), 1..=6),
            other in "[a-z]{0,8}",
            place in any::<prop::sample::Index>(),
        ) {
            let words: Vec<_> = pairs.iter().map(|(name, end)| (name.0, end.0)).collect();
            let meant: Vec<_> = pairs.iter().map(|(name, end)| (name.1, end.1)).collect();
            prop_assert_eq!(read(&json!(words).to_string()), Ok(meant));

            prop_assume!(!matches!(&*other, "id" | "login" | "name" | "mail" | "email" | "asc" | "desc"));
            prop_assume!(!matches!(&*other, "firstname" | "lastname"));
            let at = place.index(words.len());
            let (mut names, mut ends) = (words.clone(), words);
            names[at].0 = &other;
            ends[at].1 = &other;
            prop_assert!(read(&json!(names).to_string()).is_err());
            prop_assert!(read(&json!(ends).to_string()).is_err());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let many = json!(vec![("id", "asc"); 7]).to_string();
        for bad in [
            "",
            "name",
            "{}",
            "[\"name\"]",
            "[[\"name\"]]",
            "[[1,2]]",
            "[[\"id\",\"asc\",1]]",
            &many,
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert_eq!(read("[]"), Ok(newest_first()));
    }
}
