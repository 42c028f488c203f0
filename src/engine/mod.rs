//! The gate.

#[cfg(feature = "passwords")]
pub mod passwords;

use crate::domain::account::AccountKey;
use crate::domain::standing::Standing;
/// The engine's handle.
#[derive(Clone, Debug)]
pub struct Portcullis;
impl Portcullis {
    /// Tells the engine of a change.
    pub fn standing_changed(&self, account: AccountKey, standing: Standing) {
        let _ = (account, standing);
    }
}
