//! Whoever is told what happens, for as long as it may be.
//!
//! **Invariant:** there are at most so many, and none is told anything once its key is gone or opens less.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::told::owner;
use crate::{
    Gateway,
    failure::HttpFailure,
    guard::{self, Caller},
};

/// A page that reads events.
#[derive(Debug)]
pub(super) struct PageWatcher {
    pub(super) gateway: Arc<Gateway>,
    caller: Caller,
    _place: OwnedSemaphorePermit,
}

impl PageWatcher {
    /// One of those that there may be, if it may see what the owner of the home sees.
    pub(super) fn admit(gateway: Arc<Gateway>, caller: Caller) -> Result<Self, HttpFailure> {
        owner(&caller)?;
        let place = Arc::clone(&gateway.watchers).try_acquire_owned();
        let place = place.map_err(|_| HttpFailure::busy("as many pages are open as there may be"))?;
        Ok(Self { gateway, caller, _place: place })
    }

    /// Whether it may be told what happened now.
    pub(super) fn may_hear(&self) -> bool {
        guard::is_let_in_still(&self.gateway, &self.caller)
    }
}
