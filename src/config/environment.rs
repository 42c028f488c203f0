//! The environment, as far as Portcullis reads it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What the names of variables begin with that set keys: the key
/// `public.listen` is `PORTCULLIS__PUBLIC__LISTEN`.
pub(super) const PREFIX: &str = "PORTCULLIS__";

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "PORTCULLIS_CONFIG";

/// The variable that sets `store.directory`, too.
pub const DIRECTORY_VARIABLE: &str = "PORTCULLIS_DIRECTORY";

/// Variables of a process. Values are left out of what `Debug` prints.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Those of this process. Names that are not UTF-8 are none of ours.
    pub fn of_process() -> Self {
        let named =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self(
            named
                .filter(|(name, _)| name.starts_with("PORTCULLIS_"))
                .collect(),
        )
    }

    /// The same, and this variable: what was said on a command line goes before
    /// what the process was given.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// A variable that names a file, unless it is empty.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.0.get(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    }

    /// A variable's text, unless it is empty; what is no UTF-8 is patched.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = self.0.get(name).filter(|value| !value.is_empty());
        value.map(|value| value.to_string_lossy().into_owned())
    }

    /// A variable, unless it is empty; the inner `None` is a value that is no UTF-8.
    pub(super) fn raw(&self, name: &str) -> Option<Option<&str>> {
        let value = self.0.get(name).filter(|value| !value.is_empty());
        value.map(|value| value.to_str())
    }

    /// The variables that set keys; `None` for a value that is no UTF-8.
    pub(super) fn of_configuration(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let keys = self.0.iter().filter(|(name, _)| name.starts_with(PREFIX));
        keys.map(|(name, value)| (name.as_str(), value.to_str()))
    }
}

impl<N: Into<String>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter();
        Self(
            variables
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The variable that sets a key.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "__"))
}
