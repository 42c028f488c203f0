//! How the service presents itself to people.

use std::sync::Arc;

use tokio::sync::watch;

use super::{BRANDING_ACCENT, BRANDING_CONTACT, BRANDING_NAME, BRANDING_SUPPORT_URL};
use crate::admin::{Admin, AdminError};
use crate::engine::Portcullis;

/// How the service presents itself to people.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Branding {
    /// What people call the service.
    pub name: Option<String>,
    /// Whom people turn to who are locked.
    pub contact: Option<String>,
    /// The colour of links and buttons, as `#rgb` or `#rrggbb`.
    pub accent: Option<String>,
    /// Where help is: an `https`, `http` or `mailto` address.
    pub support_url: Option<String>,
}

impl Admin {
    /// How the service presents itself to people now.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn branding(&self) -> Result<Branding, AdminError> {
        let said = async |setting| {
            let value = self.value_of(setting).await?.value;
            Ok::<_, AdminError>(Some(value).filter(|text| !text.is_empty()))
        };
        Ok(Branding {
            name: said(&BRANDING_NAME).await?,
            contact: said(&BRANDING_CONTACT).await?,
            accent: said(&BRANDING_ACCENT).await?,
            support_url: said(&BRANDING_SUPPORT_URL).await?,
        })
    }

    /// The same, and what it becomes: a task follows the directory until the
    /// receiver is dropped or the gate ends. A store that fails changes nothing.
    ///
    /// # Errors
    ///
    /// If the store can't answer now.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn follow_branding(
        &self,
        gate: &Portcullis,
    ) -> Result<watch::Receiver<Arc<Branding>>, AdminError> {
        // Before the first look, so that no change falls in between.
        let mut changed = gate.settings_changed();
        let (tell, told) = watch::channel(Arc::new(self.branding().await?));
        // Without the gate, which would keep itself alive.
        let admin = Self { gate: None, ..self.clone() };
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    more = changed.changed() => if more.is_err() { return },
                    () = tell.closed() => return,
                }
                if let Ok(now) = admin.branding().await {
                    tell.send_if_modified(|shown| {
                        let differs = **shown != now;
                        *shown = Arc::new(now);
                        differs
                    });
                }
            }
        });
        Ok(told)
    }
}
