//! Forms: `application/x-www-form-urlencoded`, as browsers write them.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::{FieldNames, Found};
use crate::guard::sign_in::refusal::{BadSignIn, SignInField};

pub(super) fn read(body: &[u8], found: &mut Found<'_>) -> Result<(), BadSignIn> {
    let pairs = body.split(|byte| *byte == b'&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        read_pair(pair, found)?;
    }
    Ok(())
}

fn read_pair(pair: &[u8], found: &mut Found<'_>) -> Result<(), BadSignIn> {
    if pair.contains(&b';') {
        check_pieces(pair, found.names)?;
    }
    let (name, value) = halves(pair);
    let (name, value) = (decoded(name)?, decoded(value)?);
    if let Some(slot) = found.slot(&name)? {
        *slot = Some(value);
    }
    Ok(())
}

/// Some readers end a field at a semicolon, too. They must find no login there, and
/// no password but the beginning of the one that is meant.
fn check_pieces(pair: &[u8], names: &FieldNames) -> Result<(), BadSignIn> {
    for (at, piece) in pair.split(|byte| *byte == b';').enumerate() {
        let field = names.which(&decoded(halves(piece).0)?)?;
        let begins = at == 0 && piece.contains(&b'=');
        match field {
            Some(SignInField::Password) if begins => {}
            Some(field) => return Err(BadSignIn::TwoMeanings(field)),
            None => {}
        }
    }
    Ok(())
}

/// The name and the value; a field without a sign between them has an empty one.
fn halves(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &[]),
    }
}

/// Text that is not UTF-8 is refused: readers make different texts of it.
fn decoded(bytes: &[u8]) -> Result<String, BadSignIn> {
    let spaced: Cow<'_, [u8]> = if bytes.contains(&b'+') {
        let blank = |byte: &u8| if *byte == b'+' { b' ' } else { *byte };
        bytes.iter().map(blank).collect()
    } else {
        bytes.into()
    };
    let decoded: Cow<'_, [u8]> = percent_decode(&spaced).into();
    String::from_utf8(decoded.into_owned()).map_err(|_| BadSignIn::Malformed)
}
