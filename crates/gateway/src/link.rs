//! The way from a request to the daemon.
//!
//! **Invariant:** a request has a connection of its own, so that none waits for another's place; whatever it still waits
//! for ends with it.

use assay_peer::{
    config::Home,
    handle::{Handle, Respond},
};

use crate::failure::HttpFailure;

/// Where the daemon is.
#[derive(Clone, Debug)]
pub struct DaemonLink(pub Home);

impl DaemonLink {
    /// A connection to it.
    pub(crate) async fn open(&self) -> Result<Handle, HttpFailure> {
        Ok(Handle::connect(&self.0).await?)
    }

    /// Asks one thing.
    pub(crate) async fn call<C: Respond>(&self, call: C) -> Result<C::Answer, HttpFailure> {
        Ok(self.open().await?.call(call).await?)
    }
}
