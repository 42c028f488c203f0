//! Settings that live in the directory and change while gateways run.

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::Action;

/// Whether people may disable accounts for good: `on` or `off`, the default.
const ACCOUNT_DISABLING: &str = "account_disabling";

impl Admin {
    /// Whether accounts can be disabled and enabled now.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn disabling_is_allowed(&self) -> Result<bool, AdminError> {
        let value = self.directory.setting(ACCOUNT_DISABLING).await?;
        Ok(value.as_deref() == Some("on"))
    }

    /// Switches account disabling on or off, and says whether that changed it.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn allow_disabling(&self, actor: &Actor, allow: bool) -> Result<bool, AdminError> {
        if self.disabling_is_allowed().await? == allow {
            return Ok(false);
        }
        let value = if allow { "on" } else { "off" };
        let note = actor.note(Action::SettingChanged, None);
        self.directory
            .set_setting(ACCOUNT_DISABLING, value.to_owned(), note)
            .await?;
        Ok(true)
    }
}
