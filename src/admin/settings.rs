//! Settings that live in the directory and change while gateways run.
//!
//! Each is a row of [`SETTINGS`]. A gateway's file may pin some: there they are
//! as the file says, and nothing changes them at run time.

mod branding;
mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::domain::policy::LockoutPolicy;
use crate::engine::LOCKOUT_SETTING;

pub use self::branding::Branding;
#[cfg(feature = "gateway")]
pub(crate) use self::read::MOST_LICENCES;
pub(crate) use self::read::{
    FOREVER, NO_LIMIT, accent, days, licence_limit, line, lock_or_disable, retention, support_url,
};
use self::read::{lifetime, lock_for, lock_length, on_or_off};

/// How failed sign-ins lock an account.
pub const LOCKOUT: Setting = Setting {
    name: LOCKOUT_SETTING,
    stored: LOCKOUT_SETTING,
    default: "balanced",
    words: "how failed sign-ins lock an account",
    allowed: "a preset that `portcullis policy --list` shows, and what differs: max_attempts=10 \
              window=30m lock_for=10m growth=2 longest=4h live_sessions=keep",
    read: |text| {
        Ok(text
            .parse::<LockoutPolicy>()
            .map_err(|error| error.to_string())?
            .to_string())
    },
};

/// Whether people may disable accounts for good.
pub const ACCOUNT_DISABLING: Setting = Setting {
    name: "accounts.disabling",
    stored: "account_disabling",
    default: "off",
    words: "whether accounts can be disabled for good",
    allowed: "on or off",
    read: on_or_off,
};

/// Whether accounts can be deleted.
pub const ACCOUNT_DELETION: Setting = Setting {
    name: "accounts.deletion",
    stored: "account_deletion",
    default: "on",
    words: "whether accounts can be deleted",
    allowed: "on or off",
    read: on_or_off,
};

/// How long a lock lasts that Clerk's clients lay: they name no end.
pub const CLERK_ADMIN_LOCK_FOR: Setting = Setting {
    name: "clerk.admin_lock_for",
    stored: "clerk.admin_lock_for",
    default: "1h",
    words: "how long a lock lasts that is laid through Clerk's API",
    allowed: "a time such as 1h, or until-unlocked",
    read: lock_for,
};

/// Whether a deleted account's login may be somebody else's.
pub const ACCOUNT_LOGINS_REUSED: Setting = Setting {
    name: "accounts.reuse_logins",
    stored: "accounts.reuse_logins",
    default: "off",
    words: "whether the login of a deleted account is given out again",
    allowed: "on or off",
    read: on_or_off,
};

/// What people call the service that they sign in to.
pub const BRANDING_NAME: Setting = Setting {
    name: "branding.name",
    stored: "branding.name",
    default: "",
    words: "the name of the service that people sign in to",
    allowed: "a line of at most 200 characters",
    read: line,
};

/// Whom people turn to who are locked.
pub const BRANDING_CONTACT: Setting = Setting {
    name: "branding.contact",
    stored: "branding.contact",
    default: "",
    words: "whom people turn to who are locked",
    allowed: "a line of at most 200 characters",
    read: line,
};

/// The colour of links and of the button that matters.
pub const BRANDING_ACCENT: Setting = Setting {
    name: "branding.accent",
    stored: "branding.accent",
    default: "",
    words: "the colour of links and of the button that matters",
    allowed: "a colour, as in #4338ca",
    read: accent,
};

/// Where help is.
pub const BRANDING_SUPPORT_URL: Setting = Setting {
    name: "branding.support_url",
    stored: "branding.support_url",
    default: "",
    words: "where help is, as a link at the foot of each page",
    allowed: "an address that begins with https://, http:// or mailto:",
    read: support_url,
};

/// How long an application's access token lives.
pub const TOKEN_LIFETIME: Setting = Setting {
    name: "tokens.lifetime",
    stored: "tokens.lifetime",
    default: "1h",
    words: "how long an application's access token lives",
    allowed: "a length of time from 1m to 24h",
    read: lifetime,
};

/// After how long people who did not sign in are dealt with.
pub const INACTIVITY_AFTER: Setting = Setting {
    name: "inactivity.after",
    stored: "inactivity.after",
    default: "off",
    words: "after how long people who did not sign in are locked or disabled",
    allowed: "off, or from 1 day to 3650 days, as in 90 days",
    read: days,
};

/// What becomes of them.
pub const INACTIVITY_ACTION: Setting = Setting {
    name: "inactivity.action",
    stored: "inactivity.action",
    default: "lock",
    words: "what becomes of people who did not sign in for long",
    allowed: "lock or disable",
    read: lock_or_disable,
};

/// How long audit records are kept.
pub const AUDIT_RETENTION: Setting = Setting {
    name: "audit.retention",
    stored: "audit.retention",
    default: FOREVER,
    words: "how long records of the audit log are kept",
    allowed: "forever, or a length of time of at least a day, as in 365d",
    read: retention,
};

/// How many accounts may use a licence.
pub const LICENCE_LIMIT: Setting = Setting {
    name: "licences.limit",
    stored: "licences.limit",
    default: NO_LIMIT,
    words: "how many active and locked accounts there may be",
    allowed: "none, or a number from 1 to 1000000000",
    read: licence_limit,
};

/// Every setting.
pub const SETTINGS: [&Setting; 14] = [
    &LOCKOUT,
    &AUDIT_RETENTION,
    &LICENCE_LIMIT,
    &ACCOUNT_DELETION,
    &ACCOUNT_DISABLING,
    &ACCOUNT_LOGINS_REUSED,
    &INACTIVITY_AFTER,
    &INACTIVITY_ACTION,
    &TOKEN_LIFETIME,
    &BRANDING_NAME,
    &BRANDING_CONTACT,
    &BRANDING_ACCENT,
    &BRANDING_SUPPORT_URL,
    &CLERK_ADMIN_LOCK_FOR,
];

/// A setting of the directory.
#[derive(Debug)]
#[non_exhaustive]
pub struct Setting {
    /// Its name, as people and files write it.
    pub name: &'static str,
    /// Its name in the directory.
    stored: &'static str,
    /// Its value where nobody has set it.
    pub default: &'static str,
    /// What it is.
    pub words: &'static str,
    /// What it can be set to.
    pub allowed: &'static str,
    /// Reads a value into its one spelling, or says what is wrong with it.
    read: fn(&str) -> Result<String, String>,
}

impl Setting {
    /// The setting of this name.
    ///
    /// # Errors
    ///
    /// [`AdminError::NoSuchSetting`].
    pub fn named(name: &str) -> Result<&'static Self, AdminError> {
        let mut all = SETTINGS.into_iter();
        all.find(|setting| setting.name == name)
            .ok_or_else(|| AdminError::NoSuchSetting { name: name.to_owned() })
    }

    /// Reads a value into its one spelling.
    ///
    /// # Errors
    ///
    /// [`AdminError::InvalidSetting`].
    pub fn read(&self, value: &str) -> Result<String, AdminError> {
        (self.read)(value.trim()).map_err(|why| AdminError::InvalidSetting {
            name: self.name,
            why,
            allowed: self.allowed,
        })
    }
}

/// Where a setting's value comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SettingSource {
    /// Nobody has set it.
    Default,
    /// It was set at run time.
    Directory,
    /// A gateway's configuration pins it: where, in words.
    Pinned(String),
}

/// A setting as it is now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SettingValue {
    /// Which one.
    pub setting: &'static Setting,
    /// Its value.
    pub value: String,
    /// Where that comes from.
    pub source: SettingSource,
}

/// Settings that a configuration pins.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pins {
    values: BTreeMap<&'static str, Pin>,
    lockout: Option<LockoutPolicy>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Pin {
    value: String,
    by: String,
}

impl Pins {
    /// The same, and this value, which `by` pins: a file and its key, in words.
    /// A value that the setting can't have pins nothing.
    #[must_use]
    pub fn with(mut self, setting: &'static Setting, value: &str, by: impl Into<String>) -> Self {
        if let Ok(value) = setting.read(value) {
            if setting.name == LOCKOUT.name {
                self.lockout = value.parse().ok();
            }
            self.values
                .insert(setting.name, Pin { value, by: by.into() });
        }
        self
    }

    /// The lockout policy, if it is pinned.
    pub const fn lockout(&self) -> Option<&LockoutPolicy> {
        self.lockout.as_ref()
    }

    /// What is pinned: names, values, and what pins them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, &str)> {
        let pins = self.values.iter();
        pins.map(|(name, pin)| (*name, pin.value.as_str(), pin.by.as_str()))
    }
}

impl Admin {
    /// Every setting as it is now.
    ///
    /// # Errors
    ///
    /// If whoever asks may neither see people nor change settings, or the store can't
    /// answer.
    pub async fn settings(&self, actor: &Actor) -> Result<Vec<SettingValue>, AdminError> {
        let mut values = Vec::with_capacity(SETTINGS.len());
        for setting in SETTINGS {
            values.push(self.setting(actor, setting).await?);
        }
        Ok(values)
    }

    /// A setting as it is now: pinned, else set at run time, else the default.
    ///
    /// # Errors
    ///
    /// As [`Admin::settings`].
    pub async fn setting(
        &self,
        actor: &Actor,
        setting: &'static Setting,
    ) -> Result<SettingValue, AdminError> {
        actor.require(Operation::ReadSettings)?;
        self.value_of(setting).await
    }

    /// The same for Portcullis itself.
    pub(super) async fn value_of(
        &self,
        setting: &'static Setting,
    ) -> Result<SettingValue, AdminError> {
        if let Some(Pin { value, by }) = self.pins.load().values.get(setting.name) {
            let (value, source) = (value.clone(), SettingSource::Pinned(by.clone()));
            return Ok(SettingValue { setting, value, source });
        }
        let stored = self.directory.setting(setting.stored).await?;
        Ok(match stored.filter(|value| !value.is_empty()) {
            Some(value) => SettingValue { setting, value, source: SettingSource::Directory },
            None => {
                let value = setting.default.to_owned();
                SettingValue { setting, value, source: SettingSource::Default }
            }
        })
    }

    /// Sets a setting on every gateway of the directory, and says whether that
    /// changed it.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change settings, it is pinned, can't have that value, or
    /// the store can't answer.
    pub async fn set_setting(
        &self,
        actor: &Actor,
        setting: &'static Setting,
        value: &str,
    ) -> Result<bool, AdminError> {
        self.write_setting(actor, setting, setting.read(value)?)
            .await
    }

    /// Puts a setting back to its default, and says whether that changed it.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change settings, it is pinned, or the store can't answer.
    pub async fn reset_setting(
        &self,
        actor: &Actor,
        setting: &'static Setting,
    ) -> Result<bool, AdminError> {
        // Nothing is ever set to no text, so no text stands for the default.
        self.write_setting(actor, setting, String::new()).await
    }

    async fn write_setting(
        &self,
        actor: &Actor,
        setting: &'static Setting,
        value: String,
    ) -> Result<bool, AdminError> {
        actor.require(Operation::ChangeSettings)?;
        if let Some(pin) = self.pins.load().values.get(setting.name) {
            return Err(AdminError::Pinned { name: setting.name, by: pin.by.clone() });
        }
        let stored = self.directory.setting(setting.stored).await?;
        if stored.unwrap_or_default() == value {
            return Ok(false);
        }
        let note = actor.note(Action::SettingChanged, None);
        self.directory
            .set_setting(setting.stored, value, note)
            .await?;
        self.count(Action::SettingChanged);
        Ok(true)
    }

    /// Whether accounts can be disabled and enabled now.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn disabling_is_allowed(&self) -> Result<bool, AdminError> {
        Ok(self.value_of(&ACCOUNT_DISABLING).await?.value == "on")
    }

    /// Switches account disabling on or off, and says whether that changed it.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change settings, it is pinned, or the store can't answer.
    pub async fn allow_disabling(&self, actor: &Actor, allow: bool) -> Result<bool, AdminError> {
        if self.disabling_is_allowed().await? == allow {
            return Ok(false);
        }
        let value = if allow { "on" } else { "off" };
        self.set_setting(actor, &ACCOUNT_DISABLING, value).await
    }

    /// How long a lock lasts that is laid through Clerk's API; none: until somebody
    /// unlocks.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn clerk_lock_length(&self) -> Result<Option<Duration>, AdminError> {
        Ok(lock_length(&self.value_of(&CLERK_ADMIN_LOCK_FOR).await?.value))
    }
}
