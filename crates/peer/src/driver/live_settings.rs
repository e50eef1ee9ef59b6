//! What a client wants where a command says nothing, as the home's file says it now.
//!
//! **Invariant:** it changes whole, and only where the whole file makes sense.

use std::sync::{Arc, PoisonError, RwLock};

use crate::config::{ClientSettings, ConfigError, Home, Settings};

/// The client's settings of a home. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct LiveSettings {
    home: Home,
    now: Arc<RwLock<ClientSettings>>,
}

impl LiveSettings {
    /// Those that a home was started with.
    pub(crate) fn new(home: Home, now: ClientSettings) -> Self {
        Self { home, now: Arc::new(RwLock::new(now)) }
    }

    /// What they are now.
    pub(crate) fn now(&self) -> ClientSettings {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the home's file again.
    pub(crate) fn read_again(&self) -> Result<(), ConfigError> {
        // Held while it is read: of two that read, the later keeps what it found.
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        *now = Settings::read(&self.home)?.client;
        Ok(())
    }
}
