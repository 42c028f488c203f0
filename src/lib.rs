//! portcullis
pub mod domain;
pub use domain::policy::{InvalidPolicy, LockoutPolicy};
pub use domain::standing::{Generation, Standing, Version};
pub use domain::time::Timestamp;
/// x
#[derive(Debug)]
pub struct CurrentAccount;
pub mod store;
pub use domain::account::AccountKey;
pub use store::StatusSource;
pub mod engine;
pub mod guard;
