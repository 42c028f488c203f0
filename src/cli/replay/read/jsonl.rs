//! A JSON object a line.

use serde_json::Value;

use super::columns::{Columns, Fields, Role, shows_success};
use super::sign::Sign;
use super::{Bad, Read};

/// Reads objects by their keys.
pub(in crate::cli::replay) struct Jsonl {
    columns: Columns,
    sign: Option<Sign>,
}

impl Jsonl {
    pub(super) fn new(columns: &Columns, sign: Option<&Sign>) -> Self {
        Self { columns: columns.clone(), sign: sign.cloned() }
    }

    pub(super) fn read(&self, line: &str) -> Result<Read, Bad> {
        let object = object(line)?;
        let [time, login, outcome, address, device, secret] =
            Role::ALL.map(|role| self.value(&object, role));
        let success = self
            .sign
            .as_ref()
            .and_then(|sign| text_at(&object, sign.field()));
        let time = time.ok_or_else(|| Bad::new("it tells no time"))?;
        Fields {
            time: &time,
            login: login.as_deref(),
            outcome: outcome.as_deref(),
            success: shows_success(self.sign.as_ref(), |_| success.as_deref()),
            address: address.as_deref(),
            device: device.as_deref(),
            secret: secret.as_deref(),
        }
        .attempt()
    }

    fn value(&self, object: &Value, role: Role) -> Option<String> {
        let names = self.columns.names(role);
        names.into_iter().find_map(|name| text_at(object, name))
    }
}

/// The object on this line.
pub(super) fn object(line: &str) -> Result<Value, Bad> {
    match serde_json::from_str(line) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err(Bad::new("it is no JSON object")),
        Err(error) => Err(Bad::new(format!("it is no JSON: {}", plain(&error)))),
    }
}

/// What is wrong, without the text that it is wrong with.
fn plain(error: &serde_json::Error) -> String {
    let what = if error.is_eof() { "it ends too early" } else { "it is written wrongly" };
    format!("{what} at column {}", error.column())
}

/// The text of a key, or of a path such as `request.status`.
pub(super) fn text_at(object: &Value, path: &str) -> Option<String> {
    let found = object.get(path).or_else(|| {
        let mut steps = path.split('.');
        steps.try_fold(object, |value, step| value.get(step))
    });
    match found? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}
