//! The connectors that there are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{BASE, policy};
use crate::admin::settings::{ACCOUNT_DISABLING, LOCKOUT, Setting};

/// A setting of ours under the names that WSO2's clients know.
#[derive(Debug)]
pub(super) struct Connector {
    name: &'static str,
    friendly_name: &'static str,
    category: &'static str,
    pub(super) setting: &'static Setting,
    /// The properties of a value.
    read: fn(&str) -> Vec<Property>,
    /// The value with these properties in it, or what is wrong with them.
    write: fn(&str, &[Pair]) -> Result<String, String>,
}

/// A property's name, its value, and what people call it.
pub(super) type Property = (&'static str, String, &'static str);

/// A property's name and what it is to be.
pub(super) type Pair = (String, String);

pub(super) const DISABLE: &str = "account.disable.handler.enable";

/// What WSO2 lets an administrator choose beside, of mails that nobody sends here.
const NOTIFICATIONS: [&str; 3] = [
    "account.lock.handler.notification.manageInternally",
    "account.lock.handler.notification.notifyOnLockIncrement",
    "account.disable.handler.notification.manageInternally",
];

fn id_of(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

impl Connector {
    pub(super) const ALL: [Self; 2] = [
        Self {
            name: "account.lock.handler",
            friendly_name: "Account Lock",
            category: "Login Attempts Security",
            setting: &LOCKOUT,
            read: policy::read,
            write: policy::write,
        },
        Self {
            name: "account.disable.handler",
            friendly_name: "Account Disable",
            category: "Account Management",
            setting: &ACCOUNT_DISABLING,
            read: |value| vec![(DISABLE, (value == "on").to_string(), "Enable account disabling")],
            write: |value, pairs| {
                let wanted = pairs.iter().rfind(|(name, _)| name == DISABLE);
                let wanted = wanted.map(|(_, text)| policy::flag(text)).transpose()?;
                Ok(wanted
                    .map_or(value, |on| if on { "on" } else { "off" })
                    .to_owned())
            },
        },
    ];

    pub(super) fn in_category(id: &str) -> Option<&'static Self> {
        const ALL: &[Connector] = &Connector::ALL;
        ALL.iter().find(|connector| id_of(connector.category) == id)
    }

    pub(super) fn id(&self) -> String {
        id_of(self.name)
    }

    /// The value with these properties in it, or what is wrong with them.
    pub(super) fn changed(&self, value: &str, pairs: &[Pair]) -> Result<String, String> {
        let known = (self.read)(value);
        for (name, _) in pairs {
            let known = known.iter().any(|(own, ..)| own == name);
            if !known && !NOTIFICATIONS.contains(&name.as_str()) && !policy::is_known(name) {
                return Err(format!("{} has no property {name:?}", self.name));
            }
        }
        (self.write)(value, pairs)
    }

    pub(super) fn show(&self, value: &str) -> Value {
        let property = |(name, value, words): (&str, String, &str)| json!({ "name": name, "value": value, "displayName": words, "description": words });
        json!({
            "id": self.id(),
            "name": self.name,
            "category": self.category,
            "friendlyName": self.friendly_name,
            "order": "0",
            "subCategory": "DEFAULT",
            "properties": (self.read)(value).into_iter().map(property).collect::<Value>(),
        })
    }

    pub(super) fn show_category(&self, connector: &Value) -> Value {
        json!({ "id": id_of(self.category), "name": self.category, "connectors": [connector] })
    }

    pub(super) fn category_link(&self) -> Value {
        let id = id_of(self.category);
        json!({ "id": id, "name": self.category, "self": format!("{BASE}/{id}") })
    }
}
