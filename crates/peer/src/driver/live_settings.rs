//! What a home's user settled that need not wait for a start, as its file says it now.
//!
//! **Invariant:** it changes whole, and only where the whole file makes sense.

use std::sync::{Arc, PoisonError, RwLock};

use assay_market::{Node, owner::OwnerRules};
use assay_protocol::signed::Keypair;

use crate::config::{ClientSettings, ConfigError, Home, Settings};

/// The settings of a home. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct LiveSettings {
    home: Home,
    now: Arc<RwLock<Settings>>,
}

impl LiveSettings {
    /// Those that a home was started with.
    pub(crate) fn new(home: Home, now: Settings) -> Self {
        Self { home, now: Arc::new(RwLock::new(now)) }
    }

    /// What a client wants where a command says nothing.
    pub(crate) fn client(&self) -> ClientSettings {
        self.now.read().unwrap_or_else(PoisonError::into_inner).client.clone()
    }

    /// When a provider's owner wants the machine for itself.
    pub(crate) fn rules(&self) -> OwnerRules {
        self.now.read().unwrap_or_else(PoisonError::into_inner).provider.clone()
    }

    /// Has a brain go by them from now on.
    pub(crate) fn instruct(&self, node: &mut Node<Keypair>) {
        node.limit_day(self.client().daily_max);
        node.heed(self.rules());
    }

    /// Reads the home's file again.
    pub(crate) fn read_again(&self) -> Result<(), ConfigError> {
        // Held while it is read: of two that read, the later keeps what it found.
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = Settings::read(&self.home)?;
        Ok(())
    }
}
