//! The first time that attempts are counted in Redis.
//!
//! An empty Redis is one that was never counted in, or one that lost everything. The
//! directory knows which: it keeps a note that there was one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::link::{Greet, Wire, run_first};
use super::names::Names;
use super::script::{self, Call, Terms};
use super::trouble::Trouble;
use crate::domain::event::{Action, Note};
use crate::store::{BoxFuture, Directory, StoreError};

/// What the note is called.
const NOTE: &str = "attempts_in_redis";

pub(super) struct FirstUse {
    names: Names,
    directory: Option<Arc<dyn Directory>>,
    is_over: AtomicBool,
}

impl FirstUse {
    pub(super) async fn of(
        names: Names,
        directory: Option<Arc<dyn Directory>>,
    ) -> Result<Arc<Self>, StoreError> {
        let noted = match &directory {
            Some(directory) => directory.setting(NOTE).await?.is_some(),
            None => false,
        };
        Ok(Arc::new(Self { names, directory, is_over: AtomicBool::new(noted) }))
    }

    /// A crash in between makes it the first time once more: nothing was counted.
    async fn begin(&self, wire: Wire) -> Result<(), Trouble> {
        for guard in self.names.guards() {
            let call =
                Call::new(&script::BEGIN, Terms { at: None, closed_for: Duration::ZERO }, guard);
            run_first(wire.clone(), &call).await?;
        }
        if let Some(directory) = &self.directory {
            let note = Note {
                actor: "engine".to_owned(),
                action: Action::SettingChanged,
                reason: Some("attempts are counted in Redis".to_owned()),
                from: None,
            };
            let noted = directory.set_setting(NOTE, "begun".to_owned(), note).await;
            noted.map_err(|error| Trouble::Misfit(error.to_string()))?;
        }
        self.is_over.store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Greet for FirstUse {
    fn greet(&self, wire: Wire) -> BoxFuture<'_, Result<(), Trouble>> {
        Box::pin(async move {
            match self.is_over.load(Ordering::Relaxed) {
                true => Ok(()),
                false => self.begin(wire).await,
            }
        })
    }
}
