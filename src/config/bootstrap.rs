//! The first administrator of an empty directory, where nobody has a shell: in
//! containers.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use crate::admin::{Actor, Admin, AdminError, NewPerson};
use crate::domain::account::Account;
use crate::domain::login::Login;
use crate::domain::password::{InvalidPassword, MAX_PASSWORD_BYTES, Password};

/// The variable that names the first administrator.
pub const ADMIN_VARIABLE: &str = "PORTCULLIS_BOOTSTRAP_ADMIN";

/// The variable that names the file with their password.
pub const PASSWORD_FILE_VARIABLE: &str = "PORTCULLIS_BOOTSTRAP_ADMIN_PASSWORD_FILE";

/// Why the first administrator was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The store, or a rule of it.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The login can't be one.
    #[error("{ADMIN_VARIABLE} can't be a login: {0}")]
    Login(String),
    /// One variable without the other.
    #[error("{is} is set and {is_not} is not: set both, or neither")]
    OneOfTwo {
        /// The one that is set.
        is: &'static str,
        /// The one that is not.
        is_not: &'static str,
    },
    /// The password can't be set.
    #[error("the password in the file that {PASSWORD_FILE_VARIABLE} names can't be used: {0}")]
    Password(#[source] InvalidPassword),
    /// The file can't be read.
    #[error("{path}, which {PASSWORD_FILE_VARIABLE} names, can't be read: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// Makes the first administrator of an empty directory, as the environment says.
///
/// `None` if there is somebody already, or the environment says nothing: see
/// [`first_steps`] then. Two gateways that begin at once make one: the other is
/// told that the login is taken, and takes that for done.
///
/// # Errors
///
/// If the environment says half of it, the file can't be read, the login or the
/// password can't be used, or the store can't answer.
pub async fn bootstrap(
    admin: &Admin,
    environment: &Environment,
) -> Result<Option<Account>, BootstrapError> {
    // Only an empty directory: nobody brings a deleted administrator back, or a
    // password, by starting the gateway anew.
    if !admin.is_empty().await? {
        return Ok(None);
    }
    let login = environment.text(ADMIN_VARIABLE);
    let file = environment.path(PASSWORD_FILE_VARIABLE);
    let (login, file) = match (login, file) {
        (Some(login), Some(file)) => (login, file),
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(one_of_two(ADMIN_VARIABLE, PASSWORD_FILE_VARIABLE)),
        (None, Some(_)) => return Err(one_of_two(PASSWORD_FILE_VARIABLE, ADMIN_VARIABLE)),
    };
    let login = Login::new(&login).map_err(|invalid| BootstrapError::Login(invalid.to_string()))?;
    let person = NewPerson::new(login)
        .with_admin(true)
        .with_password(password_in(&file)?);
    match admin.add(&Actor::System, person).await {
        Ok(added) => Ok(Some(added.account)),
        // Another gateway was faster.
        Err(AdminError::Create(_)) if !admin.is_empty().await? => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What to do first with an empty directory: the command that makes an
/// administrator, after what `program` is called.
pub fn first_steps(program: &str) -> String {
    format!(
        "Nobody can sign in yet. Make an administrator, beside the running gateway:\n  \
         {program} user add LOGIN --admin\n\
         In a container: set {ADMIN_VARIABLE} and {PASSWORD_FILE_VARIABLE}."
    )
}

fn one_of_two(is: &'static str, is_not: &'static str) -> BootstrapError {
    BootstrapError::OneOfTwo { is, is_not }
}

/// The whole file, but for the line break at its end.
fn password_in(path: &Path) -> Result<Password, BootstrapError> {
    use std::io::Read;

    let unreadable = |error| BootstrapError::Unreadable { path: path.to_owned(), error };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(2 * MAX_PASSWORD_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Password::new(line.strip_suffix('\r').unwrap_or(line)).map_err(BootstrapError::Password)
}
