//! Reads a new password: from standard input, or twice from the terminal.

use std::io::{IsTerminal, Read};

use crate::admin::AdminError;
use crate::cli::exit::Failure;
use crate::domain::password::{MAX_PASSWORD_BYTES, Password};

/// The whole of standard input, but for the line break at its end.
pub(super) fn from_stdin() -> Result<Password, Failure> {
    // Twice the limit, and one more to see that it was passed.
    let limit = 2 * MAX_PASSWORD_BYTES as u64 + 1;
    let mut text = String::new();
    let read = std::io::stdin()
        .lock()
        .take(limit)
        .read_to_string(&mut text);
    read.map_err(|_| Failure::usage("the password on standard input is not UTF-8 text"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    chosen(line.strip_suffix('\r').unwrap_or(line))
}

/// Whether there is somebody to ask.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks twice on the terminal. `None` if nothing was typed.
pub(super) fn from_terminal(prompt: &str) -> Result<Option<Password>, Failure> {
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt).map_err(|error| {
            Failure::usage(format!(
                "the terminal can't be asked for a password: {error}; use --password-stdin"
            ))
        })
    };
    let typed = ask(prompt)?;
    if typed.is_empty() {
        return Ok(None);
    }
    let password = chosen(&typed)?;
    if ask("The same again: ")? == typed {
        Ok(Some(password))
    } else {
        Err(Failure::usage("the two passwords differ: nothing was changed, try again"))
    }
}

fn chosen(text: &str) -> Result<Password, Failure> {
    Password::new(text).map_err(|invalid| AdminError::from(invalid).into())
}
