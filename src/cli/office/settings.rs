//! Settings, and licences.

use http::Method;
use serde_json::json;

use super::{Done, Office};
use crate::admin::Licences;
use crate::admin::settings::{
    ACCOUNT_DISABLING, LICENCE_LIMIT, Setting, SettingSource, SettingValue,
};
use crate::api::own::settings::ChangedView;
use crate::api::own::view::{LicencesView, SettingView};
use crate::cli::exit::Failure;
use crate::store::Headcount;

#[derive(serde::Deserialize)]
struct Settings {
    settings: Vec<SettingView>,
}

impl Office {
    pub(in crate::cli) async fn settings(&self) -> Done<Vec<SettingValue>> {
        match self {
            Self::Here(host) => Ok(host.admin.settings(&host.actor).await?),
            Self::There(client) => {
                let Settings { settings } = client.get("settings", Vec::new()).await?;
                settings.into_iter().map(value).collect()
            }
        }
    }

    pub(in crate::cli) async fn setting(&self, setting: &'static Setting) -> Done<SettingValue> {
        match self {
            Self::Here(host) => Ok(host.admin.setting(&host.actor, setting).await?),
            Self::There(client) => value(client.get(&path(setting), Vec::new()).await?),
        }
    }

    /// Says whether that changed it.
    pub(in crate::cli) async fn set_setting(
        &self,
        setting: &'static Setting,
        text: &str,
    ) -> Done<bool> {
        match self {
            Self::Here(host) => Ok(host.admin.set_setting(&host.actor, setting, text).await?),
            Self::There(client) => {
                let body = json!({ "value": text });
                let done: ChangedView = client.send(Method::PUT, &path(setting), &body).await?;
                Ok(done.changed)
            }
        }
    }

    /// Says whether that changed it.
    pub(in crate::cli) async fn reset_setting(&self, setting: &'static Setting) -> Done<bool> {
        match self {
            Self::Here(host) => Ok(host.admin.reset_setting(&host.actor, setting).await?),
            Self::There(client) => {
                let (path, body) = (path(setting), json!({}));
                let done: ChangedView = client.send(Method::DELETE, &path, &body).await?;
                Ok(done.changed)
            }
        }
    }

    pub(in crate::cli) async fn disabling_is_allowed(&self) -> Done<bool> {
        match self {
            Self::Here(host) => Ok(host.admin.disabling_is_allowed().await?),
            Self::There(_) => Ok(self.setting(&ACCOUNT_DISABLING).await?.value == "on"),
        }
    }

    /// Says whether that changed it.
    pub(in crate::cli) async fn allow_disabling(&self, allow: bool) -> Done<bool> {
        match self {
            Self::Here(host) => Ok(host.admin.allow_disabling(&host.actor, allow).await?),
            Self::There(_) if self.disabling_is_allowed().await? == allow => Ok(false),
            Self::There(_) => {
                let value = if allow { "on" } else { "off" };
                self.set_setting(&ACCOUNT_DISABLING, value).await
            }
        }
    }

    pub(in crate::cli) async fn licences(&self) -> Done<Licences> {
        match self {
            Self::Here(host) => Ok(host.admin.licences(&host.actor).await?),
            Self::There(client) => {
                let counted: LicencesView = client.get("licences", Vec::new()).await?;
                Ok(licences(counted))
            }
        }
    }

    /// Says whether that changed it.
    pub(in crate::cli) async fn limit_licences(&self, limit: &str) -> Done<bool> {
        self.set_setting(&LICENCE_LIMIT, limit).await
    }
}

fn path(setting: &Setting) -> String {
    format!("settings/{}", setting.name)
}

/// The same as the operations have it. A server of another version may have settings
/// that are not known here.
fn value(view: SettingView) -> Done<SettingValue> {
    let setting = Setting::named(&view.name).map_err(|_| {
        let name = view.name;
        Failure::unexpected(format!(
            "the server has a setting {name}, which is not known here: use a program of its version"
        ))
    })?;
    let source = source(view.pinned_by, view.is_set);
    Ok(SettingValue { setting, value: view.value, source })
}

fn source(pinned_by: Option<String>, is_set: bool) -> SettingSource {
    match pinned_by {
        Some(by) => SettingSource::Pinned(by),
        None if is_set => SettingSource::Directory,
        None => SettingSource::Default,
    }
}

fn licences(view: LicencesView) -> Licences {
    let LicencesView { used, limit, by_status, pinned_by, is_set, .. } = view;
    let count = |status: &str| by_status.get(status).copied().unwrap_or_default();
    let by_status = Headcount {
        licensed: used,
        active: count("active"),
        locked: count("locked"),
        disabled: count("disabled"),
        invited: count("invited"),
        registered: count("registered"),
        deleted: count("deleted"),
        // The interface does not tell them apart.
        ..Headcount::default()
    };
    Licences { used, limit, by_status, source: source(pinned_by, is_set) }
}
