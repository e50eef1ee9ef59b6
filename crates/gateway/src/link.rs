//! The way from a request to the daemon.
//!
//! **Invariant:** no two requests share a connection, so that none waits for another's place.

use assay_peer::{
    config::Home,
    handle::{ConnectError, Handle, Respond},
};

use crate::failure::HttpFailure;

/// Where the daemon is.
#[derive(Clone, Debug)]
pub struct DaemonLink(pub Home);

impl DaemonLink {
    /// A connection to it, or why there is none.
    pub(crate) async fn connect(&self) -> Result<Handle, ConnectError> {
        Handle::connect(&self.0).await
    }

    /// A connection to it.
    pub(crate) async fn open(&self) -> Result<Handle, HttpFailure> {
        Ok(self.connect().await?)
    }

    /// Asks one thing.
    pub(crate) async fn call<C: Respond>(&self, call: C) -> Result<C::Answer, HttpFailure> {
        Ok(self.open().await?.call(call).await?)
    }
}
