//! The sign by which a success is told: `status=303`.

use std::str::FromStr;

/// A field, and the values that tell a success.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::cli::replay) struct Sign {
    field: String,
    values: Vec<String>,
}

impl Sign {
    pub(super) fn field(&self) -> &str {
        &self.field
    }

    /// Whether this value is one of a success; `2xx` is any status from 200 to 299.
    pub(super) fn is_shown(&self, value: &str) -> bool {
        let value = value.trim();
        self.values
            .iter()
            .any(|known| match known.strip_suffix("xx") {
                Some(class) => {
                    value.len() == 3
                        && value.starts_with(class)
                        && value.bytes().all(|b| b.is_ascii_digit())
                }
                None => known.eq_ignore_ascii_case(value),
            })
    }
}

impl FromStr for Sign {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no sign of success: write a field and its values, as in status=302,303"
            )
        };
        let (field, values) = text.split_once('=').ok_or_else(wrong)?;
        let values: Vec<_> = values
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect();
        if field.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self { field: field.trim().to_owned(), values })
    }
}
