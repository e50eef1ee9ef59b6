//! A peer's files that people write: where they are, what may stand in them, what is assumed where they are silent.
//!
//! **Invariant:** every key that can be read is written with a comment by the same list that reads it; an unknown key, a
//! missing one and one with a value of the wrong kind are errors that name it.

mod defaults;
mod gateway;
mod home;
mod keys;
mod network;
mod provider;
mod section;
mod settings;
mod settings_file;
mod settings_text;
#[cfg(test)]
mod tests;
mod value;

pub use self::{
    defaults::{genesis, thresholds},
    gateway::GatewaySettings,
    home::{Home, KeyError},
    keys::{Heeded, HomeSetting},
    network::{ConfigError, Contact, NetworkFile, to_documented_toml},
    section::BadConfig,
    settings::{BLOB_ROOM_MIN, ClientSettings, DaemonSettings, Settings},
    settings_file::SettingsFile,
    settings_text::SettingsText,
};
