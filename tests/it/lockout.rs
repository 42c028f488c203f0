//! The lockout engine under everything that can be done to it: random histories
//! beside an oracle, floods, and many at once.

mod at_once;
mod flood;
mod histories;
mod oracle;
mod story;

/// How many times a test repeats itself: what this variable says, or else few
/// enough for every day.
fn how_many(variable: &str, otherwise: u64) -> u64 {
    match std::env::var(variable) {
        Ok(said) => said
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, not {said:?}")),
        Err(_) => otherwise,
    }
}
