//! What other services are told, for whoever tells them.

use crate::admin::Admin;
use crate::store::WebhookStore;

impl Admin {
    /// Messages on their way to webhooks.
    pub fn webhooks(&self) -> &dyn WebhookStore {
        self.directory.webhooks()
    }

    /// What the directory is called elsewhere.
    pub fn directory_name(&self) -> String {
        self.directory.keyring().directory_name()
    }

    /// Where deliveries are counted, where there is a gate.
    #[cfg(feature = "http-client")]
    pub(crate) fn webhook_figures(&self) -> Option<&crate::engine::figures::WebhookFigures> {
        self.gate.as_ref().map(|gate| &gate.figures().webhooks)
    }
}
